#include "content/internal/explode.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "env/random.h"

namespace mullion::content {
namespace {

namespace fs = std::filesystem;

/// A gzip stream of one tar entry with a megabyte of zeros: a thousand times smaller than what comes out.
class ExplodeTest : public testing::Test {
 protected:
  ExplodeTest() {
    fs::create_directories(root_);
    std::ofstream(root_ / "zeros") << std::string(1 << 20, '\0');
    const std::string command = "cd '" + root_.string() + "' && tar -czf zeros.tgz zeros";
    made_ = std::system(command.c_str()) == 0;
  }
  ~ExplodeTest() override { fs::remove_all(root_); }
  std::string outcome(const ExplodeLimits& limits) {
    const auto files = explode(root_ / "zeros.tgz", root_ / env::random_uuid(), limits);
    return files ? "unpacked" : files.error().messages.front();
  }

  fs::path root_ = fs::temp_directory_path() / ("mullion-explode-" + env::random_uuid());
  bool made_ = false;
};

TEST_F(ExplodeTest, RatioOfUnpackedToPacked) {
  ASSERT_TRUE(made_);
  EXPECT_EQ(outcome({}), "unpacked") << "the first bytes are free";
  EXPECT_EQ(outcome({.max_ratio = 100, .free_bytes = 1000}),
            "Cannot explode: unpacks to more than 100 times its size");
  EXPECT_EQ(outcome({.max_ratio = 100, .free_bytes = 2 << 20}), "unpacked");
  EXPECT_EQ(outcome({.max_ratio = 5000, .free_bytes = 1000}), "unpacked");
}

}  // namespace
}  // namespace mullion::content
