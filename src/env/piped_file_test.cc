#include "env/piped_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <functional>
#include <string>
#include <string_view>

#include "env/random.h"
#include "env/scratch_directory.h"

namespace mullion::env {
namespace {

Result<void> write_to(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(descriptor, bytes.data(), bytes.size());
    if (done < 0) return error_from_errno(errno, "write");
    bytes.remove_prefix(static_cast<size_t>(done));
  }
  return {};
}

/// Files of a process are no larger than this for a while; what is longer is an error and no signal.
class ShortFiles {
 public:
  explicit ShortFiles(rlim_t size) : before_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit wanted{size, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &wanted);
  }
  ShortFiles(const ShortFiles&) = delete;
  ShortFiles& operator=(const ShortFiles&) = delete;
  ~ShortFiles() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, before_handler_);
  }

 private:
  void (*before_handler_)(int);
  rlimit before_{};
};

class PipedFile : public ::testing::Test {
 protected:
  Result<void> write(std::string_view content, unsigned mode = 0600) {
    return write_piped_file(path_, mode, nullptr, [&](int out) { return write_to(out, content); });
  }
  /// Goes on until nothing is taken any more.
  Result<void> write_for_ever(const std::atomic<bool>* stop, const std::function<void(size_t)>& after) {
    return write_piped_file(path_, 0600, stop, [&](int out) -> Result<void> {
      const std::string piece(100'000, 'x');
      for (size_t pieces = 1;; ++pieces) {
        if (Result<void> done = write_to(out, piece); !done) return done;
        after(pieces);
      }
    });
  }

  void SetUp() override { ASSERT_TRUE(make_directories(directory_.path())); }

  ScratchDirectory directory_{std::filesystem::temp_directory_path() / ("mullion-piped-" + random_uuid())};
  Path path_ = directory_.path() / "file";
};

TEST_F(PipedFile, IsWhatWasWrittenWhateverItsLength) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{4096}, size_t{1} << 20, (size_t{3} << 20) + 4096,
                            (size_t{2} << 20) + 5}) {
    std::string content(size, 'a');
    for (size_t i = 0; i < size; i += 1000) content[i] = static_cast<char>('a' + i % 23);
    ASSERT_TRUE(write(content)) << size;
    EXPECT_EQ(*read_file(path_), content) << size;
    ASSERT_TRUE(remove_tree(path_));
  }
}

TEST_F(PipedFile, HasTheModeThatIsAskedFor) {
  ASSERT_TRUE(write("secret", 0600));
  struct stat facts {};
  ASSERT_EQ(::stat(path_.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
}

TEST_F(PipedFile, WhatIsThereStays) {
  ASSERT_TRUE(write("old"));
  EXPECT_FALSE(write("new").ok());
  EXPECT_EQ(*read_file(path_), "old");
}

TEST_F(PipedFile, AStopBreaksOffAWriterThatKnowsOfNone) {
  std::atomic<bool> stop{false};
  const Result<void> done = write_for_ever(&stop, [&](size_t pieces) { stop = pieces >= 30; });
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, ErrorCode::kUnavailable) << done.error().text();
}

TEST_F(PipedFile, WhatTheDiskRefusesIsTheOutcome) {
  const ShortFiles limit(2 << 20);
  const Result<void> done = write_for_ever(nullptr, [](size_t) {});
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.error().text().find(path_.string()), std::string::npos) << done.error().text();
}

TEST_F(PipedFile, WhatTheWriterSaysIsTheOutcomeOtherwise) {
  const Result<void> done = write_piped_file(
      path_, 0600, nullptr, [](int) -> Result<void> { return Error(ErrorCode::kCorrupt, "damaged"); });
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace mullion::env
