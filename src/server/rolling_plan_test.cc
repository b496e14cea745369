#include "server/rolling_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace mullion::server {
namespace {

using Next = RollingStep::Kind;
using Note = UpgradeNote::State;
using State = RollingUpgrade::State;
using Stage = MemberStage;
using namespace std::chrono_literals;

constexpr const char* kOld = "v1";
constexpr const char* kNew = "v2";

/// "a" serves, the others are passive; all have staged and are well.
RollingSight sight_of(const std::vector<std::string>& ids) {
  RollingSight out;
  out.upgrade = {"u", State::kRunning, kOld, kNew, 7, "sum", false, "somebody", "now", "", "", {}};
  for (const std::string& id : ids) {
    out.upgrade.members.push_back({id, "at-" + id, Stage::kWaits, ""});
    MemberSight member;
    member.id = id;
    member.active = id == "a";
    member.version = kOld;
    member.note = {Note::kStaged, "u", ""};
    out.members.push_back(member);
  }
  out.fail_over_safe = ids.size() > 1;
  return out;
}

MemberSight& member(RollingSight& sight, std::string_view id) {
  return *std::ranges::find(sight.members, id, &MemberSight::id);
}
void set(RollingSight& sight, std::string_view id, Stage stage) { sight.upgrade.find(id)->stage = stage; }
void done(RollingSight& sight, std::string_view id) {
  set(sight, id, Stage::kDone);
  member(sight, id).version = kNew;
  member(sight, id).note = {Note::kUpgraded, "u", ""};
}

struct StepCase {
  const char* name;
  std::vector<std::string> ids;
  std::function<void(RollingSight&)> change;
  RollingStep step;
};

class NextStep : public ::testing::TestWithParam<StepCase> {};

TEST_P(NextStep, IsAsTheTableSays) {
  RollingSight sight = sight_of(GetParam().ids);
  GetParam().change(sight);
  const RollingStep step = next_rolling_step(sight);
  EXPECT_EQ(step.kind, GetParam().step.kind) << step.text;
  EXPECT_EQ(step.member, GetParam().step.member);
  EXPECT_EQ(step.text, GetParam().step.text);
}

const std::vector<std::string> kThree = {"a", "b", "c"};
RollingStep waits(std::string text) { return {Next::kWait, "", std::move(text)}; }

const StepCase kSteps[] = {
    // --- before the first member
    {"NothingBeforeItRuns", kThree, [](RollingSight& s) { s.upgrade.state = State::kStaged; }, {}},
    {"NothingOnceItFailed", kThree, [](RollingSight& s) { s.upgrade.state = State::kFailed; }, {}},
    {"EverybodyHasThePackageFirst", kThree,
     [](RollingSight& s) {
       member(s, "c").note = {Note::kIdle, "u", ""};
     },
     waits("waits for at-c to have the package")},
    {"WhatIsSaidOfAnotherUpgradeDoesNotCount", kThree,
     [](RollingSight& s) { member(s, "b").note.upgrade = "another"; },
     waits("waits for at-b to have the package")},
    {"AlsoTheOneThatServes", kThree,
     [](RollingSight& s) {
       member(s, "a").note = {Note::kIdle, "u", ""};
     },
     waits("waits for at-a to have the package")},
    {"AMemberThatIsAwayIsWaitedFor", kThree, [](RollingSight& s) { member(s, "c").online = false; },
     waits("waits for at-c to come back")},
    {"ButNotForEver",
     kThree,
     [](RollingSight& s) {
       member(s, "c").online = false;
       s.unchanged = s.rest_patience;
     },
     {Next::kFail, "c", "it was waited for to come back for 900 s"}},
    {"APackageThatOneRefusesEndsIt",
     kThree,
     [](RollingSight& s) {
       member(s, "b").note = {Note::kRefused, "u", "no room"};
     },
     {Next::kFail, "b", "no room"}},
    {"OneThatWasRemovedIsNotWaitedFor",
     kThree,
     [](RollingSight& s) { s.members.pop_back(); },
     {Next::kSkip, "c", "it was removed from the cluster"}},
    // --- the order
    {"APassiveMemberFirst", kThree, [](RollingSight&) {}, {Next::kOrder, "b", ""}},
    {"AnObserverBeforeThat",
     kThree,
     [](RollingSight& s) { member(s, "c").observer = true; },
     {Next::kOrder, "c", ""}},
    {"OneByOne", kThree, [](RollingSight& s) { done(s, "b"); }, {Next::kOrder, "c", ""}},
    {"WhoeverServesNow",
     kThree,
     [](RollingSight& s) {
       done(s, "b");
       member(s, "a").active = false;
       member(s, "b").active = true;
     },
     {Next::kOrder, "a", ""}},
    {"OneThatIsLeftOutHasNoTurn",
     kThree,
     [](RollingSight& s) { set(s, "b", Stage::kSkipped); },
     {Next::kOrder, "c", ""}},
    {"ThenTheLeadGoesToOneThatIsUpgraded",
     kThree,
     [](RollingSight& s) {
       set(s, "b", Stage::kSkipped);
       done(s, "c");
     },
     {Next::kHandOver, "c", ""}},
    {"OrToAnother",
     kThree,
     [](RollingSight& s) {
       set(s, "b", Stage::kSkipped);
       set(s, "c", Stage::kSkipped);
     },
     {Next::kHandOver, "b", ""}},
    {"NeverToAnObserver",
     kThree,
     [](RollingSight& s) {
       done(s, "b");
       done(s, "c");
       member(s, "b").observer = true;
     },
     {Next::kHandOver, "c", ""}},
    {"AllDone",
     kThree,
     [](RollingSight& s) {
       for (const char* id : {"a", "b", "c"}) done(s, id);
     },
     {Next::kFinish, "", ""}},
    // --- a turn
    {"AMemberThatTries", kThree,
     [](RollingSight& s) {
       set(s, "b", Stage::kOrdered);
       member(s, "b").note.state = Note::kTrying;
     },
     waits("waits for at-b while its new program is tried")},
    {"AMemberThatRestarts", kThree,
     [](RollingSight& s) {
       set(s, "b", Stage::kOrdered);
       member(s, "b").online = false;
     },
     waits("waits for at-b to come back")},
    {"NobodyElseMeanwhile", kThree,
     [](RollingSight& s) {
       set(s, "c", Stage::kOrdered);
       member(s, "c").note = {Note::kStaged, "u", ""};
     },
     waits("waits for at-c to begin")},
    {"AMemberThatCatchesUp", kThree,
     [](RollingSight& s) {
       done(s, "b");
       set(s, "b", Stage::kOrdered);
       member(s, "b").in_step = false;
     },
     waits("waits for at-b to be in step with the others")},
    {"AnotherVersionIsNotDone", kThree,
     [](RollingSight& s) {
       done(s, "b");
       set(s, "b", Stage::kOrdered);
       member(s, "b").version = kOld;
     },
     waits("waits for at-b to begin")},
    {"ATurnEnds",
     kThree,
     [](RollingSight& s) {
       done(s, "b");
       set(s, "b", Stage::kOrdered);
     },
     {Next::kDone, "b", ""}},
    {"AWayBackEndsItAll",
     kThree,
     [](RollingSight& s) {
       set(s, "b", Stage::kOrdered);
       member(s, "b").note = {Note::kTakenBack, "u", "it crashed"};
     },
     {Next::kFail, "b", "it crashed"}},
    {"SoDoesSilence",
     kThree,
     [](RollingSight& s) {
       set(s, "b", Stage::kOrdered);
       member(s, "b").online = false;
       s.unchanged = s.turn_patience;
     },
     {Next::kFail, "b", "it was waited for to come back for 300 s"}},
    // --- safety
    {"NotWhileTheMajorityHangsOnIt", kThree,
     [](RollingSight& s) {
       done(s, "c");
       member(s, "c").in_step = false;
     },
     waits("waits until it is safe: 2 of 3 must stay, and 1 would")},
    {"NotWhileFailingOverIsNotSafe", kThree, [](RollingSight& s) { s.fail_over_safe = false; },
     waits("waits until it is safe: failing over is not safe")},
    {"NorTheHandOver", kThree,
     [](RollingSight& s) {
       done(s, "b");
       done(s, "c");
       s.fail_over_safe = false;
     },
     waits("waits until it is safe: failing over is not safe")},
    {"ThatHasAnEndToo",
     kThree,
     [](RollingSight& s) {
       s.fail_over_safe = false;
       s.unchanged = s.rest_patience;
     },
     {Next::kFail, "", "failing over is not safe for 900 s"}},
    {"FiveStandTheLossOfOneMore",
     {"a", "b", "c", "d", "e"},
     [](RollingSight& s) {
       done(s, "e");
       member(s, "e").online = false;
     },
     {Next::kOrder, "b", ""}},
    // --- small clusters
    {"OneAlone", {"a"}, [](RollingSight&) {}, {Next::kOrder, "a", ""}},
    {"TwoPauseMeanwhile", {"a", "b"}, [](RollingSight&) {}, {Next::kOrder, "b", ""}},
    {"TwoHandOver", {"a", "b"}, [](RollingSight& s) { done(s, "b"); }, {Next::kHandOver, "b", ""}},
    {"OnlyObserversBesides",
     kThree,
     [](RollingSight& s) {
       for (const char* id : {"b", "c"}) {
         done(s, id);
         member(s, id).observer = true;
       }
       s.fail_over_safe = false;
     },
     {Next::kOrder, "a", ""}},
};

INSTANTIATE_TEST_SUITE_P(Table, NextStep, ::testing::ValuesIn(kSteps),
                         [](const auto& info) { return info.param.name; });

TEST(RollingPlan, WhatCannotBegin) {
  const auto why = [](const RollingSight& sight, std::string_view only = "", bool skip = false) {
    const std::optional<Error> error = cannot_begin(sight.members, only, skip);
    return error ? error->messages.front() : "";
  };
  RollingSight sight = sight_of(kThree);
  EXPECT_EQ(why(sight), "");
  EXPECT_EQ(why(sight, "nobody"), "nobody is no member of this cluster");
  member(sight, "c").online = false;
  EXPECT_EQ(why(sight), "member c is not there: with skipOffline it is left out");
  EXPECT_EQ(why(sight, "", true), "");
  EXPECT_EQ(why(sight, "b"), "") << "the others are none of its business";
  EXPECT_EQ(why(sight, "c", true), "member c is not there: with skipOffline it is left out");
  member(sight, "b").note = {};
  EXPECT_EQ(why(sight, "", true), "member b runs v1, which has to be replaced by hand");
}

TEST(RollingPlan, WhatIsAgreedIsReadAgain) {
  RollingUpgrade upgrade = sight_of(kThree).upgrade;
  upgrade.force = true;
  for (const State state : {State::kStaged, State::kRunning, State::kDone, State::kFailed, State::kStopped}) {
    upgrade.state = state;
    EXPECT_EQ(decode_rolling(encode_rolling(upgrade)).value(), upgrade);
  }
  for (const Stage stage : {Stage::kOrdered, Stage::kDone, Stage::kFailed, Stage::kSkipped}) {
    upgrade.members[1].stage = stage;
    upgrade.members[1].text = "why \"not\"";
    EXPECT_EQ(decode_rolling(encode_rolling(upgrade)).value(), upgrade);
  }
  for (const char* text : {"", "[]", "{}", R"({"id":1})"})
    EXPECT_EQ(decode_rolling(text).error().code, ErrorCode::kCorrupt) << text;
}

TEST(RollingPlan, NotesAreReadAgain) {
  for (const Note state :
       {Note::kIdle, Note::kStaged, Note::kRefused, Note::kTrying, Note::kUpgraded, Note::kTakenBack}) {
    const UpgradeNote note{state, "u", "two words"};
    EXPECT_EQ(decode_note(encode_note(note)), note);
  }
  EXPECT_LE(encode_note({Note::kRefused, "u", std::string(5000, 'x')}).size(), 1024U);
  for (const char* text : {"", "staged", "staged u", "other u why"})
    EXPECT_EQ(decode_note(text), UpgradeNote()) << text;
}

TEST(RollingPlan, WhatAMemberSaysOfItself) {
  const UpgradeOutcome good{true, "v1", "v2", "", ""}, bad{false, "v1", "v2", "it hung", ""};
  const OwnTurn other{"t", true, false, ""}, staged{"u", false, false, ""}, ordered{"u", true, false, ""};
  struct Case {
    OwnStanding standing;
    Note state;
    std::string text;
  };
  const Case cases[] = {
      {{{}, false, false, {}, ""}, Note::kIdle, ""},
      {{{}, false, false, {}, "no room"}, Note::kRefused, "no room"},
      {{other, false, true, good, ""}, Note::kIdle, ""},
      {{staged, false, true, {}, ""}, Note::kStaged, ""},
      {{staged, false, false, {}, ""}, Note::kIdle, ""},
      {{staged, false, true, bad, ""}, Note::kStaged, ""},
      {{ordered, true, false, {}, ""}, Note::kTrying, ""},
      {{ordered, false, false, good, ""}, Note::kUpgraded, ""},
      {{ordered, false, false, bad, ""}, Note::kTakenBack, "rolled back from v2 to v1: it hung"},
      {{ordered, false, true, {}, ""}, Note::kTakenBack, "it was stopped before its upgrade began"},
      {{OwnTurn{"u", true, true, ""}, false, false, {}, ""}, Note::kUpgraded, ""},
      {{OwnTurn{"u", true, false, "no room"}, false, true, {}, ""}, Note::kTakenBack, "no room"},
  };
  for (const Case& one : cases)
    EXPECT_EQ(own_note(one.standing, "u"), (UpgradeNote{one.state, "u", one.text})) << &one - cases;
}

TEST(RollingPlan, HowItEndedNamesWhoRunsWhat) {
  RollingSight sight = sight_of(kThree);
  done(sight, "b");
  sight.upgrade.state = State::kFailed;
  sight.upgrade.text = "at-c: it crashed";
  EXPECT_EQ(closing_text(sight.upgrade, sight.members),
            "the upgrade to v2 ended: at-c: it crashed (v1: at-a, at-c; v2: at-b)");
  for (const char* id : {"a", "c"}) done(sight, id);
  sight.upgrade.state = State::kDone;
  EXPECT_EQ(closing_text(sight.upgrade, sight.members), "upgraded v1 -> v2 (v2: at-a, at-b, at-c)");
}

}  // namespace
}  // namespace mullion::server
