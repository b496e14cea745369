// An ordered key-value store with snapshots and one writer: what the store needs of a database engine.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "env/clock.h"
#include "env/disk.h"
#include "env/file.h"
#include "store/read_failure.h"

namespace mullion::store::internal {

enum class Table { kMeta, kTypes, kOwners, kObjects, kOwned, kDigests, kHidden, kLog, kOrigins, kSecrets };
inline constexpr size_t kTableCount = 10;
/// Longest key an engine takes.
inline constexpr size_t kMaxEngineKey = 511;

/// Moves over one table in key order. Views are valid until the next move or write. Moves throw ReadFailure.
class RowCursor {
 public:
  virtual ~RowCursor() = default;
  /// To the first key >= `key`; false at the end.
  virtual bool seek(std::string_view key) = 0;
  virtual bool next() = 0;
  virtual bool last() = 0;
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
};

/// A frozen view. One user at a time; may move between threads. Reads throw ReadFailure when they cannot be
/// done: what is not found is not there.
class ReadTransaction {
 public:
  virtual ~ReadTransaction() = default;
  virtual std::optional<std::string_view> get(Table table, std::string_view key) const = 0;
  virtual std::unique_ptr<RowCursor> cursor(Table table) const = 0;
};

/// The one writer's transaction: sees its own writes. Destroyed without commit(): nothing happened.
class WriteTransaction : public ReadTransaction {
 public:
  virtual Result<void> put(Table table, std::string_view key, std::string_view value) = 0;
  /// Absent keys are fine.
  virtual Result<void> erase(Table table, std::string_view key) = 0;
  /// Whether the database has reached its size: from here on only deletions may be written.
  virtual bool full() const = 0;
  /// Durable when it returns success. kInsufficientStorage, kInternal: nothing happened.
  virtual Result<void> commit() = 0;
};

/// What an engine holds, and who keeps it from using it again.
struct EngineFigures {
  uint64_t file_bytes = 0;  // pages in use and free
  uint64_t free_bytes = 0;
  uint64_t pinned_bytes = 0;  // of free_bytes, those a view may still read
  size_t views = 0;
  env::Duration oldest_view{};
};

/// Thread-safe, but for begin_write(): one at a time, committed on the thread that began it.
class Engine {
 public:
  virtual ~Engine() = default;
  /// kUnavailable: there are as many views as there may be.
  virtual Result<std::unique_ptr<ReadTransaction>> begin_read() const = 0;
  virtual Result<std::unique_ptr<WriteTransaction>> begin_write() = 0;
  /// A consistent copy while others read and write; broken off by EngineOptions::stop, which leaves what
  /// there is for the caller to remove.
  virtual Result<void> backup(const env::Path& directory) const = 0;
  virtual size_t views() const = 0;
  virtual EngineFigures figures() const = 0;
};

struct EngineOptions {
  uint64_t map_size = uint64_t{64} << 30;
  size_t max_views = 8192;  // open at the same time, no matter for whom
  const env::Clock* clock = &env::system_clock();
  bool compact_at_open = false;
  const std::atomic<bool>* stop = nullptr;  // see Options
  bool last_commit_may_go = false;          // see Options
  /// What the file system of a path still takes; bytes.
  std::function<Result<uint64_t>(const env::Path&)> free_space = env::free_space;
};

Result<std::unique_ptr<Engine>> open_lmdb_engine(const env::Path& directory, const EngineOptions& options);
std::unique_ptr<Engine> open_memory_engine(const EngineOptions& options = {});

}  // namespace mullion::store::internal
