#include "store/internal/bytes.h"

namespace mullion::store::internal {
namespace {

template <typename Number>
std::string big_endian(Number number) {
  std::string out(sizeof(Number), '\0');
  for (size_t i = 0; i < sizeof(Number); ++i)
    out[sizeof(Number) - 1 - i] = static_cast<char>(number >> (8 * i) & 0xff);
  return out;
}

}  // namespace

std::string encode_u16(uint16_t number) { return big_endian(number); }
std::string encode_u32(uint32_t number) { return big_endian(number); }
std::string encode_u64(uint64_t number) { return big_endian(number); }

uint64_t decode_number(std::string_view bytes) {
  uint64_t out = 0;
  for (const char c : bytes) out = out << 8 | static_cast<unsigned char>(c);
  return out;
}

void put_text(std::string& out, std::string_view text) {
  out += encode_u32(static_cast<uint32_t>(text.size()));
  out += text;
}

bool Reader::number(size_t size, uint64_t& out) {
  if (rest_.size() < size) return false;
  out = decode_number(rest_.substr(0, size));
  rest_.remove_prefix(size);
  return true;
}

bool Reader::text(std::string& out) {
  uint64_t size = 0;
  if (!number(4, size) || rest_.size() < size) return false;
  out.assign(rest_.substr(0, size));
  rest_.remove_prefix(size);
  return true;
}

bool Reader::flag(bool& out) {
  uint64_t value = 0;
  if (!number(1, value) || value > 1) return false;
  out = value == 1;
  return true;
}

bool Reader::count(size_t smallest, uint64_t& out) {
  return number(4, out) && out <= rest_.size() / smallest;
}

}  // namespace mullion::store::internal
