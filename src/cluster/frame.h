// What members say to each other, as bytes.
#pragma once

#include "base/result.h"
#include "cluster/types.h"

namespace mullion::cluster {

/// How much a member has promised, by what it says of itself. Terms never go back, nor does the end of the
/// log in the order of (term, index): a member that shows less than was seen of it has lost its memory.
struct Standing {
  uint64_t incarnation = 0;  // of its journal
  uint64_t nonce = 0;        // of the process: two lives that count the same incarnation are not the same
  uint64_t term = 0;
  uint64_t last_term = 0;
  uint64_t last_index = 0;
  bool operator==(const Standing&) const = default;
};

enum class FrameKind : uint8_t {
  kHello = 1,    // I have started, or met you; heard before anything else from me
  kWelcome = 2,  // answers a hello: nothing is known that you have lost
  kAmnesia = 3,  // answers a hello: you have shown more than this before
  kMessage = 4,  // of the core
  kRemoved = 5,  // you are no member since index `number`
  kCopied = 6,   // a copy was fetched (`number` 1) or failed (0)
};

struct Frame {
  FrameKind kind = FrameKind::kHello;
  MemberId from = 0;
  Standing standing;                  // of the sender
  uint64_t about = 0;                 // kWelcome, kAmnesia: the nonce that is answered
  uint64_t number = 0;                // kRemoved, kCopied
  std::string message;                // kMessage
  std::vector<std::string> payloads;  // kMessage: of its data entries, in order
};

std::string encode_frame(const Frame& frame);
/// kCorrupt when the bytes are not one whole frame. Bounded by their own size.
Result<Frame> decode_frame(std::string_view bytes);

}  // namespace mullion::cluster
