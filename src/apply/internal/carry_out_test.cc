// What an endpoint that says yes has really done is looked at, whatever the action is.
#include "apply/internal/carry_out.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "apply/internal/apply_testing.h"
#include "env/launch.h"
#include "env/time_testing.h"

namespace mullion::apply {
namespace {

/// Takes everything and changes nothing.
class YesSayer final : public manager::EndpointCalls {
 public:
  explicit YesSayer(PretendedEndpoint& endpoint) : endpoint_(endpoint) {}
  Task<Result<client::Answer>> send(net::ClientRequest request) override {
    if (request.method != "GET" && request.method != "HEAD") co_return client::Answer{201, {}, "{}"};
    co_return endpoint_.answer(request.method, request.target, request.headers, "");
  }

 private:
  PretendedEndpoint& endpoint_;
};

Action action_for(Kind kind, std::string name, std::string verb, json::value value = nullptr) {
  Action action;
  action.kind = kind;
  action.name = std::move(name);
  action.verb = std::move(verb);
  action.value = std::move(value);
  action.actual_version = "v2.0.0";
  action.artifact = catalog::Artifact{"source", "path", model_sum("content")};
  return action;
}

class CarryOut : public ::testing::Test {
 protected:
  CarryOut() { artifacts.contents["source"] = "content"; }
  Target target(manager::EndpointCalls& calls) {
    return {"E", calls, artifacts, memory, *store, time, time, [](uint64_t) {}};
  }

  env::ManualTime time;
  PretendedEndpoint endpoint;
  ModelArtifacts artifacts;
  env::Runtime runtime{1};
  const std::unique_ptr<store::Store> store = store::open_memory_store();
  EndpointMemory memory{*store};
};

TEST_F(CarryOut, AYesIsNotBelieved) {
  endpoint.components["old"] = {Kind::kContentPackage, "v1.0.0"};
  endpoint.components["runner"] = {Kind::kPluginProvider, "v1.0.0"};
  endpoint.plugins["p"] = {{"Name", "p"}, {"Provider", "runner"}};
  YesSayer calls(endpoint);
  const std::vector<std::pair<Action, std::string>> cases{
      {action_for(Kind::kContentPackage, "new", "AddOrUpdate"), "does not have it"},
      {action_for(Kind::kContentPackage, "old", "AddOrUpdate"), "shows version v1.0.0, not v2.0.0"},
      {action_for(Kind::kPluginProvider, "runner", "AddOrUpdate"), "shows version v1.0.0, not v2.0.0"},
      {action_for(Kind::kContentPackage, "old", "Delete"), "it is still there"},
      {action_for(Kind::kPluginProvider, "runner", "Delete"), "it is still there"},
      {action_for(Kind::kPlugin, "q", "AddOrUpdate", json::object{{"Name", "q"}, {"Provider", "runner"}}),
       "does not have it"},
      {action_for(Kind::kPlugin, "p", "Delete"), "it is still there"},
      {action_for(Kind::kPref, "defaultStage", "Set", "discover"), "shows another value"},
      {action_for(Kind::kGlobal, "ntp", "Set", "a"), "shows another value"},
      {action_for(Kind::kFile, "files/f", "AddOrUpdate"), "it has none"},
  };
  for (const auto& [action, reason] : cases) {
    const Result<Effect> done = env::run(runtime, carry_out(target(calls), action));
    const std::string what =
        fmt::format("{} {} {}", versionset::kind_name(action.kind), action.name, action.verb);
    EXPECT_FALSE(done) << what;
    if (!done) {
      EXPECT_THAT(done.error().text(), ::testing::HasSubstr(reason)) << what;
    }
  }
}

/// Went back from a version, and tells why.
class BackFromIt final : public manager::EndpointCalls {
 public:
  Task<Result<client::Answer>> send(net::ClientRequest request) override {
    if (request.method != "GET") ++changes;
    if (request.target.ends_with("/info")) co_return shown(200, json::object{{"version", "v1.0.0"}});
    co_return shown(200, json::object{{"State", "rolled back"},
                                      {"Version", "v1.0.0"},
                                      {"Text", "v2.0.0 did not come up"},
                                      {"To", "v2.0.0"}});
  }
  int changes = 0;
};

/// It would restart all day long.
TEST_F(CarryOut, AVersionThatTheEndpointWentBackFromIsNotTriedAgain) {
  BackFromIt calls;
  const Action action = action_for(Kind::kDrp, "drp", "AddOrUpdate");
  const Result<Effect> done = env::run(runtime, carry_out(target(calls), action));
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().text(), ::testing::HasSubstr("v2.0.0 did not come up; it is not tried again"));
  EXPECT_EQ(calls.changes, 0);
}

/// Loses every piece.
class Forgetful final : public manager::EndpointCalls {
 public:
  Task<Result<client::Answer>> send(net::ClientRequest request) override {
    if (request.method == "HEAD") co_return client::Answer{404, {}, ""};
    ++pieces;
    client::Answer out{409, {}, "{}"};
    out.headers.set("Upload-Offset", "0");
    co_return out;
  }
  std::atomic<int> pieces{0};
};

TEST_F(CarryOut, AnUploadThatNeverGetsOnHasFailed) {
  Forgetful calls;
  const Action action = action_for(Kind::kFile, "files/f", "AddOrUpdate");
  const Target where = target(calls);
  auto done = env::launch(runtime, carry_out(where, action));
  EXPECT_TRUE(env::passes_until(time, runtime, [&] { return calls.pieces == 9; }));
  ASSERT_TRUE(env::passes_until(
      time, runtime, [&] { return done.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }));
  EXPECT_FALSE(done.get());
  EXPECT_EQ(calls.pieces, 9);
}

/// What lies there would be put before the rest of ours.
TEST_F(CarryOut, PiecesOfAnotherFileAreDroppedBeforeAnythingIsSent) {
  ModelCalls calls(endpoint);
  endpoint.pieces["files/f"] = "other";
  const Result<Effect> done =
      env::run(runtime, carry_out(target(calls), action_for(Kind::kFile, "files/f", "AddOrUpdate")));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(endpoint.files["files/f"], "content");
}

}  // namespace
}  // namespace mullion::apply
