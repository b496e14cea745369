#include "cli/output/escaping_stream.h"

#include <algorithm>

#include "base/text.h"

namespace mullion::cli {
namespace {

/// How many bytes at the end of `text` may be the beginning of a sequence whose rest is still to come.
size_t unfinished(std::string_view text) {
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;
    const size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

}  // namespace

EscapingStream::EscapingStream(std::ostream& target) : std::ostream(nullptr), buffer_(target) {
  init(&buffer_);
}

EscapingStream::~EscapingStream() { (void)buffer_.finish(); }

bool EscapingStream::Buffer::add(std::string_view text) {
  pending_ += text;
  const size_t rest = unfinished(pending_);
  const std::string_view whole = std::string_view(pending_).substr(0, pending_.size() - rest);
  target_ << escaped_lines(whole);
  pending_.erase(0, whole.size());
  return target_.good();
}

bool EscapingStream::Buffer::finish() {
  target_ << escaped_lines(pending_);
  pending_.clear();
  return target_.good();
}

bool EscapingStream::Buffer::pass(std::string_view text) {
  if (!finish()) return false;
  target_ << text;
  return target_.good();
}

EscapingStream::Buffer::int_type EscapingStream::Buffer::overflow(int_type character) {
  if (traits_type::eq_int_type(character, traits_type::eof())) return traits_type::not_eof(character);
  const char byte = traits_type::to_char_type(character);
  return add({&byte, 1}) ? character : traits_type::eof();
}

std::streamsize EscapingStream::Buffer::xsputn(const char* text, std::streamsize size) {
  return add({text, static_cast<size_t>(size)}) ? size : 0;
}

int EscapingStream::Buffer::sync() { return target_.flush() ? 0 : -1; }

void write_styled(std::ostream& out, std::string_view text) {
  auto* const guarded = dynamic_cast<EscapingStream*>(&out);
  if (guarded == nullptr) {
    out << text;
  } else if (!guarded->buffer_.pass(text)) {
    out.setstate(std::ios::badbit);
  }
}

}  // namespace mullion::cli
