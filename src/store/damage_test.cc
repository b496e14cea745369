// Full disks and damaged files: clear refusals, never a crash.
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "store/internal/encoding.h"
#include "store/internal/engine.h"
#include "store/lmdb_file.h"
#include "store/small_disk_testing.h"
#include "store/store_testing.h"

namespace mullion::store {
namespace {

using ::testing::HasSubstr;

void write_bytes(const env::Path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

/// Fills the store until it refuses; tells the refusal.
Error fill(Store& store, size_t body_size, uint64_t& written) {
  for (written = 0; written < 5000; ++written) {
    const Result<Cursor> done =
        store.commit_sync(batch_of({put("jobs", std::to_string(written), noise(body_size, written))}));
    if (!done) return done.error();
  }
  return Error(ErrorCode::kInternal, "never full");
}

/// A full store reads on, refuses in words, and recovers by deletions.
void expect_orderly_when_full(Store& store, size_t body_size) {
  uint64_t written = 0;
  const Error refusal = fill(store, body_size, written);
  ASSERT_EQ(refusal.code, ErrorCode::kInsufficientStorage) << refusal.text();
  ASSERT_GT(written, 3u);
  for (uint64_t i = 0; i < written; ++i)
    ASSERT_EQ(body_of(store, "jobs", std::to_string(i)), noise(body_size, i));
  EXPECT_EQ(body_of(store, "jobs", std::to_string(written)), "-");
  EXPECT_EQ(store.newest().seq, written);
  for (uint64_t i = 0; i < written; ++i) {
    const Result<Cursor> done = store.commit_sync(batch_of({erase("jobs", std::to_string(i))}));
    ASSERT_TRUE(done.ok()) << "deletion " << i << " of " << written << ": " << done.error().text();
  }
  for (int i = 0; i < 3; ++i) must_commit(store, {put("jobs", "again", noise(body_size, 77))});
  EXPECT_EQ(body_of(store, "jobs", "again"), noise(body_size, 77));
}

TEST(FullDisk, DatabaseAtItsSizeLimitReadsOnAndRecovers) {
  for (const size_t body_size : {size_t{300}, size_t{3000}, size_t{60'000}}) {
    SCOPED_TRACE(body_size);
    const TempDirectory directory;
    Options options = options_in(directory.path());
    options.map_size = 2 << 20;
    options.log_max_bytes = 100'000;
    const std::unique_ptr<Store> store = must_open(options);
    expect_orderly_when_full(*store, body_size);
  }
}

TEST(FullDisk, FailedCommitLeavesAFittingOneAlone) {
  const TempDirectory directory;
  Options options = options_in(directory.path());
  options.map_size = 4 << 20;
  const std::unique_ptr<Store> store = must_open(options);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(store->commit_sync(batch_of({put("new type", "large", noise(8 << 20))})).error().code,
              ErrorCode::kInsufficientStorage);
    must_commit(*store, {put("jobs", std::to_string(i), "1")});
  }
  must_commit(*store, {put("new type", "small", "1")});
  EXPECT_EQ(body_of(*store, "new type", "small"), "1");
  EXPECT_EQ(kept_digests(*store->snapshot()), recomputed_digests(*store->snapshot()));
}

TEST(FullDisk, FileSystemWithoutSpaceReadsOnAndRecovers) {
  const TempDirectory directory;
  const SmallDisk disk(directory.path(), 2);
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a file system";
  Options options = options_in(directory.path() / "store");
  options.log_max_bytes = 100'000;
  const std::unique_ptr<Store> store = must_open(options);
  uint64_t written = 0;
  const env::Path ballast = directory.path() / "ballast";
  write_bytes(ballast, noise(300'000));
  const Error refusal = fill(*store, 3000, written);
  EXPECT_EQ(refusal.code, ErrorCode::kInsufficientStorage) << refusal.text();
  for (uint64_t i = 0; i < written; ++i)
    ASSERT_EQ(body_of(*store, "jobs", std::to_string(i)), noise(3000, i));
  EXPECT_EQ(body_of(*store, "jobs", std::to_string(written)), "-");
  std::filesystem::remove(ballast);
  for (int i = 0; i < 20; ++i) must_commit(*store, {put("jobs", "again", noise(3000, 77))});
  EXPECT_EQ(body_of(*store, "jobs", "again"), noise(3000, 77));
}

// Damaged files.

constexpr const char* kDamagedFile = "data.mdb";

TEST(Damage, GarbageInsteadOfADatabaseIsRefused) {
  for (const std::string& bytes : {std::string("hello"), noise(100'000), std::string(100'000, '\0')}) {
    const TempDirectory directory;
    write_bytes(directory.path() / kDamagedFile, bytes);
    const Result<std::unique_ptr<Store>> store = open_store(options_in(directory.path()));
    ASSERT_FALSE(store.ok());
    EXPECT_THAT(store.error().text(), HasSubstr(directory.path().string()));
    EXPECT_THAT(store.error().text(), HasSubstr("restore a backup of it"));
  }
}

TEST(Damage, TruncatedFileIsRefusedAtEveryLength) {
  const TempDirectory directory;
  {
    const std::unique_ptr<Store> store = must_open(options_in(directory.path()));
    for (uint64_t i = 1; i < 20; ++i) must_commit(*store, numbered_batch(i));
  }
  const std::string whole = *env::read_file(directory.path() / kDamagedFile);
  for (size_t length = 4096; length < whole.size(); length += 4096 * 3 - 100) {
    const TempDirectory damaged;
    write_bytes(damaged.path() / kDamagedFile, std::string_view(whole).substr(0, length));
    const Result<std::unique_ptr<Store>> store = open_store(options_in(damaged.path()));
    if (store.ok()) {  // only free pages were lost
      EXPECT_EQ(whole_batches(*(*store)->snapshot()).size(), 19u) << length;
      continue;
    }
    EXPECT_EQ(store.error().code, ErrorCode::kCorrupt) << store.error().text();
    EXPECT_EQ(std::filesystem::file_size(damaged.path() / kDamagedFile), length) << "evidence was changed";
  }
}

TEST(Damage, FileEndingInPagesNeverWrittenIsSound) {
  // Pages that a transaction takes at the end of the file and gives back are counted but never written.
  const TempDirectory directory;
  const std::string large = noise(1 << 20);
  for (uint64_t i = 1; i < 12; ++i) {
    const std::unique_ptr<Store> store = must_open(options_in(directory.path()));
    ASSERT_NE(store, nullptr) << i;
    EXPECT_EQ(whole_batches(*store->snapshot()).size(), i - 1);
    must_commit(*store, numbered_batch(i));
    must_commit(*store, {put("tasks", "a", large)});
    must_commit(*store, {erase("tasks", "a")});
    must_commit(*store, {put("tasks", "b", large + large), put("tasks", "c", large), erase("tasks", "b"),
                         erase("tasks", "c")});
  }
}

TEST(Damage, LengthIsCheckedWithoutTrustInTheFile) {
  const TempDirectory directory;
  {
    const std::unique_ptr<Store> store = must_open(options_in(directory.path()));
    for (uint64_t i = 1; i < 30; ++i) must_commit(*store, numbered_batch(i));
    must_commit(*store, {put("tasks", "a", noise(3 << 20))});
    must_commit(*store, {erase("tasks", "a")});
    must_commit(*store, {put("tasks", "b", "1")});
  }
  const env::Path file = directory.path() / kDamagedFile;
  std::string whole = *env::read_file(file);
  EXPECT_TRUE(check_length(file).ok());
  whole.resize(std::min<size_t>(whole.size() - 4096, 600'000));
  std::mt19937 random(8);
  for (int round = 0; round < 150; ++round) {
    std::string damaged = whole;
    for (int i = 0; i < 400; ++i) damaged[random() % damaged.size()] = static_cast<char>(random());
    for (int i = 0; i < 3; ++i) damaged[4096 + 16 + 8 + random() % 140] = static_cast<char>(random());
    write_bytes(file, damaged);
    static_cast<void>(check_length(file));  // any answer, but an answer
  }
}

TEST(Damage, FlippedBitInABodyIsNoticed) {
  const TempDirectory directory;
  const std::string large = noise(50'000);
  {
    const std::unique_ptr<Store> store = must_open(options_in(directory.path()));
    must_commit(*store, {put("jobs", "large", large), put("jobs", "other", "fine")});
  }
  std::string bytes = *env::read_file(directory.path() / kDamagedFile);
  const std::string_view middle = std::string_view(large).substr(20'000, 100);
  for (size_t at = bytes.find(middle); at != std::string::npos; at = bytes.find(middle, at + 1))
    bytes[at + 50] ^= 1;
  write_bytes(directory.path() / kDamagedFile, bytes);

  const std::unique_ptr<Store> store = must_open(options_in(directory.path()));
  const auto view = store->snapshot();
  const auto expect_failure = [](const auto& read) {
    try {
      read();
      ADD_FAILURE() << "what is damaged was taken for something else";
    } catch (const ReadFailure& failure) {
      EXPECT_EQ(failure.error().code, ErrorCode::kCorrupt);
      EXPECT_EQ(failure.error().key, "large");
    }
  };
  expect_failure([&] { (void)view->get({"jobs", "", "large"}); });
  expect_failure([&] { (void)view->get_local("jobs", "large"); });
  expect_failure([&] { (void)view->get_all_owners("jobs", "large"); });
  EXPECT_EQ(body_of(*store, "jobs", "other"), "fine");
  expect_failure([&] { view->scan("jobs", "", [](auto, auto, auto) { return true; }); });
}

void set_number(const env::Path& directory, std::string_view name, uint64_t number) {
  Result<std::unique_ptr<internal::Engine>> engine =
      internal::open_lmdb_engine(directory, {.map_size = 1 << 30});
  ASSERT_TRUE(engine.ok());
  Result<std::unique_ptr<internal::WriteTransaction>> transaction = (*engine)->begin_write();
  ASSERT_TRUE(transaction.ok());
  ASSERT_TRUE((*transaction)->put(internal::Table::kMeta, name, internal::encode_u64(number)).ok());
  ASSERT_TRUE((*transaction)->commit().ok());
}

TEST(Damage, AFileThatLacksItsLastPageAloneIsRefused) {
  const TempDirectory directory;
  must_commit(*must_open(options_in(directory.path())), {put("jobs", "large", noise(1 << 20))});
  const env::Path file = directory.path() / kDamagedFile;
  ASSERT_TRUE(check_length(file).ok());
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 4096);
  EXPECT_FALSE(check_length(file).ok());
}

/// A replica that lacks an object would be told to be whole.
TEST(Damage, AnObjectThatIsListedUnderItsOwnerAndMissingIsNoticed) {
  const TempDirectory directory;
  must_commit(*must_open(options_in(directory.path())), {put("jobs", "a", "1"), put("jobs", "b", "1")});
  {
    const auto engine = std::move(*internal::open_lmdb_engine(directory.path(), {.map_size = 1 << 30}));
    const auto transaction = std::move(*engine->begin_write());
    const auto type = transaction->get(internal::Table::kTypes, "jobs");
    ASSERT_TRUE(type);
    const auto id = static_cast<internal::TypeId>(internal::decode_number(*type));
    const std::string row = internal::object_row(id, "a", internal::kOwnId);
    ASSERT_TRUE(transaction->erase(internal::Table::kObjects, row).ok());
    ASSERT_TRUE(transaction->commit().ok());
  }
  const std::unique_ptr<Store> store = must_open(options_in(directory.path()));
  const auto scan = [&] { store->snapshot()->scan_owner("jobs", kOwn, "", [](auto, auto) { return true; }); };
  EXPECT_THROW(scan(), ReadFailure);
}

TEST(Damage, NewerFormatIsRefusedUnlessItCanBeRead) {
  const TempDirectory directory;
  must_commit(*must_open(options_in(directory.path())), {put("jobs", "a", "1")});
  set_number(directory.path(), "format", 2);
  EXPECT_EQ(body_of(*must_open(options_in(directory.path())), "jobs", "a"), "1");
  set_number(directory.path(), "oldest-readable", 2);
  const Result<std::unique_ptr<Store>> store = open_store(options_in(directory.path()));
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().code, ErrorCode::kConflict) << "it is whole: nothing takes its place";
  EXPECT_THAT(store.error().text(), HasSubstr("newer version"));
}

uint64_t number_in(const env::Path& directory, std::string_view name) {
  const auto engine = std::move(*internal::open_lmdb_engine(directory, {.map_size = 1 << 30}));
  const auto transaction = std::move(*engine->begin_write());
  return internal::decode_number(transaction->get(internal::Table::kMeta, name).value_or(""));
}

TEST(Damage, OpeningRaisesNoMark) {  // a program on trial that is taken back has opened the store
  const TempDirectory directory;
  must_commit(*must_open(options_in(directory.path())), {put("jobs", "a", "1")});
  set_number(directory.path(), "format", 0);
  set_number(directory.path(), "oldest-readable", 0);
  must_commit(*must_open(options_in(directory.path())), {put("jobs", "a", "2")});
  EXPECT_EQ(number_in(directory.path(), "format"), 0U);
  EXPECT_EQ(number_in(directory.path(), "oldest-readable"), 0U);
}

TEST(Damage, DirectoryThatCannotBeMadeIsNamed) {
  const TempDirectory directory;
  write_bytes(directory.path() / "file", "x");
  const Result<std::unique_ptr<Store>> store = open_store(options_in(directory.path() / "file" / "store"));
  ASSERT_FALSE(store.ok());
  EXPECT_THAT(store.error().text(), HasSubstr(directory.path().string()));
}

}  // namespace
}  // namespace mullion::store
