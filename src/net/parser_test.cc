// Messages in pieces of every size.
#include "net/internal/parser.h"

#include <gtest/gtest.h>

namespace mullion::net::internal {
namespace {

/// The body of the message in `bytes`, which come in pieces of `size`; absent: the message is broken or
/// incomplete.
std::optional<std::string> body_of(MessageParser::Kind kind, std::string_view bytes, size_t size) {
  MessageParser parser(kind, 4096);
  std::string waiting, body;
  while (!parser.done()) {
    const size_t used = waiting.empty() ? 0 : parser.feed(waiting);
    if (used > 0) body += parser.piece();
    if (parser.failure() != MessageParser::Failure::kNone) return std::nullopt;
    waiting.erase(0, used);
    if (used > 0 || parser.done()) continue;
    if (bytes.empty()) return parser.feed_end() ? std::optional(body) : std::nullopt;
    waiting += bytes.substr(0, size);
    bytes.remove_prefix(std::min(size, bytes.size()));
  }
  return bytes.empty() && waiting.empty() ? std::optional(body) : std::nullopt;
}

TEST(MessageParser, ReadsChunksHoweverTheyArrive) {
  const std::pair<MessageParser::Kind, std::string> heads[] = {
      {MessageParser::Kind::kRequest, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {MessageParser::Kind::kResponse, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"}};
  const std::pair<std::string, std::string> bodies[] = {
      {"0\r\n\r\n", ""},
      {"0\r\nTrailer: x\r\n\r\n", ""},
      {"1\r\na\r\n0\r\n\r\n", "a"},
      {"3;name=value\r\nabc\r\n000a\r\n0123456789\r\n0\r\n\r\n", "abc0123456789"}};
  for (const auto& [kind, head] : heads) {
    for (const auto& [chunks, body] : bodies) {
      const std::string whole = head + chunks;
      for (size_t size = 1; size <= whole.size(); ++size) {
        EXPECT_EQ(body_of(kind, whole, size), body) << chunks << " in pieces of " << size;
        EXPECT_EQ(body_of(kind, std::string_view(whole).substr(0, whole.size() - 1), size), std::nullopt);
      }
    }
    EXPECT_EQ(body_of(kind, head + "0\r\nno field\r\n\r\n", 1), std::nullopt);
    EXPECT_EQ(body_of(kind, head + "what\r\n\r\n", 1), std::nullopt);
  }
}

TEST(MessageParser, TrailersAreNoHeaders) {
  for (const MessageParser::Kind kind : {MessageParser::Kind::kRequest, MessageParser::Kind::kResponse}) {
    MessageParser parser(kind, 4096);
    std::string waiting =
        kind == MessageParser::Kind::kRequest ? "POST / HTTP/1.1\r\n" : "HTTP/1.1 200 OK\r\n";
    waiting +=
        "Transfer-Encoding: chunked\r\nX-Early: 1\r\n\r\n1\r\na\r\n0\r\nAuthorization: Bearer x\r\n"
        "X-Mullion-On-Behalf-Of: user:root\r\nX-Early: 2\r\n\r\n";
    while (!parser.done()) {
      const size_t used = parser.feed(waiting);
      ASSERT_GT(used, 0U);
      waiting.erase(0, used);
    }
    EXPECT_EQ(parser.headers().items().size(), 2U);
    EXPECT_EQ(parser.headers().get("X-Early"), "1");
    EXPECT_FALSE(parser.headers().get("Authorization"));
  }
}

/// Around a few bytes of body nobody sends megabytes that count as none.
TEST(MessageParser, WhatIsAroundABodyIsBounded) {
  const std::string head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string end = "0\r\n\r\n";
  std::string small, large;
  for (int i = 0; i < 10'000; ++i) small += "1\r\na\r\n";
  for (int i = 0; i < 10; ++i) large += "1;" + std::string(1000, 'x') + "\r\na\r\n";
  const auto kind = MessageParser::Kind::kRequest;
  EXPECT_EQ(body_of(kind, head + small + end, 4096), std::string(10'000, 'a'));
  EXPECT_EQ(body_of(kind, head + large + end, 4096), std::nullopt);
  std::string trailers = "0\r\n";
  for (int i = 0; i < 10; ++i) trailers += "A: " + std::string(1000, 'x') + "\r\n";
  EXPECT_EQ(body_of(kind, head + trailers + "\r\n", 4096), std::nullopt);
}

TEST(MessageParser, DoesNotHoldBackTheBodyOfAChunk) {
  MessageParser parser(MessageParser::Kind::kResponse, 4096);
  std::string waiting = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi";
  std::string body;
  while (!waiting.empty()) {
    const size_t used = parser.feed(waiting);
    ASSERT_GT(used, 0U);
    body += parser.piece();
    waiting.erase(0, used);
  }
  EXPECT_EQ(body, "hi");
}

}  // namespace
}  // namespace mullion::net::internal
