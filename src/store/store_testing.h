// What the tests of the room share.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "env/file.h"
#include "store/store.h"

namespace mullion::store {

/// In memory where possible: what is synced there is no test of the disk, and quick.
inline env::Path fast_directory() {
  return std::filesystem::exists("/dev/shm") ? env::Path("/dev/shm") : std::filesystem::temp_directory_path();
}

/// Lives as long as the test that made it.
class TempDirectory {
 public:
  explicit TempDirectory(const env::Path& parent = fast_directory()) {
    std::string name = (parent / "store-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  ~TempDirectory() { std::filesystem::remove_all(path_); }

  const env::Path& path() const { return path_; }

 private:
  env::Path path_;
};

inline Options options_in(const env::Path& directory) {
  Options options;
  options.directory = directory;
  options.map_size = uint64_t{1} << 30;
  return options;
}

inline std::unique_ptr<Store> must_open(const Options& options) {
  Result<std::unique_ptr<Store>> store = open_store(options);
  EXPECT_TRUE(store.ok()) << (store ? "" : store.error().text());
  return store ? std::move(*store) : nullptr;
}

inline Change put(std::string_view type, std::string_view key, std::string body,
                  std::string_view owner = kOwn) {
  return {{std::string(type), std::string(owner), std::string(key)}, std::move(body), Expect::kAnything, {}};
}

inline Change erase(std::string_view type, std::string_view key, std::string_view owner = kOwn) {
  return {{std::string(type), std::string(owner), std::string(key)}, std::nullopt, Expect::kAnything, {}};
}

inline Batch batch_of(std::vector<Change> changes) {
  Batch batch;
  batch.changes = std::move(changes);
  return batch;
}

inline Cursor must_commit(Store& store, Batch batch) {
  const Result<Cursor> cursor = store.commit_sync(std::move(batch));
  EXPECT_TRUE(cursor.ok()) << (cursor ? "" : cursor.error().text());
  return cursor ? *cursor : Cursor();
}

inline Cursor must_commit(Store& store, std::vector<Change> changes) {
  return must_commit(store, batch_of(std::move(changes)));
}

/// The body, or "-" when there is no such object.
inline std::string body_of(const Snapshot& view, std::string_view type, std::string_view key,
                           std::string_view owner = kOwn) {
  return view.get({std::string(type), std::string(owner), std::string(key)}).value_or("-");
}

inline std::string body_of(const Store& store, std::string_view type, std::string_view key,
                           std::string_view owner = kOwn) {
  return body_of(*store.snapshot(), type, key, owner);
}

/// Every object of every type as "type/key@owner" -> body.
inline std::map<std::string, std::string> contents(const Snapshot& view) {
  std::map<std::string, std::string> out;
  for (const std::string& type : view.types()) {
    view.scan(type, "", [&](std::string_view key, std::string_view owner, std::string_view body) {
      out[fmt::format("{}/{}@{}", type, key, owner)] = body;
      return true;
    });
  }
  return out;
}

using DigestTable = std::map<std::string, std::pair<std::string, uint64_t>>;

/// "owner type" -> (digest, count), as the store keeps them.
inline DigestTable kept_digests(const Snapshot& view) {
  DigestTable out;
  for (const TypeDigest& one : view.digests())
    out[one.owner + " " + one.type] = {one.digest.hex(), one.count};
  return out;
}

/// The same, added up afresh from the objects.
inline DigestTable recomputed_digests(const Snapshot& view) {
  std::map<std::string, std::pair<Digest, uint64_t>> sums;
  for (const std::string& type : view.types()) {
    view.scan(type, "", [&](std::string_view key, std::string_view owner, std::string_view body) {
      if (owner == kLayered) return true;
      auto& [digest, count] = sums[std::string(owner) + " " + type];
      digest += object_digest(type, key, body);
      ++count;
      return true;
    });
  }
  DigestTable out;
  for (const auto& [name, sum] : sums) out[name] = {sum.first.hex(), sum.second};
  return out;
}

/// Bytes that do not compress.
inline std::string noise(size_t size, uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

// Numbered batches: a crash must leave each of them whole or absent.

/// Objects of batch `number`: of two types, of two owners, some too large for one page, one that every batch
/// overwrites.
inline Batch numbered_batch(uint64_t number) {
  const std::string text = std::to_string(number);
  return batch_of({put("jobs", "newest", text), put("jobs", text, text), put("machines", text, text, "east"),
                   put("machines", text, text + noise(number % 5 * 2000, number))});
}

/// The batches that `view` holds, in order; fails the test when one is there in part or the rest disagrees.
inline std::vector<uint64_t> whole_batches(const Snapshot& view) {
  std::map<uint64_t, int> parts;
  for (const auto& [name, body] : contents(view)) {
    const std::string key = name.substr(name.find('/') + 1, name.find('@') - name.find('/') - 1);
    if (key != "newest") ++parts[std::stoull(key)];
  }
  std::vector<uint64_t> out;
  for (const auto& [number, count] : parts) {
    EXPECT_EQ(count, 3) << "half of batch " << number;
    out.push_back(number);
  }
  EXPECT_EQ(kept_digests(view), recomputed_digests(view));
  if (!out.empty()) {
    EXPECT_EQ(body_of(view, "jobs", "newest"), std::to_string(out.back()));
  }
  return out;
}

inline std::vector<LoggedCommit> log_after(const Store& store, Cursor after) {
  std::vector<LoggedCommit> out;
  const Result<void> read = store.read_log(after, [&](const LoggedCommit& commit) {
    out.push_back(commit);
    return true;
  });
  EXPECT_TRUE(read.ok()) << (read ? "" : read.error().text());
  return out;
}

}  // namespace mullion::store
