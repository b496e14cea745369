// Fingerprints and addresses in all spellings, and the file that remembers them.
#include "cli/connection/known_servers.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "env/file.h"
#include "env/random.h"
#include "env/scratch_directory.h"

namespace mullion::cli {
namespace {

const std::string kOne(64, 'a');
const std::string kTwo(64, 'b');

TEST(Fingerprint, IsReadInEverySpelling) {
  std::string hex;
  for (int i = 0; i < 32; ++i) hex += "0f";
  std::string colons;
  for (int i = 0; i < 32; ++i) colons += i == 0 ? "0F" : ":0F";
  for (const std::string& text : {hex, colons, "sha256:" + hex, "SHA256:" + colons, " " + hex + "\n",
                                  "SHA256 Fingerprint=" + colons, "sha256 Fingerprint=" + colons}) {
    const Result<std::string> parsed = parse_fingerprint(text);
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(*parsed, hex);
  }
  for (const std::string& text : {std::string(), std::string("0f"), hex + "0", hex.substr(1), "md5:" + hex,
                                  hex.substr(1) + "g", std::string("sha256:")}) {
    EXPECT_FALSE(parse_fingerprint(text).ok()) << text;
  }
}

TEST(ServerAddress, IsTheSameForAllSpellingsOfAServer) {
  for (const char* url :
       {"https://Host:8092", "host:8092", "https://HOST:8092/", "https://host:8092/api?x=1"})
    EXPECT_EQ(*server_address(url), "https://host:8092") << url;
  EXPECT_EQ(*server_address("https://host"), "https://host:443");
  EXPECT_EQ(*server_address("http://host"), "http://host:80");
  EXPECT_EQ(*server_address("https://[::1]:8092"), "https://[::1]:8092");
  for (const char* text : {"", "ftp://host", "https://", "a b"})
    EXPECT_FALSE(server_address(text).ok()) << text;
}

class Known : public ::testing::Test {
 protected:
  std::filesystem::path file() const { return directory_.path() / "private" / "known_servers"; }
  void write(const std::string& text) const {
    std::filesystem::create_directories(file().parent_path());
    std::ofstream(file(), std::ios::binary) << text;
  }
  static unsigned mode_of(const std::filesystem::path& path) {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0 ? found.st_mode & 0777 : 0;
  }

  env::ScratchDirectory directory_{std::filesystem::temp_directory_path() /
                                   ("mullion-cli-" + env::random_uuid())};
  KnownServers known_{file()};
};

TEST_F(Known, TheFirstCertificateStaysUntilAnotherIsAccepted) {
  EXPECT_EQ(known_.find("https://a:1"), "");
  EXPECT_TRUE(known_.learn("https://a:1", kOne)->added);
  const Result<KnownServers::Learned> again = known_.learn("https://a:1", kTwo);
  EXPECT_FALSE(again->added);
  EXPECT_EQ(again->fingerprint, kOne);
  EXPECT_EQ(known_.find("https://a:1"), kOne);
  EXPECT_EQ(known_.find("https://a:2"), "");
  EXPECT_TRUE(known_.accept("https://a:1", kTwo).ok());
  EXPECT_EQ(known_.find("https://a:1"), kTwo);
  EXPECT_EQ(mode_of(file()), 0600U);
  EXPECT_EQ(mode_of(file().parent_path()), 0700U);
}

TEST_F(Known, DamagedLinesAreNoServers) {
  write("garbage\nhttps://a:1 " + kOne + "\nhttps://b:1 sha256:" + kTwo + "\nhttps://c:1 sha256:xyz\n" +
        std::string("\0\xff", 2) + "\n");
  EXPECT_EQ(known_.find("https://a:1"), "");
  EXPECT_EQ(known_.find("https://b:1"), kTwo);
  EXPECT_TRUE(known_.learn("https://a:1", kOne)->added);
  EXPECT_EQ(known_.find("https://a:1"), kOne);
  EXPECT_EQ(known_.find("https://b:1"), kTwo);
  write(std::string(2 * 1024 * 1024, 'x'));
  EXPECT_EQ(known_.find("https://b:1"), "");
}

TEST_F(Known, TheOldestMakeRoom) {
  std::string text;
  for (size_t i = 0; i < KnownServers::kMost; ++i)
    text += "https://s" + std::to_string(i) + ":1 sha256:" + kOne + "\n";
  write(text);
  EXPECT_TRUE(known_.learn("https://new:1", kTwo)->added);
  EXPECT_EQ(known_.find("https://s0:1"), "");
  EXPECT_EQ(known_.find("https://s1:1"), kOne);
  EXPECT_EQ(known_.find("https://new:1"), kTwo);
}

TEST_F(Known, NobodyIsForgottenWhenManyLearnAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([this, i] {
      for (int k = 0; k < 5; ++k) {
        const std::string address = "https://s" + std::to_string(i) + ":" + std::to_string(k + 1);
        EXPECT_TRUE(KnownServers(file()).learn(address, kOne).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 8; ++i) {
    for (int k = 0; k < 5; ++k)
      EXPECT_EQ(known_.find("https://s" + std::to_string(i) + ":" + std::to_string(k + 1)), kOne);
  }
}

TEST_F(Known, SaysWhyNothingCanBeRemembered) {
  EXPECT_NE(KnownServers(std::filesystem::path()).learn("https://a:1", kOne).error().text().find("HOME"),
            std::string::npos);
  EXPECT_EQ(KnownServers(std::filesystem::path()).find("https://a:1"), "");
}

}  // namespace
}  // namespace mullion::cli
