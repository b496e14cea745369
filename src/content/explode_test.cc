#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>

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
  archive* iso = archive_write_new();
  ASSERT_EQ(archive_write_set_format_iso9660(iso), ARCHIVE_OK);
  ASSERT_EQ(archive_write_open_filename(iso, (root_ / "a.iso").c_str()), ARCHIVE_OK);
  archive_entry* entry = archive_entry_new();
  archive_entry_set_pathname(entry, "boot/vmlinuz");
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_entry_set_perm(entry, 0644);
  archive_entry_set_size(entry, 6);
  ASSERT_EQ(archive_write_header(iso, entry), ARCHIVE_OK);
  ASSERT_EQ(archive_write_data(iso, "kernel", 6), 6);
  archive_entry_free(entry);
  ASSERT_EQ(archive_write_free(iso), ARCHIVE_OK);
  const auto files = explode(root_ / "a.iso", root_ / "out", {.leave_links_out = true});
  ASSERT_TRUE(files) << files.error().text();
  EXPECT_EQ(*files, std::vector<std::string>{"boot/vmlinuz"});
  EXPECT_EQ(*env::read_file(root_ / "out" / "boot" / "vmlinuz"), "kernel");
}

struct Named {
  const char* name;
  const char* hard_link;  // null: a file
};

/// A tar; every file holds "kernel".
void write_links(const fs::path& file, const std::vector<Named>& entries) {
  archive* out = archive_write_new();
  ASSERT_EQ(archive_write_set_format_pax_restricted(out), ARCHIVE_OK);
  ASSERT_EQ(archive_write_open_filename(out, file.c_str()), ARCHIVE_OK);
  for (const Named& item : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, item.name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    if (item.hard_link != nullptr) archive_entry_set_hardlink(entry, item.hard_link);
    archive_entry_set_size(entry, item.hard_link != nullptr ? 0 : 6);
    ASSERT_EQ(archive_write_header(out, entry), ARCHIVE_OK);
    if (item.hard_link == nullptr) ASSERT_EQ(archive_write_data(out, "kernel", 6), 6);
    archive_entry_free(entry);
  }
  ASSERT_EQ(archive_write_free(out), ARCHIVE_OK);
}

/// How an iso tells where content lies: both byte orders (ECMA-119 7.3.3).
std::string place_in_iso(size_t sector) {
  std::string place(8, '\0');
  for (size_t i = 0; i < 4; ++i) place[i] = place[7 - i] = static_cast<char>(sector >> (8 * i));
  return place;
}

/// An iso whose second file lies where its first one does, as programs that make isos of distributions leave
/// out content that is there already; the library only writes such links as empty files.
void write_iso_of_one_content(const fs::path& file, const char* first, const char* second) {
  constexpr size_t kSector = 2048;
  archive* out = archive_write_new();
  ASSERT_EQ(archive_write_set_format_iso9660(out), ARCHIVE_OK);
  ASSERT_EQ(archive_write_open_filename(out, file.c_str()), ARCHIVE_OK);
  for (const auto& [name, content] : {std::pair(first, "kernel"), std::pair(second, "absent")}) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, 6);
    ASSERT_EQ(archive_write_header(out, entry), ARCHIVE_OK);
    ASSERT_EQ(archive_write_data(out, content, 6), 6);
    archive_entry_free(entry);
  }
  ASSERT_EQ(archive_write_free(out), ARCHIVE_OK);
  std::string iso = *env::read_file(file);
  const std::string here = place_in_iso(iso.find("kernel") / kSector);
  const std::string there = place_in_iso(iso.find("absent") / kSector);
  for (size_t at = iso.find(there); at != std::string::npos; at = iso.find(there, at + 1))
    iso.replace(at, here.size(), here);
  std::ofstream(file, std::ios::binary) << iso;
}

TEST_F(ExplodeTest, SecondNamesOfFilesAreUnpacked) {
  write_iso_of_one_content(root_ / "a.iso", "boot/vmlinuz", "images/pxe/vmlinuz");
  write_links(root_ / "a.tar", {{"boot/vmlinuz", nullptr}, {"images/pxe/vmlinuz", "boot/vmlinuz"}});
  for (const char* name : {"a.iso", "a.tar"}) {
    const fs::path out = root_ / (std::string("out-") + name);
    const auto files = explode(root_ / name, out, {.leave_links_out = true});
    ASSERT_TRUE(files) << name << " " << files.error().text();
    EXPECT_EQ(std::set<std::string>(files->begin(), files->end()),
              (std::set<std::string>{"boot/vmlinuz", "images/pxe/vmlinuz"}))
        << name;
    for (const std::string& file : *files) EXPECT_EQ(*env::read_file(out / file), "kernel") << file;
    EXPECT_FALSE(explode(root_ / name, root_ / env::random_uuid(), {})) << "nobody else may link";
  }
}

TEST_F(ExplodeTest, LinksToElsewhereAreLeftOut) {
  std::ofstream(root_ / "secret") << "secret";
  write_links(root_ / "a.tar", {{"up", "../secret"},
                                {"root", (root_ / "secret").c_str()},
                                {"later", "file"},
                                {"file", nullptr},
                                {"self", "self"},
                                {"second", "./file"},
                                {"file", nullptr}});
  const auto files = explode(root_ / "a.tar", root_ / "out", {.leave_links_out = true});
  ASSERT_TRUE(files) << files.error().text();
  EXPECT_EQ(*files, (std::vector<std::string>{"file", "second"}));
  EXPECT_EQ(*env::read_file(root_ / "out" / "second"), "kernel");
}

TEST_F(ExplodeTest, StopsWhenAsked) {
  const std::atomic<bool> stop{true};
  EXPECT_EQ(outcome({.stop = &stop}), "Cannot explode: the server stops");
  const std::atomic<bool> go_on{false};
  EXPECT_EQ(outcome({.stop = &go_on}), "unpacked");
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
