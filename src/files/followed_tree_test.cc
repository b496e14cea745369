// Files on the disk compared with what is agreed of them.

#include "files/followed_tree.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "env/random.h"
#include "env/sha256.h"
#include "files/sharing.h"

namespace mullion::files {
namespace {

namespace fs = std::filesystem;
using Look = FollowedTree::Look;
using Finding = FollowedTree::Finding;

std::string sum_of_text(std::string_view text) {
  env::Sha256 hash;
  hash.add(text);
  return hash.hex();
}
FileRecord record_for(std::string name, std::string_view text, bool upload = true) {
  return {std::move(name), text.size(), sum_of_text(text), upload};
}
std::string text_in(const env::Path& path) { return env::read_file(path).value(); }

class FollowedTreeTest : public ::testing::Test {
 protected:
  ~FollowedTreeTest() override { (void)env::remove_tree(root_); }

  void write(const std::string& name, std::string_view text) {
    const env::Path path = root_ / name;
    ASSERT_TRUE(env::make_directories(path.parent_path()).ok());
    ASSERT_TRUE(env::write_file_atomic(path, text).ok());
  }
  void open_again() { tree_ = make_followed_tree(root_, root_ / "own" / "known"); }
  /// All bytes come, in two pieces.
  Result<void> receive(std::string_view text, std::string_view sha256) {
    auto partial = tree_->receive(std::string(sha256), text.size());
    if (!partial) return partial.error();
    for (const std::string_view piece : {text.substr(0, 2), text.substr(2)}) {
      if (Result<void> written = (*partial)->write(piece); !written) return written;
    }
    return (*partial)->finish();
  }

  env::Path root_ = env::Path(::testing::TempDir()) / fmt::format("followed-{:016x}", env::random_id());
  std::unique_ptr<FollowedTree> tree_ = make_followed_tree(root_, root_ / "own" / "known");
};

TEST_F(FollowedTreeTest, RecordsComeBackAndOthersAreRefused) {
  const FileRecord record = record_for("files/a b/c", "x");
  EXPECT_EQ(decode_record(encode_record(record)).value(), record);
  for (const char* name : {"files/../x", "files/", "files", "installs/a", "/files/a", "files//a",
                           "plugins/a/b", "plugins/.a", "data/data.mdb", ""}) {
    EXPECT_FALSE(is_followed(name)) << name;
    EXPECT_FALSE(decode_record(encode_record(record_for(name, "x"))).ok()) << name;
  }
  FileRecord bad = record;
  bad.sha256 = "../../../etc/passwd";
  EXPECT_FALSE(decode_record(encode_record(bad)).ok());
  EXPECT_FALSE(decode_record("{}").ok());
}

TEST_F(FollowedTreeTest, BytesAreVerifiedBeforeTheyHaveAName) {
  const FileRecord record = record_for("files/d/a", "hello");
  EXPECT_EQ(tree_->look(record), Look::kAbsent);
  const Result<void> other = receive("jello", record.sha256);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::kCorrupt);
  EXPECT_FALSE(tree_->holds(record.sha256));
  ASSERT_TRUE(receive("hello", record.sha256).ok());
  EXPECT_TRUE(tree_->holds(record.sha256));
  EXPECT_EQ(tree_->look(record), Look::kAbsent);
  ASSERT_TRUE(tree_->place(record).ok());
  EXPECT_EQ(tree_->look(record), Look::kSame);
  EXPECT_EQ(text_in(root_ / "files/d/a"), "hello");
}

TEST_F(FollowedTreeTest, WhatCameIsGoneOnWithAfterARestart) {
  const FileRecord record = record_for("isos/a", "hello");
  {
    auto partial = std::move(tree_->receive(record.sha256, 5).value());
    ASSERT_TRUE(partial->write("hel").ok());
  }
  open_again();
  EXPECT_FALSE(tree_->holds(record.sha256));
  auto partial = std::move(tree_->receive(record.sha256, 5).value());
  EXPECT_EQ(partial->size(), 3U);
  ASSERT_TRUE(partial->write("lo").ok());
  ASSERT_TRUE(partial->finish().ok());
  EXPECT_TRUE(tree_->holds(record.sha256));
}

TEST_F(FollowedTreeTest, DamageShowsInSizeTimeOrChecksum) {
  const FileRecord record = record_for("files/a", "hello");
  write("files/a", "hello");
  EXPECT_EQ(tree_->look(record), Look::kSame);
  {
    std::fstream file(root_ / "files/a", std::ios::in | std::ios::out | std::ios::binary);
    file.put('j');
  }
  EXPECT_EQ(tree_->look(record), Look::kDiffers);
  write("files/a", "hello");
  const auto time = fs::last_write_time(root_ / "files/a");
  EXPECT_EQ(tree_->look(record), Look::kSame);
  const auto all = [](size_t) { return true; };
  EXPECT_EQ(tree_->verify(record, all), Finding::kSame);
  {
    std::fstream file(root_ / "files/a", std::ios::in | std::ios::out | std::ios::binary);
    file.put('j');
  }
  fs::last_write_time(root_ / "files/a", time);
  EXPECT_EQ(tree_->verify(record, all), Finding::kDamaged);
  EXPECT_EQ(tree_->look(record), Look::kDiffers);
  EXPECT_EQ(tree_->verify(record, [](size_t) { return false; }), Finding::kSame);  // broken off
}

/// A member that was away has what was agreed before, and nothing is wrong with its disk.
TEST_F(FollowedTreeTest, AnotherVersionIsNotDamage) {
  const auto all = [](size_t) { return true; };
  const FileRecord before = record_for("files/a", "hello");
  write("files/a", "hello");
  EXPECT_EQ(tree_->look(before), Look::kSame);
  for (const std::string_view text : {"jello", "a longer one"}) {
    EXPECT_EQ(tree_->verify(record_for("files/a", text), all), Finding::kAnother) << text;
    EXPECT_EQ(tree_->look(record_for("files/a", text)), Look::kDiffers);
  }
  EXPECT_EQ(tree_->verify(before, all), Finding::kSame) << "what it was is still known";
  write("files/a", "jello");  // by hand
  EXPECT_EQ(tree_->verify(before, all), Finding::kAnother);
}

TEST_F(FollowedTreeTest, APlaceMayBeTakenByAnEmptyFolder) {
  const FileRecord record = record_for("files/a", "hello");
  ASSERT_TRUE(env::make_directories(root_ / "files/a").ok());
  ASSERT_TRUE(receive("hello", record.sha256).ok());
  ASSERT_TRUE(tree_->place(record).ok());
  EXPECT_EQ(tree_->look(record), Look::kSame);
}

TEST_F(FollowedTreeTest, ProgramsCanBeRun) {
  const FileRecord record = record_for("plugins/p", "#!");
  ASSERT_TRUE(receive("#!", record.sha256).ok());
  ASSERT_TRUE(tree_->place(record).ok());
  EXPECT_EQ(fs::status(root_ / "plugins/p").permissions(), fs::perms::owner_all);
}

TEST_F(FollowedTreeTest, NamesAreWhatIsFollowedAndNotesLast) {
  write("files/a", "1");
  write("isos/d/b", "2");
  write("plugins/p", "3");
  write("plugins/.staged.0123", "4");
  write("installs/i", "5");
  EXPECT_THAT(tree_->names(), ::testing::UnorderedElementsAre("files/a", "isos/d/b", "plugins/p"));
  EXPECT_FALSE(tree_->met());
  tree_->note_known({"files/a", "files/gone"});
  EXPECT_TRUE(tree_->met());
  open_again();
  EXPECT_TRUE(tree_->met());
  EXPECT_TRUE(tree_->known("files/a"));
  EXPECT_FALSE(tree_->known("files/gone"));  // there is nothing that could be removed
  EXPECT_FALSE(tree_->known("isos/d/b"));
}

TEST_F(FollowedTreeTest, WhatIsSetAsideLiesBesideTheTrees) {
  write("files/d/a", "1");
  ASSERT_TRUE(tree_->set_aside("files/d/a").ok());
  EXPECT_FALSE(fs::exists(root_ / "files/d/a"));
  bool found = false;
  for (const auto& entry : fs::directory_iterator(root_))
    found = found || fs::exists(entry.path() / "files/d/a");
  EXPECT_TRUE(found);
}

TEST_F(FollowedTreeTest, SweepingSparesWhatIsWantedAndWhatIsFresh) {
  for (const char* text : {"wanted", "placed", "fresh"}) ASSERT_TRUE(receive(text, sum_of_text(text)).ok());
  tree_->sweep({sum_of_text("wanted")}, {sum_of_text("wanted"), sum_of_text("placed")});
  EXPECT_TRUE(tree_->holds(sum_of_text("wanted")));
  EXPECT_FALSE(tree_->holds(sum_of_text("placed")));
  EXPECT_TRUE(tree_->holds(sum_of_text("fresh")));
  fs::last_write_time(tree_->held(sum_of_text("fresh")),
                      fs::file_time_type::clock::now() - std::chrono::hours(2));
  tree_->sweep({}, {});
  EXPECT_FALSE(tree_->holds(sum_of_text("fresh")));
}

}  // namespace
}  // namespace mullion::files
