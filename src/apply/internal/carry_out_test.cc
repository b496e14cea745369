// What an endpoint that says yes has really done is looked at, whatever the action is.
#include "apply/internal/carry_out.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apply/internal/apply_testing.h"
#include "env/launch.h"

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

TEST(CarryOut, AYesIsNotBelieved) {
  PretendedEndpoint endpoint;
  endpoint.components["old"] = {Kind::kContentPackage, "v1.0.0"};
  endpoint.components["runner"] = {Kind::kPluginProvider, "v1.0.0"};
  endpoint.plugins["p"] = {{"Name", "p"}, {"Provider", "runner"}};
  YesSayer calls(endpoint);
  ModelArtifacts artifacts;
  artifacts.contents["source"] = "content";
  env::Runtime runtime{1};
  const std::unique_ptr<store::Store> store = store::open_memory_store();
  EndpointMemory memory(*store);
  const Target target{
      "E", calls, artifacts, memory, *store, env::system_clock(), env::system_timers(), [](uint64_t) {}};
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
    const Result<Effect> done = env::run(runtime, carry_out(target, action));
    const std::string what =
        fmt::format("{} {} {}", versionset::kind_name(action.kind), action.name, action.verb);
    EXPECT_FALSE(done) << what;
    if (!done) {
      EXPECT_THAT(done.error().text(), ::testing::HasSubstr(reason)) << what;
    }
  }
}

}  // namespace
}  // namespace mullion::apply
