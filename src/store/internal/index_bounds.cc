// The bounds of queries: rows of object sets, which are remembered and kept up to date.
#include <algorithm>

#include "base/mutex.h"
#include "store/internal/index.h"

namespace mullion::store::internal {
namespace {

/// Up to so many objects are looked up each time.
constexpr size_t kSmallSet = 16;
constexpr size_t kMostStandingSets = 256;

}  // namespace

std::vector<uint32_t>::iterator TypeIndex::place_of(std::vector<uint32_t>& rows,
                                                    ByKey::const_iterator entry) const {
  return std::ranges::lower_bound(rows, entry->first, {},
                                  [this](uint32_t row) -> const RowKey& { return rows_[row]->first; });
}

void TypeIndex::join_standing_sets(ByKey::const_iterator entry) {
  for (const StandingSetPtr& set : standing_sets_) {
    const ObjectSetPtr objects = set->objects.lock();
    if (!objects || !holds(*objects, entry->first)) continue;
    set->rows.add(entry->second);
    set->in_key_order.insert(place_of(set->in_key_order, entry), entry->second);
  }
}

void TypeIndex::leave_standing_sets(ByKey::const_iterator entry) {
  for (const StandingSetPtr& set : standing_sets_) {
    if (!set->rows.contains(entry->second)) continue;
    set->rows.remove(entry->second);
    set->in_key_order.erase(place_of(set->in_key_order, entry));
  }
}

RowSet TypeIndex::rows_of_local_owners() const {
  RowSet out;
  for (const auto& [owner, rows] : by_owner_) {
    if (owner < kFirstRemoteId) out.unite(rows);
  }
  return out;
}

bool TypeIndex::holds(const ObjectSet& set, const RowKey& row) const {
  if (row.owner < kFirstRemoteId) return set.contains(kOwn, row.key);
  return set.contains(owner_name_(row.owner), row.key);
}

TypeIndex::StandingSetPtr TypeIndex::look_up(const ObjectSetPtr& set) const {
  auto out = std::make_shared<StandingSet>();
  out->objects = set;
  const std::string* last = nullptr;
  for (const ObjectRef& object : set->objects()) {
    if (last != nullptr && *last == object.key) continue;  // rows of all its owners are there already
    last = &object.key;
    for (auto entry = by_key_.lower_bound(RowKey{object.key, 0});
         entry != by_key_.end() && entry->first.key == object.key; ++entry) {
      if (holds(*set, entry->first)) out->in_key_order.push_back(entry->second);
    }
  }
  out->rows.add_all(out->in_key_order);
  return out;
}

TypeIndex::StandingSetPtr TypeIndex::rows_among(const ObjectSetPtr& set) const {
  if (set->objects().size() <= kSmallSet) return look_up(set);
  const Lock lock(sets_mutex_);
  std::erase_if(standing_sets_, [](const StandingSetPtr& standing) { return standing->objects.expired(); });
  for (const StandingSetPtr& standing : standing_sets_) {
    if (standing->objects.lock() == set) return standing;
  }
  if (standing_sets_.size() >= kMostStandingSets) standing_sets_.erase(standing_sets_.begin());
  standing_sets_.push_back(look_up(set));
  return standing_sets_.back();
}

RowSet TypeIndex::rows_within_bounds(const Query& query, const CompiledQuery& compiled, bool remote,
                                     const StandingSetPtr& first) const {
  RowSet out;
  if (first == nullptr) {
    out = remote ? all_ : rows_of_local_owners();
  } else {
    out = first->rows;
    if (!remote) out.intersect(rows_of_local_owners());
  }
  for (size_t i = 1; i < query.among.size(); ++i) out.intersect(rows_among(query.among[i])->rows);
  for (const CompiledFilter& bound : compiled.bounds) narrow(bound, out);
  if (!query.visible) return out;
  RowSet allowed;
  out.for_each([&](uint32_t row) {
    const RowKey& key = rows_[row]->first;
    if (query.visible(key.key, owner_name_(key.owner))) allowed.add(row);
  });
  return allowed;
}

}  // namespace mullion::store::internal
