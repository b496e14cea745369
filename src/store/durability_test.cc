// What survives the end of the process: kills, restarts, trimmed logs, copies.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <random>
#include <thread>

#include "store/store_testing.h"
#include "store/system_calls_testing.h"

namespace mullion::store {
namespace {

using ::testing::Contains;
using ::testing::SizeIs;

/// Writes numbered batches until it is killed and reports each acknowledged number through `report`.
[[noreturn]] void write_until_killed(const Options& options, uint64_t first, int report) {
  Result<std::unique_ptr<Store>> store = open_store(options);
  if (!store) _exit(1);
  constexpr uint64_t kInFlight = 20;  // several batches share a group
  std::atomic<uint64_t> answered{first};
  for (uint64_t number = first;; ++number) {
    while (number - answered >= kInFlight) std::this_thread::yield();
    (*store)->commit(numbered_batch(number), [&answered, number, report](const Result<Committed>& result) {
      if (!result || ::write(report, &number, sizeof(number)) != sizeof(number)) _exit(1);
      ++answered;
    });
  }
}

/// Lets a child write for a while, kills it and tells the last number it acknowledged.
uint64_t write_and_kill(const Options& options, uint64_t first, std::chrono::milliseconds life) {
  int pipe[2];
  EXPECT_EQ(::pipe(pipe), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(pipe[0]);
    write_until_killed(options, first, pipe[1]);
  }
  ::close(pipe[1]);
  uint64_t last = first - 1, number = 0;
  const auto end = std::chrono::steady_clock::now() + life;
  while (std::chrono::steady_clock::now() < end && ::read(pipe[0], &number, sizeof(number)) == sizeof(number))
    last = number;
  ::kill(child, SIGKILL);
  while (::read(pipe[0], &number, sizeof(number)) == sizeof(number)) last = number;
  ::close(pipe[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";
  return last;
}

TEST(Durability, KilledProcessLosesNothingAcknowledged) {
  const TempDirectory directory;
  const Options options = options_in(directory.path());
  std::mt19937 random(3);
  uint64_t next = 1, epoch = 0;
  for (int round = 0; round < 15; ++round) {
    const std::chrono::milliseconds life(std::uniform_int_distribution<int>(10, 400)(random));
    const uint64_t acknowledged = write_and_kill(options, next, life);
    const std::unique_ptr<Store> store = must_open(options);
    const std::vector<uint64_t> found = whole_batches(*store->snapshot());
    ASSERT_GE(found.size(), acknowledged) << "round " << round;
    for (size_t i = 0; i < found.size(); ++i) ASSERT_EQ(found[i], i + 1) << "a batch is missing";
    ASSERT_EQ(store->newest().seq, found.size());
    if (round == 0) epoch = store->newest().epoch;
    ASSERT_EQ(store->newest().epoch, epoch);
    ASSERT_THAT(log_after(*store, {epoch, next - 1}), SizeIs(found.size() + 1 - next));
    next = found.size() + 1;
  }
  EXPECT_GT(next, 15u);
}

TEST(Durability, NamesOfANewDatabaseAreSynced) {
  const TempDirectory directory;
  const env::Path folder = directory.path() / "database";
  const DiskSteps disk;
  must_open(options_in(folder));
  EXPECT_THAT(disk.taken(), Contains("sync " + folder.string()));
  EXPECT_THAT(disk.taken(), Contains("sync " + directory.path().string()));
}

/// What was trained is part of the next group that is stored, and of no use before.
TEST(Durability, ADictionaryIsNotUsedBeforeItIsStored) {
  const TempDirectory directory;
  std::unique_ptr<Store> store = must_open(options_in(directory.path()));
  const auto body = [](int i) {
    return fmt::format(R"({{"Name":"m{}","Description":"rack {}","Workflow":"discover"}})", i, i % 9);
  };
  std::vector<Change> samples;
  for (int i = 0; i < 600; ++i) samples.push_back(put("machines", fmt::format("m{}", i), body(i)));
  must_commit(*store, std::move(samples));
  Batch refused = batch_of({put("machines", "m1", body(1))});
  refused.changes[0].expect = Expect::kAbsent;
  EXPECT_EQ(store->commit_sync(refused).error().code, ErrorCode::kConflict);
  must_commit(*store, {put("machines", "last", body(601))});
  must_commit(*store, {put("machines", "last", body(602))});
  store.reset();
  store = must_open(options_in(directory.path()));
  EXPECT_EQ(store->snapshot()->get({"machines", "", "last"}).has_value(), true);
}

TEST(Durability, ReopenedStoreIsTheSameStore) {
  const TempDirectory directory;
  std::unique_ptr<Store> store = must_open(options_in(directory.path()));
  Batch batch = batch_of(
      {put("stages", "a", "layer", kLayered), put("stages", "a", "own"), put("stages", "b", "{}", "east")});
  batch.secrets = {{"users", "rob", "hash"}};
  batch.origin = Origin{"east", {9, 8}};
  const Cursor cursor = must_commit(*store, batch);
  const auto before = contents(*store->snapshot());
  store.reset();

  store = must_open(options_in(directory.path()));
  EXPECT_EQ(store->newest(), cursor);
  EXPECT_EQ(contents(*store->snapshot()), before);
  EXPECT_EQ(store->snapshot()->secret("users", "rob"), "hash");
  EXPECT_EQ(store->snapshot()->origin_cursor("east"), (Cursor{9, 8}));
  EXPECT_THAT(log_after(*store, {cursor.epoch, 0}), SizeIs(1));
  must_commit(*store, {erase("stages", "a")});
  EXPECT_EQ(store->snapshot()->get_local("stages", "a")->body, "layer") << "what was hidden is kept";
}

TEST(Durability, CompressedBodiesOutliveTheirDictionarysTraining) {
  const TempDirectory directory;
  std::unique_ptr<Store> store = must_open(options_in(directory.path()));
  std::map<std::string, std::string> bodies;
  for (int i = 0; i < 1500; ++i) {
    const std::string key = fmt::format("m{:04}", i);
    bodies[key] = fmt::format(R"({{"Name":"{}","Description":"rack {}","Workflow":"discover"}})", key, i % 9);
  }
  std::vector<Change> changes;
  for (const auto& [key, body] : bodies) {
    changes.push_back(put("machines", key, body));
    if (changes.size() == 100) must_commit(*store, std::exchange(changes, {}));
  }
  store.reset();
  store = must_open(options_in(directory.path()));
  for (const auto& [key, body] : bodies) ASSERT_EQ(body_of(*store, "machines", key), body);
}

TEST(Durability, LogIsBoundedInBytes) {
  const TempDirectory directory;
  Options options = options_in(directory.path());
  options.log_max_bytes = 100'000;
  std::unique_ptr<Store> store = must_open(options);
  for (uint64_t i = 0; i < 60; ++i) {
    must_commit(*store, {put("jobs", std::to_string(i), noise(10'000, i))});
    ASSERT_LE(store->statistics().log_bytes, options.log_max_bytes);
  }
  const Cursor newest = store->newest();
  auto reaches = [&](uint64_t back) {
    return store->read_log({newest.epoch, newest.seq - back}, [](const auto&) { return true; }).ok();
  };
  EXPECT_TRUE(reaches(9));
  EXPECT_FALSE(reaches(10));
  EXPECT_EQ(store->statistics().log_commits, 9u);

  store.reset();  // the account of the log's size is kept
  options.log_max_bytes = 50'000;
  store = must_open(options);
  must_commit(*store, {put("jobs", "last", "1")});
  EXPECT_LE(store->statistics().log_bytes, options.log_max_bytes);
  must_commit(*store, {put("jobs", "huge", noise(200'000))});
  EXPECT_EQ(store->statistics().log_bytes, 0u) << "a commit larger than the log is not kept";
  EXPECT_EQ(body_of(*store, "jobs", "huge").size(), 200'000u);
  EXPECT_THAT(log_after(*store, store->newest()), SizeIs(0));
}

TEST(Durability, LogIsBoundedInAge) {
  const TempDirectory directory;
  env::ManualClock clock;
  Options options = options_in(directory.path());
  options.clock = &clock;
  options.log_max_age = std::chrono::hours(2);
  const std::unique_ptr<Store> store = must_open(options);
  for (int hour = 0; hour < 5; ++hour) {
    must_commit(*store, {put("jobs", std::to_string(hour), "1")});
    clock.advance(std::chrono::hours(1));
  }
  must_commit(*store, {put("jobs", "last", "1")});
  EXPECT_EQ(store->statistics().log_commits, 3u);
  clock.advance(std::chrono::hours(100));  // a quiet store keeps its log until the next commit
  EXPECT_THAT(log_after(*store, {store->newest().epoch, store->newest().seq - 3}), SizeIs(3));
}

constexpr auto kOwnerOnly = std::filesystem::perms::owner_read | std::filesystem::perms::owner_write;

TEST(Durability, BackupHoldsTheSameObjectsUnderANewEpoch) {
  const TempDirectory directory, target;
  const std::unique_ptr<Store> store = must_open(options_in(directory.path()));
  must_commit(*store, numbered_batch(1));
  must_commit(*store, {put("stages", "a", "layer", kLayered), put("stages", "a", "own")});
  const env::Path copied = target.path() / "deep" / "copy";
  const Result<void> done = store->backup(copied);
  ASSERT_TRUE(done.ok()) << done.error().text();
  EXPECT_EQ(std::filesystem::status(copied / "data.mdb").permissions(), kOwnerOnly)
      << "it holds every secret";
  must_commit(*store, numbered_batch(2));

  const std::unique_ptr<Store> copy = must_open(options_in(copied));
  EXPECT_NE(copy->newest().epoch, store->newest().epoch);
  EXPECT_EQ(copy->newest().seq, 2u);
  EXPECT_EQ(contents(*copy->snapshot()).size() + 3, contents(*store->snapshot()).size());
  EXPECT_EQ(body_of(*copy, "jobs", "newest"), "1");
  must_commit(*copy, {erase("stages", "a")});
  EXPECT_EQ(copy->snapshot()->get_local("stages", "a")->body, "layer");
  EXPECT_FALSE(store->backup(copied).ok()) << "an older copy must not be overwritten";
}

TEST(Durability, BackupRunsBesideWrites) {
  const TempDirectory directory, target;
  const std::unique_ptr<Store> store = must_open(options_in(directory.path()));
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> written{0};
  std::thread writer([&] {
    for (uint64_t number = 1; !stop; ++number) {
      must_commit(*store, numbered_batch(number));
      written = number;
    }
  });
  for (int i = 0; i < 5; ++i) {
    const uint64_t before = written;
    const env::Path copied = target.path() / std::to_string(i);
    ASSERT_TRUE(store->backup(copied).ok());
    const std::unique_ptr<Store> copy = must_open(options_in(copied));
    EXPECT_GE(whole_batches(*copy->snapshot()).size(), before);
  }
  stop = true;
  writer.join();
}

TEST(Durability, MemoryStoreHasNoBackup) { EXPECT_FALSE(open_memory_store()->backup("/nowhere").ok()); }

}  // namespace
}  // namespace mullion::store
