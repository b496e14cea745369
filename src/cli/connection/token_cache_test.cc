// Whose token a cache hands out, and what its files look like.
#include "cli/connection/token_cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <vector>

#include "env/random.h"
#include "env/scratch_directory.h"

namespace mullion::cli {
namespace {

namespace fs = std::filesystem;

const TokenOwner kOwner{"https://a:1", std::string(64, 'a'), "bob"};

class Tokens : public ::testing::Test {
 protected:
  fs::path folder() const { return directory_.path() / "tokens" / "by-server"; }
  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder())) found.push_back(entry.path());
    return found;
  }
  static unsigned mode_of(const fs::path& path) {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0 ? found.st_mode & 0777 : 0;
  }

  env::ScratchDirectory directory_{std::filesystem::temp_directory_path() /
                                   ("mullion-cli-" + env::random_uuid())};
  TokenCache cache_{directory_.path() / "tokens"};
};

TEST_F(Tokens, AreForTheirServerAndTheirUserAlone) {
  EXPECT_EQ(cache_.find(kOwner), "");
  cache_.keep(kOwner, "secret");
  EXPECT_EQ(cache_.find(kOwner), "secret");
  for (const TokenOwner& other :
       {TokenOwner{"https://a:2", kOwner.fingerprint, "bob"},
        TokenOwner{"http://a:1", kOwner.fingerprint, "bob"},
        TokenOwner{kOwner.address, std::string(64, 'b'), "bob"}, TokenOwner{kOwner.address, "", "bob"},
        TokenOwner{kOwner.address, kOwner.fingerprint, "eve"},
        TokenOwner{kOwner.address, kOwner.fingerprint, ""}})
    EXPECT_EQ(cache_.find(other), "") << other.address << other.username;
  cache_.keep(kOwner, "newer");
  EXPECT_EQ(cache_.find(kOwner), "newer");
}

TEST_F(Tokens, LieInPrivateFiles) {
  fs::create_directories(folder());
  fs::permissions(folder(), fs::perms::all);
  cache_.keep(kOwner, "secret");
  EXPECT_EQ(mode_of(folder()), 0700U);
  ASSERT_EQ(files().size(), 1U);
  EXPECT_EQ(mode_of(files()[0]), 0600U);
}

TEST_F(Tokens, ALinkIsNoFolderForThem) {
  const fs::path elsewhere = directory_.path() / "elsewhere";
  fs::create_directories(elsewhere);
  fs::create_directories(folder().parent_path());
  fs::create_directory_symlink(elsewhere, folder());
  cache_.keep(kOwner, "secret");
  EXPECT_TRUE(fs::is_empty(elsewhere));
}

TEST_F(Tokens, DamagedFilesAreAbsent) {
  cache_.keep(kOwner, "secret");
  const fs::path file = files()[0];
  for (const std::string& text :
       {std::string("garbage\0", 8), std::string("[]"), std::string("null"), std::string(1 << 20, ' '),
        std::string(),
        std::string(R"({"Address":"https://a:2","Fingerprint":"","Username":"bob","Token":"x"})"),
        R"({"Address":"https://a:1","Username":"bob","Token":"a\r\nb","Fingerprint":")" + kOwner.fingerprint +
            "\"}"}) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
    EXPECT_EQ(cache_.find(kOwner), "") << text.substr(0, 100);
  }
  cache_.keep(kOwner, "again");
  EXPECT_EQ(cache_.find(kOwner), "again");
}

TEST_F(Tokens, AreBoundedInNumberAndAge) {
  cache_.keep(kOwner, "old");
  fs::last_write_time(files()[0], fs::file_time_type::clock::now() - std::chrono::hours(3));
  for (size_t i = 0; i < TokenCache::kMost + 5; ++i)
    cache_.keep({"https://s", std::to_string(i), "bob"}, "token");
  EXPECT_EQ(files().size(), TokenCache::kMost);
  EXPECT_EQ(cache_.find(kOwner), "");
}

TEST_F(Tokens, WithoutAFolderNothingIsKept) {
  TokenCache none{fs::path()};
  none.keep(kOwner, "secret");
  EXPECT_EQ(none.find(kOwner), "");
}

}  // namespace
}  // namespace mullion::cli
