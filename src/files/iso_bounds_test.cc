// What an iso may make the library keep, whatever its author writes into it.
#include <archive.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "env/random.h"
#include "files/archive.h"
#include "files/blobs_testing.h"
#include "files/internal/iso_continuations.h"

namespace mullion::files {
namespace {

/// Of as many bytes as `size` says; names that are longer than about a hundred go on elsewhere.
std::string iso_name(int number, size_t size) {
  std::string name = fmt::format("{:06}-", number);
  return name.append(size - name.size(), 'n');
}

class IsoBounds : public ::testing::Test {
 protected:
  IsoBounds() { std::filesystem::create_directories(root_); }
  ~IsoBounds() override { std::filesystem::remove_all(root_); }

  /// An iso of `files` files with these names, in folders of 1000.
  void write(int files, size_t name_size) const {
    archive* out = archive_write_new();
    ASSERT_EQ(archive_write_set_format_iso9660(out), ARCHIVE_OK);
    ASSERT_EQ(archive_write_open_filename(out, iso_.c_str()), ARCHIVE_OK);
    for (int i = 0; i < files; ++i)
      testing::add_entry(out, {fmt::format("d{}/{}", i / 1000, iso_name(i, name_size)), "x"});
    ASSERT_EQ(archive_write_free(out), ARCHIVE_OK);
  }

  /// Lets the last field that names a continuation name that of the one before.
  void share_continuation() const {
    constexpr std::string_view kHead = "CE\x1c\x01";
    std::string iso = *env::read_file(iso_);
    const size_t last = iso.rfind(kHead), before = iso.rfind(kHead, last - 1);
    ASSERT_NE(before, std::string::npos);
    iso.replace(last, 28, iso.substr(before, 28));
    std::ofstream(iso_, std::ios::binary) << iso;
  }

  std::string outcome(size_t max_entries = 200'000) const {
    const auto files = explode(iso_, root_ / env::random_uuid(), {.max_entries = max_entries});
    return files ? fmt::format("{} files", files->size()) : files.error().messages.front();
  }

  const std::filesystem::path root_ =
      std::filesystem::temp_directory_path() / ("mullion-iso-" + env::random_uuid());
  const std::filesystem::path iso_ = root_ / "a.iso";
};

TEST_F(IsoBounds, WhatEntriesGoOnInBelongsToOneOfThem) {
  write(3, 240);
  EXPECT_EQ(outcome(), "3 files");
  share_continuation();
  EXPECT_EQ(outcome(), "Cannot explode: entries of the iso go on in the same bytes");
}

TEST_F(IsoBounds, DirectoriesAreBoundedTogether) {
  write(24'000, 200);  // about 300 bytes of directories for each
  EXPECT_EQ(outcome(1000), "Cannot explode: more than 4194304 bytes of directories");
  EXPECT_EQ(outcome(), "24000 files");
}

/// The field at the beginning of `text`.
std::string continuation(uint32_t block, uint32_t offset, uint32_t size) {
  std::string out = "CE\x1c\x01";
  for (const uint32_t number : {block, offset, size}) {
    for (int i = 0; i < 4; ++i) out += static_cast<char>(number >> (8 * i));
    out += "####";  // the half that nobody reads
  }
  return out;
}

TEST(IsoContinuationsTest, OverlapWhereverTheyAre) {
  struct Case {
    std::string text;
    bool shared;
  };
  const std::string one = continuation(7, 100, 50);
  for (const Case& c :
       {Case{one + continuation(7, 150, 10), false}, Case{one + continuation(7, 149, 10), true},
        Case{continuation(7, 150, 10) + one, false}, Case{continuation(7, 149, 10) + one, true},
        Case{one + continuation(8, 100, 50), false}, Case{one + "x" + one, true},
        Case{continuation(7, 0, 2048) + one, true}, Case{one + continuation(7, 0, 0), false}}) {
    for (size_t cut = 0; cut <= c.text.size(); ++cut) {
      IsoContinuations found;
      found.look(10, c.text.substr(0, cut));
      found.look(10 + cut, c.text.substr(cut));
      EXPECT_EQ(found.shared(), c.shared) << "cut at " << cut;
    }
  }
}

TEST(IsoContinuationsTest, BytesThatComeAgainAreTheSame) {
  IsoContinuations found;
  const std::string one = continuation(7, 100, 50);
  found.look(10, one);
  found.look(0, "elsewhere");
  found.look(10, one);
  EXPECT_FALSE(found.shared());
  found.look(90, one);
  EXPECT_TRUE(found.shared());
}

}  // namespace
}  // namespace mullion::files
