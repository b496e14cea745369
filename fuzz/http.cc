// HTTP messages in pieces as they arrive, and the parts of their headers that are read later. The first byte
// chooses request or answer, the second the size of the pieces.
#include "net/http.h"

#include "base/percent.h"
#include "fuzz/fuzz.h"
#include "net/internal/parser.h"
#include "net/range.h"

using namespace mullion;
using net::internal::MessageParser;

namespace {

void read_headers(MessageParser& parser) {
  constexpr uint64_t kSize = 1000;
  for (const auto& [name, value] : parser.headers().items()) {
    net::ByteRange range;
    if (net::parse_range(value, kSize, range) == net::RangeKind::kPart) {
      fuzz::require(range.first <= range.last && range.last < kSize, "a range lies inside the file");
    }
    const auto piece = net::parse_content_range(value);
    if (piece) fuzz::require(piece->bytes.first <= piece->bytes.last, "a piece is not backwards");
    env::WallTime time;
    if (net::parse_http_date(value, time)) {
      fuzz::require(net::format_http_date(time) == value, "a date reads as it is written");
    }
  }
  (void)net::parse_query_string(parser.target());
  const std::string decoded = percent_decode(parser.target());
  fuzz::require(percent_decode(percent_encode(decoded)) == decoded, "escapes undo each other");
}

/// Feeds everything; answers whether a whole message was read.
bool read_message(MessageParser& parser, std::string_view& rest, size_t piece) {
  std::string waiting;
  bool seen_header = false;
  while (!parser.done() && parser.failure() == MessageParser::Failure::kNone) {
    const size_t used = waiting.empty() ? 0 : parser.feed(waiting);
    fuzz::require(used <= waiting.size(), "no more is used than was there");
    waiting.erase(0, used);
    if (parser.header_done() && !seen_header && parser.failure() == MessageParser::Failure::kNone) {
      seen_header = true;
      read_headers(parser);
    }
    if (used != 0) continue;
    if (parser.done() || parser.failure() != MessageParser::Failure::kNone) break;
    if (rest.empty()) return parser.feed_end();
    waiting += rest.substr(0, piece);
    rest.remove_prefix(std::min(piece, rest.size()));
  }
  return parser.done();
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest = fuzz::text_of(data, size);
  const auto kind =
      fuzz::next_byte(rest) % 2 == 0 ? MessageParser::Kind::kRequest : MessageParser::Kind::kResponse;
  const size_t piece = 1 + fuzz::next_byte(rest);
  MessageParser parser(kind, 4096);
  for (int messages = 0; messages < 4 && !rest.empty(); ++messages) {
    if (!read_message(parser, rest, piece)) return 0;
    parser.restart();
  }
  return 0;
}
