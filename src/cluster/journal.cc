#include "cluster/journal.h"

#include <fmt/format.h>
#include <lmdb.h>

#include <array>
#include <filesystem>

#include "base/mutex.h"
#include "cluster/internal/journal_bytes.h"
#include "cluster/internal/log.h"
#include "env/disk.h"
#include "store/lmdb_file.h"

namespace mullion::cluster {
namespace {

constexpr const char* kDataFile = "data.mdb";
/// Pages beyond those of the payloads that a transaction may take: branches, the list of free pages, meta.
constexpr uint64_t kSparePages = 256;
/// The file system is asked for room in steps of this size.
constexpr uint64_t kRoomStep = 16 << 20;

// -------------------------------------------------------------------------------------------------------
// LMDB

Error lmdb_error(int code, std::string_view what) {
  if (code == MDB_MAP_FULL)
    return Error(ErrorCode::kInsufficientStorage,
                 fmt::format("journal: {}: its size limit is reached", what));
  if (code > 0) return env::error_from_errno(code, fmt::format("journal: {}", what));
  return Error(ErrorCode::kCorrupt, fmt::format("journal: {}: {}", what, mdb_strerror(code)));
}

MDB_val to_val(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }
std::string_view to_view(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

/// A transaction that is aborted unless it was committed.
class Transaction {
 public:
  Transaction(MDB_env* environment, unsigned flags) {
    code_ = mdb_txn_begin(environment, nullptr, flags, &raw_);
    if (code_ != MDB_SUCCESS) raw_ = nullptr;
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() {
    if (raw_ != nullptr) mdb_txn_abort(raw_);
  }
  int code() const { return code_; }
  MDB_txn* raw() const { return raw_; }
  int commit() { return mdb_txn_commit(std::exchange(raw_, nullptr)); }

 private:
  MDB_txn* raw_ = nullptr;
  int code_;
};

/// Where an entry stands.
struct EntryPlace {
  uint64_t index = 0, term = 0;
};

class LmdbJournal final : public Journal {
 public:
  LmdbJournal(env::Path directory, const JournalOptions& options)
      : directory_(std::move(directory)), options_(options) {}
  LmdbJournal(const LmdbJournal&) = delete;
  LmdbJournal& operator=(const LmdbJournal&) = delete;
  ~LmdbJournal() override {
    if (environment_ != nullptr) mdb_env_close(environment_);
  }

  Result<void> open();
  Contents contents() const override { return contents_; }
  Result<void> append(const std::vector<JournalEntry>& entries, const HardState& hard) override;
  Result<std::string> payload(uint64_t index) const override;
  Result<void> reserve(uint64_t bytes) override;
  Result<void> trim(uint64_t index) override;
  Result<void> begin_at(uint64_t index, uint64_t term) override;

 private:
  env::Path file() const { return directory_ / kDataFile; }
  Result<void> open_environment();
  Result<void> verify(MDB_txn* transaction);
  Result<void> verify_entries(MDB_txn* transaction, const EntryPlace& last);
  /// Three numbers under a name of `meta`; absent: zeros.
  Result<std::array<uint64_t, 3>> numbers(MDB_txn* transaction, const char* name) const;
  int put_numbers(MDB_txn* transaction, const char* name, const std::array<uint64_t, 3>& numbers);
  int put_entry(MDB_txn* transaction, const JournalEntry& entry);
  int remove(MDB_txn* transaction, uint64_t first, uint64_t last);
  int term_at(MDB_txn* transaction, uint64_t index, uint64_t& term) const;
  Result<void> finish(Transaction& transaction, int code, std::string_view what);

  const env::Path directory_;
  const JournalOptions options_;
  MDB_env* environment_ = nullptr;
  MDB_dbi entries_ = 0, meta_ = 0;
  Contents contents_;
  EntryPlace base_, last_;
  HardState hard_;
  Mutex room_mutex_;
  uint64_t room_until_ GUARDED_BY(room_mutex_) = 0;  // of the file, as asked of the file system
};

Result<void> LmdbJournal::open_environment() {
  if (const Result<void> made = env::make_directories(directory_, 0700); !made.ok()) return made;
  if (std::filesystem::exists(file())) {
    // What is verified must come from the device, not from what this machine remembers of it.
    if (const Result<void> forgot = env::forget_cached(file()); !forgot.ok()) return forgot;
    if (const Result<void> whole = store::check_pages(file()); !whole.ok()) return whole;
  }
  if (const int code = mdb_env_create(&environment_); code != MDB_SUCCESS) return lmdb_error(code, "open");
  mdb_env_set_maxdbs(environment_, 2);
  mdb_env_set_mapsize(environment_, options_.max_bytes);
  const int code = mdb_env_open(environment_, directory_.c_str(), MDB_NOTLS | MDB_NORDAHEAD, 0600);
  if (code != MDB_SUCCESS) return lmdb_error(code, "open");
  return env::sync_directory(directory_);
}

Result<void> LmdbJournal::open() {
  if (const Result<void> opened = open_environment(); !opened.ok()) return opened;
  Transaction transaction(environment_, 0);
  if (transaction.code() != MDB_SUCCESS) return lmdb_error(transaction.code(), "open");
  int code = mdb_dbi_open(transaction.raw(), "entries", MDB_CREATE, &entries_);
  if (code == MDB_SUCCESS) code = mdb_dbi_open(transaction.raw(), "meta", MDB_CREATE, &meta_);
  if (code != MDB_SUCCESS) return lmdb_error(code, "open");
  if (const Result<void> whole = verify(transaction.raw()); !whole.ok()) return whole;
  ++contents_.incarnation;
  code = put_numbers(transaction.raw(), "incarnation", {contents_.incarnation, 0, 0});
  return finish(transaction, code, "count the start");
}

Result<void> LmdbJournal::verify(MDB_txn* transaction) {
  const auto base = numbers(transaction, "base");
  if (!base.ok()) return base.error();
  const auto hard = numbers(transaction, "hard");
  if (!hard.ok()) return hard.error();
  const auto last = numbers(transaction, "last");
  if (!last.ok()) return last.error();
  const auto incarnation = numbers(transaction, "incarnation");
  if (!incarnation.ok()) return incarnation.error();
  base_ = {(*base)[0], (*base)[1]};
  last_ = {(*last)[0], (*last)[1]};
  hard_ = {(*hard)[0], (*hard)[1], (*hard)[2]};
  contents_ = {base_.index, base_.term, hard_, {}, (*incarnation)[0]};
  return verify_entries(transaction, last_);
}

Result<void> LmdbJournal::verify_entries(MDB_txn* transaction, const EntryPlace& last) {
  MDB_cursor* raw = nullptr;
  if (const int code = mdb_cursor_open(transaction, entries_, &raw); code != MDB_SUCCESS)
    return lmdb_error(code, "read");
  const std::unique_ptr<MDB_cursor, decltype(&mdb_cursor_close)> cursor(raw, mdb_cursor_close);
  uint64_t index = base_.index;
  uint64_t term = base_.term;
  MDB_val key{}, value{};
  int code = mdb_cursor_get(raw, &key, &value, MDB_FIRST);
  for (; code == MDB_SUCCESS; code = mdb_cursor_get(raw, &key, &value, MDB_NEXT)) {
    Entry entry;
    const bool whole =
        to_view(key) == key_of(++index) && open_entry(index, to_view(value), entry) && entry.term >= term;
    if (!whole) return Error(ErrorCode::kCorrupt, fmt::format("journal: entry {} is damaged", index));
    term = entry.term;
    contents_.entries.push_back(std::move(entry));
  }
  if (code != MDB_NOTFOUND) return lmdb_error(code, "read");
  if (index != last.index || term != last.term || hard_.term < term) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("journal: it ends at entry {} of term {} instead of {} of term {}", index, term,
                             last.index, last.term));
  }
  return {};
}

Result<std::array<uint64_t, 3>> LmdbJournal::numbers(MDB_txn* transaction, const char* name) const {
  MDB_val key = to_val(name);
  MDB_val value{};
  const int code = mdb_get(transaction, meta_, &key, &value);
  if (code == MDB_NOTFOUND) return std::array<uint64_t, 3>{};
  if (code != MDB_SUCCESS) return lmdb_error(code, "read");
  std::string_view bytes = to_view(value);
  if (!unseal(name, bytes) || bytes.size() != 24)
    return Error(ErrorCode::kCorrupt, fmt::format("journal: {} is damaged", name));
  return std::array<uint64_t, 3>{number_at(bytes, 0), number_at(bytes, 8), number_at(bytes, 16)};
}

int LmdbJournal::put_numbers(MDB_txn* transaction, const char* name, const std::array<uint64_t, 3>& numbers) {
  std::string bytes;
  for (const uint64_t number : numbers) put_number(bytes, number);
  bytes += checksum(name, bytes);
  MDB_val key = to_val(name);
  MDB_val value = to_val(bytes);
  return mdb_put(transaction, meta_, &key, &value, 0);
}

int LmdbJournal::put_entry(MDB_txn* transaction, const JournalEntry& entry) {
  const std::string key = key_of(entry.entry.index);
  const std::string bytes = sealed_entry(entry);
  MDB_val key_value = to_val(key);
  MDB_val value = to_val(bytes);
  return mdb_put(transaction, entries_, &key_value, &value, MDB_APPEND);
}

int LmdbJournal::remove(MDB_txn* transaction, uint64_t first, uint64_t last) {
  for (uint64_t index = first; index <= last; ++index) {
    const std::string key = key_of(index);
    MDB_val value = to_val(key);
    if (const int code = mdb_del(transaction, entries_, &value, nullptr); code != MDB_SUCCESS) return code;
  }
  return MDB_SUCCESS;
}

int LmdbJournal::term_at(MDB_txn* transaction, uint64_t index, uint64_t& term) const {
  const std::string key = key_of(index);
  MDB_val key_value = to_val(key);
  MDB_val value{};
  const int code = mdb_get(transaction, entries_, &key_value, &value);
  if (code == MDB_SUCCESS) term = number_at(to_view(value), 10);
  return code;
}

Result<void> LmdbJournal::finish(Transaction& transaction, int code, std::string_view what) {
  if (code == MDB_SUCCESS) code = transaction.commit();
  if (code != MDB_SUCCESS) return lmdb_error(code, what);
  return {};
}

Result<void> LmdbJournal::append(const std::vector<JournalEntry>& entries, const HardState& hard) {
  if (entries.empty() && hard == hard_) return {};
  Transaction transaction(environment_, 0);
  if (transaction.code() != MDB_SUCCESS) return lmdb_error(transaction.code(), "append");
  int code = put_numbers(transaction.raw(), "hard", {hard.term, hard.vote, hard.commit});
  EntryPlace last = last_;
  if (!entries.empty()) {
    const uint64_t first = entries.front().entry.index;
    if (first <= base_.index || first > last.index + 1) {
      return Error(ErrorCode::kInternal,
                   fmt::format("journal: entry {} does not follow {} to {}", first, base_.index, last.index));
    }
    if (code == MDB_SUCCESS) code = remove(transaction.raw(), first, last.index);
    for (const JournalEntry& entry : entries) {
      if (code == MDB_SUCCESS) code = put_entry(transaction.raw(), entry);
    }
    last = {entries.back().entry.index, entries.back().entry.term};
    if (code == MDB_SUCCESS) code = put_numbers(transaction.raw(), "last", {last.index, last.term, 0});
  }
  const Result<void> out = finish(transaction, code, "append");
  if (!out.ok()) return out;
  last_ = last;
  hard_ = hard;
  return {};
}

Result<std::string> LmdbJournal::payload(uint64_t index) const {
  Transaction transaction(environment_, MDB_RDONLY);
  if (transaction.code() != MDB_SUCCESS) return lmdb_error(transaction.code(), "read");
  const std::string key = key_of(index);
  MDB_val key_value = to_val(key);
  MDB_val value{};
  const int code = mdb_get(transaction.raw(), entries_, &key_value, &value);
  if (code == MDB_NOTFOUND)
    return Error(ErrorCode::kNotFound, fmt::format("journal: there is no entry {}", index));
  if (code != MDB_SUCCESS) return lmdb_error(code, "read");
  std::string_view bytes = to_view(value);
  if (!unseal(key, bytes) || bytes.size() < kEntryHead)
    return Error(ErrorCode::kCorrupt, fmt::format("journal: entry {} is damaged", index));
  return std::string(bytes.substr(kEntryHead));
}

Result<void> LmdbJournal::reserve(uint64_t bytes) {
  MDB_envinfo info{};
  MDB_stat stat{};
  mdb_env_info(environment_, &info);
  mdb_env_stat(environment_, &stat);
  const uint64_t page = stat.ms_psize;
  // Free pages inside of the file are not counted on: a value may need them in one piece.
  const uint64_t wanted = (info.me_last_pgno + 1 + kSparePages) * page + bytes + bytes / 16;
  if (wanted > options_.max_bytes)
    return Error(
        ErrorCode::kInsufficientStorage,
        fmt::format("journal: {} bytes do not fit below its size limit of {}", bytes, options_.max_bytes));
  Lock lock(room_mutex_);
  if (wanted <= room_until_) return {};
  const uint64_t generous = std::min(options_.max_bytes, wanted + kRoomStep);
  const Result<void> much = env::reserve_space(file(), generous);
  const Result<void> out = much.ok() ? much : env::reserve_space(file(), wanted);
  if (out.ok()) room_until_ = much.ok() ? generous : wanted;
  return out;
}

Result<void> LmdbJournal::trim(uint64_t index) {
  if (index <= base_.index) return {};
  Transaction transaction(environment_, 0);
  if (transaction.code() != MDB_SUCCESS) return lmdb_error(transaction.code(), "trim");
  EntryPlace base{index, 0};
  int code = term_at(transaction.raw(), index, base.term);
  if (code == MDB_NOTFOUND)
    return Error(ErrorCode::kNotFound, fmt::format("journal: there is no entry {} to trim at", index));
  if (code == MDB_SUCCESS) code = remove(transaction.raw(), base_.index + 1, index);
  if (code == MDB_SUCCESS) code = put_numbers(transaction.raw(), "base", {base.index, base.term, 0});
  const Result<void> out = finish(transaction, code, "trim");
  if (out.ok()) base_ = base;
  return out;
}

Result<void> LmdbJournal::begin_at(uint64_t index, uint64_t term) {
  if (index < base_.index)
    return Error(ErrorCode::kConflict,
                 fmt::format("journal: a copy at {} is older than its base {}", index, base_.index));
  Transaction transaction(environment_, 0);
  if (transaction.code() != MDB_SUCCESS) return lmdb_error(transaction.code(), "begin anew");
  uint64_t own = index == base_.index ? base_.term : 0;
  if (index > base_.index && index <= last_.index) (void)term_at(transaction.raw(), index, own);
  const bool same = own == term && index <= last_.index;
  const EntryPlace last = same ? last_ : EntryPlace{index, term};
  HardState hard = hard_;
  if (hard.term < term) hard = {term, 0, 0};
  hard.commit = same ? std::max(hard.commit, index) : index;
  int code = remove(transaction.raw(), base_.index + 1, same ? index : last_.index);
  if (code == MDB_SUCCESS) code = put_numbers(transaction.raw(), "base", {index, term, 0});
  if (code == MDB_SUCCESS) code = put_numbers(transaction.raw(), "last", {last.index, last.term, 0});
  if (code == MDB_SUCCESS) code = put_numbers(transaction.raw(), "hard", {hard.term, hard.vote, hard.commit});
  const Result<void> out = finish(transaction, code, "begin anew");
  if (!out.ok()) return out;
  base_ = {index, term};
  last_ = last;
  hard_ = hard;
  return {};
}

}  // namespace

Result<std::unique_ptr<Journal>> open_journal(const env::Path& directory, const JournalOptions& options) {
  auto journal = std::make_unique<LmdbJournal>(directory, options);
  if (const Result<void> opened = journal->open(); !opened.ok()) {
    kLog.error("the journal in {} cannot be used: {}", directory.string(), opened.error().text());
    return opened.error();
  }
  return std::unique_ptr<Journal>(std::move(journal));
}

}  // namespace mullion::cluster
