#include "store/page_position.h"

#include <charconv>

#include "base/letters.h"

namespace mullion::store {
namespace {

constexpr char kCursorVersion = 1;
constexpr size_t kMostDigits = 16 * 1024;

void append_text(std::string& out, std::string_view text) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(text.size() >> shift & 0xff));
  out += text;
}

bool take_byte(std::string_view& in, char& out) {
  if (in.empty()) return false;
  out = in.front();
  in.remove_prefix(1);
  return true;
}

bool take_text(std::string_view& in, std::string& out) {
  if (in.size() < 4) return false;
  size_t size = 0;
  for (size_t i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(in[i]);
  in.remove_prefix(4);
  if (size > in.size()) return false;
  out = in.substr(0, size);
  in.remove_prefix(size);
  return true;
}

bool from_digits(std::string_view text, std::string& out) {
  if (text.size() % 2 != 0 || text.size() > kMostDigits) return false;
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]), low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return false;
    out.push_back(static_cast<char>(high << 4 | low));
  }
  return true;
}

bool read(std::string_view in, std::string_view sort, bool reverse, PagePosition& out) {
  char version = 0, backwards = 0, has_value = 0;
  std::string order, value;
  const bool whole = take_byte(in, version) && take_byte(in, backwards) && take_byte(in, has_value) &&
                     take_text(in, order) && take_text(in, value) && take_text(in, out.owner) &&
                     take_text(in, out.key) && in.empty();
  if (!whole || version != kCursorVersion || order != sort || (backwards != 0) != reverse) return false;
  if (has_value != 0) out.value = std::move(value);
  return true;
}

}  // namespace

std::string encode_cursor(std::string_view sort, bool reverse, const PagePosition& position) {
  std::string bytes{kCursorVersion, static_cast<char>(reverse),
                    static_cast<char>(position.value.has_value())};
  append_text(bytes, sort);
  append_text(bytes, position.value.value_or(""));
  append_text(bytes, position.owner);
  append_text(bytes, position.key);
  return hex_text(bytes);
}

Result<PagePosition> decode_cursor(std::string_view text, std::string_view sort, bool reverse) {
  std::string bytes;
  PagePosition out;
  if (from_digits(text, bytes) && read(bytes, sort, reverse, out)) return out;
  return Error(ErrorCode::kNotAcceptable,
               "cursor: not the X-Mullion-Cursor of a list with this sort and reverse");
}

}  // namespace mullion::store
