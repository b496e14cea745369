// The lease of a server of another make: a profile that managers read, write and remove.
#include "apply/internal/lease_calls.h"

#include <gtest/gtest.h>

#include <functional>
#include <utility>
#include <vector>

#include "env/clock_testing.h"
#include "env/launch.h"
#include "mirror/lease_marker.h"
#include "model/object.h"

namespace mullion::apply {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

/// Has one profile, or none.
class ForeignServer final : public manager::EndpointCalls {
 public:
  bool is_foreign() const override { return true; }
  Task<Result<client::Answer>> send(net::ClientRequest request) override {
    const std::string body =
        request.method == "POST" || request.method == "PATCH" ? std::get<std::string>(request.body) : "";
    if (request.method == "GET") {
      client::Answer out = profile ? client::Answer{200, {}, json::serialize(*profile)} : kNone;
      if (after_look) std::exchange(after_look, nullptr)();
      co_return out;
    }
    changes.push_back(request.method);
    if (request.method == "POST") {
      profile = json::parse(body).as_object();
      co_return client::Answer{201, {}, body};
    }
    if (!profile) co_return kNone;
    if (request.method == "DELETE") {
      profile.reset();
      co_return client::Answer{200, {}, "{}"};
    }
    const Result<json::value> patched = model::apply_patch(*profile, json::parse(body));
    if (!patched) co_return client::Answer{406, {}, R"({"Messages":["Test op failed."]})"};
    profile = patched->as_object();
    co_return client::Answer{200, {}, json::serialize(*profile)};
  }
  void says(const std::string& holder, env::WallTime until) {
    profile = json::object{{"Name", mirror::kLeaseMarker},
                           {"Params", json::object{{mirror::kLeaseHolder, holder},
                                                   {mirror::kLeaseUntil, env::format_rfc3339(until)}}}};
  }

  std::optional<json::object> profile;
  std::function<void()> after_look;  // once
  std::vector<std::string> changes;

 private:
  inline static const client::Answer kNone{404, {}, R"({"Messages":["Not Found"]})"};
};

class ForeignLease : public ::testing::Test {
 protected:
  Result<void> take(const std::string& holder) {
    return env::run(runtime_, take_lease_there(server_, holder, clock_));
  }
  LeaseThere there() {
    const Result<LeaseThere> found = env::run(runtime_, lease_there(server_, clock_));
    EXPECT_TRUE(found);
    return found ? *found : LeaseThere{};
  }
  Result<void> release(const std::string& holder) {
    return env::run(runtime_, release_lease_there(server_, holder));
  }

  env::Runtime runtime_{1};
  env::ManualClock clock_;
  ForeignServer server_;
};

TEST_F(ForeignLease, IsTakenByOneAndReleasedByIt) {
  ASSERT_TRUE(take("R1"));
  EXPECT_EQ(there().holder, "R1");
  ASSERT_TRUE(take("R1")) << "renewed";
  const Result<void> other = take("R2");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().status_override, 409);
  ASSERT_TRUE(release("R1"));
  EXPECT_EQ(there().holder, "");
  EXPECT_TRUE(take("R2"));
}

/// By the other manager's clock it may last still.
TEST_F(ForeignLease, OneThatRanOutByOurClockAloneIsHeld) {
  server_.says("R2", clock_.wall() - 29s);
  EXPECT_FALSE(take("R1"));
  EXPECT_EQ(there().seconds, 1);
  server_.says("R2", clock_.wall() - 30s);
  EXPECT_EQ(there().seconds, 0);
  EXPECT_TRUE(take("R1"));
}

TEST_F(ForeignLease, OneThatEndsLaterThanAnyIsNotWaitedForLonger) {
  server_.says("R2", clock_.wall() + 24h);
  EXPECT_EQ(there().seconds, 120);
}

TEST_F(ForeignLease, WhatItsHolderRenewedMeanwhileIsNotTakenFromIt) {
  server_.says("R2", clock_.wall() - 1h);
  server_.after_look = [this] { server_.says("R2", clock_.wall() + 60s); };
  EXPECT_FALSE(take("R1"));
  EXPECT_EQ(there().holder, "R2");
}

TEST_F(ForeignLease, AnothersIsNotReleased) {
  server_.says("R2", clock_.wall() + 60s);
  EXPECT_TRUE(release("R1"));
  EXPECT_TRUE(server_.changes.empty());
  EXPECT_EQ(there().holder, "R2");
}

}  // namespace
}  // namespace mullion::apply
