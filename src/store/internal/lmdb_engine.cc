#include <fmt/format.h>
#include <lmdb.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "env/file.h"
#include "env/piped_file.h"
#include "store/compaction.h"
#include "store/internal/engine.h"
#include "store/internal/log.h"
#include "store/internal/view_register.h"
#include "store/lmdb_file.h"

namespace mullion::store::internal {
namespace {

constexpr std::array<const char*, kTableCount> kTableNames = {
    "meta", "types", "owners", "objects", "owned", "digests", "hidden", "log", "origins", "secrets"};
constexpr const char* kDataFile = "data.mdb";
/// Where a compact copy is made, beside the database.
constexpr const char* kCompacting = "compacting";

/// A compact copy that LMDB makes may be read by everybody who reaches its folder, whatever the database's
/// own mode is.
Result<void> keep_private(const env::Path& file) {
  if (::chmod(file.c_str(), 0600) != 0) return env::error_from_errno(errno, "chmod " + file.string());
  return {};
}
/// Readers beyond those that views may take: kept for reuse, and those of the engine itself.
constexpr size_t kOwnReaders = 32;
/// Space above the limit that only deletions may use: even they need new pages before they free old ones.
constexpr uint64_t kMinReserve = 1 << 20;
constexpr uint64_t kMaxReserve = 64 << 20;
/// Read transactions kept for reuse: starting a fresh one searches the table of readers.
constexpr size_t kIdleReaders = 64;
/// A disk with less than this is taken for full when a write was cut short: ext4 counts up to 4096 blocks as
/// free that it keeps for its own metadata.
constexpr uint64_t kNoSpace = 32 << 20;
/// Compaction at the start: from so many free bytes on, and up to so many that have to be copied.
constexpr uint64_t kWorthCompacting = 16 << 20;
constexpr uint64_t kQuickToCompact = uint64_t{1} << 30;

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
  if (code == MDB_READERS_FULL)
    return Error(ErrorCode::kUnavailable, fmt::format("{}: too many read at the same time", what));
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

/// Whether a read found something.
bool found(int code) {
  if (code != MDB_SUCCESS && code != MDB_NOTFOUND) throw ReadFailure(lmdb_error(code, "read"));
  return code == MDB_SUCCESS;
}

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
  bool move(MDB_cursor_op operation) { return found(mdb_cursor_get(cursor_, &key_, &value_, operation)); }

  MDB_cursor* cursor_;
  MDB_val key_{};
  MDB_val value_{};
};

std::optional<std::string_view> get_value(MDB_txn* transaction, MDB_dbi table, std::string_view key) {
  if (key.empty() || key.size() > kMaxEngineKey) return std::nullopt;
  MDB_val wanted = to_val(key);
  MDB_val value{};
  if (!found(mdb_get(transaction, table, &wanted, &value))) return std::nullopt;
  return to_view(value);
}

std::unique_ptr<RowCursor> make_cursor(MDB_txn* transaction, MDB_dbi table) {
  MDB_cursor* cursor = nullptr;
  (void)found(mdb_cursor_open(transaction, table, &cursor));
  return std::make_unique<LmdbCursor>(cursor);
}

/// Read transactions that wait to be used again. Thread-safe.
class ReaderPool {
 public:
  explicit ReaderPool(MDB_env* environment) : environment_(environment) {}

  Result<MDB_txn*> take() {
    MDB_txn* transaction = nullptr;
    {
      Lock lock(mutex_);
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
    Lock lock(mutex_);
    if (idle_.size() < kIdleReaders) {
      idle_.push_back(transaction);
      return;
    }
    lock.unlock();
    mdb_txn_abort(transaction);
  }

  void clear() {
    Lock lock(mutex_);
    for (MDB_txn* transaction : idle_) mdb_txn_abort(transaction);
    idle_.clear();
  }

 private:
  MDB_env* environment_;
  Mutex mutex_;
  std::vector<MDB_txn*> idle_ GUARDED_BY(mutex_);
};

class LmdbRead final : public ReadTransaction {
 public:
  LmdbRead(MDB_txn* transaction, const Handles& handles, ReaderPool& pool, ViewRegister::Ticket ticket)
      : transaction_(transaction), handles_(handles), pool_(pool), ticket_(std::move(ticket)) {
    ticket_.shows(mdb_txn_id(transaction_));
  }
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
  ViewRegister::Ticket ticket_;
};

/// Pages on the list of free ones.
struct FreePageCount {
  uint64_t all = 0;
  uint64_t reusable = 0;  // none of them can be seen from transaction `oldest` on
};

/// As the reader sees the list: what each transaction set free, in the order of their numbers.
FreePageCount count_free_pages(MDB_txn* reader, uint64_t oldest) {
  constexpr MDB_dbi kFreePages = 0;
  FreePageCount out;
  MDB_cursor* raw = nullptr;
  if (mdb_cursor_open(reader, kFreePages, &raw) != MDB_SUCCESS) return out;
  const std::unique_ptr<MDB_cursor, decltype(&mdb_cursor_close)> cursor(raw, mdb_cursor_close);
  MDB_val freed_by{}, pages{};
  while (mdb_cursor_get(raw, &freed_by, &pages, MDB_NEXT) == MDB_SUCCESS) {
    size_t transaction = 0, count = 0;
    std::memcpy(&transaction, freed_by.mv_data, sizeof(transaction));
    std::memcpy(&count, pages.mv_data, sizeof(count));
    out.all += count;
    if (transaction < oldest) out.reusable += count;
  }
  return out;
}

/// Bytes of the file that have ever been used.
uint64_t file_bytes(MDB_env* environment) {
  MDB_envinfo info{};
  MDB_stat statistics{};
  if (mdb_env_info(environment, &info) != MDB_SUCCESS) return 0;
  if (mdb_env_stat(environment, &statistics) != MDB_SUCCESS) return 0;
  return (info.me_last_pgno + 1) * statistics.ms_psize;
}

uint64_t page_bytes(MDB_env* environment) {
  MDB_stat statistics{};
  return mdb_env_stat(environment, &statistics) == MDB_SUCCESS ? statistics.ms_psize : 0;
}

/// The file system a database lies on. Knows what a failed write of it means.
class DataDisk {
 public:
  DataDisk(env::Path directory, std::function<Result<uint64_t>(const env::Path&)> free_space)
      : directory_(std::move(directory)), free_space_(std::move(free_space)) {}

  /// A write that was cut short for want of space comes as EIO.
  Error error(int code, std::string_view what) const {
    if (code != EIO || !is_full()) return lmdb_error(code, what);
    return env::error_from_errno(ENOSPC, what);
  }

 private:
  bool is_full() const {
    const Result<uint64_t> space = free_space_(directory_);
    return space && *space < kNoSpace;
  }

  env::Path directory_;
  std::function<Result<uint64_t>(const env::Path&)> free_space_;
};

class LmdbWrite final : public WriteTransaction {
 public:
  /// `unusable`: bytes that are free but may not be used again yet.
  LmdbWrite(MDB_txn* transaction, const Handles& handles, const DataDisk& disk, uint64_t limit,
            uint64_t unusable)
      : transaction_(transaction), handles_(handles), disk_(disk), limit_(limit), unusable_(unusable) {}
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
    if (code != MDB_SUCCESS) return disk_.error(code, "write");
    return {};
  }
  Result<void> erase(Table table, std::string_view key) override {
    MDB_val raw_key = to_val(key);
    const int code = mdb_del(transaction_, handles_[static_cast<size_t>(table)], &raw_key, nullptr);
    if (code != MDB_SUCCESS && code != MDB_NOTFOUND) return disk_.error(code, "delete");
    return {};
  }
  bool full() const override {
    constexpr MDB_dbi kFreePages = 0, kTables = 1;
    uint64_t used = unusable_ + pages_of(kFreePages) + pages_of(kTables);
    for (const MDB_dbi table : handles_) used += pages_of(table);
    return used >= limit_;
  }
  Result<void> commit() override {
    const int code = mdb_txn_commit(std::exchange(transaction_, nullptr));
    if (code != MDB_SUCCESS) return disk_.error(code, "commit");
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
  const DataDisk& disk_;
  uint64_t limit_;
  uint64_t unusable_;
};

struct EnvironmentCloser {
  void operator()(MDB_env* environment) const { mdb_env_close(environment); }
};
using Environment = std::unique_ptr<MDB_env, EnvironmentCloser>;

class LmdbEngine final : public Engine {
 public:
  LmdbEngine(Environment environment, const env::Path& directory, const EngineOptions& options)
      : environment_(std::move(environment)),
        limit_(options.map_size),
        stop_(options.stop),
        disk_(directory, options.free_space),
        views_(options.max_views, *options.clock),
        readers_(environment_.get()) {}
  LmdbEngine(const LmdbEngine&) = delete;
  LmdbEngine& operator=(const LmdbEngine&) = delete;
  ~LmdbEngine() override { readers_.clear(); }

  Result<void> open_tables() {
    MDB_txn* transaction = nullptr;
    int code = mdb_txn_begin(environment_.get(), nullptr, 0, &transaction);
    if (code != MDB_SUCCESS) return lmdb_error(code, "open database");
    for (size_t i = 0; i < kTableCount && code == MDB_SUCCESS; ++i) {
      code = mdb_dbi_open(transaction, kTableNames[i], MDB_CREATE, &handles_[i]);
    }
    if (code != MDB_SUCCESS) {
      mdb_txn_abort(transaction);
      return lmdb_error(code, "open table");
    }
    code = mdb_txn_commit(transaction);
    if (code != MDB_SUCCESS) return disk_.error(code, "open database");
    return {};
  }

  Result<std::unique_ptr<ReadTransaction>> begin_read() const override {
    Result<ViewRegister::Ticket> ticket = views_.enter();
    if (!ticket) return ticket.error();
    const Result<MDB_txn*> transaction = readers_.take();
    if (!transaction) return transaction.error();
    return std::unique_ptr<ReadTransaction>(
        std::make_unique<LmdbRead>(*transaction, handles_, readers_, std::move(*ticket)));
  }

  Result<std::unique_ptr<WriteTransaction>> begin_write() override {
    const uint64_t unusable = unusable_bytes();
    MDB_txn* transaction = nullptr;
    const int code = mdb_txn_begin(environment_.get(), nullptr, 0, &transaction);
    if (code != MDB_SUCCESS) return lmdb_error(code, "write");
    return std::unique_ptr<WriteTransaction>(
        std::make_unique<LmdbWrite>(transaction, handles_, disk_, limit_, unusable));
  }

  Result<void> backup(const env::Path& directory) const override {
    if (Result<void> made = env::make_directories(directory, 0700); !made) return made;
    Result<ViewRegister::Ticket> view =
        views_.enter();  // of the database's own, for as long as the disk takes
    if (!view) return view.error();
    view->shows(newest_transaction());
    return env::write_piped_file(directory / kDataFile, 0600, stop_, [&](int out) -> Result<void> {
      const int code = mdb_env_copyfd2(environment_.get(), out, 0);
      if (code != MDB_SUCCESS) return lmdb_error(code, "copy to " + directory.string());
      return {};
    });
  }

  size_t views() const override { return views_.open(); }

  EngineFigures figures() const override {
    EngineFigures out;
    out.views = views_.open();
    out.oldest_view = views_.oldest_age();
    out.file_bytes = file_bytes(environment_.get());
    const uint64_t page = page_bytes(environment_.get());
    const FreePageCount free = free_pages(views_.oldest_transaction().value_or(kNoTransaction));
    out.free_bytes = free.all * page;
    out.pinned_bytes = (free.all - free.reusable) * page;
    return out;
  }

 private:
  static constexpr uint64_t kNoTransaction = std::numeric_limits<uint64_t>::max();

  uint64_t newest_transaction() const {
    MDB_envinfo info{};
    mdb_env_info(environment_.get(), &info);
    return info.me_last_txnid;
  }

  FreePageCount free_pages(uint64_t oldest) const {
    const Result<MDB_txn*> reader = readers_.take();
    if (!reader) return {};
    const FreePageCount out = count_free_pages(*reader, oldest);
    readers_.give_back(*reader);
    return out;
  }

  /// Free bytes that the next transaction must not use. Counted only where the limit is near: before, it does
  /// not matter.
  uint64_t unusable_bytes() const {
    if (file_bytes(environment_.get()) < limit_) return 0;
    const uint64_t newest = newest_transaction();
    const FreePageCount free = free_pages(std::min(views_.oldest_transaction().value_or(newest), newest));
    return (free.all - free.reusable) * page_bytes(environment_.get());
  }

  Environment environment_;
  uint64_t limit_;
  const std::atomic<bool>* stop_;
  DataDisk disk_;
  Handles handles_{};
  mutable ViewRegister views_;
  mutable ReaderPool readers_;
};

// ---- compaction

/// For reading alone.
Result<Environment> open_for_copying(const env::Path& directory) {
  MDB_env* raw = nullptr;
  int code = mdb_env_create(&raw);
  if (code != MDB_SUCCESS) return lmdb_error(code, "create database");
  Environment environment(raw);
  mdb_env_set_maxdbs(raw, kTableCount);
  code = mdb_env_open(raw, directory.c_str(), MDB_RDONLY | MDB_NOTLS | MDB_NORDAHEAD, 0600);
  if (code != MDB_SUCCESS) return lmdb_error(code, "open database " + directory.string());
  return environment;
}

struct Sizes {
  uint64_t file = 0, free = 0;
  uint64_t used() const { return file - std::min(file, free); }
};

Result<Sizes> sizes_of(MDB_env* environment) {
  MDB_txn* reader = nullptr;
  const int code = mdb_txn_begin(environment, nullptr, MDB_RDONLY, &reader);
  if (code != MDB_SUCCESS) return lmdb_error(code, "read");
  const Sizes out{file_bytes(environment), count_free_pages(reader, 0).all * page_bytes(environment)};
  mdb_txn_abort(reader);
  return out;
}

/// A database before it is replaced by a compact copy of itself.
class Compactor {
 public:
  static Result<Compactor> open(const env::Path& directory) {
    if (!std::filesystem::exists(directory / kDataFile))
      return Error(ErrorCode::kNotFound, "no database in " + directory.string());
    if (Result<void> sound = check_length(directory / kDataFile); !sound) return sound.error();
    Result<Environment> environment = open_for_copying(directory);
    if (!environment) return environment.error();
    const Result<Sizes> sizes = sizes_of(environment->get());
    if (!sizes) return sizes.error();
    return Compactor(directory, std::move(*environment), *sizes);
  }

  bool worth_it() const {
    return sizes_.free > sizes_.file / 2 && sizes_.free >= kWorthCompacting &&
           sizes_.used() <= kQuickToCompact;
  }

  /// Once; the database is closed then.
  Result<Compaction> run() {
    const env::Path copy = directory_ / kCompacting;
    Result<Compaction> done = replace_by(copy);
    if (Result<void> removed = env::remove_tree(copy); !removed)
      kLog.warn("leftover not removed path={} what={}", copy.string(), removed.error().text());
    return done;
  }

 private:
  Compactor(env::Path directory, Environment environment, Sizes sizes)
      : directory_(std::move(directory)), environment_(std::move(environment)), sizes_(sizes) {}

  Result<Compaction> replace_by(const env::Path& copy) {
    if (Result<void> fits = check_space(); !fits) return fits.error();
    if (Result<void> removed = env::remove_tree(copy); !removed) return removed.error();
    if (Result<void> made = env::make_directories(copy, 0700); !made) return made.error();
    const int code = mdb_env_copy2(environment_.get(), copy.c_str(), MDB_CP_COMPACT);
    if (code != MDB_SUCCESS) return DataDisk(directory_, env::free_space).error(code, "compact");
    if (Result<void> closed = keep_private(copy / kDataFile); !closed) return closed.error();
    environment_.reset();
    Result<void> moved = env::move_durably(copy / kDataFile, directory_ / kDataFile);
    if (!moved) return moved.error();
    std::error_code failure;
    return Compaction{sizes_.file, std::filesystem::file_size(directory_ / kDataFile, failure)};
  }

  Result<void> check_space() const {
    const Result<uint64_t> space = env::free_space(directory_);
    if (!space) return space.error();
    if (*space >= sizes_.used() + kNoSpace) return {};
    return Error(ErrorCode::kInsufficientStorage,
                 fmt::format("compaction needs {} bytes on the disk of {}, which has {} left",
                             sizes_.used() + kNoSpace, directory_.string(), *space));
  }

  env::Path directory_;
  Environment environment_;
  Sizes sizes_;
};

void compact_when_worth_it(const env::Path& directory) {
  Result<Compactor> compactor = Compactor::open(directory);
  if (!compactor || !compactor->worth_it()) return;  // what cannot be opened is told by who opens it to serve
  const Result<Compaction> done = compactor->run();
  if (!done) return kLog.warn("database not compacted what={}", done.error().text());
  kLog.info("database compacted before={} after={}", done->bytes_before, done->bytes_after);
}

Result<Environment> open_environment(const env::Path& directory, const EngineOptions& options) {
  MDB_env* raw = nullptr;
  int code = mdb_env_create(&raw);
  if (code != MDB_SUCCESS) return lmdb_error(code, "create database");
  Environment environment(raw);
  mdb_env_set_maxdbs(raw, kTableCount);
  mdb_env_set_maxreaders(raw, static_cast<unsigned>(options.max_views + kIdleReaders + kOwnReaders));
  mdb_env_set_mapsize(raw, options.map_size + std::clamp(options.map_size / 8, kMinReserve, kMaxReserve));
  // Readers may move between threads (NOTLS); scans of many objects gain nothing from read-ahead on large
  // stores.
  const unsigned syncs = options.last_commit_may_go ? MDB_NOMETASYNC : 0;
  code = mdb_env_open(raw, directory.c_str(), MDB_NOTLS | MDB_NORDAHEAD | syncs, 0600);
  if (code != MDB_SUCCESS)
    return DataDisk(directory, options.free_space).error(code, "open database " + directory.string());
  return environment;
}

}  // namespace

Result<std::unique_ptr<Engine>> open_lmdb_engine(const env::Path& directory, const EngineOptions& options) {
  if (Result<void> made = env::make_directories(directory, 0700); !made) return made.error();
  if (Result<void> sound = check_length(directory / kDataFile); !sound) return sound.error();
  if (options.compact_at_open) compact_when_worth_it(directory);
  Result<Environment> environment = open_environment(directory, options);
  if (!environment) return environment.error();
  auto engine = std::make_unique<LmdbEngine>(std::move(*environment), directory, options);
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

namespace mullion::store {

Result<Compaction> compact(const env::Path& directory) {
  if (Result<void> sound = check_pages(directory / internal::kDataFile); !sound) return sound.error();
  Result<internal::Compactor> compactor = internal::Compactor::open(directory);
  if (!compactor) return compactor.error();
  return compactor->run();
}

}  // namespace mullion::store
