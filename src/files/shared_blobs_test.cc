// Uploads that others have to agree to.

#include "files/shared_blobs.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "env/launch.h"
#include "files/blobs.h"
#include "files/blobs_testing.h"
#include "files/sharing.h"

namespace mullion::files {
namespace {

using testing::Pieces;
using testing::tar_of;

/// Agrees, unless it is told not to.
class FakeSharing final : public Sharing {
 public:
  std::optional<Error> no_majority, not_agreed;
  std::map<std::string, FileRecord> records;
  std::vector<std::string> held, hurried;
  std::function<void()> before_commit = [] {};

  env::Task<Result<void>> hold(std::vector<OfferedFile> files) override {
    if (no_majority) co_return *no_majority;
    for (const OfferedFile& file : files) {
      EXPECT_EQ(std::filesystem::file_size(file.path), file.record.size);
      held.push_back(file.record.sha256);
    }
    co_return Result<void>();
  }
  Result<void> commit(const FileChanges& changes) override {
    before_commit();
    if (not_agreed) return *not_agreed;
    for (const std::string& name : changes.remove) records.erase(name);
    for (const FileRecord& record : changes.put) {
      EXPECT_TRUE(std::ranges::count(held, record.sha256) > 0 || !changes.remove.empty()) << record.name;
      records[record.name] = record;
    }
    return {};
  }
  std::optional<FileRecord> find(std::string_view name) const override {
    const auto found = records.find(std::string(name));
    if (found == records.end()) return std::nullopt;
    return found->second;
  }
  std::vector<std::string> names(std::string_view prefix) const override {
    std::vector<std::string> out;
    for (const auto& [name, record] : records) {
      if (name.starts_with(prefix)) out.push_back(name.substr(prefix.size()));
    }
    return out;
  }
  void hurry(std::string_view name) override { hurried.emplace_back(name); }
};

class SharedBlobsTest : public ::testing::Test {
 protected:
  ~SharedBlobsTest() override { (void)env::remove_tree(root_); }

  Result<Blobs::Info> put(const std::string& path, const std::string& text, bool explode = false) {
    Pieces body(text);
    env::Runtime runtime(1);
    return env::run(runtime, blobs_->put("files", path, body, {explode, 1 << 20}));
  }
  bool there(const std::string& path) const { return std::filesystem::exists(root_ / "files" / path); }

  env::Path root_ = env::Path(::testing::TempDir()) / fmt::format("shared-{:016x}", env::random_id());
  FakeSharing sharing_;
  std::unique_ptr<SharedBlobs> blobs_ = make_shared_blobs(root_, {}, sharing_);
};

/// Another member may have been sent other pieces under the name meanwhile.
TEST_F(SharedBlobsTest, PiecesEndWithTheServerThatTookThem) {
  ASSERT_TRUE(env::make_directories(root_ / ".unfinished"));
  ASSERT_TRUE(env::write_file_atomic(root_ / ".unfinished" / "piece", "abc"));
  blobs_ = make_shared_blobs(root_, {}, sharing_);
  EXPECT_FALSE(std::filesystem::exists(root_ / ".unfinished" / "piece"));
}

TEST_F(SharedBlobsTest, AFileIsVisibleOnceItIsAgreedOn) {
  sharing_.before_commit = [this] { EXPECT_FALSE(there("d/a")); };
  const Result<Blobs::Info> info = put("d/a", "hello");
  ASSERT_TRUE(info.ok()) << info.error().text();
  EXPECT_TRUE(there("d/a"));
  const FileRecord record = sharing_.records.at("files/d/a");
  EXPECT_EQ(record, (FileRecord{"files/d/a", 5, info->sha256, true}));
}

TEST_F(SharedBlobsTest, WithoutAMajorityNothingStays) {
  sharing_.no_majority = Error(ErrorCode::kUnavailable, "alone");
  const Result<Blobs::Info> info = put("a", "hello");
  ASSERT_FALSE(info.ok());
  EXPECT_EQ(info.error().status(), 503);
  sharing_.no_majority.reset();
  sharing_.not_agreed = Error(ErrorCode::kUnavailable, "lost");
  EXPECT_FALSE(put("b", "hello").ok());
  EXPECT_FALSE(there("a") || there("b"));
  EXPECT_TRUE(std::filesystem::is_empty(root_ / ".uploads"));
  EXPECT_TRUE(sharing_.records.empty());
}

TEST_F(SharedBlobsTest, AnArchiveIsAgreedOnAsAWhole) {
  const std::string archive = tar_of({{"x/one", "1"}, {"two", "22"}});
  sharing_.not_agreed = Error(ErrorCode::kUnavailable, "lost");
  EXPECT_FALSE(put("d/a.tar", archive, true).ok());
  EXPECT_FALSE(there("d/x/one") || there("d/two") || there("d/a.tar"));
  sharing_.not_agreed.reset();
  ASSERT_TRUE(put("d/a.tar", archive, true).ok());
  EXPECT_TRUE(there("d/x/one") && there("d/two") && there("d/a.tar"));
  EXPECT_TRUE(sharing_.records.at("files/d/a.tar").upload);
  EXPECT_FALSE(sharing_.records.at("files/d/x/one").upload);
  EXPECT_EQ(sharing_.records.at("files/d/two").size, 2U);
}

TEST_F(SharedBlobsTest, APieceIsSharedWithTheLastOne) {
  env::Runtime runtime(1);
  for (const uint64_t first : {uint64_t{0}, uint64_t{3}}) {
    Pieces body("abc");
    const net::ContentRange piece{{first, first + 2}, 6};
    ASSERT_TRUE(env::run(runtime, blobs_->append("isos", "i", body, piece, {.max_bytes = 100})).ok());
    EXPECT_EQ(sharing_.records.contains("isos/i"), first == 3);
  }
}

TEST_F(SharedBlobsTest, WhatIsNotHereYetIsNotAbsent) {
  sharing_.records["files/d/e/a"] = {"files/d/e/a", 5, std::string(64, 'a'), true};
  ASSERT_TRUE(put("d/b", "hello").ok());
  const Result<Blobs::Info> info = blobs_->stat("files", "d/e/a");
  ASSERT_FALSE(info.ok());
  EXPECT_EQ(info.error().status(), 503);
  EXPECT_EQ(sharing_.hurried, std::vector<std::string>{"files/d/e/a"});
  EXPECT_EQ(blobs_->stat("files", "d/e/other").error().status(), 404);
  EXPECT_EQ(blobs_->list("files", "d", false).value(), (std::vector<std::string>{"b", "e/"}));
  EXPECT_EQ(blobs_->list("files", "", true).value(),
            (std::vector<std::string>{"d/", "d/b", "d/e/", "d/e/a"}));
  EXPECT_EQ(blobs_->list("files", "d/e", false).value(), std::vector<std::string>{"a"});
  EXPECT_FALSE(blobs_->list("files", "f", false).ok());
}

TEST_F(SharedBlobsTest, RemovalAndRenamingAreAgreedOnFirst) {
  ASSERT_TRUE(put("a", "hello").ok());
  sharing_.not_agreed = Error(ErrorCode::kUnavailable, "lost");
  EXPECT_EQ(blobs_->remove("files", "a").error().status(), 503);
  EXPECT_FALSE(blobs_->move("files", "a", "b").ok());
  EXPECT_TRUE(there("a") && !there("b"));
  sharing_.not_agreed.reset();
  ASSERT_TRUE(blobs_->move("files", "a", "b").ok());
  EXPECT_TRUE(sharing_.records.contains("files/b") && !sharing_.records.contains("files/a"));
  ASSERT_TRUE(blobs_->remove("files", "b").ok());
  EXPECT_TRUE(sharing_.records.empty() && !there("b"));
  EXPECT_EQ(blobs_->remove("files", "b").error().status(), 404);
  sharing_.records["files/c"] = {"files/c", 5, std::string(64, 'a'), true};
  EXPECT_TRUE(blobs_->remove("files", "c").ok());  // one that never came here
}

TEST_F(SharedBlobsTest, WhatComesByOtherHandsIsTold) {
  std::vector<std::string> told;
  blobs_->on_change([&told](const std::vector<std::string>& names) {
    told.insert(told.end(), names.begin(), names.end());
  });
  ASSERT_TRUE(put("a", "hello").ok());
  std::filesystem::remove(root_ / "files/a");
  blobs_->noticed("files/a");
  EXPECT_TRUE(blobs_->uploads("", 10).sums.empty());
  EXPECT_EQ(told, (std::vector<std::string>{"files/a", "files/a"}));
}

}  // namespace
}  // namespace mullion::files
