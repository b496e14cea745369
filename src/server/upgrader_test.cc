#include "server/upgrader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "base/version.h"
#include "env/random.h"

namespace mullion::server {
namespace {

namespace fs = std::filesystem;

/// A base root and a program file, and what lies around them after a start.
class UpgraderTest : public ::testing::Test {
 protected:
  UpgraderTest() {
    fs::create_directories(root_ / "bin");
    fs::create_directories(root_ / "upgrade");
    std::ofstream(root_ / "bin" / "mullion") << "old";
  }
  ~UpgraderTest() override { fs::remove_all(root_); }

  std::unique_ptr<Upgrader> start() {
    UpgradeOptions options;
    options.base_root = root_;
    options.restart = Restart{{root_ / "bin" / "mullion", {}, {}}, {}, [](const std::string&) {}};
    return std::make_unique<Upgrader>(runtime_, std::move(options));
  }
  std::set<std::string> names(const char* folder) const {
    std::set<std::string> out;
    for (const auto& entry : fs::directory_iterator(root_ / folder)) out.insert(entry.path().filename());
    return out;
  }
  void put(const env::Path& name) const { std::ofstream(root_ / name) << "copy"; }

  env::Runtime runtime_{1};
  fs::path root_ = fs::temp_directory_path() / ("mullion-upgrader-" + env::random_uuid());
};

TEST_F(UpgraderTest, CopiesThatACutLeftAreRemoved) {
  const std::string candidate = start()->candidate().filename();
  for (const std::string& name : {candidate, candidate + ".0123456789abcdef.tmp",
                                  std::string("other.upgrade"), std::string(".mullion.00000000.upgrade")})
    put(env::Path("bin") / name);
  for (const char* name : {"previous", "previous.0123456789abcdef.tmp"}) put(env::Path("upgrade") / name);
  start();
  EXPECT_EQ(names("bin"), (std::set<std::string>{".mullion.00000000.upgrade", "mullion", "other.upgrade"}))
      << "others' are left alone";
  EXPECT_EQ(names("upgrade"), std::set<std::string>{"previous"});
}

TEST_F(UpgraderTest, APendingUpgradeIsSettled) {
  const env::Path candidate = start()->candidate();
  const UpgradeFolder folder(root_);
  put(candidate.lexically_relative(root_));
  ASSERT_TRUE(folder.begin({"v0", "v1", root_ / "bin" / "mullion", candidate, 5, "", ""}));
  const auto upgrader = start();
  EXPECT_THAT(upgrader->failure(), ::testing::HasSubstr("rolled back from v1 to v0"));
  EXPECT_FALSE(fs::exists(candidate) || folder.pending());
  ASSERT_TRUE(
      folder.begin({"v0", std::string(program_version()), root_ / "bin" / "mullion", candidate, 5, "", ""}));
  EXPECT_EQ(start()->failure(), "");
  EXPECT_TRUE(folder.outcome()->upgraded);
}

}  // namespace
}  // namespace mullion::server
