// An ordered key-value store with snapshots and one writer: what the store needs of a database engine.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "env/file.h"

namespace mullion::store::internal {

enum class Table { kMeta, kTypes, kOwners, kObjects, kOwned, kDigests, kHidden, kLog, kOrigins, kSecrets };
inline constexpr size_t kTableCount = 10;
/// Longest key an engine takes.
inline constexpr size_t kMaxEngineKey = 511;

/// Moves over one table in key order. Views are valid until the next move or write.
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

/// A frozen view. One user at a time; may move between threads.
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

/// Thread-safe, but for begin_write(): one at a time, committed on the thread that began it.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual Result<std::unique_ptr<ReadTransaction>> begin_read() const = 0;
  virtual Result<std::unique_ptr<WriteTransaction>> begin_write() = 0;
  /// A consistent copy while others read and write.
  virtual Result<void> backup(const env::Path& directory) const = 0;
};

Result<std::unique_ptr<Engine>> open_lmdb_engine(const env::Path& directory, uint64_t map_size);
std::unique_ptr<Engine> open_memory_engine();

}  // namespace mullion::store::internal
