#include "env/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "env/random.h"

namespace mullion::env {
namespace {

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::temp_directory_path() / ("mullion-env-" + random_uuid());
    ASSERT_TRUE(make_directories(directory_));
  }
  void TearDown() override { EXPECT_TRUE(remove_tree(directory_)); }

  size_t entries() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(directory_), {}));
  }
  static unsigned mode_of(const Path& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_mode & 0777;
  }

  Path directory_;
};

TEST_F(FileTest, WritesAndReadsBack) {
  const Path path = directory_ / "file";
  std::string content(300'000, 'x');
  content[5] = '\0';
  ASSERT_TRUE(write_file_atomic(path, content));
  EXPECT_EQ(*read_file(path), content);
  ASSERT_TRUE(write_file_atomic(path, ""));
  EXPECT_EQ(*read_file(path), "");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(FileTest, SecretsAreNeverReadableByOthers) {
  const Path path = directory_ / "key";
  ASSERT_TRUE(write_file_atomic(path, "open", 0644));
  ASSERT_TRUE(write_file_atomic(path, "secret", 0600));
  EXPECT_EQ(mode_of(path), 0600u);
}

TEST_F(FileTest, AFailedWriteLeavesNothingBehind) {
  const Path directory = directory_ / "taken";
  ASSERT_TRUE(make_directories(directory / "full"));
  EXPECT_FALSE(write_file_atomic(directory, "x").ok());  // a directory is in the way of the rename
  EXPECT_EQ(entries(), 1u);
  const Result<void> missing = write_file_atomic(directory_ / "absent" / "file", "x");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
}

TEST_F(FileTest, NamesWhatIsMissing) {
  const Result<std::string> missing = read_file(directory_ / "absent");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().text().find("absent"), std::string::npos);
  EXPECT_EQ(read_file(directory_).error().code, ErrorCode::kInternal);
}

TEST_F(FileTest, MakesDirectoriesButNotOverFiles) {
  EXPECT_TRUE(make_directories(directory_ / "a" / "b" / "c"));
  EXPECT_TRUE(make_directories(directory_ / "a" / "b" / "c"));
  ASSERT_TRUE(write_file_atomic(directory_ / "file", "x"));
  EXPECT_FALSE(make_directories(directory_ / "file").ok());
  EXPECT_FALSE(make_directories(directory_ / "file" / "below").ok());
}

TEST_F(FileTest, RemovesTreesAndToleratesAbsence) {
  ASSERT_TRUE(make_directories(directory_ / "a" / "b"));
  EXPECT_TRUE(remove_tree(directory_ / "a"));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "a"));
  EXPECT_TRUE(remove_tree(directory_ / "a"));
}

TEST_F(FileTest, LocksOnceAndNamesTheHolder) {
  const Path path = directory_ / "lock";
  {
    Result<FileLock> first = FileLock::acquire(path);
    ASSERT_TRUE(first.ok());
    const Result<FileLock> second = FileLock::acquire(path);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, ErrorCode::kConflict);
    EXPECT_NE(second.error().text().find(std::to_string(::getpid())), std::string::npos);
    FileLock moved = std::move(*first);
    EXPECT_FALSE(FileLock::acquire(path).ok());
  }
  EXPECT_TRUE(FileLock::acquire(path).ok());
}

TEST_F(FileTest, ALockDiesWithItsProcess) {
  const Path path = directory_ / "lock";
  const pid_t child = ::fork();
  if (child == 0) {
    const Result<FileLock> held = FileLock::acquire(path);
    ::_exit(held.ok() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(FileLock::acquire(path).ok());
}

TEST(ErrorFromErrno, MapsFullDisksAndAbsence) {
  EXPECT_EQ(error_from_errno(ENOSPC, "write").code, ErrorCode::kInsufficientStorage);
  EXPECT_EQ(error_from_errno(EDQUOT, "write").code, ErrorCode::kInsufficientStorage);
  EXPECT_EQ(error_from_errno(ENOENT, "open").code, ErrorCode::kNotFound);
  EXPECT_EQ(error_from_errno(EMFILE, "open").code, ErrorCode::kUnavailable);
  EXPECT_EQ(error_from_errno(ENFILE, "open").code, ErrorCode::kUnavailable);
  EXPECT_EQ(error_from_errno(EIO, "read").code, ErrorCode::kInternal);
}

}  // namespace
}  // namespace mullion::env
