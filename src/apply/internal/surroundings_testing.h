// For tests of the services of this room: a catalog and files that hold what the test gives them.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "apply/internal/apply_testing.h"
#include "base/mutex.h"
#include "catalog/catalog.h"
#include "env/pools.h"
#include "files/offered_files_testing.h"

namespace mullion::apply {

class FakeCatalog final : public catalog::Catalog {
 public:
  void set(std::vector<catalog::Item> items) {
    std::vector<std::function<void()>> listeners;
    {
      const Lock lock(mutex_);
      current_ = std::make_shared<const catalog::Items>(std::move(items));
      listeners = listeners_;
    }
    for (const auto& listener : listeners) listener();
  }
  Task<Result<catalog::BuildReport>> build(std::string) override { co_return catalog::BuildReport(); }
  std::shared_ptr<const catalog::Items> items() const override {
    const Lock lock(mutex_);
    return current_;
  }
  void on_change(std::function<void()> listener) override {
    const Lock lock(mutex_);
    listeners_.push_back(std::move(listener));
  }
  /// What comes of fetching from `source`.
  void fetches(const std::string& source, Result<files::Blobs::Info> outcome) {
    const Lock lock(mutex_);
    fetched_.insert_or_assign(source, std::move(outcome));
  }
  Task<Result<files::Blobs::Info>> fetch(catalog::Artifact artifact) override {
    const Lock lock(mutex_);
    const auto found = fetched_.find(artifact.source);
    if (found == fetched_.end()) co_return Error(ErrorCode::kNotFound, "no " + artifact.source);
    co_return found->second;
  }
  catalog::Collection unused(const std::vector<catalog::Need>&) override { return {}; }
  Task<Result<catalog::BuildReport>> remove(std::vector<catalog::KeptVersion>, std::string) override {
    co_return catalog::BuildReport();
  }
  std::vector<std::string> problems() const override { return {}; }
  void start() override {}
  Task<void> stop() override { co_return; }

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const catalog::Items> current_ GUARDED_BY(mutex_) =
      std::make_shared<const catalog::Items>();
  std::vector<std::function<void()>> listeners_ GUARDED_BY(mutex_);
  std::map<std::string, Result<files::Blobs::Info>> fetched_ GUARDED_BY(mutex_);
};

/// Whether there is long work under way, and no other.
inline bool runs_long_work_only() {
  return std::ranges::all_of(env::pool_statistics(), [](const env::WorkerPool::Statistics& pool) {
    return (pool.running > 0) == (pool.name == "long");
  });
}

/// Files by name ("files/a"), which is the path of what is told of them, too.
class FakeBlobs final : public files::testing::OfferedFiles {
 public:
  /// Runs where a file is read to compute its checksum; to be set before anything runs.
  std::function<void()> on_hash;

  void put_file(const std::string& name, const std::string& sha256) { keep(name, {sha256, "12345"}); }
  /// With the checksum that PretendedEndpoint computes of it.
  Info put_content(const std::string& name, std::string content) {
    const std::string sum = model_sum(content);
    keep(name, {sum, std::move(content)});
    return *stat_name(name);
  }
  /// Nobody has computed its checksum yet.
  void put_unsummed(const std::string& name, std::string content) {
    const std::string sum = model_sum(content);
    keep(name, {sum, std::move(content), false});
  }
  void take_away(const std::string& name) {
    {
      const Lock lock(mutex_);
      files_.erase(name);
    }
    tell(name);
  }
  Result<Info> stat(std::string_view bucket, std::string_view path) override {
    const std::string name = fmt::format("{}/{}", bucket, path);
    const bool summed = is_summed(name);
    if (!summed && on_hash) on_hash();
    return stat_name(name);
  }
  Result<Info> look(std::string_view bucket, std::string_view path) override {
    const std::string name = fmt::format("{}/{}", bucket, path);
    const bool summed = is_summed(name);
    Result<Info> info = stat_name(name);
    if (info && !summed) info->sha256.clear();
    return info;
  }
  void on_change(ChangeListener listener) override {
    Lock lock(mutex_);
    listeners_.push_back(std::move(listener));
  }
  Result<net::BodySourcePtr> open(const Info& info, uint64_t first, uint64_t last) override {
    const Lock lock(mutex_);
    const auto found = files_.find(info.path);
    if (found == files_.end() || found->second.sha256 != info.sha256)
      return Error(ErrorCode::kConflict, "file was replaced meanwhile");
    return net::body_from_string(found->second.content.substr(first, last - first + 1));
  }

 private:
  struct File {
    std::string sha256, content;
    bool summed = true;
  };
  void keep(const std::string& name, File file) {
    {
      const Lock lock(mutex_);
      files_.insert_or_assign(name, std::move(file));
    }
    tell(name);
  }
  void tell(const std::string& name) {
    std::vector<ChangeListener> listeners;
    {
      const Lock lock(mutex_);
      listeners = listeners_;
    }
    for (const auto& listener : listeners) listener({name});
  }
  bool is_summed(const std::string& name) {
    const Lock lock(mutex_);
    const auto found = files_.find(name);
    return found == files_.end() || found->second.summed;
  }
  Result<Info> stat_name(const std::string& name) {
    const Lock lock(mutex_);
    const auto found = files_.find(name);
    if (found == files_.end()) return Error(ErrorCode::kNotFound, "Not a regular file");
    Info info;
    info.path = name;
    info.size = found->second.content.size();
    info.sha256 = found->second.sha256;
    return info;
  }

  Mutex mutex_;
  std::map<std::string, File> files_ GUARDED_BY(mutex_);
  std::vector<ChangeListener> listeners_ GUARDED_BY(mutex_);
};

}  // namespace mullion::apply
