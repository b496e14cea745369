// Limits of archives, uploads in pieces, uploads at the same time.
#include "env/memory_budget.h"
#include "files/blobs.h"
#include "files/blobs_testing.h"
#include "files/internal/upload_list.h"

namespace mullion::files {
namespace {

using namespace files::testing;
using ::testing::ElementsAre;

class UploadsTest : public BlobsTest {};

TEST_F(UploadsTest, ArchivesHaveLimits) {
  const std::string many = tar_of({{"a", "1"}, {"b", "2"}, {"c", "3"}});
  const std::string zeros = gzip_of(tar_of({{"zeros", std::string(900'000, '\0')}}));
  const struct {
    BlobLimits limits;
    std::string archive;
    const char* wanted;
  } kRows[] = {
      {{.archive_entries = 2}, many, "Cannot explode: more than 2 entries"},
      {{.archive_entries = 3}, many, ""},
      {{.archive_entries = 3},
       tar_of({{"a/b/c", "1"}, {"d/e/f", "2"}}),
       "Cannot explode: more than 3 directories"},
      {{.archive_entries = 3}, tar_of({{"a/b/c", "1"}, {"a/b/d", "2"}, {"a/e", "3"}}), ""},
      {{.unpacked_bytes = 899'999}, zeros, "Cannot explode: more than 899999 bytes unpacked"},
      {{.unpacked_bytes = 900'000}, zeros, ""},
  };
  for (const auto& row : kRows) {
    blobs_ = make_blobs(root_, row.limits);
    const auto info = put("x/all.tar", row.archive, true);
    EXPECT_EQ(info ? "" : info.error().messages.front(), row.wanted);
    EXPECT_EQ(info ? 413 : info.error().status(), 413);
    EXPECT_EQ(fs::exists(root_ / "files/x"), info.ok()) << "all or nothing";
    fs::remove_all(root_ / "files/x");
    EXPECT_EQ(left_overs(), 0U);
  }
}

TEST_F(UploadsTest, AnArchiveThatDoesNotFitChangesNothing) {
  ASSERT_TRUE(put("x/b", "a file"));
  const auto refused = put("x/all.tar", tar_of({{"a", "1"}, {"b/c", "2"}}), true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status(), 409);
  EXPECT_THAT(*blobs_->list("files", "x", true), ElementsAre("b"));
}

TEST_F(UploadsTest, UploadsInPieces) {
  EXPECT_EQ(blobs_->unfinished("files", "d/big").error().messages.front(), "No unfinished upload");
  auto progress = append("hel", 0, 2, std::nullopt);
  ASSERT_TRUE(progress) << progress.error().text();
  EXPECT_EQ(progress->size, 3U);
  EXPECT_FALSE(progress->finished);
  EXPECT_EQ(*blobs_->unfinished("files", "d/big"), 3U);
  EXPECT_FALSE(blobs_->stat("files", "d/big")) << "nobody sees half a file";
  EXPECT_EQ(append("o", 4, 4, 5).error().messages.front(), "The upload stands at 3 bytes, not at 4");
  EXPECT_EQ(append("l", 2, 2, 5).error().status(), 409);
  blobs_ = make_blobs(root_);  // a restart in between
  progress = append("lo", 3, 4, 5);
  ASSERT_TRUE(progress && progress->finished);
  EXPECT_EQ(progress->finished->sha256, kHelloSum);
  EXPECT_EQ(*read(*blobs_->stat("files", "d/big"), 0, 100), "hello");
  EXPECT_FALSE(blobs_->unfinished("files", "d/big"));
  EXPECT_EQ(names_in(".unfinished"), 0U);
}

TEST_F(UploadsTest, PiecesThatAreCutOrWrong) {
  EXPECT_EQ(append("cut of", 0, 9, 10, true).error().code, ErrorCode::kUnreachable);
  EXPECT_EQ(*blobs_->unfinished("files", "d/big"), 6U) << "what arrived is there";
  EXPECT_EQ(append("f!", 6, 9, 10).error().status(), 400) << "shorter than it says";
  EXPECT_EQ(*blobs_->unfinished("files", "d/big"), 6U) << "and changes nothing";
  EXPECT_EQ(append("f!!!!", 6, 9, 10).error().status(), 400) << "longer than it says";
  EXPECT_EQ(*blobs_->unfinished("files", "d/big"), 6U);
  EXPECT_EQ(append("x", 0, 0, (1 << 20) + 1).error().status(), 413) << "the total is refused at once";
  ASSERT_TRUE(append("again", 0, 4, 10)) << "from the start";
  EXPECT_EQ(*blobs_->unfinished("files", "d/big"), 5U);
  ASSERT_TRUE(blobs_->drop_unfinished("files", "d/big"));
  EXPECT_EQ(blobs_->drop_unfinished("files", "d/big").error().status(), 404);
  EXPECT_EQ(append("tar?", 0, 3, 4, false, true).error().status(), 422) << "no archive";
  EXPECT_FALSE(blobs_->unfinished("files", "d/big")) << "a refused upload leaves nothing";
  EXPECT_FALSE(fs::exists(root_ / "files/d/big"));
}

TEST_F(UploadsTest, UnfinishedUploadsAreFewAndNotKeptForEver) {
  blobs_ = make_blobs(root_, {.unfinished_uploads = 1});
  ASSERT_TRUE(append("x", 0, 0, 2));
  Pieces body("y");
  const auto second = env::run(runtime_, [&] {
    return blobs_->append("files", "other", body, {{0, 0}, 2}, {.max_bytes = 100});
  });
  EXPECT_EQ(second.error().status(), 503) << second.error().text();
  blobs_ = make_blobs(root_, {.unfinished_age = std::chrono::hours(1)});
  EXPECT_TRUE(blobs_->unfinished("files", "d/big")) << "young";
  for (const auto& entry : fs::directory_iterator(root_ / ".unfinished")) {
    fs::last_write_time(entry, fs::file_time_type::clock::now() - std::chrono::hours(2));
  }
  blobs_ = make_blobs(root_, {.unfinished_age = std::chrono::hours(1)});
  EXPECT_FALSE(blobs_->unfinished("files", "d/big"));
}

TEST_F(UploadsTest, AnnouncedSizesAreRefusedAtOnce) {
  const auto put_sized = [this](uint64_t announced, uint64_t limit) {
    Pieces body("x", false, announced);
    return env::run(runtime_, [&] { return blobs_->put("files", "x", body, {.max_bytes = limit}); });
  };
  EXPECT_EQ(put_sized(101, 100).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(put_sized(uint64_t{1} << 60, UINT64_MAX).error().code, ErrorCode::kInsufficientStorage);
  EXPECT_EQ(left_overs(), 0U);
}

TEST_F(UploadsTest, WithoutRoomToGatherPiecesAreWrittenAsTheyCome) {
  const auto all = env::memory_for(env::Memory::kUploads).take(size_t{1} << 30, "");
  ASSERT_TRUE(all);
  ASSERT_TRUE(put("whole", "hello"));
  EXPECT_EQ(blobs_->stat("files", "whole")->sha256, kHelloSum);
  EXPECT_EQ(*read(*blobs_->stat("files", "whole"), 0, 100), "hello");
}

TEST_F(UploadsTest, ConcurrentUploadsOfOnePathLeaveOneOfThem) {
  constexpr int kUploads = 8;
  std::vector<std::string> texts;
  std::vector<std::unique_ptr<Pieces>> bodies;
  std::vector<std::future<Result<Blobs::Info>>> outcomes;
  for (int i = 0; i < kUploads; ++i) {
    texts.push_back(std::string(1000, static_cast<char>('a' + i)));
    bodies.push_back(std::make_unique<Pieces>(texts.back()));
    outcomes.push_back(env::launch(runtime_, [this, body = bodies.back().get()] {
      return blobs_->put("files", "same", *body, {.max_bytes = 1 << 20});
    }));
  }
  std::map<std::string, std::string> sums;
  for (int i = 0; i < kUploads; ++i) {
    const auto info = outcomes[static_cast<size_t>(i)].get();
    ASSERT_TRUE(info) << info.error().text();
    sums[info->sha256] = texts[static_cast<size_t>(i)];
  }
  const auto left = *blobs_->stat("files", "same");
  EXPECT_EQ(*read(left, 0, 1000), sums.at(left.sha256)) << "sum and bytes belong together";
  EXPECT_EQ(left_overs(), 0U);
}

using ::testing::Pair;

constexpr size_t kMany = 1000;

TEST_F(UploadsTest, ListOfUploads) {
  ASSERT_TRUE(put("a", "hello"));
  ASSERT_TRUE(put("skipped/b", "hello"));
  ASSERT_TRUE(put("x/all.tar", tar_of({{"inside", "hello"}}), true));
  ASSERT_TRUE(put("i.iso", "hello", false, 1 << 20, "isos"));
  fs::copy_file(root_ / "files/a", root_ / "files/by-hand");
  for (const char* name : {"by-hand", "x/inside"})
    ASSERT_TRUE(blobs_->stat("files", name)) << "its sum is remembered";
  const auto expected =
      ElementsAre(Pair("files/a", kHelloSum), Pair("files/x/all.tar", ::testing::SizeIs(64)),
                  Pair("isos/i.iso", kHelloSum));
  EXPECT_THAT(blobs_->uploads("files/skipped/", kMany).sums, expected);
  blobs_ = make_blobs(root_);
  EXPECT_THAT(blobs_->uploads("files/skipped/", kMany).sums, expected) << "after a restart";
  EXPECT_TRUE(blobs_->uploads("files/skipped/", 3).complete);
  EXPECT_EQ(blobs_->uploads("", 2).sums.size(), 2U);
  EXPECT_FALSE(blobs_->uploads("", 2).complete);
}

TEST_F(UploadsTest, ListFollowsChanges) {
  EXPECT_TRUE(blobs_->uploads("", kMany).sums.empty());
  std::vector<std::string> told;
  blobs_->on_change(
      [&](const std::vector<std::string>& names) { told.insert(told.end(), names.begin(), names.end()); });
  ASSERT_TRUE(put("a", "hello"));
  ASSERT_TRUE(put("all.tar", tar_of({{"a", "other"}}), true));
  EXPECT_THAT(blobs_->uploads("", kMany).sums, ElementsAre(Pair("files/all.tar", ::testing::_)))
      << "what an archive put in the place of an upload is none";
  ASSERT_TRUE(blobs_->remove("files", "all.tar"));
  EXPECT_TRUE(blobs_->uploads("", kMany).sums.empty());
  EXPECT_THAT(told, ElementsAre("files/a", "files/a", "files/all.tar", "files/all.tar"));
}

TEST_F(UploadsTest, AnArchiveIsToldOfAtOnce) {
  int tells = 0;
  blobs_->on_change([&](const std::vector<std::string>&) { ++tells; });
  ASSERT_TRUE(put("all.tar", tar_of({{"a", "1"}, {"b", "2"}, {"c", "3"}}), true));
  EXPECT_EQ(tells, 2) << "what it held, and the archive";
}

TEST_F(UploadsTest, ANameThatEndsLikeTheMarkOfOthersIsAnUpload) {
  ASSERT_TRUE(put("there is no upload", "hello"));
  blobs_ = make_blobs(root_);
  EXPECT_THAT(blobs_->uploads("", kMany).sums, ElementsAre(Pair("files/there is no upload", kHelloSum)));
}

TEST_F(UploadsTest, AFullListForgetsNoChange) {
  const Checksums sums(root_ / ".sums");
  UploadList list(root_, sums, 2);
  list.set("a", "1");
  list.set("b", "1");
  EXPECT_TRUE(list.read("", kMany).complete);
  list.set("c", "1");
  list.set("a", "2");
  EXPECT_THAT(list.read("", kMany).sums, ElementsAre(Pair("a", "2"), Pair("b", "1")));
  EXPECT_FALSE(list.read("", kMany).complete) << "c is not told of";
}

TEST_F(UploadsTest, WhatIsosUnpackedToHasNoSums) {
  fs::create_directories(root_ / "installs/x/install");
  std::ofstream(root_ / "installs/x/install/vmlinuz") << "kernel";
  const auto info = blobs_->stat("installs", "x/install/vmlinuz");
  ASSERT_TRUE(info);
  EXPECT_EQ(info->sha256, "");
  EXPECT_EQ(names_in(".sums"), 0U);
}

TEST_F(UploadsTest, WhatTheServerWritesItselfIsReadWithItsSumButIsNoUpload) {
  for (const char* bucket : {"plugins", "catalog"}) {
    fs::create_directories(root_ / bucket);
    std::ofstream(root_ / bucket / "x") << "hello";
    const auto info = blobs_->stat(bucket, "x");
    ASSERT_TRUE(info) << info.error().text();
    EXPECT_EQ(info->sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    EXPECT_TRUE(blobs_->open(*info, 0, UINT64_MAX));
    EXPECT_FALSE(blobs_->remove(bucket, "x"));
    EXPECT_FALSE(blobs_->list(bucket, "", true));
  }
  EXPECT_THAT(blobs_->uploads("", kMany).sums, ::testing::IsEmpty());
}

TEST_F(UploadsTest, WhatWasChangedBehindOurBackIsNotListed) {
  ASSERT_TRUE(put("a", "hello"));
  ASSERT_TRUE(put("b", "hello"));
  std::ofstream(root_ / "files/a") << "something else";
  fs::remove(root_ / "files/b");
  blobs_ = make_blobs(root_);
  EXPECT_TRUE(blobs_->uploads("", kMany).sums.empty());
}

// Who takes it for an absent one would go on as if nothing was in it.
TEST_F(UploadsTest, ADirectoryThatCannotBeLookedAtIsNotAbsent) {
  fs::create_symlink("loop", root_ / "files/loop");
  EXPECT_EQ(blobs_->list("files", "loop", true).error().code, ErrorCode::kInternal);
  for (const std::string& absent : {std::string("absent"), std::string(300, 'n')})
    EXPECT_EQ(blobs_->list("files", absent, true).error().code, ErrorCode::kNotFound);
}

TEST_F(UploadsTest, MovingKeepsTheChecksumAndTellsBothNames) {
  ASSERT_TRUE(put("in/part", "hello"));
  std::vector<std::string> told;
  blobs_->on_change([&told](const std::vector<std::string>& names) {
    told.insert(told.end(), names.begin(), names.end());
  });
  ASSERT_TRUE(put("out/there", "old"));
  told.clear();
  const auto moved = blobs_->move("files", "in/part", "out/there");
  ASSERT_TRUE(moved) << moved.error().text();
  EXPECT_EQ(moved->path, "out/there");
  EXPECT_EQ(moved->sha256, kHelloSum);
  EXPECT_THAT(told, ElementsAre("files/in/part", "files/out/there"));
  EXPECT_EQ(*read(*moved, 0, 100), "hello");
  const std::map<std::string, std::string> wanted{{"files/out/there", kHelloSum}};
  EXPECT_EQ(blobs_->uploads("", 10).sums, wanted);
  blobs_ = make_blobs(root_);
  EXPECT_EQ(blobs_->uploads("", 10).sums, wanted);  // on the disk, too: nothing was hashed again
  EXPECT_EQ(blobs_->stat("files", "in/part").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(blobs_->move("files", "in/part", "x").error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(put("file", "x"));
  EXPECT_EQ(blobs_->move("files", "out/there", "file/x").error().code, ErrorCode::kConflict);
  EXPECT_FALSE(blobs_->move("files", "out/there", "../x"));
}

}  // namespace
}  // namespace mullion::files
