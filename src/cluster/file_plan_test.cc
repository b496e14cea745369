// Decisions about files, as tables.
#include "cluster/file_plan.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace mullion::cluster {
namespace {

using Look = files::FollowedTree::Look;
using namespace std::chrono_literals;

struct StepRow {
  const char* what;
  FileSight sight;
  FileStep wanted;
};

TEST(FilePlan, WhatBecomesOfAName) {
  const StepRow rows[] = {
      {"is as agreed", {true, Look::kSame, false, true, true, true}, FileStep::kNothing},
      {"never came", {true, Look::kAbsent, false, false, true, true}, FileStep::kFetch},
      {"its bytes are held", {true, Look::kAbsent, true, false, true, true}, FileStep::kPlace},
      {"was replaced", {true, Look::kDiffers, true, true, true, true}, FileStep::kPlace},
      {"was damaged", {true, Look::kDiffers, false, true, true, true}, FileStep::kFetch},
      {"another life had one", {true, Look::kDiffers, true, false, false, true}, FileStep::kSetAside},
      {"was deleted", {false, Look::kSame, false, true, true, true}, FileStep::kRemove},
      {"nobody ever had it", {false, Look::kSame, false, false, true, true}, FileStep::kNothing},
      {"another life left it", {false, Look::kSame, false, false, false, true}, FileStep::kSetAside},
      {"the list is not whole yet", {false, Look::kSame, false, false, false, false}, FileStep::kNothing},
      {"nor is it for a known one", {false, Look::kSame, false, true, true, false}, FileStep::kNothing},
      {"gone and forgotten", {false, Look::kAbsent, false, true, true, true}, FileStep::kNothing},
  };
  for (const StepRow& row : rows) EXPECT_EQ(next_step(row.sight), row.wanted) << row.what;
}

WantedFile wanted(std::string sha256, uint64_t size, bool hurry = false) {
  return {std::move(sha256), size, hurry, {}};
}
FilePeer peer(MemberId number, bool serves, bool complete, bool reachable = true) {
  return {number, true, reachable, serves, complete};
}
WantedFiles wanted_files(const std::vector<WantedFile>& files) {
  WantedFiles out;
  for (const WantedFile& file : files) {
    out.want(file.sha256, file.size);
    if (file.hurry) out.hurry(file.sha256);
    for (const auto& [peer, until] : file.not_before) out.leave_alone(file.sha256, peer, until);
  }
  return out;
}
std::string chosen(const std::optional<FetchChoice>& choice) {
  return choice ? choice->sha256 + std::to_string(choice->from) : "none";
}

TEST(FilePlan, WhatIsFetchedNextAndFromWhom) {
  const env::SteadyTime now = env::SteadyTime(1000s);
  WantedFile refused = wanted("a", 1);
  refused.not_before = {{2, now + 1s}, {3, now}};
  struct Row {
    const char* what;
    std::vector<WantedFile> files;
    std::vector<FilePeer> peers;
    std::map<std::string, MemberId> running;
    const char* expected;
  };
  const Row rows[] = {
      {"nothing is missing", {}, {peer(2, true, true)}, {}, "none"},
      {"nobody is there", {wanted("a", 1)}, {peer(2, true, true, false)}, {}, "none"},
      {"a passive one that has all", {wanted("a", 1)}, {peer(2, true, true), peer(3, false, true)}, {}, "a3"},
      {"the serving one before one that lacks some",
       {wanted("a", 1)},
       {peer(2, true, true), peer(3, false, false)},
       {},
       "a2"},
      {"also one that lacks some", {wanted("a", 1)}, {peer(3, false, false)}, {}, "a3"},
      {"the small one", {wanted("a", 9), wanted("b", 2)}, {peer(2, false, true)}, {}, "b2"},
      {"who waits", {wanted("a", 9, true), wanted("b", 2)}, {peer(2, false, true)}, {}, "a2"},
      {"not twice", {wanted("a", 1), wanted("b", 2)}, {peer(2, false, true)}, {{"a", 3}}, "b2"},
      {"one at a time from each", {wanted("b", 2)}, {peer(2, false, true)}, {{"a", 2}}, "none"},
      {"then from another", {wanted("b", 2)}, {peer(2, false, true), peer(3, true, true)}, {{"a", 2}}, "b3"},
      {"who failed is asked later", {refused}, {peer(2, false, true), peer(3, true, true)}, {}, "a3"},
      {"or not yet", {refused}, {peer(2, false, true)}, {}, "none"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(chosen(wanted_files(row.files).next(row.peers, row.running, now)), row.expected) << row.what;
}

TEST(FilePlan, WhatIsWantedKeepsItsOrderWhateverIsLearntOfIt) {
  const env::SteadyTime now = env::SteadyTime(1000s);
  const std::vector<FilePeer> peers{peer(2, false, true)};
  WantedFiles files = wanted_files({wanted("a", 9), wanted("b", 2), wanted("c", 5)});
  const auto next = [&] { return chosen(files.next(peers, {}, now)); };
  EXPECT_EQ(next(), "b2");
  files.hurry("a");
  EXPECT_EQ(next(), "a2");
  files.want("a", 9);
  EXPECT_EQ(next(), "a2") << "somebody still waits";
  files.leave_alone("a", 2, now + 1s);
  EXPECT_EQ(next(), "b2");
  files.want("b", 7);  // another record of it
  EXPECT_EQ(next(), "c2");
  files.forget("c");
  files.forget("c");
  EXPECT_EQ(next(), "b2");
  EXPECT_EQ(files.find("c"), nullptr);
  EXPECT_EQ(files.find("b")->size, 7U);
  files.hurry("nobody");
  files.leave_alone("nobody", 2, now);
  EXPECT_EQ(files.find("nobody"), nullptr);
}

TEST(FilePlan, WhoFailedIsLeftAloneForLongerTheWorseItWas) {
  EXPECT_GT(pause_after(ErrorCode::kCorrupt), pause_after(ErrorCode::kNotFound));
  EXPECT_GT(pause_after(ErrorCode::kNotFound), pause_after(ErrorCode::kUnreachable));
}

TEST(FilePlan, WhenAnUploadIsComplete) {
  struct Row {
    size_t voters, confirmed, refused;
    HoldFate expected;
  };
  const Row rows[] = {
      {1, 1, 0, HoldFate::kHeld},   {2, 1, 0, HoldFate::kWaits},  {2, 2, 0, HoldFate::kHeld},
      {2, 1, 1, HoldFate::kCannot}, {3, 1, 0, HoldFate::kWaits},  {3, 2, 0, HoldFate::kHeld},
      {3, 1, 1, HoldFate::kWaits},  {3, 1, 2, HoldFate::kCannot}, {3, 2, 1, HoldFate::kHeld},
      {4, 2, 1, HoldFate::kWaits},  {4, 2, 2, HoldFate::kCannot}, {5, 3, 2, HoldFate::kHeld},
      {5, 2, 3, HoldFate::kCannot}, {5, 2, 2, HoldFate::kWaits},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(fate_of_hold(row.voters, row.confirmed, row.refused), row.expected)
        << row.voters << " " << row.confirmed << " " << row.refused;
  }
  EXPECT_EQ(hold_patience(0), 30s);
  EXPECT_EQ(hold_patience(uint64_t{100} << 20), 130s);
}

TEST(FilePlan, WhoTakesOver) {
  struct Row {
    const char* what;
    std::vector<Successor> all;
    MemberId best;  // 0: nobody
    std::vector<MemberId> may;
  };
  const Row rows[] = {
      {"nobody", {}, 0, {}},
      {"who is furthest", {{2, 10, true, 0}, {3, 12, true, 0}}, 3, {2, 3}},
      {"who has all files", {{2, 10, true, 0}, {3, 12, false, 1}}, 2, {2}},
      {"who lacks fewest", {{2, 10, false, 1}, {3, 12, false, 7}}, 2, {2, 3}},
      {"who has not looked yet lacks some", {{2, 10, false, 0}, {3, 1, true, 0}}, 3, {3}},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(most_complete(row.all).value_or(0), row.best) << row.what;
    for (const MemberId number : {MemberId{2}, MemberId{3}, MemberId{4}}) {
      EXPECT_EQ(may_succeed(row.all, number), std::ranges::count(row.may, number) == 1) << row.what << number;
    }
  }
}

TEST(FilePlan, APaceIsKeptOnAverage) {
  const env::SteadyTime now = env::SteadyTime(1000s);
  FilePace free(0), slow(1000);
  EXPECT_EQ(free.take(1 << 30, now), 0s);
  EXPECT_EQ(slow.take(500, now), 500ms);
  EXPECT_EQ(slow.take(500, now), 1s);
  EXPECT_EQ(slow.take(500, now + 10s), 500ms);  // a pause is no credit
}

TEST(FilePlan, WhereAllMustHoldOneRefusalIsEnough) {
  EXPECT_EQ(fate_of_hold_by_all({}, {}, {}), HoldFate::kHeld) << "nobody is waited for";
  EXPECT_EQ(fate_of_hold_by_all({2, 3}, {2}, {}), HoldFate::kWaits);
  EXPECT_EQ(fate_of_hold_by_all({2, 3}, {2, 3}, {}), HoldFate::kHeld);
  EXPECT_EQ(fate_of_hold_by_all({2, 3}, {2}, {3}), HoldFate::kCannot);
  EXPECT_EQ(fate_of_hold_by_all({2}, {2}, {3}), HoldFate::kHeld) << "3 was left behind meanwhile";
}

}  // namespace
}  // namespace mullion::cluster
