#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <lzma.h>

#include <cstdlib>
#include <fstream>
#include <set>

#include "env/random.h"
#include "files/archive.h"
#include "files/blobs_testing.h"
#include "files/internal/archive_reader.h"

namespace mullion::files {
namespace {

namespace fs = std::filesystem;

/// A gzip stream of one tar entry with a megabyte of zeros: a thousand times smaller than what comes out.
class ExplodeTest : public ::testing::Test {
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
  testing::add_entry(iso, {"boot/vmlinuz", "kernel"});
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
    if (item.hard_link == nullptr) {
      ASSERT_EQ(archive_write_data(out, "kernel", 6), 6);
    }
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
    testing::add_entry(out, {name, content});
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

/// The bytes of archives of one file whose name is `name`, made of what the formats say.
std::string zip_of(const std::vector<std::string>& names, bool flagged_utf8) {
  const auto number = [](uint32_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
    return out;
  };
  constexpr uint32_t kCrcOfOne = 0x83dcefb7;  // of "1"
  std::string out, directory;
  for (const std::string& name : names) {
    const std::string common = number(20, 2) + number(flagged_utf8 ? 0x800 : 0, 2) + number(0, 2) +
                               number(0, 4) + number(kCrcOfOne, 4) + number(1, 4) + number(1, 4) +
                               number(static_cast<uint32_t>(name.size()), 2) + number(0, 2);
    directory += "PK\1\2" + number(20, 2) + common + number(0, 2) + number(0, 2) + number(0, 2) +
                 number(0, 4) + number(static_cast<uint32_t>(out.size()), 4) + name;
    out += "PK\3\4" + common + name + "1";
  }
  const auto count = static_cast<uint32_t>(names.size());
  return out + directory + "PK\5\6" + number(0, 4) + number(count, 2) + number(count, 2) +
         number(static_cast<uint32_t>(directory.size()), 4) + number(static_cast<uint32_t>(out.size()), 4) +
         number(0, 2);
}

class ExplodeNamesTest : public ExplodeTest {
 protected:
  /// The names of what comes out, or why nothing does.
  std::set<std::string> names_of(const std::string& bytes) {
    std::ofstream(root_ / "named", std::ios::binary) << bytes;
    const fs::path out = root_ / env::random_uuid();
    const auto files = explode(root_ / "named", out, {});
    if (!files) return {files.error().messages.front()};
    for (const std::string& file : *files) EXPECT_EQ(*env::read_file(out / file), "1") << file;
    return {files->begin(), files->end()};
  }
  using Names = std::set<std::string>;
};

TEST_F(ExplodeNamesTest, OfZipsArriveWhateverLettersTheyHold) {
  const std::vector<std::string> names{"a.txt", "é.txt", "日本/語.txt", "😀", "with blank"};
  EXPECT_EQ(names_of(zip_of(names, true)), Names(names.begin(), names.end()));
  EXPECT_EQ(names_of(zip_of(names, false)), Names(names.begin(), names.end())) << "UTF-8 without the flag";
  EXPECT_EQ(names_of(zip_of({"caf\x82", "\x9a\x94.txt"}, false)), (Names{"café", "Üö.txt"})) << "CP437";
}

TEST_F(ExplodeNamesTest, ThatCannotBeReadRefuseTheWhole) {
  const Names second{"Cannot explode: entry number 2 has no name, or one that cannot be read"};
  EXPECT_EQ(names_of(zip_of({"a.txt", "\xe9.txt"}, true)), second) << "not what its flag says";
  EXPECT_EQ(names_of(zip_of({"a.txt", "\xef\xbf\xbd.txt"}, true)), second) << "its character is lost";
  EXPECT_EQ(names_of(zip_of({"a.txt", ""}, false)), second);
}

TEST_F(ExplodeNamesTest, OfTarsAreUtf8) {
  for (const char* format : {"gnu", "pax", "ustar"}) {
    const std::string make = "cd '" + root_.string() +
                             "' && mkdir -p t/é && printf 1 > t/é/語 && tar -C t -c " + "--format=" + format +
                             " -f good.tar . && printf 1 > t/$(printf '\\351') && " +
                             "tar -C t -c --format=" + format + " -f bad.tar --sort=name . && rm -r t";
    ASSERT_EQ(std::system(make.c_str()), 0);
    EXPECT_EQ(names_of(*env::read_file(root_ / "good.tar")), Names{"é/語"}) << format;
    const Names bad = names_of(*env::read_file(root_ / "bad.tar"));
    ASSERT_EQ(bad.size(), 1U);
    EXPECT_NE(bad.begin()->find("entry number 4 has no name"), std::string::npos) << format << *bad.begin();
  }
}

TEST(Cp437, IsWhatItsTableSays) { EXPECT_EQ(utf8_of_cp437("a\x80\x9b\xb3\xe0\xff"), "aÇ¢│α\u00a0"); }

/// Programs that the library would start for archives that begin as theirs do.
TEST_F(ExplodeTest, NoProgramIsStartedForAnArchive) {
  for (const char* name : {"lzop", "lrzip", "grzip", "gzip", "bzip2", "xz", "zstd", "lz4", "uncompress"}) {
    std::ofstream(root_ / name) << "#!/bin/sh\n: > '" << (root_ / "started").string() << "'\nexit 1\n";
    fs::permissions(root_ / name, fs::perms::owner_all);
  }
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", (root_.string() + ":" + path).c_str(), 1);
  const std::string rest(4096, '\0');
  for (const std::string& magic : {std::string("\x89LZO\0\r\n\x1a\n", 9), std::string("LRZI\0\x06", 6),
                                   std::string("GRZipII\0\2\4:)", 12), std::string("\x1f\x9d\x90", 3)}) {
    std::ofstream(root_ / "strange", std::ios::binary) << magic << rest;
    EXPECT_FALSE(explode(root_ / "strange", root_ / env::random_uuid(), {})) << magic;
  }
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_FALSE(fs::exists(root_ / "started"));
}

TEST_F(ExplodeTest, EveryCompressionIsRead) {
  for (const char* filter : {"gzip", "bzip2", "xz", "zstd", "lz4"}) {
    archive* out = archive_write_new();
    ASSERT_EQ(archive_write_set_format_pax_restricted(out), ARCHIVE_OK);
    ASSERT_EQ(archive_write_add_filter_by_name(out, filter), ARCHIVE_OK) << filter;
    ASSERT_EQ(archive_write_open_filename(out, (root_ / filter).c_str()), ARCHIVE_OK);
    testing::add_entry(out, {"one", "1"});
    ASSERT_EQ(archive_write_free(out), ARCHIVE_OK);
    const auto files = explode(root_ / filter, root_ / env::random_uuid(), {});
    ASSERT_TRUE(files) << filter << files.error().text();
    EXPECT_EQ(*files, std::vector<std::string>{"one"});
  }
}

/// `packed` by xz, telling that it takes 1 GiB to be unpacked.
std::string greedy_xz(std::string packed) {
  constexpr size_t kHeader = 12;  // where the one of the first block begins
  constexpr char kOneGigabyte = 36;
  const size_t size = (static_cast<unsigned char>(packed[kHeader]) + size_t{1}) * 4;
  packed[packed.find("\x21\x01", kHeader + 2) + 2] = kOneGigabyte;  // behind the name of the filter
  const uint32_t sum =
      lzma_crc32(reinterpret_cast<const uint8_t*>(packed.data() + kHeader), size - sizeof(uint32_t), 0);
  for (size_t i = 0; i < sizeof(sum); ++i)
    packed[kHeader + size - sizeof(sum) + i] = static_cast<char>(sum >> (8 * i));
  return packed;
}

TEST_F(ExplodeTest, WhatTakesMuchMemoryToUnpackIsRefused) {
  const auto outcome_of = [this](const std::string& archive) {
    std::ofstream(root_ / "greedy", std::ios::binary) << archive;
    const auto files = explode(root_ / "greedy", root_ / env::random_uuid(), {});
    return files ? "unpacked" : files.error().messages.front();
  };
  const std::string tar = testing::tar_of({{"a", std::string(1000, 'x')}});
  std::string packed(10'000, '\0');
  size_t size = 0;
  ASSERT_EQ(
      lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, nullptr, reinterpret_cast<const uint8_t*>(tar.data()),
                              tar.size(), reinterpret_cast<uint8_t*>(packed.data()), &size, packed.size()),
      LZMA_OK);
  packed.resize(size);
  EXPECT_EQ(outcome_of(packed), "unpacked");
  EXPECT_EQ(outcome_of(greedy_xz(packed)), "Cannot explode: it takes more than 134217728 bytes of memory");
  EXPECT_EQ(outcome_of(packed + greedy_xz(packed)),
            "Cannot explode: it takes more than 134217728 bytes of memory")
      << "also behind another one";
  EXPECT_EQ(outcome_of(packed.substr(0, packed.size() / 2)), "Cannot explode: it is damaged, or cut off");
}

TEST_F(ExplodeTest, NamesThatNoFileCanHaveAreNotRepeated) {
  const std::string name(size_t{900} << 10, 'n');
  std::ofstream(root_ / "long.tar", std::ios::binary) << testing::tar_of({{"../" + name, "x"}});
  const auto refused = explode(root_ / "long.tar", root_ / "out", {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().messages.front(),
            "Cannot explode: entry number 1 has no name, or one that cannot be read");
}

TEST_F(ExplodeTest, StopsWhenAsked) {
  const std::atomic<bool> stop{true};
  EXPECT_EQ(outcome({.stop = &stop}), "Cannot explode: the server stops");
  const std::atomic<bool> go_on{false};
  EXPECT_EQ(outcome({.stop = &go_on}), "unpacked");
}

/// A tar of one file of holes whose list takes `blocks` blocks: what the library keeps of it is larger.
std::string tar_of_holes(size_t blocks) {
  constexpr size_t kBlock = 512, kHolesOfBlock = 21, kNumber = 12, kExtended = 504;
  std::string header(kBlock, '\0');
  header.replace(0, 5, "holes").replace(100, 8, std::string("0000644\0", 8));
  header.replace(124, kNumber, std::string("00000000000\0", kNumber));
  header.replace(156, 1, "S").replace(257, 8, std::string("ustar  \0", 8)).replace(482, 1, "\1");
  const std::string number("00000000001\0", kNumber);
  header.replace(386, 2 * kNumber, number + number);
  header.replace(148, 8, "        ");
  unsigned sum = 0;
  for (const char byte : header) sum += static_cast<unsigned char>(byte);
  header.replace(148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  std::string list;
  for (size_t i = 0; i < 2 * kHolesOfBlock; ++i) list += number;
  list.resize(kBlock, '\0');
  list[kExtended] = 1;
  std::string out = header;
  for (size_t i = 0; i < blocks; ++i) out += list;
  return out;
}

TEST_F(ExplodeTest, WhatIsReadBeforeAnEntryIsBounded) {
  std::ofstream(root_ / "holes", std::ios::binary) << tar_of_holes(16'384);
  const std::string compress = "cd '" + root_.string() + "' && gzip -k holes";
  ASSERT_EQ(std::system(compress.c_str()), 0);
  for (const char* name : {"holes", "holes.gz"}) {
    const auto files = explode(root_ / name, root_ / env::random_uuid(), {});
    ASSERT_FALSE(files) << name;
    EXPECT_EQ(files.error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(files.error().messages.front(),
              "Cannot explode: more than 4194304 bytes to read before entry number 1");
  }
}

TEST_F(ExplodeTest, TheListOfAZipIsReadAsFarAsItsEntriesMayGo) {
  constexpr size_t kListed = 200'000;  // of 46 bytes and a name each: 9 MiB
  std::string zip = zip_of({"a"}, false);
  const size_t begin = zip.find("PK\1\2"), end = zip.find("PK\5\6");
  const std::string listed = zip.substr(begin, end - begin);
  std::string list;
  for (size_t i = 0; i < kListed; ++i) list += listed;
  std::string tail = zip.substr(end);
  for (int i = 0; i < 4; ++i) tail[12 + static_cast<size_t>(i)] = static_cast<char>(list.size() >> (8 * i));
  std::ofstream(root_ / "listed", std::ios::binary) << zip.substr(0, begin) << list << tail;
  const auto refused = explode(root_ / "listed", root_ / "refused", {.max_entries = 1000});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().messages.front(),
            "Cannot explode: more than 4194304 bytes to read before entry number 1");
  const auto taken = explode(root_ / "listed", root_ / "taken", {.max_entries = kListed + 1});
  EXPECT_TRUE(taken) << taken.error().text();
}

TEST_F(ExplodeTest, NothingIsCompressedTwice) {
  const std::string make = "cd '" + root_.string() + "' && gzip -c zeros.tgz > twice.tgz";
  ASSERT_EQ(std::system(make.c_str()), 0);
  const auto files = explode(root_ / "twice.tgz", root_ / "out", {});
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().messages.front(), "Cannot explode: it is compressed more than once");
}

TEST_F(ExplodeTest, WhatIsCutOffIsRefused) {
  const std::string make = "cd '" + root_.string() + "' && tar -cf whole.tar zeros && " +
                           "head -c 100000 whole.tar > cut.tar && gzip -k whole.tar && " +
                           "head -c 600 whole.tar.gz > cut.tar.gz && : > empty";
  ASSERT_EQ(std::system(make.c_str()), 0);
  for (const char* name : {"cut.tar", "cut.tar.gz"})
    EXPECT_FALSE(explode(root_ / name, root_ / env::random_uuid(), {})) << name;
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
}  // namespace mullion::files
