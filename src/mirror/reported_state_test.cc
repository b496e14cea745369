// What an endpoint reports of itself, and what becomes of parts of it that cannot be read.
#include "mirror/internal/reported_state.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "env/launch.h"
#include "mirror/reported_parts.h"

namespace mullion::mirror {
namespace {

using Outcome = AskedPart::Outcome;
using ::testing::IsEmpty;

/// Answers by what is asked for, behind "/api/v3/" or "/files/".
class ScriptedEndpoint {
 public:
  ScriptedEndpoint() {
    say("info", Answer{200, R"({"id":"F","manager":true,"stats":[{"name":"machines.count","count":7}]})"});
    say("contents", Answer{200, R"([{"meta":{"Name":"tools","Version":"v1","Type":"dynamic"}},
                                    {"meta":{"Name":"BackingStore","Type":"writable"}}])"});
    say("plugin_providers", Answer{200, R"([{"Name":"ipmi","Version":"v2","AutoStart":true}])"});
    say("prefs", Answer{200, R"({"debugRenderer":"warn","baseTokenSecret":"hush"})"});
    say("profiles/global/params", Answer{200, R"({"ntp":"a"})"});
    say("plugins", Answer{200, "[]"});
    say("files/ux/ux-version.json", Answer{200, R"({"version":"v4"})"});
  }

  void say(const std::string& path, Result<Answer> answer) {
    answers_.insert_or_assign(path, std::move(answer));
  }
  void find_no_more(const std::string& path) { answers_.erase(path); }

  ReportedState read() {
    const Ask ask = [this](client::Request request) { return answer(request.target()); };
    Result<ReportedState> state = env::run(runtime_, [&] { return read_state(ask, "F", {}); });
    EXPECT_TRUE(state);
    return state ? std::move(*state) : ReportedState();
  }

  std::vector<std::string> asked;

 private:
  env::Task<Result<Answer>> answer(std::string target) {
    const std::string_view root = "/api/v3/";
    if (target.starts_with(root)) target.erase(0, root.size());
    asked.push_back(target);
    const auto found = answers_.find(target);
    co_return found == answers_.end() ? Answer{404, "{}"} : found->second;
  }

  std::map<std::string, Result<Answer>> answers_;  // what is not here is not found
  env::Runtime runtime_{1};
};

/// "state/prefs: it answers 500", of those that were not read.
std::vector<std::string> unread(const ReportedState& state) {
  std::vector<std::string> out;
  for (const AskedPart& part : state.parts) {
    if (part.outcome == Outcome::kRead) continue;
    out.push_back(fmt::format("{}{}: {}", part.outcome == Outcome::kRefused ? "refused " : "", part.name,
                              part.why.messages.front()));
  }
  return out;
}

TEST(ReportedStateTest, EveryPartIsAskedForAndSaid) {
  ScriptedEndpoint endpoint;
  const ReportedState state = endpoint.read();
  EXPECT_EQ(state.id, "F");
  EXPECT_TRUE(state.manages);
  EXPECT_EQ(state.counts, (Counts{{"machines", 7}}));
  ASSERT_EQ(state.told.components->size(), 2U);
  EXPECT_EQ(state.told.components->front().name, "tools");
  EXPECT_EQ(state.told.prefs, (std::map<std::string, std::string>{{"debugRenderer", "warn"}}));
  EXPECT_EQ(state.told.ux_version, "v4");
  EXPECT_EQ(state.told.configured_by, "") << "the marker is not found: nobody";
  EXPECT_THAT(unread(state), IsEmpty());
  EXPECT_EQ(state.parts.size(), kReportedParts.size());
  EXPECT_FALSE(state.cut);
}

TEST(ReportedStateTest, WhatCannotBeReadIsLeftOutAndKeepsNothingElseFromBeingRead) {
  struct Case {
    const char* asked;
    Result<Answer> answer;
    std::vector<std::string> unread;
    std::function<bool(const model::EndpointState&)> is_left_out;
  };
  const auto no_packs = [](const model::EndpointState& told) {
    return !told.components && !told.prerequisites && told.auto_start;
  };
  const auto no_providers = [](const model::EndpointState& told) {
    return !told.components && told.prerequisites && !told.auto_start;
  };
  const std::vector<Case> cases{
      {"contents", Answer{500, ""}, {"state/contents: it answers 500"}, no_packs},
      {"contents", Answer{403, ""}, {"refused state/contents: it answers 403"}, no_packs},
      {"contents", Answer{404, ""}, {"refused state/contents: it answers 404"}, no_packs},
      {"contents", Answer{200, "{}"}, {"state/contents: its answer cannot be read"}, no_packs},
      {"contents", Answer{200, "[{"}, {"state/contents: its answer cannot be read"}, no_packs},
      {"contents", Error(ErrorCode::kTooLarge, "too large"), {"state/contents: too large"}, no_packs},
      {"plugin_providers", Answer{503, ""}, {"state/plugin_providers: it answers 503"}, no_providers},
      {"prefs", Answer{500, ""}, {"state/prefs: it answers 500"}, [](const auto& t) { return !t.prefs; }},
      {"prefs",
       Answer{200, "[]"},
       {"state/prefs: its answer cannot be read"},
       [](const auto& t) { return !t.prefs; }},
      {"profiles/global/params",
       Answer{500, ""},
       {"state/global: it answers 500"},
       [](const auto& t) { return !t.global; }},
      {"plugins",
       Answer{500, ""},
       {"state/plugins: it answers 500"},
       [](const auto& t) { return !t.plugins; }},
      {"files/ux/ux-version.json",
       Answer{500, ""},
       {"state/ux: it answers 500"},
       [](const auto& t) { return !t.ux_version; }},
      {"profiles/mullion-configuration-lease",
       Answer{500, ""},
       {"state/lease: it answers 500"},
       [](const auto& t) { return !t.configured_by; }},
      {"profiles/mullion-configuration-lease",
       Answer{200, "?"},
       {"state/lease: its answer cannot be read"},
       [](const auto& t) { return !t.configured_by; }},
  };
  for (const Case& one : cases) {
    ScriptedEndpoint endpoint;
    endpoint.say(one.asked, one.answer);
    const ReportedState state = endpoint.read();
    EXPECT_EQ(unread(state), one.unread) << one.asked;
    EXPECT_TRUE(one.is_left_out(state.told)) << one.asked;
    EXPECT_FALSE(state.cut) << one.asked;
  }
}

TEST(ReportedStateTest, ThePortalSaysItsVersionInOneOfTwoFiles) {
  ScriptedEndpoint endpoint;
  endpoint.find_no_more("files/ux/ux-version.json");
  EXPECT_EQ(endpoint.read().told.ux_version, "") << "there is none";
  endpoint.say("files/ux/version", Answer{200, " v5 \r\nrest"});
  EXPECT_EQ(endpoint.read().told.ux_version, "v5");
  endpoint.say("files/ux/version", Answer{500, ""});
  const ReportedState state = endpoint.read();
  EXPECT_FALSE(state.told.ux_version);
  EXPECT_THAT(unread(state), ::testing::ElementsAre("state/ux: it answers 500")) << "the first was read";
}

TEST(ReportedStateTest, AfterARequestThatGetsNoAnswerNothingIsAsked) {
  ScriptedEndpoint endpoint;
  endpoint.say("prefs", Error(ErrorCode::kUnreachable, "it was cut"));
  const ReportedState state = endpoint.read();
  ASSERT_TRUE(state.cut);
  EXPECT_EQ(endpoint.asked.back(), "prefs");
  EXPECT_EQ(unread(state).size(), 5U) << "and the four behind it";
  EXPECT_TRUE(state.told.components) << "what was read before is told";
}

}  // namespace
}  // namespace mullion::mirror
