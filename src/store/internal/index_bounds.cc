// The bounds of queries: rows of key sets, which are remembered and kept up to date.
#include <algorithm>

#include "store/internal/index.h"

namespace mullion::store::internal {
namespace {

/// Up to so many keys are looked up each time.
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
    const KeySetPtr keys = set->keys.lock();
    if (!keys || !keys->contains(entry->first.key)) continue;
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

TypeIndex::StandingSetPtr TypeIndex::look_up(const KeySetPtr& set) const {
  auto out = std::make_shared<StandingSet>();
  out->keys = set;
  for (const std::string& key : set->keys()) {
    for (auto entry = by_key_.lower_bound(RowKey{key, 0}); entry != by_key_.end() && entry->first.key == key;
         ++entry) {
      out->in_key_order.push_back(entry->second);
    }
  }
  out->rows.add_all(out->in_key_order);
  return out;
}

TypeIndex::StandingSetPtr TypeIndex::rows_among(const KeySetPtr& set) const {
  if (set->keys().size() <= kSmallSet) return look_up(set);
  const std::lock_guard lock(sets_mutex_);
  std::erase_if(standing_sets_, [](const StandingSetPtr& standing) { return standing->keys.expired(); });
  for (const StandingSetPtr& standing : standing_sets_) {
    if (standing->keys.lock() == set) return standing;
  }
  if (standing_sets_.size() >= kMostStandingSets) standing_sets_.erase(standing_sets_.begin());
  standing_sets_.push_back(look_up(set));
  return standing_sets_.back();
}

RowSet TypeIndex::rows_within_bounds(const Query& query, const CompiledQuery& compiled, bool remote,
                                     const OwnerName& owner_name, const StandingSetPtr& first) const {
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
    if (query.visible(key.key, owner_name(key.owner))) allowed.add(row);
  });
  return allowed;
}

}  // namespace mullion::store::internal
