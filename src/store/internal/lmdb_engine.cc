#include <fmt/format.h>
#include <lmdb.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "store/internal/engine.h"
#include "store/internal/lmdb_file.h"

namespace mullion::store::internal {
namespace {

constexpr std::array<const char*, kTableCount> kTableNames = {
    "meta", "types", "owners", "objects", "owned", "digests", "hidden", "log", "origins", "secrets"};
constexpr Logger kLog("store");
constexpr unsigned kMaxReaders = 2048;
/// Space above the limit that only deletions may use: even they need new pages before they free old ones.
constexpr uint64_t kMinReserve = 1 << 20;
constexpr uint64_t kMaxReserve = 64 << 20;
/// Read transactions kept for reuse: starting a fresh one searches the table of readers.
constexpr size_t kIdleReaders = 64;

Error lmdb_error(int code, std::string_view what) {
  if (code == MDB_MAP_FULL) {
    return Error(ErrorCode::kInsufficientStorage,
                 fmt::format("{}: the database reached its size limit (--map-size)", what));
  }
  if (code == MDB_PANIC) {
    return Error(ErrorCode::kInternal,
                 fmt::format("{}: the database stopped after a write of its first pages failed; restart the "
                             "server once the disk works again",
                             what));
  }
  if (code > 0) return env::error_from_errno(code, what);
  const ErrorCode kind = code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND || code == MDB_INVALID ||
                                 code == MDB_VERSION_MISMATCH
                             ? ErrorCode::kCorrupt
                             : ErrorCode::kInternal;
  return Error(kind, fmt::format("{}: {}", what, mdb_strerror(code)));
}

MDB_val to_val(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }
std::string_view to_view(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

using Handles = std::array<MDB_dbi, kTableCount>;

class LmdbCursor final : public RowCursor {
 public:
  explicit LmdbCursor(MDB_cursor* cursor) : cursor_(cursor) {}
  LmdbCursor(const LmdbCursor&) = delete;
  LmdbCursor& operator=(const LmdbCursor&) = delete;
  ~LmdbCursor() override { mdb_cursor_close(cursor_); }

  bool seek(std::string_view key) override {
    if (key.empty()) return move(MDB_FIRST);
    key_ = to_val(key);
    return move(MDB_SET_RANGE);
  }
  bool next() override { return move(MDB_NEXT); }
  bool last() override { return move(MDB_LAST); }
  std::string_view key() const override { return to_view(key_); }
  std::string_view value() const override { return to_view(value_); }

 private:
  bool move(MDB_cursor_op operation) {
    return mdb_cursor_get(cursor_, &key_, &value_, operation) == MDB_SUCCESS;
  }

  MDB_cursor* cursor_;
  MDB_val key_{};
  MDB_val value_{};
};

std::optional<std::string_view> get_value(MDB_txn* transaction, MDB_dbi table, std::string_view key) {
  if (key.empty() || key.size() > kMaxEngineKey) return std::nullopt;
  MDB_val wanted = to_val(key);
  MDB_val found{};
  if (mdb_get(transaction, table, &wanted, &found) != MDB_SUCCESS) return std::nullopt;
  return to_view(found);
}

std::unique_ptr<RowCursor> make_cursor(MDB_txn* transaction, MDB_dbi table) {
  MDB_cursor* cursor = nullptr;
  if (mdb_cursor_open(transaction, table, &cursor) != MDB_SUCCESS) return nullptr;
  return std::make_unique<LmdbCursor>(cursor);
}

/// Read transactions that wait to be used again. Thread-safe.
class ReaderPool {
 public:
  explicit ReaderPool(MDB_env* environment) : environment_(environment) {}

  Result<MDB_txn*> take() {
    MDB_txn* transaction = nullptr;
    {
      std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        transaction = idle_.back();
        idle_.pop_back();
      }
    }
    if (transaction != nullptr) {
      if (mdb_txn_renew(transaction) == MDB_SUCCESS) return transaction;
      mdb_txn_abort(transaction);
    }
    const int code = mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &transaction);
    if (code != MDB_SUCCESS) return lmdb_error(code, "read");
    return transaction;
  }

  void give_back(MDB_txn* transaction) {
    mdb_txn_reset(transaction);
    std::unique_lock lock(mutex_);
    if (idle_.size() < kIdleReaders) {
      idle_.push_back(transaction);
      return;
    }
    lock.unlock();
    mdb_txn_abort(transaction);
  }

  void clear() {
    std::lock_guard lock(mutex_);
    for (MDB_txn* transaction : idle_) mdb_txn_abort(transaction);
    idle_.clear();
  }

 private:
  MDB_env* environment_;
  std::mutex mutex_;
  std::vector<MDB_txn*> idle_;
};

class LmdbRead final : public ReadTransaction {
 public:
  LmdbRead(MDB_txn* transaction, const Handles& handles, ReaderPool& pool)
      : transaction_(transaction), handles_(handles), pool_(pool) {}
  LmdbRead(const LmdbRead&) = delete;
  LmdbRead& operator=(const LmdbRead&) = delete;
  ~LmdbRead() override { pool_.give_back(transaction_); }

  std::optional<std::string_view> get(Table table, std::string_view key) const override {
    return get_value(transaction_, handles_[static_cast<size_t>(table)], key);
  }
  std::unique_ptr<RowCursor> cursor(Table table) const override {
    return make_cursor(transaction_, handles_[static_cast<size_t>(table)]);
  }

 private:
  MDB_txn* transaction_;
  const Handles& handles_;
  ReaderPool& pool_;
};

class LmdbWrite final : public WriteTransaction {
 public:
  LmdbWrite(MDB_txn* transaction, const Handles& handles, uint64_t limit)
      : transaction_(transaction), handles_(handles), limit_(limit) {}
  LmdbWrite(const LmdbWrite&) = delete;
  LmdbWrite& operator=(const LmdbWrite&) = delete;
  ~LmdbWrite() override {
    if (transaction_ != nullptr) mdb_txn_abort(transaction_);
  }

  std::optional<std::string_view> get(Table table, std::string_view key) const override {
    return get_value(transaction_, handles_[static_cast<size_t>(table)], key);
  }
  std::unique_ptr<RowCursor> cursor(Table table) const override {
    return make_cursor(transaction_, handles_[static_cast<size_t>(table)]);
  }
  Result<void> put(Table table, std::string_view key, std::string_view value) override {
    MDB_val raw_key = to_val(key);
    MDB_val raw_value = to_val(value);
    const unsigned flags = table == Table::kLog ? MDB_APPEND : 0;
    const int code = mdb_put(transaction_, handles_[static_cast<size_t>(table)], &raw_key, &raw_value, flags);
    if (code != MDB_SUCCESS) return lmdb_error(code, "write");
    return {};
  }
  Result<void> erase(Table table, std::string_view key) override {
    MDB_val raw_key = to_val(key);
    const int code = mdb_del(transaction_, handles_[static_cast<size_t>(table)], &raw_key, nullptr);
    if (code != MDB_SUCCESS && code != MDB_NOTFOUND) return lmdb_error(code, "delete");
    return {};
  }
  bool full() const override {
    constexpr MDB_dbi kFreePages = 0, kTables = 1;
    uint64_t used = pages_of(kFreePages) + pages_of(kTables);
    for (const MDB_dbi table : handles_) used += pages_of(table);
    return used >= limit_;
  }
  Result<void> commit() override {
    const int code = mdb_txn_commit(std::exchange(transaction_, nullptr));
    if (code != MDB_SUCCESS) return lmdb_error(code, "commit");
    return {};
  }

 private:
  /// Bytes.
  uint64_t pages_of(MDB_dbi table) const {
    MDB_stat statistics{};
    if (mdb_stat(transaction_, table, &statistics) != MDB_SUCCESS) return 0;
    return statistics.ms_psize *
           (statistics.ms_branch_pages + statistics.ms_leaf_pages + statistics.ms_overflow_pages);
  }

  MDB_txn* transaction_;
  const Handles& handles_;
  uint64_t limit_;
};

class LmdbEngine final : public Engine {
 public:
  LmdbEngine(MDB_env* environment, uint64_t limit)
      : environment_(environment), limit_(limit), readers_(environment) {}
  LmdbEngine(const LmdbEngine&) = delete;
  LmdbEngine& operator=(const LmdbEngine&) = delete;
  ~LmdbEngine() override {
    readers_.clear();
    mdb_env_close(environment_);
  }

  Result<void> open_tables() {
    MDB_txn* transaction = nullptr;
    int code = mdb_txn_begin(environment_, nullptr, 0, &transaction);
    if (code != MDB_SUCCESS) return lmdb_error(code, "open database");
    for (size_t i = 0; i < kTableCount && code == MDB_SUCCESS; ++i) {
      code = mdb_dbi_open(transaction, kTableNames[i], MDB_CREATE, &handles_[i]);
    }
    if (code != MDB_SUCCESS) {
      mdb_txn_abort(transaction);
      return lmdb_error(code, "open table");
    }
    code = mdb_txn_commit(transaction);
    if (code != MDB_SUCCESS) return lmdb_error(code, "open database");
    return {};
  }

  Result<std::unique_ptr<ReadTransaction>> begin_read() const override {
    const Result<MDB_txn*> transaction = readers_.take();
    if (!transaction) return transaction.error();
    return std::unique_ptr<ReadTransaction>(std::make_unique<LmdbRead>(*transaction, handles_, readers_));
  }

  Result<std::unique_ptr<WriteTransaction>> begin_write() override {
    MDB_txn* transaction = nullptr;
    const int code = mdb_txn_begin(environment_, nullptr, 0, &transaction);
    if (code != MDB_SUCCESS) return lmdb_error(code, "write");
    return std::unique_ptr<WriteTransaction>(std::make_unique<LmdbWrite>(transaction, handles_, limit_));
  }

  Result<void> backup(const env::Path& directory) const override {
    if (Result<void> made = env::make_directories(directory, 0700); !made) return made;
    const int code = mdb_env_copy(environment_, directory.c_str());
    if (code != MDB_SUCCESS) return lmdb_error(code, "copy to " + directory.string());
    return {};
  }

 private:
  MDB_env* environment_;
  uint64_t limit_;
  Handles handles_{};
  mutable ReaderPool readers_;
};

}  // namespace

Result<std::unique_ptr<Engine>> open_lmdb_engine(const env::Path& directory, uint64_t map_size) {
  if (Result<void> made = env::make_directories(directory, 0700); !made) return made.error();
  if (Result<void> sound = check_length(directory / "data.mdb"); !sound) return sound.error();
  MDB_env* environment = nullptr;
  int code = mdb_env_create(&environment);
  if (code != MDB_SUCCESS) return lmdb_error(code, "create database");
  mdb_env_set_maxdbs(environment, kTableCount);
  mdb_env_set_maxreaders(environment, kMaxReaders);
  mdb_env_set_mapsize(environment, map_size + std::clamp(map_size / 8, kMinReserve, kMaxReserve));
  // Readers may move between threads (NOTLS); scans of many objects gain nothing from read-ahead on large
  // stores.
  code = mdb_env_open(environment, directory.c_str(), MDB_NOTLS | MDB_NORDAHEAD, 0600);
  if (code != MDB_SUCCESS) {
    mdb_env_close(environment);
    return lmdb_error(code, "open database " + directory.string());
  }
  auto engine = std::make_unique<LmdbEngine>(environment, map_size);
  if (Result<void> opened = engine->open_tables(); !opened) return opened.error();
  // The names of new files must survive a power cut as their contents do.
  for (const env::Path& path : {directory, directory.parent_path()}) {
    if (path.empty()) continue;
    if (Result<void> synced = env::sync_directory(path); !synced) {
      kLog.warn("directory not synced path={} what={}", path.string(), synced.error().text());
    }
  }
  return std::unique_ptr<Engine>(std::move(engine));
}

}  // namespace mullion::store::internal
