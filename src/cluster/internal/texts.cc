#include "cluster/internal/texts.h"

#include <fmt/format.h>

#include <array>

namespace mullion::cluster {
namespace {

constexpr size_t kFrameHeadSize = 4;  // length of what follows, big-endian

std::string head_of(uint64_t size) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(size >> shift));
  return out;
}

}  // namespace

env::Task<Result<std::string>> read_text(net::KeyedStream& stream, uint64_t limit, env::Duration patience) {
  std::array<char, kFrameHeadSize> head{};
  const Result<void> began = co_await stream.read(head.data(), head.size(), patience);
  if (!began) co_return began.error();
  uint64_t size = 0;
  for (const char byte : head) size = size << 8 | static_cast<uint8_t>(byte);
  if (size > limit) co_return Error(ErrorCode::kTooLarge, fmt::format("a frame of {} bytes", size));
  std::string out;
  while (out.size() < size) {
    const size_t begin = out.size();
    out.resize(std::min<uint64_t>(size, begin + kLinePiece));
    const Result<void> got = co_await stream.read(out.data() + begin, out.size() - begin, kLineStandstill);
    if (!got) co_return got.error();
  }
  co_return out;
}

env::Task<Result<void>> write_text(net::KeyedStream& stream, std::string_view text) {
  const std::string head = head_of(text.size());
  Result<void> written = co_await stream.write(head, text, kLineStandstill);
  co_return written;
}

std::optional<uint64_t> whole_number(const boost::json::value& value) {
  if (value.is_uint64()) return value.get_uint64();
  if (value.is_int64() && value.get_int64() >= 0) return static_cast<uint64_t>(value.get_int64());
  return std::nullopt;
}

std::optional<uint64_t> number_member(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  return value == nullptr ? std::nullopt : whole_number(*value);
}

}  // namespace mullion::cluster
