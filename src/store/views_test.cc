// Views are few: they are counted, refused in words, and what they keep is known.
#include <gmock/gmock.h>

#include "store/internal/engine.h"
#include "store/store_contract.h"
#include "store/system_calls_testing.h"

namespace mullion::store {
namespace {

using namespace std::chrono_literals;
using internal::Engine;
using internal::EngineOptions;
using internal::Table;

class Views : public ::testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Engine> open(EngineOptions options) {
    options.clock = &clock_;
    if (GetParam() == "Memory") return internal::open_memory_engine(options);
    return std::move(*internal::open_lmdb_engine(directory_.path(), options));
  }

  TempDirectory directory_;
  env::ManualClock clock_;
};
INSTANTIATE_TEST_SUITE_P(Engines, Views, every_engine(), engine_name);

TEST_P(Views, AreRefusedBeyondTheirNumberAndHadAgainWhenOneEnds) {
  const std::unique_ptr<Engine> engine = open({.max_views = 300});
  std::vector<std::unique_ptr<internal::ReadTransaction>> held;
  for (int i = 0; i < 300; ++i) {
    auto view = engine->begin_read();
    ASSERT_TRUE(view.ok()) << i << ": " << view.error().text();
    held.push_back(std::move(*view));
  }
  for (int i = 0; i < 3; ++i) {
    const auto refused = engine->begin_read();
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  }
  held.pop_back();
  EXPECT_TRUE(engine->begin_read().ok());
  held.clear();
  EXPECT_EQ(engine->views(), 0U);
}

TEST_P(Views, TellTheAgeOfTheOldest) {
  const std::unique_ptr<Engine> engine = open({});
  EXPECT_EQ(engine->figures().oldest_view, 0s);
  auto first = std::move(*engine->begin_read());
  clock_.advance(5s);
  const auto second = std::move(*engine->begin_read());
  clock_.advance(2s);
  EXPECT_EQ(engine->figures().views, 2U);
  EXPECT_EQ(engine->figures().oldest_view, 7s);
  first.reset();
  EXPECT_EQ(engine->figures().oldest_view, 2s);
}

TEST(Snapshots, AreCrowdedBeforeTheyAreRefusedAndNeverEndTheProcess) {
  const TempDirectory directory;
  Options options = options_in(directory.path());
  options.max_views = 10;
  const std::unique_ptr<Store> store = must_open(options);
  std::vector<std::shared_ptr<const Snapshot>> held;
  EXPECT_FALSE(store->crowded());
  while (held.size() < 10) held.push_back(store->snapshot());
  EXPECT_TRUE(store->crowded());
  while (held.size() < 40) held.push_back(store->snapshot());  // what goes on is not refused
  const auto take_all = [&] {
    while (held.size() < 1000) held.push_back(store->snapshot());
  };
  try {
    take_all();
    FAIL() << "never refused";
  } catch (const ReadFailure& refused) {
    EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
    EXPECT_STRNE(refused.what(), "");
  }
  must_commit(*store, {put("jobs", "a", "1")});
  held.clear();
  EXPECT_FALSE(store->crowded());
  EXPECT_EQ(body_of(*store, "jobs", "a"), "1");
}

TEST(Snapshots, FreeAndPinnedPagesAreKnown) {
  const TempDirectory directory;
  Options options = options_in(directory.path());
  options.log_max_bytes = 10'000;
  const std::unique_ptr<Store> store = must_open(options);
  must_commit(*store, {put("jobs", "a", noise(1 << 20))});
  const auto churn = [&] {
    for (uint64_t i = 0; i < 20; ++i) must_commit(*store, {put("jobs", "a", noise(1 << 20, i))});
  };
  churn();
  const Store::Statistics without = store->statistics();
  EXPECT_GT(without.free_bytes, uint64_t{1} << 20);
  EXPECT_LE(without.pinned_bytes, uint64_t{4} << 20);
  const auto view = store->snapshot();
  EXPECT_GT(store->statistics().pinned_bytes, uint64_t{1} << 19)
      << "what the newest commit replaced must not be used again either: the view is of that moment";
  churn();
  const Store::Statistics with = store->statistics();
  EXPECT_EQ(with.views, 1U);
  EXPECT_GT(with.pinned_bytes, uint64_t{15} << 20);
  EXPECT_GE(with.free_bytes, with.pinned_bytes);
  EXPECT_GT(with.file_bytes, without.file_bytes + (uint64_t{10} << 20));
}

/// What a view keeps counts as used, so that the reserve is there when deletions need it.
TEST(Snapshots, AViewThatFillsTheDatabaseLeavesTheReserveToDeletions) {
  const TempDirectory directory;
  Options options = options_in(directory.path());
  options.map_size = 32 << 20;
  options.log_max_bytes = 100'000;
  const std::unique_ptr<Store> store = must_open(options);
  for (int i = 0; i < 40; ++i) must_commit(*store, {put("jobs", std::to_string(i), noise(20'000))});
  auto view = store->snapshot();
  Result<Cursor> done = Cursor();
  for (uint64_t i = 0; done && i < 100'000; ++i)
    done = store->commit_sync(batch_of({put("jobs", "0", noise(20'000, i))}));
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, ErrorCode::kInsufficientStorage);
  EXPECT_THAT(done.error().text(), ::testing::HasSubstr("size limit"));
  for (int i = 0; i < 40; ++i) {
    const Result<Cursor> erased = store->commit_sync(batch_of({erase("jobs", std::to_string(i))}));
    ASSERT_TRUE(erased.ok()) << i << ": " << erased.error().text();
  }
  view.reset();
  for (uint64_t i = 0; i < 10; ++i) must_commit(*store, {put("jobs", "again", noise(20'000, i))});
}

/// A write that the disk took in part comes as an I/O error; what it means depends on the room that is left.
TEST(FullDisk, AShortWriteIsWantOfSpaceWhenThereIsNone) {
  const TempDirectory directory;
  uint64_t space = 0;
  const EngineOptions options{.map_size = 64 << 20,
                              .free_space = [&space](const env::Path&) { return Result<uint64_t>(space); }};
  const std::unique_ptr<Engine> engine = std::move(*internal::open_lmdb_engine(directory.path(), options));
  const auto write = [&]() -> Result<void> {
    auto transaction = engine->begin_write();
    if (!transaction) return transaction.error();
    for (int i = 0; i < 50; ++i) {
      Result<void> put = (*transaction)->put(Table::kObjects, std::to_string(i), noise(3000));
      if (!put) return put;
    }
    return (*transaction)->commit();
  };
  for (const auto& [left, code] : {std::pair(uint64_t{4096}, ErrorCode::kInsufficientStorage),
                                   std::pair(uint64_t{1} << 30, ErrorCode::kInternal)}) {
    space = left;
    system_call_faults().short_writes = true;
    const Result<void> done = write();
    system_call_faults().short_writes = false;
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code, code) << done.error().text();
  }
  EXPECT_TRUE(write().ok());
}

}  // namespace
}  // namespace mullion::store
