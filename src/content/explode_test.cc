#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "content/archive.h"
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

TEST_F(ExplodeTest, LinksAreRefusedOrLeftOut) {
  const std::string command =
      "cd '" + root_.string() + "' && ln -s zeros link && tar -cf links.tar zeros link && rm link";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const auto refused = explode(root_ / "links.tar", root_ / "a", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().messages.front(), "Cannot explode: entry link is a link");
  const auto taken = explode(root_ / "links.tar", root_ / "b", {.leave_links_out = true});
  ASSERT_TRUE(taken);
  EXPECT_EQ(*taken, std::vector<std::string>{"zeros"});
  EXPECT_FALSE(fs::exists(fs::symlink_status(root_ / "b" / "link")));
}

TEST_F(ExplodeTest, IsosAreRead) {
  // The smallest image of ISO 9660: descriptors in sectors 16 and 17, the root in 18, A.TXT in 19.
  std::string image(20 * 2048, '\0');
  const auto number = [](uint32_t value, int bytes) {
    std::string little, big;
    for (int i = 0; i < bytes; ++i) little += static_cast<char>(value >> (8 * i));
    big.assign(little.rbegin(), little.rend());
    return little + big;
  };
  const auto record = [&](const std::string& name, uint32_t sector, uint32_t size, char flags) {
    std::string out(1, static_cast<char>(33 + name.size() + (name.size() % 2 == 0 ? 1 : 0)));
    out += std::string(1, '\0') + number(sector, 4) + number(size, 4) + std::string(7, '\1') + flags;
    out += std::string(2, '\0') + number(1, 2) + static_cast<char>(name.size()) + name;
    if (name.size() % 2 == 0) out += '\0';
    return out;
  };
  const std::string root = record(std::string(1, '\0'), 18, 2048, 2);
  std::string& to = image;
  to.replace(16 * 2048, 7, std::string("\1CD001\1", 7));
  to.replace(16 * 2048 + 80, 8, number(20, 4));
  to.replace(16 * 2048 + 120, 4, number(1, 2));
  to.replace(16 * 2048 + 124, 4, number(1, 2));
  to.replace(16 * 2048 + 128, 4, number(2048, 2));
  to.replace(16 * 2048 + 156, root.size(), root);
  to.replace(16 * 2048 + 881, 1, "\1");
  to.replace(17 * 2048, 7,
             std::string("\xff"
                         "CD001\1",
                         7));
  const std::string entries = root + record(std::string(1, '\1'), 18, 2048, 2) + record("A.TXT;1", 19, 5, 0);
  to.replace(18 * 2048, entries.size(), entries);
  to.replace(19 * 2048, 5, "hello");
  std::ofstream(root_ / "a.iso", std::ios::binary) << image;
  const auto files = explode(root_ / "a.iso", root_ / "out", {});
  ASSERT_TRUE(files) << files.error().text();
  ASSERT_EQ(files->size(), 1U);
  EXPECT_EQ(*env::read_file(root_ / "out" / files->front()), "hello");
}

TEST_F(ExplodeTest, ATreeTakesThePlaceOfAnother) {
  for (const char* text : {"first", "second"}) {
    fs::create_directories(root_ / "new");
    std::ofstream(root_ / "new" / text) << text;
    ASSERT_TRUE(put_tree(root_ / "new", root_ / "deep" / "place"));
    EXPECT_EQ(*env::read_file(root_ / "deep" / "place" / text), text);
  }
  EXPECT_FALSE(fs::exists(root_ / "deep" / "place" / "first"));
  EXPECT_FALSE(fs::exists(root_ / "new"));
}

}  // namespace
}  // namespace mullion::content
