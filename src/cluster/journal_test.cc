// The contract of the journal, kept by the real one and by the double that simulations run on.
#include "cluster/journal.h"

#include <gtest/gtest.h>

#include <fstream>

#include "cluster/journal_testing.h"
#include "store/store_testing.h"

namespace mullion::cluster {
namespace {

JournalEntry data(uint64_t index, uint64_t term, std::string payload) {
  return {{index, term, EntryKind::kData, tag_of(payload), {}}, payload};
}
JournalEntry empty(uint64_t index, uint64_t term) { return {{index, term, EntryKind::kEmpty, {}, {}}, {}}; }
JournalEntry change(uint64_t index, uint64_t term, std::string bytes) {
  return {{index, term, EntryKind::kChange, {}, std::move(bytes)}, {}};
}

/// A place on which a journal can be opened again and again.
class Ground {
 public:
  virtual ~Ground() = default;
  virtual Result<std::unique_ptr<Journal>> open() = 0;
  /// Flips a bit in what is stored of a payload.
  virtual void damage(uint64_t index, std::string_view payload) = 0;
  /// From now on so many bytes more fit, about.
  virtual Result<std::unique_ptr<Journal>> open_small() = 0;
};

class MemoryGround final : public Ground {
 public:
  Result<std::unique_ptr<Journal>> open() override { return MemoryJournal::open(disk_); }
  void damage(uint64_t index, std::string_view) override { disk_.damaged = index; }
  Result<std::unique_ptr<Journal>> open_small() override {
    disk_.capacity = 4 << 20;
    return open();
  }

 private:
  MemoryDisk disk_;
};

class RealGround final : public Ground {
 public:
  Result<std::unique_ptr<Journal>> open() override { return open_journal(directory_.path() / "journal"); }
  void damage(uint64_t, std::string_view payload) override {
    const env::Path file = directory_.path() / "journal" / "data.mdb";
    const Result<std::string> bytes = env::read_file(file);
    ASSERT_TRUE(bytes.ok());
    const size_t at = bytes->find(payload);
    ASSERT_NE(at, std::string::npos);
    std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(static_cast<std::streamoff>(at));
    out.put(static_cast<char>(payload.front() ^ 1));
  }
  Result<std::unique_ptr<Journal>> open_small() override {
    return open_journal(directory_.path() / "journal", {.max_bytes = 4 << 20});
  }

 private:
  store::TempDirectory directory_;
};

class JournalContract : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "memory") {
      ground_ = std::make_unique<MemoryGround>();
    } else {
      ground_ = std::make_unique<RealGround>();
    }
    reopen();
  }
  void reopen() {
    journal_.reset();
    Result<std::unique_ptr<Journal>> opened = ground_->open();
    ASSERT_TRUE(opened.ok()) << opened.error().text();
    journal_ = std::move(opened).value();
  }
  std::vector<uint64_t> terms() {
    reopen();
    std::vector<uint64_t> out;
    for (const Entry& entry : journal_->contents().entries) out.push_back(entry.term);
    return out;
  }
  void append(std::vector<JournalEntry> entries, HardState hard) {
    const Result<void> done = journal_->append(entries, hard);
    ASSERT_TRUE(done.ok()) << done.error().text();
  }

  std::unique_ptr<Ground> ground_;
  std::unique_ptr<Journal> journal_;
};

INSTANTIATE_TEST_SUITE_P(Kinds, JournalContract, ::testing::Values("memory", "lmdb"));

TEST_P(JournalContract, IsEmptyAtBirthAndCountsItsLives) {
  EXPECT_EQ(journal_->contents().incarnation, 1U);
  EXPECT_EQ(journal_->contents().base_index, 0U);
  EXPECT_TRUE(journal_->contents().entries.empty());
  reopen();
  EXPECT_EQ(journal_->contents().incarnation, 2U);
}

TEST_P(JournalContract, KeepsEntriesAndHardStateOfOneAppendTogether) {
  append({empty(1, 1), data(2, 1, "first"), change(3, 2, "who")}, {2, 7, 1});
  reopen();
  const Journal::Contents found = journal_->contents();
  EXPECT_EQ(found.hard, (HardState{2, 7, 1}));
  ASSERT_EQ(found.entries.size(), 3U);
  EXPECT_EQ(found.entries[0], empty(1, 1).entry);
  EXPECT_EQ(found.entries[1], data(2, 1, "first").entry);
  EXPECT_EQ(found.entries[2], change(3, 2, "who").entry);
  EXPECT_EQ(*journal_->payload(2), "first");
}

TEST_P(JournalContract, KeepsAVoteWithoutEntries) {
  append({}, {5, 2, 0});
  reopen();
  EXPECT_EQ(journal_->contents().hard, (HardState{5, 2, 0}));
}

TEST_P(JournalContract, AnIndexThatExistsCutsTheRest) {
  append({data(1, 1, "a"), data(2, 1, "b"), data(3, 1, "c")}, {1, 1, 0});
  append({data(2, 2, "other")}, {2, 2, 1});
  EXPECT_EQ(terms(), (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(*journal_->payload(2), "other");
  EXPECT_EQ(journal_->payload(3).error().code, ErrorCode::kNotFound);
}

TEST_P(JournalContract, RefusesAnEntryThatDoesNotFollowAndKeepsWhatIsThere) {
  append({data(1, 1, "a")}, {1, 1, 0});
  EXPECT_FALSE(journal_->append({data(3, 1, "c")}, {9, 9, 9}).ok());
  EXPECT_EQ(terms(), (std::vector<uint64_t>{1}));
  EXPECT_EQ(journal_->contents().hard, (HardState{1, 1, 0}));
}

TEST_P(JournalContract, TrimMovesTheBase) {
  append({data(1, 1, "a"), data(2, 1, "b"), data(3, 2, "c")}, {2, 1, 3});
  ASSERT_TRUE(journal_->trim(2).ok());
  EXPECT_EQ(journal_->payload(2).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(terms(), (std::vector<uint64_t>{2}));
  EXPECT_EQ(journal_->contents().base_index, 2U);
  EXPECT_EQ(journal_->contents().base_term, 1U);
  EXPECT_EQ(journal_->trim(9).error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(journal_->append({data(2, 2, "below")}, {2, 1, 3}).ok());
  append({data(3, 3, "again")}, {3, 1, 2});
  EXPECT_EQ(terms(), (std::vector<uint64_t>{3}));
}

TEST_P(JournalContract, BeginsAtACopyBeyondItsEndAndKeepsTermAndVote) {
  append({data(1, 1, "a"), data(2, 1, "b")}, {6, 3, 1});
  ASSERT_TRUE(journal_->begin_at(40, 5).ok());
  EXPECT_TRUE(terms().empty());
  EXPECT_EQ(journal_->contents().base_index, 40U);
  EXPECT_EQ(journal_->contents().base_term, 5U);
  EXPECT_EQ(journal_->contents().hard, (HardState{6, 3, 40}));
  append({data(41, 6, "next")}, {6, 3, 40});
  EXPECT_EQ(*journal_->payload(41), "next");
}

TEST_P(JournalContract, ACopyOfANewerTermEndsAnOldVote) {
  append({data(1, 1, "a")}, {2, 3, 0});
  ASSERT_TRUE(journal_->begin_at(9, 4).ok());
  reopen();
  EXPECT_EQ(journal_->contents().hard, (HardState{4, 0, 9}));
}

TEST_P(JournalContract, ACopyWithinKeepsWhatWasPromisedAboveIt) {
  append({data(1, 1, "a"), data(2, 1, "b"), data(3, 1, "c")}, {1, 1, 1});
  ASSERT_TRUE(journal_->begin_at(2, 1).ok());
  EXPECT_EQ(terms(), (std::vector<uint64_t>{1}));
  EXPECT_EQ(*journal_->payload(3), "c");
  EXPECT_EQ(journal_->begin_at(1, 1).error().code, ErrorCode::kConflict);
}

TEST_P(JournalContract, ACopyThatContradictsTheEntryCutsWhatStandsAbove) {
  append({data(1, 1, "a"), data(2, 1, "b"), data(3, 1, "c")}, {3, 1, 1});
  ASSERT_TRUE(journal_->begin_at(2, 2).ok());
  EXPECT_TRUE(terms().empty());
}

TEST_P(JournalContract, AFlippedBitIsDamageAndNothingIsCutAway) {
  append({data(1, 1, std::string(200, 'a')), data(2, 1, std::string(200, 'b')), data(3, 1, "end")},
         {1, 1, 2});
  journal_.reset();
  ground_->damage(2, std::string(200, 'b'));
  for (int attempt = 0; attempt < 2; ++attempt) {
    const Result<std::unique_ptr<Journal>> opened = ground_->open();
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(opened.error().text().find("entry 2"), std::string::npos) << opened.error().text();
  }
}

TEST_P(JournalContract, WantOfSpaceIsSaidBeforeAndChangesNothing) {
  journal_.reset();
  Result<std::unique_ptr<Journal>> opened = ground_->open_small();
  ASSERT_TRUE(opened.ok());
  journal_ = std::move(opened).value();
  append({data(1, 1, "a")}, {1, 1, 0});
  EXPECT_TRUE(journal_->reserve(1 << 20).ok());
  EXPECT_EQ(journal_->reserve(8 << 20).error().code, ErrorCode::kInsufficientStorage);
  const Result<void> refused = journal_->append({data(2, 1, std::string(8 << 20, 'x'))}, {1, 1, 1});
  EXPECT_EQ(refused.error().code, ErrorCode::kInsufficientStorage);
  append({data(2, 1, std::string(1 << 20, 'y'))}, {1, 1, 1});
  EXPECT_EQ(terms(), (std::vector<uint64_t>{1, 1}));
}

TEST_P(JournalContract, HoldsLargeEntriesAndManySmallOnes) {
  std::vector<JournalEntry> many;
  for (uint64_t index = 1; index <= 500; ++index) many.push_back(data(index, 1, std::to_string(index)));
  append(many, {1, 1, 0});
  append({data(501, 1, std::string(3 << 20, 'z'))}, {1, 1, 500});
  EXPECT_EQ(terms().size(), 501U);
  EXPECT_EQ(journal_->payload(501)->size(), size_t{3 << 20});
  EXPECT_EQ(*journal_->payload(77), "77");
  ASSERT_TRUE(journal_->trim(500).ok());
  EXPECT_EQ(terms().size(), 1U);
}

TEST(MemoryJournal, LosesWhatWasNotSyncedAndSaysWhenASyncFailed) {
  MemoryDisk disk;
  std::unique_ptr<Journal> journal = std::move(MemoryJournal::open(disk)).value();
  ASSERT_TRUE(journal->append({data(1, 1, "a")}, {1, 1, 0}).ok());
  disk.sync_fails = true;
  EXPECT_FALSE(journal->append({data(2, 1, "b")}, {1, 1, 1}).ok());
  journal = std::move(MemoryJournal::open(disk)).value();
  EXPECT_EQ(journal->contents().entries.size(), 1U);
}

TEST(LmdbJournal, AFileWhoseEndIsMissingIsDamage) {
  store::TempDirectory directory;
  const env::Path path = directory.path() / "journal";
  {
    const auto journal = std::move(open_journal(path)).value();
    ASSERT_TRUE(journal->append({data(1, 1, std::string(1 << 20, 'a'))}, {1, 1, 0}).ok());
  }
  std::filesystem::resize_file(path / "data.mdb", 3 * 4096);
  const Result<std::unique_ptr<Journal>> opened = open_journal(path);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace mullion::cluster
