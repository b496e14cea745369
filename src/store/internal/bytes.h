// Numbers and texts as the store writes them: big-endian, texts after their length.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mullion::store::internal {

std::string encode_u16(uint16_t number);
std::string encode_u32(uint32_t number);
std::string encode_u64(uint64_t number);
uint64_t decode_number(std::string_view bytes);
void put_text(std::string& out, std::string_view text);

/// Reads what the functions above wrote; every read returns false at the end of the bytes.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool number(size_t size, uint64_t& out);
  bool text(std::string& out);
  /// One byte, 0 or 1.
  bool flag(bool& out);
  /// A number of entries, of which each takes `smallest` bytes at least: more than can follow is refused, so
  /// that nobody reserves memory for what is not there.
  bool count(size_t smallest, uint64_t& out);
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

}  // namespace mullion::store::internal
