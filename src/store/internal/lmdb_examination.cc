#include <fmt/format.h>
#include <lmdb.h>

#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "store/examination.h"
#include "store/lmdb_file.h"

namespace mullion::store {
namespace {

constexpr unsigned kMostTables = 32;

Error damaged(const env::Path& directory, int code) {
  return Error(code > 0 ? ErrorCode::kInternal : ErrorCode::kCorrupt,
               fmt::format("the database in {} cannot be read: {}", directory.string(), mdb_strerror(code)));
}

std::string copied(const MDB_val& value) { return {static_cast<const char*>(value.mv_data), value.mv_size}; }

/// Every byte of a table. What is added up is of no use but that it was read.
int read_table(MDB_txn* reader, MDB_dbi table, std::vector<std::string>* names) {
  MDB_cursor* raw = nullptr;
  int code = mdb_cursor_open(reader, table, &raw);
  if (code != MDB_SUCCESS) return code;
  const std::unique_ptr<MDB_cursor, decltype(&mdb_cursor_close)> cursor(raw, mdb_cursor_close);
  volatile unsigned sum = 0;
  MDB_val key{}, value{};
  while ((code = mdb_cursor_get(raw, &key, &value, MDB_NEXT)) == MDB_SUCCESS) {
    if (names != nullptr) names->push_back(copied(key));
    for (const MDB_val& part : {key, value}) {
      const auto* bytes = static_cast<const unsigned char*>(part.mv_data);
      sum = sum + std::accumulate(bytes, bytes + part.mv_size, 0U);
    }
  }
  return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

int read_tables(MDB_txn* reader) {
  constexpr MDB_dbi kFreePages = 0, kTables = 1;
  std::vector<std::string> names;
  int code = read_table(reader, kFreePages, nullptr);
  if (code == MDB_SUCCESS) code = read_table(reader, kTables, &names);
  for (const std::string& name : names) {
    MDB_dbi table = 0;
    if (code == MDB_SUCCESS) code = mdb_dbi_open(reader, name.c_str(), 0, &table);
    if (code == MDB_SUCCESS) code = read_table(reader, table, nullptr);
  }
  return code;
}

}  // namespace

Result<void> examine(const env::Path& directory) {
  const env::Path file = directory / "data.mdb";
  if (!std::filesystem::exists(file))
    return Error(ErrorCode::kNotFound, "no database in " + directory.string());
  if (Result<void> sound = check_pages(file); !sound) return sound;
  MDB_env* raw = nullptr;
  int code = mdb_env_create(&raw);
  if (code != MDB_SUCCESS) return damaged(directory, code);
  const std::unique_ptr<MDB_env, decltype(&mdb_env_close)> environment(raw, mdb_env_close);
  mdb_env_set_maxdbs(raw, kMostTables);
  code = mdb_env_open(raw, directory.c_str(), MDB_RDONLY | MDB_NOTLS | MDB_NOLOCK | MDB_NORDAHEAD, 0600);
  if (code != MDB_SUCCESS) return damaged(directory, code);
  MDB_txn* reader = nullptr;
  code = mdb_txn_begin(raw, nullptr, MDB_RDONLY, &reader);
  if (code == MDB_SUCCESS) code = read_tables(reader);
  if (reader != nullptr) mdb_txn_abort(reader);
  if (code != MDB_SUCCESS) return damaged(directory, code);
  return {};
}

}  // namespace mullion::store
