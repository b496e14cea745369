// Parts of files in HTTP headers: Range, Content-Range, and the dates of conditional requests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "env/clock.h"

namespace mullion::net {

/// First and last byte, both inclusive.
struct ByteRange {
  uint64_t first = 0;
  uint64_t last = 0;
};
enum class RangeKind { kWhole, kPart, kUnsatisfiable };
/// What a Range header asks of a file of `size` bytes. One range only: several, or text that is no range,
/// mean the whole file (RFC 9110 section 14.2 lets a server ignore the header). `out` is set for kPart.
RangeKind parse_range(std::string_view header, uint64_t size, ByteRange& out);

/// The piece of a file that a request body is.
struct ContentRange {
  ByteRange bytes;
  std::optional<uint64_t> total;  // absent: the sender does not know yet ("*")
  /// Whether the piece is known to reach the end.
  bool last() const { return total && bytes.last + 1 == *total; }
};
/// "bytes 0-9/100" or "bytes 0-9/*"; absent when malformed, backwards or beyond the total.
std::optional<ContentRange> parse_content_range(std::string_view header);

/// "Sun, 06 Nov 1994 08:49:37 GMT": whole seconds.
std::string format_http_date(env::WallTime time);
/// The same form back; the two obsolete forms of RFC 9110 are not read. False when it is none.
bool parse_http_date(std::string_view text, env::WallTime& out);

}  // namespace mullion::net
