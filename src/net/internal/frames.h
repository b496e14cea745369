// WebSocket frames (RFC 6455, section 5) without any I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mullion::net::internal {

enum class Opcode : uint8_t { kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };

struct FrameHeader {
  Opcode opcode = Opcode::kText;
  bool final = true;
  bool masked = false;
  uint32_t mask = 0;  // in the order of the bytes on the wire
  uint64_t payload = 0;
  size_t size = 0;  // of the header itself
};

/// Largest header on the wire.
constexpr size_t kMaxFrameHeader = 14;

/// The header at the start of `bytes`; nothing when more bytes are needed. A header that breaks the protocol
/// (reserved bits or opcodes, long or fragmented control frames, a length in more bytes than it needs) sets
/// `broken`.
std::optional<FrameHeader> parse_frame_header(std::string_view bytes, bool& broken);
/// Header bytes of one unfragmented frame.
std::string frame_header(Opcode opcode, uint64_t payload, std::optional<uint32_t> mask);
/// XORs `data`, which starts `offset` bytes into the payload, with the mask.
void apply_mask(char* data, size_t size, uint32_t mask, size_t offset);
/// Whether `code` may travel in a close frame.
bool is_valid_close_code(uint16_t code);

}  // namespace mullion::net::internal
