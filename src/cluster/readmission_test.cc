#include "cluster/readmission.h"

#include <gmock/gmock.h>

namespace mullion::cluster {
namespace {

TEST(Readmission, NextStep) {
  struct Case {
    const char* what;
    ReadmissionFacts facts;
    ReadmissionStep step;
  };
  const Case cases[] = {
      {"a member is taken off first", {.key_fits = true, .is_member = true}, ReadmissionStep::kTakeOff},
      {"then it is added", {.key_fits = true, .left_to_come = true}, ReadmissionStep::kAdd},
      {"then it is back", {.key_fits = true, .is_back = true}, ReadmissionStep::kDone},
      {"it is told again when the answer was lost",
       {.key_fits = true, .is_back = true, .just_came = true},
       ReadmissionStep::kDone},
      {"not over and over",
       {.key_fits = true, .is_member = true, .just_came = true},
       ReadmissionStep::kLater},
      {"what was begun is finished",
       {.key_fits = true, .left_to_come = true, .just_came = true},
       ReadmissionStep::kAdd},
      {"who was removed by somebody stays so", {.key_fits = true}, ReadmissionStep::kRefuse},
      {"no key", {.is_member = true}, ReadmissionStep::kRefuse},
      {"no key of somebody else",
       {.key_fits = true, .key_taken = true, .is_member = true},
       ReadmissionStep::kRefuse},
      {"not the serving member itself",
       {.key_fits = true, .is_serving = true, .is_member = true},
       ReadmissionStep::kRefuse},
  };
  for (const Case& one : cases) EXPECT_EQ(next_readmission_step(one.facts), one.step) << one.what;
}

std::string hex_key(char digit) { return std::string(64, digit); }

RosterMember member(MemberId number, char key) {
  return {number, "id-" + std::to_string(number), hex_key(key), "127.0.0.1:8093", "https://old", false, true};
}

Roster three() { return {"site", 4, {member(1, '1'), member(2, '2'), member(3, '3')}}; }

/// Step by step, as the serving member 1 agrees on them.
TEST(Readmission, AMemberBecomesAnotherOneWithTheSameId) {
  const ReadmissionRequest request{hex_key('9'), "https://new"};
  Roster roster = three();
  EXPECT_EQ(next_readmission_step(readmission_facts(roster, 1, 3, request)), ReadmissionStep::kTakeOff);
  roster = changed(roster, {ChangeKind::kRemove, 3, std::string(kReturns)});
  ASSERT_EQ(next_readmission_step(readmission_facts(roster, 1, 3, request)), ReadmissionStep::kAdd);
  const std::optional<RosterMember> back = returning_member(roster, 3, request);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->number, 4U);
  EXPECT_EQ(back->id, "id-3");
  EXPECT_EQ(back->address, "127.0.0.1:8093");
  EXPECT_EQ(back->api_url, "https://new");
  EXPECT_FALSE(back->voter) << "a copy comes first";
  roster = changed(roster, {ChangeKind::kAddLearner, back->number, encode_roster_member(*back)});
  EXPECT_EQ(next_readmission_step(readmission_facts(roster, 1, 3, request)), ReadmissionStep::kDone);
  EXPECT_EQ(returning_member(roster, 3, request)->number, 4U);
  EXPECT_EQ(next_readmission_step(readmission_facts(roster, 1, 3, {hex_key('8'), ""})),
            ReadmissionStep::kRefuse)
      << "once for each time that it was taken off";
}

TEST(Readmission, WhoWasRemovedBySomebodyDoesNotComeBackByItself) {
  const Roster roster = changed(three(), {ChangeKind::kRemove, 3, ""});
  EXPECT_EQ(next_readmission_step(readmission_facts(roster, 1, 3, {hex_key('9'), ""})),
            ReadmissionStep::kRefuse);
}

TEST(Readmission, NobodyTakesAnothersKey) {
  Roster roster = three();
  const auto step = [&](MemberId asking, std::string key) {
    return next_readmission_step(readmission_facts(roster, 1, asking, {std::move(key), ""}));
  };
  EXPECT_EQ(step(3, hex_key('2')), ReadmissionStep::kRefuse) << "a member's";
  EXPECT_EQ(step(3, hex_key('3')), ReadmissionStep::kRefuse) << "its own of before";
  EXPECT_EQ(step(1, hex_key('9')), ReadmissionStep::kRefuse) << "the serving member itself";
  EXPECT_EQ(step(7, hex_key('9')), ReadmissionStep::kRefuse) << "a stranger";
  for (const char* key : {"", "99", "g", "../../key"})
    EXPECT_EQ(step(3, key), ReadmissionStep::kRefuse) << key;
  roster = changed(roster, {ChangeKind::kRemove, 2, ""});
  EXPECT_EQ(step(3, hex_key('2')), ReadmissionStep::kRefuse) << "a former member's";
}

TEST(Readmission, TextsAreReadBack) {
  const Result<ReadmissionRequest> request =
      decode_readmission(encode_readmission({hex_key('9'), "https://x"}));
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->key, hex_key('9'));
  EXPECT_EQ(request->api_url, "https://x");
  const Result<Admission> answer =
      decode_readmission_answer(encode_readmission_answer(Admission{4, "site", encode_roster(three())}));
  ASSERT_TRUE(answer.ok()) << answer.error().text();
  EXPECT_EQ(answer->number, 4U);
  EXPECT_EQ(answer->ha_id, "site");
  const auto told = [](ErrorCode code) {
    return decode_readmission_answer(encode_readmission_answer(Error(code, "why"))).error().code;
  };
  EXPECT_EQ(told(ErrorCode::kForbidden), ErrorCode::kForbidden);
  EXPECT_EQ(told(ErrorCode::kUnavailable), ErrorCode::kUnavailable);
  EXPECT_EQ(told(ErrorCode::kInternal), ErrorCode::kUnavailable) << "is no word about this member";
}

TEST(Readmission, TextsThatAreNoneAreRefused) {
  for (const char* text : {"", "[]", "{", "null"}) {
    EXPECT_FALSE(decode_readmission(text).ok()) << text;
    EXPECT_FALSE(decode_readmission_answer(text).ok()) << text;
  }
  for (const char* text : {"{}", R"({"number":0,"ha_id":"","roster":"{}"})", R"({"number":"4"})",
                           R"({"number":4,"ha_id":"site","roster":"?"})"})
    EXPECT_FALSE(decode_readmission_answer(text).ok()) << text;
}

}  // namespace
}  // namespace mullion::cluster
