#include "net/internal/frames.h"

#include <array>
#include <cstring>

namespace mullion::net::internal {
namespace {

constexpr uint64_t kMaxControlPayload = 125;

uint64_t big_endian(std::string_view bytes) {
  uint64_t number = 0;
  for (char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

bool is_known(unsigned opcode) { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

}  // namespace

std::optional<FrameHeader> parse_frame_header(std::string_view bytes, bool& broken) {
  broken = false;
  if (bytes.size() < 2) return std::nullopt;
  const auto first = static_cast<unsigned char>(bytes[0]);
  const auto second = static_cast<unsigned char>(bytes[1]);
  FrameHeader header;
  header.final = (first & 0x80) != 0;
  header.opcode = static_cast<Opcode>(first & 0x0f);
  header.masked = (second & 0x80) != 0;
  const unsigned length = second & 0x7f;
  const bool control = (first & 0x08) != 0;
  broken = (first & 0x70) != 0 || !is_known(first & 0x0f) ||
           (control && (!header.final || length > kMaxControlPayload));
  if (broken) return std::nullopt;
  const size_t length_bytes = length == 126 ? 2 : length == 127 ? 8 : 0;
  header.size = 2 + length_bytes + (header.masked ? 4 : 0);
  if (bytes.size() < header.size) return std::nullopt;
  header.payload = length_bytes == 0 ? length : big_endian(bytes.substr(2, length_bytes));
  // RFC 6455, section 5.2: the length takes no more bytes than it needs.
  const uint64_t least = length_bytes == 0 ? 0 : length_bytes == 2 ? 126 : 0x10000;
  broken = (header.payload >> 63) != 0 || header.payload < least;
  if (broken) return std::nullopt;
  if (header.masked) std::memcpy(&header.mask, bytes.data() + 2 + length_bytes, 4);
  return header;
}

std::string frame_header(Opcode opcode, uint64_t payload, std::optional<uint32_t> mask) {
  std::string out;
  out += static_cast<char>(0x80 | static_cast<unsigned>(opcode));
  const unsigned mask_bit = mask ? 0x80 : 0;
  size_t length_bytes = 0;
  if (payload < 126) {
    out += static_cast<char>(mask_bit | static_cast<unsigned>(payload));
  } else if (payload <= 0xffff) {
    out += static_cast<char>(mask_bit | 126);
    length_bytes = 2;
  } else {
    out += static_cast<char>(mask_bit | 127);
    length_bytes = 8;
  }
  for (size_t i = length_bytes; i > 0; --i) out += static_cast<char>(payload >> (8 * (i - 1)) & 0xff);
  if (mask) {
    std::array<char, 4> bytes{};
    std::memcpy(bytes.data(), &*mask, bytes.size());
    out.append(bytes.data(), bytes.size());
  }
  return out;
}

void apply_mask(char* data, size_t size, uint32_t mask, size_t offset) {
  std::array<unsigned char, 4> key{};
  std::memcpy(key.data(), &mask, key.size());
  std::array<unsigned char, 8> wide_key{};
  for (size_t i = 0; i < wide_key.size(); ++i) wide_key[i] = key[(offset + i) % 4];
  uint64_t wide = 0;
  std::memcpy(&wide, wide_key.data(), sizeof(wide));
  size_t done = 0;
  for (; done + 8 <= size; done += 8) {
    uint64_t word = 0;
    std::memcpy(&word, data + done, sizeof(word));
    word ^= wide;
    std::memcpy(data + done, &word, sizeof(word));
  }
  for (; done < size; ++done)
    data[done] = static_cast<char>(data[done] ^ static_cast<char>(wide_key[done % 8]));
}

bool is_valid_close_code(uint16_t code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

}  // namespace mullion::net::internal
