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
      Result<ForwardedBody> body = co_await forwarded_body(request, repeatable);
      if (body) out = std::move(*body);
    };
    env::run(runtime_, task);
    return out;
  }
  env::Runtime runtime_{1};
};

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

}  // namespace
}  // namespace mullion::manager
