// WebSocket frames: a header that parses is written again with the same meaning, masks undo themselves.
#include "base/text.h"
#include "fuzz/fuzz.h"
#include "net/internal/frames.h"

using namespace mullion;
using namespace mullion::net::internal;

namespace {

void write_again(const FrameHeader& header) {
  const std::optional<uint32_t> mask = header.masked ? std::optional(header.mask) : std::nullopt;
  bool broken = false;
  const auto again = parse_frame_header(frame_header(header.opcode, header.payload, mask), broken);
  fuzz::require(again && !broken, "a written header can be read");
  fuzz::require(again->opcode == header.opcode && again->payload == header.payload, "it means the same");
  fuzz::require(again->masked == header.masked && again->mask == header.mask, "its mask is the same");
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest = fuzz::text_of(data, size);
  (void)is_valid_utf8(rest);
  while (true) {
    bool broken = false;
    const auto header = parse_frame_header(rest, broken);
    if (!header) return 0;
    fuzz::require(!broken && header->size <= kMaxFrameHeader, "a header has its limits");
    fuzz::require(header->size <= rest.size(), "a header is no longer than its bytes");
    write_again(*header);
    rest.remove_prefix(header->size);
    std::string payload(rest.substr(0, std::min<uint64_t>(header->payload, rest.size())));
    const std::string before = payload;
    apply_mask(payload.data(), payload.size(), header->mask, 0);
    apply_mask(payload.data(), payload.size(), header->mask, 0);
    fuzz::require(payload == before, "a mask undoes itself");
    (void)is_valid_utf8(payload);
    if (payload.size() >= 2) {
      (void)is_valid_close_code(static_cast<uint16_t>(static_cast<unsigned char>(payload[0]) << 8 |
                                                      static_cast<unsigned char>(payload[1])));
    }
    rest.remove_prefix(payload.size());
  }
}
