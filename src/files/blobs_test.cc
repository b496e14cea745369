#include "files/blobs.h"

#include "files/blobs_testing.h"

namespace mullion::files {
namespace {

using namespace files::testing;
using ::testing::ElementsAre;

TEST_F(BlobsTest, PutStatReadRemove) {
  const auto info = put("/a/b/hello.txt", "hello");
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_EQ(info->path, "a/b/hello.txt");
  EXPECT_EQ(info->size, 5U);
  EXPECT_EQ(info->sha256, kHelloSum);
  const auto found = blobs_->stat("files", "a/b/hello.txt");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->sha256, kHelloSum);
  EXPECT_EQ(*read(*found, 0, 4), "hello");
  EXPECT_EQ(*read(*found, 1, 3), "ell");
  EXPECT_EQ(*read(*found, 0, UINT64_MAX), "hello");
  EXPECT_EQ(*read(*found, 5, 9), "");
  EXPECT_EQ((*blobs_->open(*found, 1, 3))->size(), 3U);
  EXPECT_FALSE(blobs_->stat("isos", "a/b/hello.txt"));
  EXPECT_TRUE(blobs_->remove("files", "a/b/hello.txt"));
  EXPECT_FALSE(blobs_->stat("files", "a/b/hello.txt"));
  EXPECT_EQ(left_overs(), 0U);
}

TEST_F(BlobsTest, ReplacementIsSeenAndNeverMixed) {
  const auto first = *put("x", "hello");
  auto reader = *blobs_->open(first, 0, 4);
  ASSERT_TRUE(put("x", "something longer"));
  const auto second = *blobs_->stat("files", "x");
  EXPECT_NE(second.sha256, first.sha256);
  EXPECT_EQ(*env::run(runtime_, [&] { return net::read_all(*reader, 100); }), "hello")
      << "who reads the old file reads all of it";
  EXPECT_EQ(blobs_->open(first, 0, 4).error().code, ErrorCode::kConflict);
}

TEST_F(BlobsTest, ReplacementByOneOfTheSameSizeIsRefused) {
  const auto first = *put("x", "hello");
  ASSERT_TRUE(put("x", "HELLO"));
  EXPECT_EQ(blobs_->open(first, 0, 4).error().code, ErrorCode::kConflict);
  const auto second = *blobs_->stat("files", "x");
  EXPECT_EQ(*read(second, 0, 4), "HELLO");
  std::ofstream(root_ / "files/x") << "by hd";  // into the same file
  fs::last_write_time(root_ / "files/x", fs::file_time_type::clock::now() + std::chrono::seconds(1));
  EXPECT_EQ(blobs_->open(second, 0, 4).error().code, ErrorCode::kConflict);
}

TEST_F(BlobsTest, SumsOfFilesPutByHand) {
  fs::create_directories(root_ / "files" / "by");
  std::ofstream(root_ / "files/by/hand") << "hello";
  EXPECT_EQ(blobs_->stat("files", "by/hand")->sha256, kHelloSum);
  std::ofstream(root_ / "files/by/hand") << "other!";
  EXPECT_NE(blobs_->stat("files", "by/hand")->sha256, kHelloSum);
}

TEST_F(BlobsTest, Lists) {
  ASSERT_TRUE(put("b/c", "1"));
  ASSERT_TRUE(put("a", "1"));
  EXPECT_THAT(*blobs_->list("files", "", false), ElementsAre("a", "b/"));
  EXPECT_THAT(*blobs_->list("files", "/", true), ElementsAre("a", "b/", "b/c"));
  EXPECT_THAT(*blobs_->list("files", "/b/", false), ElementsAre("c"));
  EXPECT_THAT(*blobs_->list("isos", "", false), ElementsAre());
  for (const char* directory : {"absent", "a", "..", "b/../.."}) {
    EXPECT_EQ(blobs_->list("files", directory, false).error().code, ErrorCode::kNotFound) << directory;
  }
  EXPECT_FALSE(blobs_->list(".uploads", "", false));
}

TEST_F(BlobsTest, PathsStayInside) {
  for (const char* path :
       {"../x", "a/../../x", "..", ".", "", "/", "a/./b", "x\\y", "a\nb", "dir/", "\xff", "a/caf\xe9/b"}) {
    EXPECT_FALSE(put(path, "1")) << path;
    EXPECT_FALSE(blobs_->stat("files", path)) << path;
    EXPECT_FALSE(blobs_->remove("files", path)) << path;
  }
  EXPECT_FALSE(put("x", "1", false, 10, "..")) << "no such bucket";
  EXPECT_FALSE(put(std::string(300, 'x'), "1"));
  EXPECT_FALSE(fs::exists(root_ / "x"));
  fs::create_symlink("/etc/passwd", root_ / "files" / "link");
  EXPECT_FALSE(blobs_->stat("files", "link"));
}

TEST_F(BlobsTest, ContractTexts) {
  ASSERT_TRUE(put("foo", "1"));
  const auto conflict = put("foo/bar", "2");
  EXPECT_EQ(conflict.error().status(), 409);
  EXPECT_EQ(conflict.error().key, "/foo/bar");
  EXPECT_EQ(conflict.error().messages.front(), "Failed to ensure final directory for bar exists");
  const auto absent = blobs_->stat("files", "/nothing");
  EXPECT_EQ(absent.error().messages.front(), "Not a regular file");
  EXPECT_EQ(absent.error().key, "/nothing");
  EXPECT_EQ(absent.error().model, "files");
  EXPECT_EQ(blobs_->remove("files", "/bar").error().messages.front(), "Unable to delete");
  ASSERT_TRUE(put("d/e", "1"));
  EXPECT_EQ(blobs_->remove("files", "d").error().status(), 404) << "not empty";
  EXPECT_TRUE(blobs_->remove("files", "d/e"));
  EXPECT_TRUE(blobs_->remove("files", "d")) << "empty directories may go";
  EXPECT_FALSE(put("foo2/", "1"));
  ASSERT_TRUE(put("dir/x", "1"));
  EXPECT_EQ(put("dir", "1").error().status(), 409);
}

TEST_F(BlobsTest, RefusedUploadsLeaveNothing) {
  EXPECT_EQ(put("big", std::string(100, 'x'), false, 99).error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(put("fits", std::string(99, 'x'), false, 99));
  EXPECT_EQ(put("cut", "half", false, 100, "files", true).error().code, ErrorCode::kUnreachable);
  EXPECT_FALSE(blobs_->stat("files", "big"));
  EXPECT_FALSE(blobs_->stat("files", "cut"));
  EXPECT_EQ(left_overs(), 0U);
  std::ofstream(root_ / ".uploads" / "stale") << "from a crash";
  blobs_ = make_blobs(root_);
  EXPECT_EQ(left_overs(), 0U);
}

TEST_F(BlobsTest, Explodes) {
  const auto info =
      put("ux/all.tar", tar_of({{"./", "", AE_IFDIR}, {"index.html", "hi"}, {"js/app.js", "code"}}), true);
  ASSERT_TRUE(info) << info.error().text();
  EXPECT_THAT(*blobs_->list("files", "ux", true), ElementsAre("all.tar", "index.html", "js/", "js/app.js"));
  EXPECT_EQ(*read(*blobs_->stat("files", "ux/js/app.js"), 0, 100), "code");
  EXPECT_EQ(left_overs(), 0U);
}

TEST_F(BlobsTest, TheLastEntryOfANameWins) {
  ASSERT_TRUE(put("all.tar", tar_of({{"a", "1"}, {"a.part", "part"}, {"a", "2"}}), true));
  EXPECT_THAT(*blobs_->list("files", "", true), ElementsAre("a", "a.part", "all.tar"));
  EXPECT_EQ(*read(*blobs_->stat("files", "a"), 0, 100), "2");
}

TEST_F(BlobsTest, HostileArchives) {
  const std::vector<std::vector<Entry>> archives = {
      {{"good", "1"}, {"../evil", "x"}},
      {{"good", "1"}, {"a/../../evil", "x"}},
      {{"good", "1"}, {"/evil", "x"}},
      {{"good", "1"}, {"link", "", AE_IFLNK, "/etc"}},
      {{"good", "1"}, {"hard", "", 0, "good"}},
      {{"good", "1"}, {"pipe", "", AE_IFIFO}},
      {{"good", "1"}, {"good", "2"}, {"good/under", "x"}},
      {{"good", "1"}, {"good", "", AE_IFDIR}},
      {{"good/under", "1"}, {"good", "x"}},
  };
  for (const auto& entries : archives) {
    const auto refused = put("evil.tar", tar_of(entries), true);
    ASSERT_FALSE(refused) << entries.back().name;
    EXPECT_EQ(refused.error().status(), 422) << refused.error().text();
    EXPECT_THAT(*blobs_->list("files", "", true), ElementsAre()) << "all or nothing: " << entries.back().name;
    EXPECT_EQ(left_overs(), 0U);
  }
  EXPECT_FALSE(put("no.zip", "this is no archive", true));
  EXPECT_FALSE(put("empty.zip", "", true));
  EXPECT_FALSE(fs::exists(root_ / "evil"));
  EXPECT_FALSE(fs::exists(root_ / "files/evil"));
}

}  // namespace
}  // namespace mullion::files
