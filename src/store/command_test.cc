// Commands as bytes, and what a second server makes of them.
#include "store/command.h"

#include <gmock/gmock.h>

#include <functional>
#include <map>
#include <optional>
#include <random>

#include "env/clock_testing.h"
#include "store/internal/store_impl.h"
#include "store/store_testing.h"

namespace mullion::store {
namespace {

using internal::Table;
using testing::ElementsAre;
using testing::IsEmpty;

Command sample() {
  Command out;
  out.seq = 7;
  out.time = env::WallTime(std::chrono::seconds(1'700'000'000));
  out.origin = Origin{"east", {5, 6}};
  out.forget_origin = "west";
  out.principal = "user:ann";
  out.update_action = "update";
  out.writes = {{{"machines", "", "a"}, std::string("\0x", 2)}, {{"tasks", std::string(kLayered), "t"}, {}}};
  out.secrets = {{"users", "ann", "hash"}, {"users", "bob", std::nullopt}};
  out.dictionaries = {{3, "machines", "bytes"}};
  out.log_start = 4;
  out.digests = {{"machines", "", {1, 2}, 3}};
  return out;
}

TEST(CommandBytes, AreReadBackWhole) {
  const Result<Command> again = decode_command(encode_command(sample()));
  ASSERT_TRUE(again.ok()) << again.error().text();
  EXPECT_EQ(*again, sample());
  const Result<Command> empty = decode_command(encode_command({}));
  ASSERT_TRUE(empty.ok());
  EXPECT_EQ(*empty, Command());
}

TEST(CommandBytes, EveryFlippedByteAndEveryCutIsNoticed) {
  const std::string bytes = encode_command(sample());
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    EXPECT_FALSE(decode_command(damaged).ok()) << i;
    EXPECT_FALSE(decode_command(std::string_view(bytes).substr(0, i)).ok()) << i;
  }
  EXPECT_FALSE(decode_command(bytes + "x").ok());
}

TEST(CommandBytes, OnlyLayeredObjectsMayNotLeaveTheServer) {
  EXPECT_TRUE(may_leave({{"machines", std::string(kOwn), "a"}, "body"}));
  EXPECT_TRUE(may_leave({{"machines", "east", "a"}, std::nullopt}));
  EXPECT_FALSE(may_leave({{"machines", std::string(kLayered), "a"}, "body"}));
}

/// Agrees to everything, or to nothing, and keeps what was agreed as bytes.
class RecordingSequencer final : public Sequencer {
 public:
  Result<AgreedPlace> agree(const std::vector<Command>& group) override {
    if (!leads) return Error(ErrorCode::kUnavailable, "not the leader");
    for (const Command& command : group) agreed.push_back(encode_command(command));
    return AgreedPlace{};
  }
  bool shared() const override { return true; }

  bool leads = true;
  std::vector<std::string> agreed;
};

/// Every row of every table but what a database was born with.
using TableRows = std::map<std::pair<int, std::string>, std::string>;
TableRows rows_of(const Store& store) {
  const auto& opened = dynamic_cast<const internal::StoreImpl&>(store);
  TableRows out;
  const auto view = std::move(opened.engine().begin_read().value());
  for (int table = 0; table < static_cast<int>(internal::kTableCount); ++table) {
    const auto cursor = view->cursor(static_cast<Table>(table));
    for (bool more = cursor->seek(""); more; more = cursor->next())
      out[{table, std::string(cursor->key())}] = cursor->value();
  }
  out.erase({static_cast<int>(Table::kMeta), "epoch"});
  return out;
}

class Sequenced : public testing::Test {
 protected:
  static std::unique_ptr<Store> open(Options options) {
    auto store = internal::StoreImpl::open(internal::open_memory_engine(), options);
    EXPECT_TRUE(store.ok());
    return std::move(*store);
  }
  static Options limits() {
    Options out;
    out.log_max_bytes = 64 << 10;
    return out;
  }
  Options leading() {
    Options out = limits();
    out.sequencer = sequencer_;
    out.clock = &clock_;
    return out;
  }
  /// Hands everything that was agreed since the last call to `follower`, some commands at a time.
  void replay(Store& follower) {
    std::vector<Command> commands;
    for (; replayed_ < sequencer_->agreed.size(); ++replayed_) {
      Result<Command> command = decode_command(sequencer_->agreed[replayed_]);
      ASSERT_TRUE(command.ok());
      commands.push_back(std::move(*command));
      if (commands.size() < 1 + replayed_ % 5) continue;
      const Result<void> applied = follower.apply(std::exchange(commands, {}));
      ASSERT_TRUE(applied.ok()) << applied.error().text();
    }
    if (commands.empty()) return;
    const Result<void> applied = follower.apply(commands);
    ASSERT_TRUE(applied.ok()) << applied.error().text();
  }

  env::TwoHandedClock clock_;
  std::shared_ptr<RecordingSequencer> sequencer_ = std::make_shared<RecordingSequencer>();
  size_t replayed_ = 0;
};

Batch random_effects(std::mt19937& random) {
  const auto pick = [&](size_t count) { return static_cast<size_t>(random() % count); };
  const std::vector<std::string> owners{std::string(kOwn), std::string(kOwn), std::string(kLayered), "east",
                                        "west"};
  const std::vector<std::string> types{"machines", "tasks", "jobs"};
  Batch batch;
  for (size_t i = 0; i <= pick(4); ++i) {
    Change change;
    change.id = {types[pick(3)], owners[pick(5)], fmt::format("key-{}", pick(30))};
    if (pick(4) != 0) change.body = fmt::format(R"({{"Number":{},"Text":"{}"}})", pick(1000), pick(1 << 30));
    batch.changes.push_back(std::move(change));
  }
  if (pick(3) == 0) {
    std::optional<std::string> value;
    if (pick(4) != 0) value = fmt::format("value {}", pick(100));
    batch.secrets.push_back({"users", fmt::format("user-{}", pick(5)), value});
  }
  if (pick(5) == 0) batch.origin = Origin{owners[3 + pick(2)], {pick(9), pick(9)}};
  if (pick(9) == 0) batch.forget_origin = "west";
  batch.principal = "user:ann";
  return batch;
}

TEST_F(Sequenced, CommandsLeaveTheSameRowsEverywhere) {
  const auto leader = open(leading());
  const auto follower = open(limits());
  std::mt19937 random(20261130);
  for (int round = 0; round < 1500; ++round) {
    clock_.advance(std::chrono::milliseconds(random() % 50));
    (void)leader->commit_sync(random_effects(random));
    if (round % 100 == 0) {
      replay(*follower);
      ASSERT_EQ(rows_of(*follower), rows_of(*leader)) << round;
    }
  }
  replay(*follower);
  EXPECT_EQ(rows_of(*follower), rows_of(*leader));
  EXPECT_EQ(follower->newest().seq, leader->newest().seq);
  EXPECT_EQ(contents(*follower->snapshot()), contents(*leader->snapshot()));
  const TableRows rows = rows_of(*leader);
  const auto dictionary = rows.lower_bound({static_cast<int>(Table::kMeta), "dictionary/"});
  EXPECT_TRUE(dictionary->first.second.starts_with("dictionary/"))
      << "nothing was trained: the test shows less";
  EXPECT_LT(leader->statistics().log_commits, 1500u) << "nothing was trimmed: the test shows less";
}

TEST_F(Sequenced, AFollowerPublishesWhatItApplies) {
  const auto leader = open(leading());
  const auto follower = open(limits());
  const auto feed = attach_feed(*follower, "test", {.everything = true});
  Batch batch = batch_of({put("jobs", "a", "1")});
  batch.principal = "user:ann";
  batch.update_action = "update";
  must_commit(*leader, batch);
  replay(*follower);
  const auto told = feed->take().commits;
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0]->principal, "user:ann");
  EXPECT_EQ(told[0]->update_action, "update");
  EXPECT_EQ(told[0]->changes[0].body, "1");
}

TEST_F(Sequenced, CommandsOutOfOrderAreRefusedWhole) {
  const auto follower = open(limits());
  Command first, third;
  first.seq = 1;
  third.seq = 3;
  const Result<void> gap = follower->apply({first, third});
  ASSERT_FALSE(gap.ok());
  EXPECT_EQ(gap.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(follower->newest().seq, 0u);
  EXPECT_TRUE(follower->apply({first}).ok());
  EXPECT_FALSE(follower->apply({first}).ok()) << "twice is once too often";
}

TEST_F(Sequenced, ADatabaseThatDiffersIsNoticedByTheFirstCommandOfTheType) {
  const auto leader = open(leading());
  const auto follower = open(limits());
  must_commit(*leader, {put("jobs", "a", "1")});
  must_commit(*follower, {put("jobs", "a", "another")});
  replayed_ = 1;
  must_commit(*leader, {put("jobs", "b", "2")});
  const Result<void> applied = follower->apply({*decode_command(sequencer_->agreed[1])});
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(body_of(*follower, "jobs", "b"), "-");
}

TEST_F(Sequenced, WhatIsNotAgreedLeavesNothingAndIsNotRefusedForItself) {
  const auto leader = open(leading());
  must_commit(*leader, {put("jobs", "a", "1")});
  const TableRows before = rows_of(*leader);
  sequencer_->leads = false;
  Batch fine = batch_of({put("jobs", "b", "2")});
  Batch conflict = batch_of({put("jobs", "a", "2")});
  conflict.changes[0].expect = Expect::kAbsent;
  for (const Batch& batch : {fine, conflict}) {
    const Result<Cursor> done = leader->commit_sync(batch);
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code, ErrorCode::kUnavailable);
  }
  EXPECT_EQ(rows_of(*leader), before);
  EXPECT_EQ(body_of(*leader, "jobs", "b"), "-");
  sequencer_->leads = true;
  const Cursor next = must_commit(*leader, {put("jobs", "c", "3")});
  EXPECT_EQ(next.seq, 2u) << "no sequence number was used up";
  EXPECT_EQ(leader->commit_sync(conflict).error().code, ErrorCode::kConflict);
  const auto follower = open(limits());
  replay(*follower);
  EXPECT_EQ(rows_of(*leader), rows_of(*follower)) << "nor do its bytes count as bytes of the log";
}

TEST_F(Sequenced, EachCommandOfAGroupHasTheDigestsOfItsOwnObjects) {
  Options options = leading();
  std::vector<std::function<void()>> writes;
  options.writer = [&](std::function<void()> write) { writes.push_back(std::move(write)); };
  const auto leader = open(options);
  for (const char* type : {"jobs", "tasks"})
    leader->commit(batch_of({put(type, "a", "1")}), [](const auto& done) { EXPECT_TRUE(done.ok()); });
  for (const auto& write : writes) write();
  ASSERT_EQ(sequencer_->agreed.size(), 2u);
  const auto follower = open(limits());
  for (const std::string& bytes : sequencer_->agreed) {
    const Command command = *decode_command(bytes);
    ASSERT_EQ(command.digests.size(), 1u) << command.seq;
    EXPECT_EQ(command.digests[0].type, command.writes[0].id.type);
    EXPECT_TRUE(follower->apply({command}).ok());
  }
}

/// It says that the replica is gone: until then it is known whose objects these are.
TEST_F(Sequenced, ALargeOwnerIsForgottenWithItsLastPiece) {
  const auto leader = open(leading());
  constexpr int kObjects = 20'001;
  Batch batch;
  for (int i = 0; i < kObjects; ++i) batch.changes.push_back(put("jobs", std::to_string(i), "1", "east"));
  batch.origin = Origin{"east", {5, 6}};
  must_commit(*leader, std::move(batch));
  ASSERT_TRUE(leader->drop_owner("east").ok());
  ASSERT_EQ(sequencer_->agreed.size(), 3u);
  EXPECT_EQ(decode_command(sequencer_->agreed[1])->forget_origin, "");
  EXPECT_EQ(decode_command(sequencer_->agreed[2])->forget_origin, "east");
  EXPECT_THAT(leader->snapshot()->remote_owners(), IsEmpty());
}

TEST_F(Sequenced, WhatWaitsIsWrittenAndAnsweredWhenTheStoreEnds) {
  Options options = leading();
  options.writer = [](const std::function<void()>&) {};  // too late
  std::optional<bool> answered;
  {
    const auto leader = open(options);
    leader->commit(batch_of({put("jobs", "a", "1")}), [&](const auto& done) { answered = done.ok(); });
    EXPECT_FALSE(answered.has_value());
  }
  EXPECT_EQ(answered, true);
  EXPECT_EQ(sequencer_->agreed.size(), 1u);
}

TEST_F(Sequenced, TimeNeverRunsBack) {
  const auto leader = open(leading());
  must_commit(*leader, {put("jobs", "a", "1")});
  clock_.set_wall_by(-std::chrono::hours(5));
  must_commit(*leader, {put("jobs", "a", "2")});
  const Command first = *decode_command(sequencer_->agreed[0]);
  const Command second = *decode_command(sequencer_->agreed[1]);
  EXPECT_EQ(second.time, first.time + env::Duration(1));
}

/// Does everything but commit, once it is told so.
class StuckEngine final : public internal::Engine {
 public:
  Result<std::unique_ptr<internal::ReadTransaction>> begin_read() const override {
    return real_->begin_read();
  }
  Result<std::unique_ptr<internal::WriteTransaction>> begin_write() override {
    auto begun = real_->begin_write();
    if (!begun) return begun;
    return std::unique_ptr<internal::WriteTransaction>(
        std::make_unique<Transaction>(std::move(*begun), stuck));
  }
  Result<void> backup(const env::Path& directory) const override { return real_->backup(directory); }
  size_t views() const override { return real_->views(); }
  internal::EngineFigures figures() const override { return real_->figures(); }

  bool stuck = false;

 private:
  class Transaction final : public internal::WriteTransaction {
   public:
    Transaction(std::unique_ptr<internal::WriteTransaction> real, bool stuck)
        : real_(std::move(real)), stuck_(stuck) {}
    std::optional<std::string_view> get(Table table, std::string_view key) const override {
      return real_->get(table, key);
    }
    std::unique_ptr<internal::RowCursor> cursor(Table table) const override { return real_->cursor(table); }
    Result<void> put(Table table, std::string_view key, std::string_view value) override {
      return real_->put(table, key, value);
    }
    Result<void> erase(Table table, std::string_view key) override { return real_->erase(table, key); }
    bool full() const override { return real_->full(); }
    Result<void> commit() override {
      if (stuck_) return Error(ErrorCode::kInsufficientStorage, "no space");
      return real_->commit();
    }

   private:
    std::unique_ptr<internal::WriteTransaction> real_;
    bool stuck_;
  };

  std::unique_ptr<internal::Engine> real_ = internal::open_memory_engine();
};

TEST_F(Sequenced, AnAgreedCommitThatCannotBeStoredEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto commit_without_space = [this] {
    auto engine = std::make_unique<StuckEngine>();
    StuckEngine& stuck = *engine;
    const auto store = std::move(internal::StoreImpl::open(std::move(engine), leading()).value());
    stuck.stuck = true;
    (void)store->commit_sync(batch_of({put("jobs", "a", "1")}));
  };
  EXPECT_EXIT(commit_without_space(), testing::ExitedWithCode(EXIT_FAILURE), "");
}

TEST_F(Sequenced, AloneACommitThatCannotBeStoredIsRefused) {
  auto engine = std::make_unique<StuckEngine>();
  StuckEngine& stuck = *engine;
  const auto store = std::move(internal::StoreImpl::open(std::move(engine), limits()).value());
  stuck.stuck = true;
  const Result<Cursor> refused = store->commit_sync(batch_of({put("jobs", "a", "1", "east")}));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kInsufficientStorage);
  stuck.stuck = false;
  EXPECT_EQ(must_commit(*store, {put("jobs", "a", "1", "east")}).seq, 1u);
  // Names that were given to what failed are stored with what uses them next.
  const TableRows rows = rows_of(*store);
  EXPECT_TRUE(rows.contains({static_cast<int>(Table::kTypes), "jobs"}));
  EXPECT_TRUE(rows.contains({static_cast<int>(Table::kOwners), "east"}));
}

}  // namespace
}  // namespace mullion::store
