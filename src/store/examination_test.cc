// Files damaged at chosen and at random places: each is found before the engine dies of it.
#include "store/examination.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "store/compaction.h"
#include "store/lmdb_file.h"
#include "store/store_testing.h"

namespace mullion::store {
namespace {

constexpr size_t kPage = 4096;

std::string random_bytes(size_t size, std::mt19937& random) {
  std::string out(size, '\0');
  for (char& byte : out) byte = static_cast<char>(random());
  return out;
}

/// A database with all that a page may be: several levels, values on pages of their own, pages set free.
class Examination : public ::testing::Test {
 protected:
  void SetUp() override {
    Options options = options_in(directory_.path());
    options.compact_at_open = false;
    const std::unique_ptr<Store> store = must_open(options);
    std::mt19937 random(4);
    for (int i = 0; i < 40; ++i) {
      std::vector<Change> changes;
      for (int k = 0; k < 30; ++k) {
        const std::string key = std::to_string(random() % 400);
        if (random() % 4 == 0) {
          changes.push_back(erase("jobs", key));
        } else {
          changes.push_back(put("jobs", key, noise(random() % 3 == 0 ? 9000 : 200, random())));
        }
      }
      must_commit(*store, std::move(changes));
    }
  }
  env::Path file() const { return directory_.path() / "data.mdb"; }

  const TempDirectory directory_;
};

/// Opened, read and written to, as a server does.
void use(const env::Path& directory) {
  Options options = options_in(directory);
  options.compact_at_open = false;
  const Result<std::unique_ptr<Store>> opened = open_store(options);
  if (!opened) return;
  try {
    for (const std::string& type : (*opened)->snapshot()->types())
      (*opened)->snapshot()->scan(type, "", [](auto, auto, auto) { return true; });
  } catch (const ReadFailure&) {  // of a value, in words
  }
  for (int i = 0; i < 6; ++i)
    static_cast<void>((*opened)->commit_sync(batch_of({put("jobs", std::to_string(i), noise(3000, i))})));
}

TEST_F(Examination, WhatWasOnlyWrittenByTheEngineIsSound) {
  EXPECT_TRUE(examine(directory_.path())) << examine(directory_.path()).error().text();
  std::mt19937 random(9);
  for (int round = 0; round < 6; ++round) {
    {
      Options options = options_in(directory_.path());
      options.compact_at_open = false;
      const std::unique_ptr<Store> store = must_open(options);
      for (int i = 0; i < 25; ++i) {
        const std::string key = std::to_string(random() % 500);
        must_commit(*store, {random() % 3 == 0 ? erase("jobs", key)
                                               : put("tasks", key, noise(random() % 40'000, i))});
      }
    }
    const Result<void> sound = examine(directory_.path());
    EXPECT_TRUE(sound) << sound.error().text();
  }
  ASSERT_TRUE(compact(directory_.path()));
  EXPECT_TRUE(examine(directory_.path())) << "a compact copy";
}

TEST_F(Examination, NothingIsWritten) {
  const std::string before = *env::read_file(file());
  std::filesystem::remove(directory_.path() / "lock.mdb");
  ASSERT_TRUE(examine(directory_.path()));
  EXPECT_EQ(*env::read_file(file()), before);
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "lock.mdb"));
}

TEST_F(Examination, WhereThereIsNothingNothingIsDamaged) {
  const TempDirectory empty;
  EXPECT_EQ(examine(empty.path()).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(check_pages(empty.path() / "data.mdb"));
}

/// What the engine does not end of it, it may be given: the pages in use are as it wants them, or it is told.
TEST_F(Examination, NoiseInAnyPageIsFoundOrHarmsNobody) {
  const std::string whole = *env::read_file(file());
  const size_t pages = whole.size() / kPage;
  std::mt19937 random(1);
  size_t found = 0;
  for (size_t page = 0; page < pages; page += 1 + random() % 9) {
    const TempDirectory damaged;
    std::string bytes = whole;
    bytes.replace(page * kPage, kPage, random_bytes(kPage, random));
    std::ofstream(damaged.path() / "data.mdb", std::ios::binary) << bytes;
    const Result<void> sound = check_pages(damaged.path() / "data.mdb");
    if (!sound) {
      EXPECT_EQ(sound.error().code, ErrorCode::kCorrupt);
      ++found;
      continue;
    }
    SCOPED_TRACE(page);
    use(damaged.path());  // ends the test where the engine would end the server
  }
  EXPECT_GT(found, 4U);
}

/// Numbers of pages that hold rows, in use or not.
std::vector<size_t> pages_of_rows(const std::string& whole) {
  std::vector<size_t> out;
  for (size_t page = 2; page < whole.size() / kPage; ++page) {
    if (whole[page * kPage + 10] == 1 || whole[page * kPage + 10] == 2) out.push_back(page);
  }
  return out;
}

TEST_F(Examination, AFlippedBitInThePagesOfRowsIsFoundOrHarmsNobody) {
  const std::string whole = *env::read_file(file());
  const std::vector<size_t> pages = pages_of_rows(whole);
  std::mt19937 random(2);
  size_t found = 0;
  for (int round = 0; round < 120; ++round) {
    const TempDirectory damaged;
    std::string bytes = whole;
    const size_t at = pages[random() % pages.size()] * kPage + random() % (round % 4 == 0 ? kPage : 48);
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
    std::ofstream(damaged.path() / "data.mdb", std::ios::binary) << bytes;
    if (!check_pages(damaged.path() / "data.mdb")) {
      ++found;
      continue;
    }
    SCOPED_TRACE(fmt::format("round {} byte {} of page {}", round, at % kPage, at / kPage));
    use(damaged.path());
  }
  EXPECT_GT(found, 10U);
}

TEST_F(Examination, AFileOfNoiseBehindItsFirstPagesIsFound) {
  std::mt19937 random(3);
  for (const size_t from : {2 * kPage, 3 * kPage, 9 * kPage}) {
    std::string bytes = *env::read_file(file());
    bytes.replace(from, bytes.size() - from, random_bytes(bytes.size() - from, random));
    const TempDirectory damaged;
    std::ofstream(damaged.path() / "data.mdb", std::ios::binary) << bytes;
    EXPECT_EQ(examine(damaged.path()).error().code, ErrorCode::kCorrupt);
  }
}

}  // namespace
}  // namespace mullion::store
