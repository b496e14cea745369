#include "bulk/bulk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/members.h"

namespace mullion::bulk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr env::WallTime kNow{std::chrono::hours(1)};

Counts counts_of(std::initializer_list<std::pair<Outcome, uint64_t>> list) {
  Counts counts;
  for (const auto& [outcome, count] : list) counts[outcome] = count;
  return counts;
}

Bulk bulk_in(State state) {
  Bulk bulk;
  bulk.id = "b";
  bulk.state = state;
  bulk.started_by = "user:ann";
  bulk.counts[Outcome::kPending] = has_begun(state) ? 10 : 0;
  return bulk;
}

struct CommandCase {
  std::string command;
  std::vector<std::pair<State, State>> allowed;  // from, to
};

TEST(BulkCommands, FitSomeStatesOnly) {
  using enum State;
  const std::vector<State> all{kCreated, kPreviewed, kFreezing, kRunning, kAsking,
                               kPaused,  kStopped,   kDone,     kFailed};
  for (const CommandCase& one :
       {CommandCase{"start", {{kCreated, kFreezing}, {kPreviewed, kFreezing}}},
        CommandCase{"pause", {{kRunning, kPaused}, {kAsking, kPaused}}},
        CommandCase{"resume", {{kPaused, kRunning}, {kStopped, kRunning}}},
        CommandCase{"stop",
                    {{kFreezing, kStopped}, {kRunning, kStopped}, {kAsking, kStopped}, {kPaused, kStopped}}},
        CommandCase{"continue", {{kAsking, kRunning}}},
        CommandCase{"retry",
                    {{kPaused, kRunning}, {kStopped, kRunning}, {kDone, kRunning}, {kFailed, kRunning}}},
        CommandCase{"dance", {}}}) {
    for (const State from : all) {
      const Result<Bulk> next = obey(bulk_in(from), one.command, "user:bob", "run", kNow);
      const auto fits = std::ranges::find(one.allowed, from, &std::pair<State, State>::first);
      ASSERT_EQ(next.ok(), fits != one.allowed.end()) << one.command << " " << state_name(from);
      if (!next) {
        EXPECT_EQ(next.error().code, ErrorCode::kInvalid);
      } else {
        EXPECT_EQ(next->state, fits->second) << one.command << " " << state_name(from);
        EXPECT_EQ(next->started_by, lends_rights(one.command) ? "user:bob" : "user:ann") << one.command;
      }
    }
  }
}

TEST(BulkCommands, OneThatWasStoppedBeforeItsSelectionWasFrozenBeginsWithThat) {
  Bulk bulk = bulk_in(State::kStopped);
  bulk.counts = {};
  EXPECT_EQ(obey(bulk, "resume", "u", "", kNow)->state, State::kFreezing);
}

TEST(BulkStep, OneThatIsNotRunningDoesNothing) {
  using enum State;
  for (const State state : {kCreated, kPreviewed, kFreezing, kAsking, kPaused, kStopped, kDone, kFailed}) {
    const Step step = next_step(bulk_in(state), counts_of({{Outcome::kPending, 3}}), "", kNow);
    EXPECT_FALSE(step.changed || step.round || step.puts_back) << state_name(state);
    EXPECT_EQ(step.next.state, state);
  }
}

struct StepCase {
  std::string name;
  uint64_t stop_after, first;
  bool continued;
  uint64_t forgiven;
  std::string login;
  Counts counts;
  State state;
  std::optional<uint64_t> requests;  // of the round, when there is one
  std::string reason;
};

class BulkSteps : public ::testing::TestWithParam<StepCase> {};

TEST_P(BulkSteps, FollowFromWhatIsKnown) {
  const StepCase& one = GetParam();
  Bulk bulk = bulk_in(State::kRunning);
  bulk.concurrency = 4;
  bulk.stop_after = one.stop_after;
  bulk.first = one.first;
  bulk.continued = one.continued;
  bulk.forgiven = one.forgiven;
  const Step step = next_step(bulk, one.counts, one.login, kNow);
  EXPECT_EQ(step.next.state, one.state);
  EXPECT_EQ(step.changed, one.state != State::kRunning);
  EXPECT_EQ(step.round.has_value(), one.requests.has_value());
  if (step.round) {
    EXPECT_EQ(step.round->per_owner, 4U);
    EXPECT_EQ(step.round->requests, *one.requests);
  }
  EXPECT_THAT(step.next.reason, HasSubstr(one.reason));
  EXPECT_EQ(step.next.ended.has_value(), !is_active(one.state));
  EXPECT_EQ(step.next.counts, one.counts);
}

using enum Outcome;
constexpr uint64_t kAny = UINT64_MAX;

INSTANTIATE_TEST_SUITE_P(
    Table, BulkSteps,
    ::testing::Values(
        StepCase{"Begins", 0, 0, false, 0, "", counts_of({{kPending, 9}}), State::kRunning, kAny, ""},
        StepCase{"GoesOn", 3, 0, false, 0, "", counts_of({{kPending, 9}, {kRefused, 2}, {kRunning, 1}}),
                 State::kRunning, kAny, ""},
        StepCase{"WaitsForWhatIsUnderWay", 0, 0, false, 0, "", counts_of({{kRunning, 1}, {kDone, 9}}),
                 State::kRunning, std::nullopt, ""},
        StepCase{"Done", 0, 0, false, 0, "", counts_of({{kDone, 9}, {kLocked, 1}, {kNotAllowed, 2}}),
                 State::kDone, std::nullopt, ""},
        StepCase{"DoneButFor", 0, 0, false, 0, "", counts_of({{kDone, 9}, {kUnreachable, 1}, {kUnknown, 1}}),
                 State::kFailed, std::nullopt, "2 of 11 were not done"},
        StepCase{"StopsAfterFailures", 2, 0, false, 0, "",
                 counts_of({{kPending, 5}, {kRefused, 1}, {kUnknown, 1}}), State::kStopped, std::nullopt,
                 "after 2 failures"},
        StepCase{"StopWaitsForWhatIsUnderWay", 2, 0, false, 0, "",
                 counts_of({{kPending, 5}, {kRefused, 2}, {kRunning, 3}}), State::kRunning, std::nullopt, ""},
        StepCase{"ForgivenFailuresDoNotStop", 2, 0, false, 2, "", counts_of({{kPending, 5}, {kRefused, 3}}),
                 State::kRunning, kAny, ""},
        StepCase{"LaterFailuresDo", 2, 0, false, 2, "", counts_of({{kPending, 5}, {kRefused, 4}}),
                 State::kStopped, std::nullopt, "after 2"},
        StepCase{"SkippedOnesAreNoFailures", 1, 0, false, 0, "",
                 counts_of({{kPending, 5}, {kLocked, 3}, {kNotAllowed, 3}, {kAlreadySo, 3}}), State::kRunning,
                 kAny, ""},
        StepCase{"TheFirstFew", 0, 5, false, 0, "", counts_of({{kPending, 20}, {kDone, 1}, {kRunning, 1}}),
                 State::kRunning, 3, ""},
        StepCase{"TheFirstFewAreWaitedFor", 0, 5, false, 0, "",
                 counts_of({{kPending, 20}, {kDone, 4}, {kRunning, 1}}), State::kRunning, std::nullopt, ""},
        StepCase{"Asks", 0, 5, false, 0, "",
                 counts_of({{kPending, 20}, {kDone, 4}, {kRefused, 1}, {kLocked, 7}}), State::kAsking,
                 std::nullopt, "the first 5 are done"},
        StepCase{"AsksOnce", 0, 5, true, 0, "", counts_of({{kPending, 20}, {kDone, 5}}), State::kRunning,
                 kAny, ""},
        StepCase{"HasNothingToAskAtTheEnd", 0, 5, false, 0, "", counts_of({{kDone, 5}}), State::kDone,
                 std::nullopt, ""},
        StepCase{"FailuresCountBeforeTheQuestion", 1, 5, false, 0, "",
                 counts_of({{kPending, 20}, {kRefused, 5}}), State::kStopped, std::nullopt, "failures"},
        StepCase{"TheLoginEnded", 0, 0, false, 0, "revoked", counts_of({{kPending, 20}, {kDone, 5}}),
                 State::kStopped, std::nullopt, "the login of user:ann ended: revoked"},
        StepCase{"TheLoginEndedAtTheEnd", 0, 0, false, 0, "revoked", counts_of({{kDone, 5}}), State::kDone,
                 std::nullopt, ""}),
    [](const ::testing::TestParamInfo<StepCase>& info) { return info.param.name; });

TEST(BulkStep, ARetryWaitsForWhatIsUnderWay) {
  Bulk bulk = bulk_in(State::kRunning);
  bulk.retrying = true;
  EXPECT_FALSE(next_step(bulk, counts_of({{kRefused, 3}, {kRunning, 1}}), "", kNow).puts_back);
  EXPECT_TRUE(next_step(bulk, counts_of({{kRefused, 3}}), "", kNow).puts_back);
}

/// A whole life in virtual time: whatever requests answer, every object is asked about once, the bulk ends,
/// and it asks exactly when it should.
TEST(BulkStep, ALifeEnds) {
  Bulk bulk = bulk_in(State::kRunning);
  bulk.first = 3;
  bulk.concurrency = 2;
  Board board({{"", 0, 4}, {"R", 4, 10}}, std::vector<Outcome>(10, kPending));
  env::WallTime now = kNow;
  size_t questions = 0, sent = 0;
  for (int round = 0; round < 100 && is_active(bulk.state); ++round) {
    now += std::chrono::seconds(1);
    const Step step = next_step(bulk, board.counts(), "", now);
    bulk = step.next;
    if (bulk.state == State::kAsking) {
      ++questions;
      EXPECT_EQ(sent, 3U);
      bulk = *obey(bulk, "continue", "user:ann", "", now);
    }
    if (!step.round) {
      for (const uint64_t number : board.with(kRunning)) board.settle(number, kDone);
      continue;
    }
    sent += board.round(*step.round, [](uint64_t) { return std::nullopt; }).size();
    const std::vector<uint64_t> running = board.with(kRunning);
    if (!running.empty()) board.settle(running.front(), kDone);
  }
  EXPECT_EQ(bulk.state, State::kDone);
  EXPECT_EQ(questions, 1U);
  EXPECT_EQ(sent, 10U);
}

TEST(BulkObjects, ComeBackAsTheyWere) {
  Bulk bulk = bulk_in(State::kStopped);
  bulk.run = "r";
  bulk.reason = "why";
  bulk.started = kNow;
  bulk.forgiven = 2;
  bulk.continued = true;
  bulk.selection.count = 10;
  bulk.selection.at = "2026-01-01T00:00:00Z";
  bulk.counts = counts_of({{kDone, 4}, {kUnknown, 6}});
  json::object object{{"Id", "b"}, {"Selection", {{"Type", "machines"}}}};
  bulk.write(object);
  const Bulk back = Bulk::parse(object);
  EXPECT_EQ(back.state, bulk.state);
  EXPECT_EQ(back.reason, "why");
  EXPECT_EQ(back.run, "r");
  EXPECT_EQ(back.started, bulk.started);
  EXPECT_FALSE(back.ended);
  EXPECT_EQ(back.forgiven, 2U);
  EXPECT_TRUE(back.continued);
  EXPECT_FALSE(back.retrying);
  EXPECT_EQ(back.counts, bulk.counts);
  EXPECT_EQ(back.selection.count, 10U);
  EXPECT_EQ(back.selection.type, "machines");
  EXPECT_EQ(object.at("Counts").at("Total").to_number<int>(), 10);
}

TEST(BulkObjects, AreFixedOnceTheyHaveBegun) {
  const json::object before =
      model::parse_object(R"({"State":"created","What":{"Kind":"delete"},"First":0})");
  json::object after = before;
  after["What"] = json::object{{"Kind", "patch"}};
  EXPECT_THAT(fixed_faults(before, after), IsEmpty());
  json::object begun = before;
  begun["State"] = "paused";
  EXPECT_THAT(fixed_faults(begun, after), ElementsAre(HasSubstr("What: is fixed")));
  after = begun;
  after["Concurrency"] = 2;
  after["StopAfter"] = 9;
  EXPECT_THAT(fixed_faults(begun, after), IsEmpty());
  after["StopAfter"] = -1;
  EXPECT_THAT(fixed_faults(begun, after), ElementsAre(HasSubstr("StopAfter: is negative")));
}

TEST(BulkObjects, NameTheirFaults) {
  Bulk bulk;
  bulk.what.kind = OperationKind::kDelete;
  EXPECT_THAT(form_faults(bulk, nullptr), ElementsAre(HasSubstr("Selection.Type")));
  const model::ObjectType* machines = model::find_object_type("machines");
  EXPECT_THAT(form_faults(bulk, machines), IsEmpty());
  bulk.selection.filter = "Name=a";
  bulk.selection.keys = {"a"};
  EXPECT_THAT(form_faults(bulk, machines), ElementsAre(HasSubstr("not both")));
  bulk.selection.filter.clear();
  bulk.selection.keys.assign(10'001, "a");
  EXPECT_THAT(form_faults(bulk, machines), ElementsAre(HasSubstr("Selection.Keys: at most 10000")));
}

TEST(BulkObjects, AnotherNumberThanExpectedIsAConflict) {
  Bulk bulk;
  EXPECT_EQ(counted(bulk, 7, kNow)->selection.count, 7U);
  bulk.selection.count = 8;
  EXPECT_EQ(counted(bulk, 7, kNow).error().code, ErrorCode::kConflict);
  EXPECT_TRUE(counted(bulk, 8, kNow));
}

}  // namespace
}  // namespace mullion::bulk
