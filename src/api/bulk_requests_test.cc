// Requests that the server sends in the name of users who are not there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/api_testing.h"
#include "env/time_testing.h"

namespace mullion::api {
namespace {

using testing::Fixture;
using ::testing::HasSubstr;

auth::Principal user(Fixture& fixture, const std::string& name) {
  return *fixture.authenticator.recall(name);
}

bulk::Answer perform(Fixture& fixture, const std::string& name, const std::string& method,
                     const std::string& target, const std::string& body = "") {
  return fixture.run(fixture.api->perform(user(fixture, name), method, target, body));
}

constexpr const char* kNewText = R"([{"op":"add","path":"/Description","value":"new"}])";

TEST(BulkRequests, AreThoseOfTheirUser) {
  Fixture fixture;
  ASSERT_EQ(fixture.call("POST", "/api/v3/profiles", R"({"Name":"profile","Description":"old"})").status,
            201);
  EXPECT_EQ(perform(fixture, "root", "PATCH", "/api/v3/profiles/profile", kNewText).status, 200);
  const bulk::Answer refused = perform(fixture, "nobody", "PATCH", "/api/v3/profiles/profile", kNewText);
  EXPECT_EQ(refused.status, 404) << "nobody may not even read it";
  const bulk::Answer wrong = perform(fixture, "root", "PATCH", "/api/v3/profiles/profile", "{");
  EXPECT_GE(wrong.status, 400);
  EXPECT_NE(wrong.message, "");
  EXPECT_FALSE(wrong.may_have_run);
}

TEST(BulkRequests, GoToTheOwnerThatTheyName) {
  Fixture fixture;
  fixture.manager.known["A"] = {};
  fixture.put_raw("profiles", "A", "p", R"({"Name":"p"})");
  EXPECT_EQ(perform(fixture, "root", "PATCH", "/A/api/v3/profiles/p", kNewText).status, 200);
  ASSERT_EQ(fixture.manager.forwarded.size(), 1U);
  EXPECT_EQ(fixture.manager.forwarded[0].principal, "user:root");
  EXPECT_EQ(fixture.manager.forwarded[0].body, kNewText);
  EXPECT_EQ(perform(fixture, "root", "PATCH", "/api/v3/profiles/p", kNewText).status, 404)
      << "this server's object was meant, not that of A";
  EXPECT_EQ(fixture.manager.forwarded.size(), 1U);
}

/// A byte now and then, without an end.
class TricklingBody final : public net::BodySource {
 public:
  explicit TricklingBody(const env::Timers& timers) : timers_(timers) {}
  Task<Result<std::string_view>> next() override {
    const bool waited = co_await timers_.sleep_for(std::chrono::seconds(20));
    if (!waited) co_return Error(ErrorCode::kCancelled, "nobody reads it");
    co_return std::string_view("x");
  }
  std::optional<uint64_t> size() const override { return std::nullopt; }

 private:
  const env::Timers& timers_;
};

TEST(BulkRequests, DoNotWaitForAnswersWithoutAnEnd) {
  env::ManualTime time;
  Fixture fixture({}, {.clock = time, .timers = time});
  fixture.manager.known["A"] = {};
  fixture.put_raw("profiles", "A", "p", R"({"Name":"p"})");
  fixture.manager.answer_body = [&time] { return std::make_unique<TricklingBody>(time); };
  std::future<bulk::Answer> answer = env::launch(fixture.runtime, [&] {
    return fixture.api->perform(user(fixture, "root"), "PATCH", "/A/api/v3/profiles/p", kNewText);
  });
  const auto ended = [&answer] {
    return answer.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  };
  ASSERT_TRUE(env::passes_until(time, fixture.runtime, ended, net::kLongestFetch + std::chrono::minutes(1)));
  EXPECT_EQ(answer.get().status, 200) << "its status has told what became of it";
}

TEST(BulkRequests, SelectWhatTheirUserMayRead) {
  Fixture fixture;
  fixture.put_raw("profiles", "", "p", R"({"Name":"p"})");
  fixture.put_raw("profiles", "", "q", R"({"Name":"q"})");
  fixture.authenticator.users["some"] = {{"profiles", "get", "q"}};
  const auto found = [&](const std::string& name, const std::string& filter, uint64_t most = 100) {
    return fixture.api->select(user(fixture, name), "profiles", filter, most);
  };
  EXPECT_EQ(found("root", "Name=In(p,q)")->size(), 2U);
  EXPECT_EQ(found("root", "Name=In(p,q)", 1)->size(), 1U);
  ASSERT_EQ(found("some", "Name=In(p,q)")->size(), 1U);
  EXPECT_EQ(found("some", "")->front().key, "q");
  EXPECT_TRUE(found("nobody", "")->empty());
  EXPECT_FALSE(found("root", "Available=perhaps"));
  EXPECT_FALSE(fixture.api->select(user(fixture, "root"), "nothings", "", 1));
}

}  // namespace
}  // namespace mullion::api
