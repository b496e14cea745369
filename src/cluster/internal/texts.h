// Texts on the lines between members: each with its length before it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "env/runtime.h"
#include "net/keyed_stream.h"

namespace mullion::cluster {

/// Pieces in which long things travel.
inline constexpr size_t kLinePiece = 256 << 10;
/// Of a text on its way.
inline constexpr auto kLineStandstill = std::chrono::seconds(10);

/// A text with its length before it; kTooLarge beyond `limit`. Memory is taken as bytes arrive. `patience`:
/// for its beginning.
env::Task<Result<std::string>> read_text(net::KeyedStream& stream, uint64_t limit, env::Duration patience);
env::Task<Result<void>> write_text(net::KeyedStream& stream, std::string_view text);

}  // namespace mullion::cluster
