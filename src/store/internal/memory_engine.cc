#include <array>
#include <map>
#include <string>

#include "base/mutex.h"
#include "store/internal/engine.h"
#include "store/internal/view_register.h"

namespace mullion::store::internal {
namespace {

using Rows = std::map<std::string, std::string, std::less<>>;
using Tables = std::array<std::shared_ptr<const Rows>, kTableCount>;

class MemoryCursor final : public RowCursor {
 public:
  explicit MemoryCursor(std::shared_ptr<const Rows> rows) : rows_(std::move(rows)), here_(rows_->end()) {}

  bool seek(std::string_view key) override {
    here_ = rows_->lower_bound(key);
    return here_ != rows_->end();
  }
  bool next() override {
    if (here_ != rows_->end()) ++here_;
    return here_ != rows_->end();
  }
  bool last() override {
    if (rows_->empty()) return false;
    here_ = std::prev(rows_->end());
    return true;
  }
  std::string_view key() const override { return here_->first; }
  std::string_view value() const override { return here_->second; }

 private:
  std::shared_ptr<const Rows> rows_;
  Rows::const_iterator here_;
};

std::optional<std::string_view> find(const Tables& tables, Table table, std::string_view key) {
  const Rows& rows = *tables[static_cast<size_t>(table)];
  const auto found = rows.find(key);
  if (found == rows.end()) return std::nullopt;
  return std::string_view(found->second);
}

class MemoryRead final : public ReadTransaction {
 public:
  MemoryRead(Tables tables, ViewRegister::Ticket ticket)
      : tables_(std::move(tables)), ticket_(std::move(ticket)) {}
  std::optional<std::string_view> get(Table table, std::string_view key) const override {
    return find(tables_, table, key);
  }
  std::unique_ptr<RowCursor> cursor(Table table) const override {
    return std::make_unique<MemoryCursor>(tables_[static_cast<size_t>(table)]);
  }

 private:
  Tables tables_;
  ViewRegister::Ticket ticket_;
};

class MemoryEngine final : public Engine {
 public:
  explicit MemoryEngine(const EngineOptions& options) : views_(options.max_views, *options.clock) {
    for (auto& table : tables_) table = std::make_shared<const Rows>();
  }
  Result<std::unique_ptr<ReadTransaction>> begin_read() const override {
    Result<ViewRegister::Ticket> ticket = views_.enter();
    if (!ticket) return ticket.error();
    return std::unique_ptr<ReadTransaction>(std::make_unique<MemoryRead>(current(), std::move(*ticket)));
  }
  Result<std::unique_ptr<WriteTransaction>> begin_write() override;
  Result<void> backup(const env::Path&) const override {
    return Error(ErrorCode::kInternal, "a store in memory cannot be backed up");
  }
  size_t views() const override { return views_.open(); }
  EngineFigures figures() const override {
    return {.views = views_.open(), .oldest_view = views_.oldest_age()};
  }

  Tables current() const {
    Lock lock(mutex_);
    return tables_;
  }
  void replace(Tables tables) {
    Lock lock(mutex_);
    tables_ = std::move(tables);
  }

 private:
  mutable ViewRegister views_;
  mutable Mutex mutex_;
  Tables tables_ GUARDED_BY(mutex_);
};

/// Copies a table when it is first written; cursors and views are valid until the next write, as promised.
class MemoryWrite final : public WriteTransaction {
 public:
  explicit MemoryWrite(MemoryEngine& engine) : engine_(engine), tables_(engine.current()) {}

  std::optional<std::string_view> get(Table table, std::string_view key) const override {
    return find(tables_, table, key);
  }
  std::unique_ptr<RowCursor> cursor(Table table) const override {
    return std::make_unique<MemoryCursor>(tables_[static_cast<size_t>(table)]);
  }
  Result<void> put(Table table, std::string_view key, std::string_view value) override {
    writable(table).insert_or_assign(std::string(key), std::string(value));
    return {};
  }
  Result<void> erase(Table table, std::string_view key) override {
    Rows& rows = writable(table);
    if (const auto found = rows.find(key); found != rows.end()) rows.erase(found);
    return {};
  }
  bool full() const override { return false; }
  Result<void> commit() override {
    engine_.replace(tables_);
    return {};
  }

 private:
  Rows& writable(Table table) {
    std::shared_ptr<Rows>& own = own_[static_cast<size_t>(table)];
    if (!own) {
      own = std::make_shared<Rows>(*tables_[static_cast<size_t>(table)]);
      tables_[static_cast<size_t>(table)] = own;
    }
    return *own;
  }

  MemoryEngine& engine_;
  Tables tables_;
  std::array<std::shared_ptr<Rows>, kTableCount> own_;
};

Result<std::unique_ptr<WriteTransaction>> MemoryEngine::begin_write() {
  return std::unique_ptr<WriteTransaction>(std::make_unique<MemoryWrite>(*this));
}

}  // namespace

std::unique_ptr<Engine> open_memory_engine(const EngineOptions& options) {
  return std::make_unique<MemoryEngine>(options);
}

}  // namespace mullion::store::internal
