// Space given back to the disk, without ever a moment at which the objects are not there.
#include "store/compaction.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>

#include "store/small_disk_testing.h"
#include "store/store_testing.h"
#include "store/system_calls_testing.h"

namespace mullion::store {
namespace {

constexpr const char* kDataFile = "data.mdb";

uint64_t size_of(const env::Path& directory) { return std::filesystem::file_size(directory / kDataFile); }

/// Small objects that stay; then large ones that went, `megabytes` of them.
void make_room(const env::Path& directory, int megabytes, bool compact_at_open = false) {
  Options options = options_in(directory);
  options.log_max_bytes = 10'000;
  options.compact_at_open = compact_at_open;
  const std::unique_ptr<Store> store = must_open(options);
  for (uint64_t i = 1; i < 20; ++i) must_commit(*store, numbered_batch(i));
  for (int i = 0; i < megabytes; ++i) must_commit(*store, {put("files", std::to_string(i), noise(1 << 20))});
  for (int i = 0; i < megabytes; ++i) must_commit(*store, {erase("files", std::to_string(i))});
  must_commit(*store, {put("jobs", "last", "1"), put("jobs", "last", "2")});
}

std::map<std::string, std::string> objects_in(const env::Path& directory) {
  Options options = options_in(directory);
  options.compact_at_open = false;
  const std::unique_ptr<Store> store = must_open(options);
  EXPECT_EQ(kept_digests(*store->snapshot()), recomputed_digests(*store->snapshot()));
  return contents(*store->snapshot());
}

TEST(Compaction, GivesBackWhatIsFreeAndKeepsEveryObject) {
  const TempDirectory directory;
  make_room(directory.path(), 12);
  const auto before = objects_in(directory.path());
  const uint64_t size = size_of(directory.path());
  const Result<Compaction> done = compact(directory.path());
  ASSERT_TRUE(done.ok()) << done.error().text();
  EXPECT_GE(done->bytes_before, uint64_t{12} << 20);
  EXPECT_EQ(done->bytes_after, size_of(directory.path()));
  EXPECT_LT(done->bytes_after, size / 4);
  EXPECT_EQ(objects_in(directory.path()), before);
  make_room(directory.path(), 1);  // it can be written on
}

/// Else a power cut may leave neither name, or the name of what was never written.
TEST(Compaction, TheNewNameIsSyncedAfterWhatItNames) {
  const TempDirectory directory;
  make_room(directory.path(), 2);
  const std::string folder = directory.path().string(), file = folder + "/" + kDataFile;
  const DiskSteps disk;
  ASSERT_TRUE(compact(directory.path()).ok());
  EXPECT_THAT(disk.taken(), ::testing::IsSupersetOf({"rename " + file, "sync " + folder}));
  const std::vector<std::string> steps = disk.taken();
  EXPECT_GT(std::ranges::find(steps, "sync " + folder), std::ranges::find(steps, "rename " + file));
}

TEST(Compaction, KeepsIdentityAndLog) {
  const TempDirectory directory;
  Cursor newest;
  {
    const std::unique_ptr<Store> store = must_open(options_in(directory.path()));
    for (uint64_t i = 1; i < 10; ++i) newest = must_commit(*store, numbered_batch(i));
  }
  ASSERT_TRUE(compact(directory.path()).ok());
  const std::unique_ptr<Store> store = must_open(options_in(directory.path()));
  EXPECT_EQ(store->newest(), newest);
  EXPECT_EQ(log_after(*store, {newest.epoch, 0}).size(), 9U);
}

TEST(Compaction, RunsAtTheStartWhenWorthIt) {
  const TempDirectory little, much;
  make_room(little.path(), 5);
  make_room(much.path(), 40);
  const auto before = objects_in(much.path());
  const uint64_t little_size = size_of(little.path()), much_size = size_of(much.path());
  must_open(options_in(little.path()));
  must_open(options_in(much.path()));
  EXPECT_EQ(size_of(little.path()), little_size) << "a few megabytes are not worth it";
  EXPECT_LT(size_of(much.path()), much_size / 4);
  EXPECT_EQ(objects_in(much.path()), before);
  EXPECT_EQ(std::filesystem::status(much.path() / kDataFile).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)
      << "it holds every secret";
}

TEST(Compaction, RefusesWhatIsNoDatabase) {
  const TempDirectory directory;
  EXPECT_EQ(compact(directory.path()).error().code, ErrorCode::kNotFound);
  make_room(directory.path(), 2);
  std::filesystem::resize_file(directory.path() / kDataFile, 30'000);
  EXPECT_EQ(compact(directory.path()).error().code, ErrorCode::kCorrupt);
}

/// The process ends at its first system call, its second, ... until it lives through all of them.
TEST(Compaction, ACrashAtAnyStepLeavesEveryObject) {
  const TempDirectory directory;
  make_room(directory.path(), 3);
  const auto before = objects_in(directory.path());
  constexpr int kDone = 7;
  int steps = 0;
  for (bool survived = false; !survived; ++steps) {
    ASSERT_LT(steps, 1000);
    const pid_t child = ::fork();
    if (child == 0) {
      system_call_faults().calls_to_live = steps;
      const bool done = compact(directory.path()).ok();
      system_call_faults().calls_to_live = -1;
      ::_exit(done ? kDone : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_NE(WEXITSTATUS(status), 1);
    survived = WEXITSTATUS(status) == kDone;
    ASSERT_EQ(objects_in(directory.path()), before) << "after a crash at step " << steps;
  }
  EXPECT_GT(steps, 3) << "copying, syncing and renaming are steps";
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "compacting"));
}

TEST(Backup, WhatFailedLeavesNothing) {
  const TempDirectory directory, target;
  const std::unique_ptr<Store> store = must_open(options_in(directory.path()));
  must_commit(*store, numbered_batch(1));
  std::ofstream(target.path() / "copy.partial") << "in the way";
  EXPECT_FALSE(store->backup(target.path() / "copy").ok());
  EXPECT_TRUE(std::filesystem::is_empty(target.path()));
  EXPECT_TRUE(store->backup(target.path() / "copy").ok());
}

TEST(Backup, LeavesRoomOnItsDisk) {
  const TempDirectory directory, target;
  const SmallDisk disk(target.path(), 100);
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a file system";
  const std::unique_ptr<Store> store = must_open(options_in(directory.path()));
  must_commit(*store, numbered_batch(1));
  EXPECT_TRUE(store->backup(target.path() / "first").ok());
  std::ofstream(target.path() / "ballast") << std::string(40 << 20, 'x');
  const Result<void> refused = store->backup(target.path() / "second");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kInsufficientStorage) << refused.error().text();
  std::filesystem::remove(target.path() / "ballast");
  EXPECT_TRUE(store->backup(target.path() / "second").ok());
}

TEST(Backup, AStopBreaksItOffAndNothingIsLeft) {
  const TempDirectory directory, target;
  std::atomic<bool> stop{false};
  Options options = options_in(directory.path());
  options.stop = &stop;
  const std::unique_ptr<Store> store = must_open(options);
  must_commit(*store, numbered_batch(1));
  stop = true;
  const Result<void> done = store->backup(target.path() / "copy");
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, ErrorCode::kUnavailable) << done.error().text();
  EXPECT_TRUE(std::filesystem::is_empty(target.path()));
  EXPECT_EQ(store->copy(target.path() / "member").error().code, ErrorCode::kUnavailable);
  must_commit(*store, numbered_batch(2));
}

TEST(Backup, WhatACrashLeftIsRemovedAndWholeOnesStay) {
  const TempDirectory directory, target;
  const std::unique_ptr<Store> store = must_open(options_in(directory.path()));
  must_commit(*store, numbered_batch(1));
  ASSERT_TRUE(store->backup(target.path() / "whole").ok());
  std::filesystem::create_directory(target.path() / "half.partial");
  std::ofstream(target.path() / "half.partial" / kDataFile) << "half";
  remove_partial_backups(target.path());
  EXPECT_FALSE(std::filesystem::exists(target.path() / "half.partial"));
  EXPECT_FALSE(objects_in(target.path() / "whole").empty());
  remove_partial_backups(target.path() / "nothing");
}

}  // namespace
}  // namespace mullion::store
