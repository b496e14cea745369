#include "store/internal/indexes.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/mutex.h"
#include "model/index_value.h"

namespace mullion::store::internal {
namespace {

constexpr size_t kMaxSteps = 4096;
constexpr size_t kMaxStepBytes = 16 << 20;
/// Above this many changes since a view was taken, reading its rows afresh is fairer to everybody else.
constexpr size_t kMaxRollback = 2000;
/// Between durable and published lie microseconds.
constexpr auto kPublishPause = std::chrono::microseconds(20);

size_t size_of(const std::vector<RowChange>& rows) {
  size_t out = 0;
  for (const RowChange& row : rows) {
    out += sizeof(RowChange) + row.key.size();
    if (row.old_body) out += row.old_body->size();
    if (row.new_body) out += row.new_body->size();
  }
  return out;
}

std::optional<size_t> index_position(const model::ObjectType& type, std::string_view name) {
  for (size_t i = 0; i < type.indexes.size(); ++i) {
    if (type.indexes[i].name == name) return i;
  }
  return std::nullopt;
}

}  // namespace

uint64_t transaction_seq(const ReadTransaction& transaction) {
  const std::optional<std::string_view> bytes = transaction.get(Table::kMeta, "seq");
  return bytes ? decode_number(*bytes) : 0;
}

void Indexes::publish(uint64_t seq, std::vector<RowChange> rows) {
  const WriteLock lock(mutex_);
  for (const RowChange& row : rows) {
    const auto entry = entries_.find(row.type);
    if (entry == entries_.end()) continue;
    if (entry->second.ready) {
      entry->second.index->apply(row.key, row.owner, row.old_body, row.new_body);
    } else {
      entry->second.waiting.push_back(row);
    }
  }
  remember(seq_, std::move(rows));
  seq_ = seq;
}

void Indexes::remember(uint64_t before, std::vector<RowChange> rows) {
  const size_t bytes = size_of(rows);
  step_bytes_ += bytes;
  steps_.push_back({before, std::move(rows), bytes});
  while (steps_.size() > kMaxSteps || (step_bytes_ > kMaxStepBytes && !steps_.empty())) {
    step_bytes_ -= steps_.front().bytes;
    steps_.pop_front();
  }
}

bool Indexes::ready(std::string_view type) const {
  const ReadLock lock(mutex_);
  return is_ready(type, &types_.find_or_bare(type));
}

bool Indexes::is_ready(std::string_view type, const model::ObjectType* wanted) const {
  const auto entry = entries_.find(type);
  return entry != entries_.end() && entry->second.ready && entry->second.type == wanted;
}

size_t Indexes::bytes() const {
  const ReadLock lock(mutex_);
  size_t out = 0;
  for (const auto& [type, entry] : entries_) {
    if (entry.ready) out += entry.index->bytes();
  }
  return out;
}

Result<void> Indexes::build(std::string_view type) {
  if (ready(type)) return {};
  Lock one_at_a_time(building_);
  const model::ObjectType* const wanted = &types_.find_or_bare(type);
  std::unique_ptr<ReadTransaction> transaction;
  while (!transaction) {
    const WriteLock lock(mutex_);
    if (is_ready(type, wanted)) return {};
    Result<std::unique_ptr<ReadTransaction>> opened = engine_.begin_read();
    if (!opened) return opened.error();
    // The engine may be ahead by a group that is about to be published: start from a view that is not.
    if (transaction_seq(**opened) == seq_) {
      transaction = std::move(*opened);
      entries_[std::string(type)] = Entry{.type = wanted};
    }
  }
  auto index = std::make_unique<TypeIndex>(wanted, owner_name_);
  const Result<void> scanned =
      scan_(*transaction, type, [&](std::string_view key, OwnerId owner, std::string_view body) {
        index->apply(key, owner, std::nullopt, body);
      });
  const WriteLock lock(mutex_);
  if (!scanned) {
    entries_.erase(entries_.find(type));
    return scanned;
  }
  Entry& entry = entries_.find(type)->second;
  for (const RowChange& row : entry.waiting) index->apply(row.key, row.owner, row.old_body, row.new_body);
  entry.waiting = {};
  entry.index = std::move(index);
  entry.ready = true;
  return {};
}

Result<std::vector<UniqueValues::Holder>> Indexes::holders(const UniqueGuard& guard) {
  std::vector<Holder> out;
  const model::ObjectType* const type = types_.find(guard.type);
  const std::optional<size_t> position = type == nullptr ? std::nullopt : index_position(*type, guard.index);
  if (!position) return out;
  if (Result<void> built = build(guard.type); !built) return built.error();
  const ReadLock lock(mutex_);
  const auto entry = entries_.find(guard.type);
  if (entry == entries_.end() || !entry->second.ready)
    return Error(ErrorCode::kUnavailable, fmt::format("the index of {} is being made anew", guard.type));
  for (TypeIndex::Answer::Ref& ref : entry->second.index->local_rows_with(*position, guard.value))
    out.push_back({std::move(ref.key), ref.owner});
  return out;
}

bool Indexes::has(const UniqueGuard& guard, std::string_view key, std::string_view body) const {
  const model::ObjectType* const type = types_.find(guard.type);
  const std::optional<size_t> position = type == nullptr ? std::nullopt : index_position(*type, guard.index);
  if (!position) return false;
  const model::IndexReader::Values values = model::IndexReader(*type).values(key, body);
  return std::ranges::find(values[*position], guard.value) != values[*position].end();
}

Indexes::Reach Indexes::reach(std::string_view type, uint64_t seq,
                              std::vector<const RowChange*>& changes) const {
  if (seq == seq_) return Reach::kExact;
  if (seq > seq_) return Reach::kAhead;
  if (steps_.empty() || steps_.front().before > seq) return Reach::kTooFar;
  for (const Step& step : steps_) {
    if (step.before < seq) continue;
    for (const RowChange& row : step.rows) {
      if (row.type == type) changes.push_back(&row);
    }
  }
  if (changes.empty()) return Reach::kExact;
  return changes.size() > kMaxRollback ? Reach::kTooFar : Reach::kChanged;
}

bool Indexes::use_rolled_back(std::string_view type, const model::ObjectType* wanted, uint64_t seq,
                              const Use& use) {
  const WriteLock lock(mutex_);
  if (!is_ready(type, wanted)) return false;
  const auto entry = entries_.find(type);
  std::vector<const RowChange*> changes;
  if (reach(type, seq, changes) == Reach::kTooFar) return false;
  TypeIndex& index = *entry->second.index;
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
    index.apply((*change)->key, (*change)->owner, (*change)->new_body, (*change)->old_body);
  }
  use(index);
  for (const RowChange* change : changes) {
    index.apply(change->key, change->owner, change->old_body, change->new_body);
  }
  return true;
}

Result<bool> Indexes::with(std::string_view type, const model::ObjectType* wanted, uint64_t seq,
                           const Use& use) {
  while (true) {
    if (Result<void> built = build(type); !built) return built.error();
    std::vector<const RowChange*> changes;
    Reach distance;
    {
      const ReadLock lock(mutex_);
      if (!is_ready(type, wanted)) return false;
      distance = reach(type, seq, changes);
      if (distance == Reach::kExact) {
        use(*entries_.find(type)->second.index);
        return true;
      }
    }
    if (distance == Reach::kTooFar) return false;
    if (distance == Reach::kChanged) return use_rolled_back(type, wanted, seq, use);
    std::this_thread::sleep_for(kPublishPause);
  }
}

}  // namespace mullion::store::internal
