// Texts on the lines between members: each with its length before it.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
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

/// Absent when the value is no whole number from 0 on.
std::optional<uint64_t> whole_number(const boost::json::value& value);
std::optional<uint64_t> number_member(const boost::json::object& object, std::string_view name);

}  // namespace mullion::cluster
