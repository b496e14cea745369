#include "manager/forward.h"

#include <gtest/gtest.h>

#include "env/launch.h"

namespace mullion::manager {
namespace {

auth::Principal user(std::string name) {
  auth::Principal out;
  out.name = std::move(name);
  return out;
}

/// As the next hop makes it of the header.
auth::Principal claimed(const std::string& header) {
  auth::Principal out = user("user:mgr");
  out.on_behalf_of = auth::claimed_name(header);
  return out;
}

TEST(OnBehalf, EachHopAddsItsName) {
  const std::string first = on_behalf_of(user("user:bob"), "M1");
  EXPECT_EQ(first, "user:bob@M1");
  const std::string second = on_behalf_of(claimed(first), "R1");
  EXPECT_EQ(second, "user:bob@M1@R1");
  EXPECT_EQ(claimed(second).audit_name(), "user:bob@M1@R1 (claimed by user:mgr)");
}

TEST(OnBehalf, ItStaysBoundedOverAnyNumberOfHops) {
  std::string header = on_behalf_of(user("user:" + std::string(500, 'b')), "M1");
  for (int hop = 0; hop < 100; ++hop) {
    const std::string id = "site-" + std::to_string(hop);
    header = on_behalf_of(claimed(header), id);
    EXPECT_LE(header.size(), auth::kLongestClaim);
    EXPECT_TRUE(header.starts_with("user:bbb")) << "who acted is kept";
    EXPECT_TRUE(header.ends_with("@" + id)) << "who claims it last is kept";
  }
}

TEST(OnBehalf, NamesCannotPassForMarks) {
  const std::string header = on_behalf_of(user("user:x (claimed by user:y)\r\nX: 1 \xe2\x80\xae"), "M1");
  EXPECT_EQ(header, "user:x%20%28claimed%20by%20user:y%29%0D%0AX:%201%20%E2%80%AE@M1");
  EXPECT_EQ(auth::claimed_name(header), header) << "the next hop changes nothing";
}

class Bodies : public ::testing::Test {
 protected:
  std::optional<ForwardedBody> forward(net::Request& request, uint64_t repeatable) {
    std::optional<ForwardedBody> out;
    const auto task = [&]() -> env::Task<void> {
      Result<ForwardedBody> body = co_await forwarded_body(request, repeatable, broken, "", held);
      if (body) out = std::move(*body);
    };
    env::run(runtime_, task);
    return out;
  }
  env::Runtime runtime_{1};
  std::optional<Error> broken;
  net::HeldShares held;
};

class BrokenBody final : public net::BodySource {
 public:
  env::Task<Result<std::string_view>> next() override {
    co_return Error(ErrorCode::kBadRequest, "broken request body");
  }
  std::optional<uint64_t> size() const override { return std::nullopt; }
};

TEST_F(Bodies, ABorrowedOneTellsItsOwnFailure) {
  BrokenBody body;
  net::Request request;
  request.headers.add("Transfer-Encoding", "chunked");
  request.body = &body;
  const std::optional<ForwardedBody> forwarded = forward(request, 10);
  ASSERT_TRUE(forwarded);
  EXPECT_FALSE(broken);
  const auto read = [&]() -> env::Task<void> {
    EXPECT_FALSE(co_await std::get<net::BodySourcePtr>(*forwarded)->next());
  };
  env::run(runtime_, read);
  ASSERT_TRUE(broken);
  EXPECT_EQ(broken->code, ErrorCode::kBadRequest);
}

TEST_F(Bodies, SmallOnesAreTextThatCanBeSentAgain) {
  for (const auto& [length, as_text] : {std::pair(10, true), std::pair(11, false)}) {
    const net::BodySourcePtr body = net::body_from_string(std::string(static_cast<size_t>(length), 'x'));
    net::Request request;
    request.headers.add("Content-Length", std::to_string(length));
    request.body = body.get();
    const std::optional<ForwardedBody> forwarded = forward(request, 10);
    ASSERT_TRUE(forwarded);
    EXPECT_EQ(std::holds_alternative<std::string>(*forwarded), as_text) << length;
  }
}

TEST_F(Bodies, NoBodyIsAnEmptyText) {
  net::Request request;
  const std::optional<ForwardedBody> forwarded = forward(request, 10);
  ASSERT_TRUE(forwarded);
  EXPECT_EQ(std::get<std::string>(*forwarded), "");
}

TEST_F(Bodies, WithoutALengthTheyStream) {
  const net::BodySourcePtr body = net::body_from_string("x");
  net::Request request;
  request.headers.add("Transfer-Encoding", "chunked");
  request.body = body.get();
  std::optional<ForwardedBody> forwarded = forward(request, 10);
  ASSERT_TRUE(forwarded);
  EXPECT_TRUE(std::holds_alternative<std::string>(*forwarded)) << "its size is known after all";
  class Unsized final : public net::BodySource {
   public:
    env::Task<Result<std::string_view>> next() override { co_return std::string_view(); }
  } endless;
  request.body = &endless;
  forwarded = forward(request, 10);
  ASSERT_TRUE(forwarded);
  EXPECT_TRUE(std::holds_alternative<net::BodySourcePtr>(*forwarded));
}

/// One letter after the other.
class Letters final : public net::BodySource {
 public:
  explicit Letters(std::string text) : text_(std::move(text)) {}
  env::Task<Result<std::string_view>> next() override {
    const std::string_view rest = std::string_view(text_).substr(given_);
    if (!rest.empty()) ++given_;
    co_return rest.substr(0, 1);
  }

 private:
  const std::string text_;
  size_t given_ = 0;
};

TEST_F(Bodies, AreReadWholeUpToALengthAndElseLoseNothing) {
  const std::string letters = "abcdefghijk";
  for (const bool at_once : {true, false}) {
    for (const auto& [length, whole] : {std::pair(0, true), std::pair(10, true), std::pair(11, false)}) {
      const std::string text = letters.substr(0, static_cast<size_t>(length));
      net::BodySourcePtr body = at_once ? net::body_from_string(text) : std::make_unique<Letters>(text);
      const Result<std::optional<std::string>> read = env::run(runtime_, short_body(body, 10));
      ASSERT_TRUE(read);
      EXPECT_EQ(*read, whole ? std::optional(text) : std::nullopt) << length;
      if (whole) continue;
      const Result<std::string> again = env::run(runtime_, net::read_all(*body, 100));
      ASSERT_TRUE(again);
      EXPECT_EQ(*again, text);
    }
  }
}

TEST(ForwardedHeaders, AreTheClientsWithoutThoseOfThisHop) {
  net::Request request;
  request.id = "id-1";
  for (const auto& [name, value] :
       {std::pair("authorization", "Bearer of-the-client"), std::pair("Host", "me"),
        std::pair("Connection", "X-Hop"), std::pair("X-Hop", "1"), std::pair("Cookie", "c=1"),
        std::pair("Content-Length", "5"), std::pair("Expect", "100-continue"),
        std::pair("X-Mullion-On-Behalf-Of", "user:root@Y"), std::pair("X-Request-Id", "other"),
        std::pair("Sec-WebSocket-Protocol", "mullion.v1, mullion.bearer.of-the-client"),
        std::pair("Accept-Encoding", "gzip"), std::pair("If-Match", "e"), std::pair("Accept", "a/b")})
    request.headers.add(name, value);
  const net::Headers out = forwarded_headers(request, "Bearer token", "user:ann@M");
  const std::vector<std::pair<std::string, std::string>> wanted{{"If-Match", "e"},
                                                                {"Accept", "a/b"},
                                                                {"Authorization", "Bearer token"},
                                                                {"Accept-Encoding", "identity"},
                                                                {"X-Mullion-On-Behalf-Of", "user:ann@M"},
                                                                {"X-Request-Id", "id-1"}};
  EXPECT_EQ(out.items(), wanted);
}

TEST(AnsweredHeaders, LeaveOutThoseOfThatConnection) {
  net::Headers headers;
  headers.add("X-Request-Id", "theirs");
  headers.add("Keep-Alive", "5");
  headers.add("ETag", "e");
  headers.add("X-Mullion-Commit", "A 1 2");
  headers.add("Set-Cookie", "a=b");
  headers.add("Date", "Wed, 02 Dec 2026 12:00:00 GMT");
  headers.add("content-security-policy", "script-src *");
  headers.add("X-Mullion-Unreachable", "C;ran=no");
  const std::vector<std::pair<std::string, std::string>> wanted{
      {"ETag", "e"}, {"X-Mullion-Commit", "A 1 2"}, {"X-Mullion-Unreachable", "C;ran=no"}};
  EXPECT_EQ(answered_headers(headers).items(), wanted);
}

TEST(AnsweredHeaders, GiveNoBrowserOrdersAboutThisServer) {
  net::Headers headers;
  for (const char* order : {"Access-Control-Allow-Origin", "access-control-allow-credentials", "Alt-Svc",
                            "Clear-Site-Data", "NEL", "Refresh", "Report-To", "Reporting-Endpoints",
                            "Service-Worker-Allowed", "Strict-Transport-Security"})
    headers.add(order, "x");
  EXPECT_TRUE(answered_headers(headers).items().empty());
}

TEST(CommitMarks, AreReadWhole) {
  const std::optional<CommitMark> mark = parse_commit_mark("A 000000000000004d 12");
  ASSERT_TRUE(mark);
  EXPECT_EQ(mark->owner, "A");
  EXPECT_EQ(mark->cursor, (store::Cursor{0x4d, 12}));
  for (const char* wrong : {"", "A", "A 4d", "A 4d 12 ", "A 4d x", "A xx 12", "A 4d 12x", "A  12"})
    EXPECT_FALSE(parse_commit_mark(wrong)) << wrong;
}

TEST(LeadTerms, AreReadBack) {
  EXPECT_EQ(parse_lead_term(lead_term_text({0xabc, 17})), (LeadTerm{0xabc, 17}));
  for (const char* wrong : {"", "1", " ", "x 1", "1 x", "1 2 3", "1 -2"})
    EXPECT_FALSE(parse_lead_term(wrong)) << wrong;
}

}  // namespace
}  // namespace mullion::manager
