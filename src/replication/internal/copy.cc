#include "replication/internal/copy.h"

#include <algorithm>

#include "replication/internal/log.h"
#include "replication/wire.h"

namespace mullion::replication {
namespace {

constexpr size_t kBatchBytes = 512 << 10;

bool has_objects(const store::Snapshot& view, std::string_view owner) {
  return std::ranges::any_of(view.digests(),
                             [&](const store::TypeDigest& digest) { return digest.owner == owner; });
}

bool other_epoch(const store::Snapshot& view, std::string_view owner, uint64_t epoch) {
  const std::optional<store::Cursor> known = view.origin_cursor(owner);
  return known && known->epoch != epoch;
}

Error out_of_order() {
  return Error(ErrorCode::kCorrupt, "replication stream: objects of a copy are out of order");
}

}  // namespace

Copy::Copy(store::Store& store, std::string owner, uint64_t epoch) : store_(store), owner_(std::move(owner)) {
  const std::shared_ptr<const store::Snapshot> view = store.snapshot();
  fresh_ = !has_objects(*view, owner_);
  gather_ = !fresh_ && other_epoch(*view, owner_, epoch);
}

Copy::Copy(store::Store& store, std::string owner, KeySpan span)
    : store_(store), owner_(std::move(owner)), span_(std::move(span)), fresh_(false), gather_(true) {
  type_ = span_->type;
  next_from_ = span_->from;
}

Result<void> Copy::check_order(std::string_view type, std::string_view key) const {
  if (type.empty() || key.empty()) return out_of_order();
  const bool outside =
      span_ && (type != span_->type || key < span_->from || (!span_->to.empty() && key >= span_->to));
  if (outside || type < type_) return out_of_order();
  if (type != type_) return {};
  const bool first = rows_.empty();
  // next_from_ is the first key allowed; it ends with a NUL after a key that was settled.
  if (first ? key < next_from_ : key <= rows_.back().key) return out_of_order();
  return {};
}

Result<std::optional<store::Batch>> Copy::add(std::string_view type, std::string_view key,
                                              std::string_view body) {
  if (Result<void> fine = check_order(type, key); !fine) return fine.error();
  if (type != type_) {
    if (Result<void> done = begin_type(type); !done) return done.error();
  }
  rows_.push_back({std::string(key), std::string(body)});
  row_bytes_ += kChangeOverhead + body.size();
  if (row_bytes_ < kBatchBytes) return std::optional<store::Batch>();
  if (Result<void> done = settle(false); !done) return done.error();
  return take_when_large();
}

Result<std::optional<store::Batch>> Copy::change(std::vector<store::Change> changes) {
  if (Result<void> done = settle(false); !done) return done.error();
  for (store::Change& change : changes) {
    if (change.id.owner != owner_ || span_ || !came_before(change.id)) return out_of_order();
    batch_bytes_ += kChangeOverhead + (change.body ? change.body->size() : 0);
    batch_.changes.push_back(std::move(change));
  }
  return take_when_large();
}

bool Copy::came_before(const store::ObjectId& id) const {
  return id.type != type_ ? id.type < type_ : id.key < next_from_;
}

std::optional<store::Batch> Copy::take_when_large() {
  if (gather_ && batch_bytes_ > kMaxGathered) {
    kLog.warn("a copy is too large to appear in one step owner={}", owner_);
    gather_ = false;
  }
  if (gather_ || batch_bytes_ < kBatchBytes) return std::nullopt;
  return take_batch();
}

Result<void> Copy::begin_type(std::string_view type) {
  if (Result<void> done = settle(true); !done) return done;
  if (Result<void> done = erase_types(type_, type); !done) return done;
  type_ = type;
  next_from_.clear();
  return {};
}

Result<store::Batch> Copy::finish() {
  if (Result<void> done = settle(true); !done) return done.error();
  if (!span_) {
    if (Result<void> done = erase_types(type_, ""); !done) return done.error();
  }
  return take_batch();
}

/// Compares what arrived with what is there, up to the last row or to the end of the type.
Result<void> Copy::settle(bool to_end) {
  if (type_.empty() || (rows_.empty() && !to_end)) return {};
  auto row = rows_.begin();
  const auto compare = [&](std::string_view key, std::string_view body) {
    if (!to_end && key > rows_.back().key) return false;
    if (span_ && !span_->to.empty() && key >= span_->to) return false;
    while (row != rows_.end() && row->key < key) upsert(*row++);
    if (row == rows_.end() || row->key != key) {
      erase(type_, key);
      return true;
    }
    if (row->body != body) upsert(*row);
    ++row;
    return true;
  };
  if (!fresh_) {
    store_.snapshot()->scan_owner(type_, owner_, next_from_, compare);
  }
  while (row != rows_.end()) upsert(*row++);
  if (!rows_.empty()) next_from_ = rows_.back().key + '\0';
  rows_.clear();
  row_bytes_ = 0;
  return {};
}

/// Types between the two names (exclusive) that the copy does not have.
Result<void> Copy::erase_types(std::string_view after, std::string_view before) {
  if (fresh_) return {};
  const std::shared_ptr<const store::Snapshot> view = store_.snapshot();
  for (const std::string& type : view->types()) {
    if (type <= after || (!before.empty() && type >= before)) continue;
    view->scan_owner(type, owner_, "", [&](std::string_view key, std::string_view) {
      erase(type, key);
      return true;
    });
  }
  return {};
}

void Copy::upsert(Row& row) {
  batch_bytes_ += kChangeOverhead + row.body.size();
  store::Change& change = batch_.changes.emplace_back();
  change.id = {type_, owner_, row.key};
  change.body = std::move(row.body);
}

void Copy::erase(std::string_view type, std::string_view key) {
  batch_bytes_ += kChangeOverhead;
  batch_.changes.emplace_back().id = {std::string(type), owner_, std::string(key)};
}

store::Batch Copy::take_batch() {
  batch_bytes_ = 0;
  return std::exchange(batch_, {});
}

}  // namespace mullion::replication
