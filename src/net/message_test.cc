#include "net/forwarding.h"
#include "net/net_testing.h"

namespace mullion::net {
namespace {

using namespace testing;

TEST(Headers, EndToEndAreThoseThatNoHopKeeps) {
  Headers headers;
  headers.add("Connection", "close, X-Secret ,,\tx-tab\t");
  headers.add("Accept", "a");
  headers.add("connection", "x-more");
  for (const char* name : {"X-SECRET", "X-Tab", "X-More", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding",
                           "Upgrade", "Proxy-Connection", "Proxy-Authorization", "Proxy-Authenticate"}) {
    headers.add(name, "v");
  }
  headers.add("X-Kept", "k");
  const Headers kept = end_to_end(headers);
  ASSERT_EQ(kept.items().size(), 2u);
  EXPECT_EQ(kept.get("Accept"), "a");
  EXPECT_EQ(kept.get("X-Kept"), "k");
}

TEST(Headers, IgnoreCaseAndKeepOrder) {
  Headers headers;
  headers.add("Accept", "a");
  headers.add("X-One", "1");
  headers.add("ACCEPT", "b");
  EXPECT_EQ(headers.get("accept"), "a");
  EXPECT_EQ(headers.get_all("Accept"), (std::vector<std::string_view>{"a", "b"}));
  headers.set("aCCept", "c");
  ASSERT_EQ(headers.items().size(), 2u);
  EXPECT_EQ(headers.items()[0].second, "c");
  headers.set("New", "n");
  EXPECT_EQ(headers.items().back().first, "New");
  headers.remove("x-one");
  EXPECT_EQ(headers.get("X-One"), std::nullopt);
}

TEST(QueryString, SplitsAndDecodes) {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(parse_query_string(""), Pairs{});
  EXPECT_EQ(parse_query_string("a=1&b=&c&&=x&a=2+3%26&d==e"),
            (Pairs{{"a", "1"}, {"b", ""}, {"c", ""}, {"", "x"}, {"a", "2 3&"}, {"d", "=e"}}));
}

TEST(Bodies, AreReadWithinTheirLimit) {
  env::Runtime runtime(1);
  const auto read = [&](std::shared_ptr<BodySource> body, uint64_t limit) {
    return run(runtime, [body, limit]() -> Task<Result<std::string>> {
      Result<std::string> text = co_await read_all(*body, limit);
      co_return text;
    });
  };
  EXPECT_EQ(*read(body_from_string("text"), 4), "text");
  EXPECT_EQ(*read(body_from_string(""), 0), "");
  EXPECT_EQ(read(body_from_string("text"), 3).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(read(body_from_string(std::string(1'000'000, 'x')), 1'000'000)->size(), 1'000'000u);
  EXPECT_EQ(read(std::make_shared<PatternBody>(1'000'000, false), 999'999).error().code,
            ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace mullion::net
