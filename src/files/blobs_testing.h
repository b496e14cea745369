// What tests of files and isos share: bodies in small pieces, archives, and a tree of its own for each test.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "env/random.h"
#include "files/blobs.h"
#include "net/net_testing.h"

namespace mullion::files::testing {

namespace fs = std::filesystem;

/// Gives its text in small pieces, then an error if told so.
class Pieces final : public net::BodySource {
 public:
  explicit Pieces(std::string text, bool fail = false, std::optional<uint64_t> size = std::nullopt)
      : text_(std::move(text)), fail_(fail), size_(size) {}
  env::Task<Result<std::string_view>> next() override {
    if (at_ >= text_.size() && fail_) co_return Error(ErrorCode::kUnreachable, "connection lost");
    const std::string_view piece = std::string_view(text_).substr(at_, 7);
    at_ += piece.size();
    co_return piece;
  }
  std::optional<uint64_t> size() const override { return size_; }

 private:
  std::string text_;
  bool fail_;
  std::optional<uint64_t> size_;
  size_t at_ = 0;
};

struct Entry {
  std::string name;
  std::string content;
  int type = AE_IFREG;
  std::string link;
};

/// Writes it to an archive of any format.
inline void add_entry(archive* out, const Entry& item) {
  archive_entry* entry = archive_entry_new();
  archive_entry_set_pathname(entry, item.name.c_str());
  archive_entry_set_filetype(entry, static_cast<unsigned>(item.type));
  archive_entry_set_perm(entry, 0644);
  archive_entry_set_size(entry, static_cast<la_int64_t>(item.content.size()));
  if (item.type == AE_IFLNK) archive_entry_set_symlink(entry, item.link.c_str());
  if (item.type == 0) archive_entry_set_hardlink(entry, item.link.c_str());
  EXPECT_EQ(archive_write_header(out, entry), ARCHIVE_OK) << item.name;
  EXPECT_EQ(archive_write_data(out, item.content.data(), item.content.size()),
            static_cast<la_ssize_t>(item.content.size()));
  archive_entry_free(entry);
}

inline std::string tar_of(const std::vector<Entry>& entries) {
  std::string out(2 << 20, '\0');
  size_t used = 0;
  archive* handle = archive_write_new();
  archive_write_set_format_pax_restricted(handle);
  archive_write_open_memory(handle, out.data(), out.size(), &used);
  for (const Entry& item : entries) add_entry(handle, item);
  archive_write_close(handle);
  archive_write_free(handle);
  out.resize(used);
  return out;
}

inline std::string gzip_of(const std::string& bytes) {
  std::string out(bytes.size() + 4096, '\0');
  size_t used = 0;
  archive* handle = archive_write_new();
  archive_write_set_format_raw(handle);
  archive_write_add_filter_gzip(handle);
  archive_write_open_memory(handle, out.data(), out.size(), &used);
  archive_entry* entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_write_header(handle, entry);
  archive_write_data(handle, bytes.data(), bytes.size());
  archive_entry_free(entry);
  archive_write_close(handle);
  archive_write_free(handle);
  out.resize(used);
  return out;
}

class BlobsTest : public ::testing::Test {
 protected:
  BlobsTest() { blobs_ = make_blobs(root_); }
  ~BlobsTest() override { fs::remove_all(root_); }

  Result<Blobs::Info> put(const std::string& path, const std::string& text, bool explode = false,
                          uint64_t limit = 1 << 20, const std::string& bucket = "files", bool fail = false) {
    Pieces body(text, fail);
    return env::run(runtime_, [&] { return blobs_->put(bucket, path, body, {explode, limit}); });
  }
  Result<std::string> read(const Blobs::Info& info, uint64_t first, uint64_t last) {
    auto body = blobs_->open(info, first, last);
    if (!body) return body.error();
    return env::run(runtime_, [&] { return net::read_all(**body, 1 << 20); });
  }
  Result<Blobs::Progress> append(const std::string& text, uint64_t first, uint64_t last,
                                 std::optional<uint64_t> total, bool fail = false, bool explode = false) {
    Pieces body(text, fail);
    return env::run(runtime_, [&] {
      return blobs_->append("files", "d/big", body, {{first, last}, total}, {explode, 1 << 20});
    });
  }
  size_t names_in(const char* directory) {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(root_ / directory), fs::directory_iterator()));
  }
  size_t left_overs() { return names_in(".uploads"); }

  env::Runtime runtime_{1};
  fs::path root_ = fs::temp_directory_path() / ("mullion-blobs-" + env::random_uuid());
  std::unique_ptr<Blobs> blobs_;
};

/// Of "hello".
inline constexpr const char* kHelloSum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

}  // namespace mullion::files::testing
