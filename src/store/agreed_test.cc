// Databases that several servers keep: places, copies, and what a step that fails leaves.
#include <gmock/gmock.h>

#include "store/store_contract.h"

namespace mullion::store {
namespace {

/// Agrees to everything, at places that count up.
class CountingSequencer final : public Sequencer {
 public:
  Result<AgreedPlace> agree(const std::vector<Command>& group) override {
    commands.insert(commands.end(), group.begin(), group.end());
    return group.empty() ? AgreedPlace{} : AgreedPlace{++index, 7};
  }
  void committed(const AgreedPlace& place) override { told.push_back(place.index); }
  bool shared() const override { return true; }

  uint64_t index = 10;
  std::vector<uint64_t> told;
  std::vector<Command> commands;
};

class AgreedStore : public StoreContract {
 protected:
  std::unique_ptr<Store> open_shared(std::shared_ptr<Sequencer> sequencer) {
    Options options = options_in(leading_.path());
    options.clock = &clock_;
    options.sequencer = std::move(sequencer);
    options.last_commit_may_go = true;
    return GetParam() == "Memory" ? open_memory_store(options) : must_open(options);
  }
  /// As it is found when it is opened again; in memory there is no again.
  void reopen() {
    if (GetParam() == "Memory") return;
    store_.reset();
    store_ = must_open(options_in(directory_.path()));
  }
  TempDirectory leading_;
  std::shared_ptr<CountingSequencer> sequencer_ = std::make_shared<CountingSequencer>();
};
INSTANTIATE_TEST_SUITE_P(Engines, AgreedStore, every_engine(), engine_name);

TEST_P(AgreedStore, OneThatNobodySharesStandsNowhere) {
  must_commit(*store_, {put("jobs", "a", "1")});
  EXPECT_EQ(store_->agreed(), AgreedState());
}

TEST_P(AgreedStore, AGroupIsStoredWithItsPlaceWhichIsToldAfterwards) {
  const auto leader = open_shared(sequencer_);
  must_commit(*leader, {put("jobs", "a", "1")});
  must_commit(*leader, {put("jobs", "b", "1")});
  EXPECT_EQ(leader->agreed().place, (AgreedPlace{12, 7}));
  EXPECT_THAT(sequencer_->told, ::testing::ElementsAre(11, 12));
}

TEST_P(AgreedStore, RefusalsAloneTakeNoPlace) {
  const auto leader = open_shared(sequencer_);
  must_commit(*leader, {put("jobs", "a", "1")});
  Batch conflict = batch_of({put("jobs", "a", "2")});
  conflict.changes[0].expect = Expect::kAbsent;
  EXPECT_EQ(leader->commit_sync(conflict).error().code, ErrorCode::kConflict);
  EXPECT_EQ(leader->agreed().place.index, 11u);
  EXPECT_THAT(sequencer_->told, ::testing::ElementsAre(11));
}

TEST_P(AgreedStore, AFollowerKeepsThePlaceOfWhatItApplied) {
  const auto leader = open_shared(sequencer_);
  for (const char* key : {"a", "b", "c"}) must_commit(*leader, {put("jobs", key, "1")});
  ASSERT_TRUE(store_->apply(sequencer_->commands, {{13, 7}, "conf", "members"}).ok());
  ASSERT_TRUE(store_->apply({}, {{14, 8}, std::nullopt, "others"}).ok());
  reopen();
  EXPECT_EQ(store_->agreed(), (AgreedState{{14, 8}, "conf", "others"}));
  EXPECT_EQ(body_of(*store_->snapshot(), "jobs", "c"), "1");
  EXPECT_EQ(store_->newest().seq, 3u);
}

TEST_P(AgreedStore, APlaceThatDoesNotFollowIsRefusedWithItsCommands) {
  const auto leader = open_shared(sequencer_);
  must_commit(*leader, {put("jobs", "a", "1")});
  ASSERT_TRUE(store_->apply({}, {{20, 7}, "conf", {}}).ok());
  for (const uint64_t index : {19u, 20u}) {
    const Result<void> done = store_->apply(sequencer_->commands, {{index, 7}, "other", {}});
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code, ErrorCode::kInvalid);
  }
  EXPECT_EQ(body_of(*store_->snapshot(), "jobs", "a"), "-");
  EXPECT_EQ(store_->agreed(), (AgreedState{{20, 7}, "conf", ""}));
}

TEST_P(AgreedStore, ADifferingDigestLeavesThePlaceWhereItWas) {
  const auto leader = open_shared(sequencer_);
  must_commit(*leader, {put("jobs", "a", "1")});
  must_commit(*leader, {put("jobs", "b", "1")});
  sequencer_->commands[0].writes.clear();
  sequencer_->commands[0].digests.clear();  // as if this database had lost an object
  const Result<void> done = store_->apply(sequencer_->commands, {{12, 7}, {}, {}});
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(store_->agreed().place.index, 0u);
}

TEST_P(AgreedStore, AStepIsTakenOrRefusedByWhoDecides) {
  const auto decide = [](Result<AgreedStep> step) { return [step] { return step; }; };
  ASSERT_TRUE(store_->step(decide(AgreedStep{{3, 1}, "conf", "members"})).ok());
  const Result<void> refused = store_->step(decide(Error(ErrorCode::kUnavailable, "no lead")));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  reopen();
  EXPECT_EQ(store_->agreed(), (AgreedState{{3, 1}, "conf", "members"}));
}

TEST_P(AgreedStore, ACopyIsTheSameDatabaseAtAKnownPlace) {
  if (GetParam() == "Memory") GTEST_SKIP() << "a store in memory has no file";
  const auto leader = open_shared(sequencer_);
  must_commit(*leader, {put("jobs", "a", "1")});
  const Result<AgreedState> copied = leader->copy(directory_.path() / "copy");
  ASSERT_TRUE(copied.ok()) << copied.error().text();
  EXPECT_EQ(copied->place, (AgreedPlace{11, 7}));
  must_commit(*leader, {put("jobs", "b", "1")});
  const auto copy = must_open(options_in(directory_.path() / "copy"));
  EXPECT_EQ(copy->newest().epoch, leader->newest().epoch) << "it goes on where the other one was";
  EXPECT_EQ(body_of(*copy->snapshot(), "jobs", "b"), "-");
  ASSERT_TRUE(copy->apply({sequencer_->commands.back()}, {{12, 7}, {}, {}}).ok());
  EXPECT_EQ(contents(*copy->snapshot()), contents(*leader->snapshot()));
}

TEST(ReadAgreed, SaysWhenThereIsNoDatabase) {
  const TempDirectory directory;
  const Result<AgreedState> read = read_agreed(directory.path());
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace mullion::store
