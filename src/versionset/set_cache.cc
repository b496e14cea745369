#include "versionset/set_cache.h"

#include <algorithm>

#include "base/mutex.h"
#include "model/members.h"
#include "versionset/sources.h"

namespace mullion::versionset {
namespace {

/// Lists in use are few; made-up ones (previews) must not pile up.
constexpr size_t kMostMerged = 1000;
constexpr std::string_view kVersionSets = "version_sets";

}  // namespace

std::vector<std::string> set_names(const json::object& endpoint) {
  std::vector<std::string> names;
  const auto add = [&names](std::string name) {
    if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  };
  for (const json::value& name : model::list_member(endpoint, "VersionSets")) {
    if (name.is_string()) add(std::string(name.get_string()));
  }
  add(model::text_member(endpoint, "VersionSet"));
  return names;
}

SetCache::SetCache(store::Store& store)
    : store_(store),
      feed_(store::attach_feed(store, "version sets", {.rules = {{std::string(kVersionSets)}}})) {}

/// With mutex_ held: drops what changed since.
void SetCache::catch_up() {
  const store::CommitFeed::Taken taken = feed_->take();
  if (!taken.whole) sets_.clear();
  if (!taken.whole || !taken.commits.empty()) merged_.clear();
  for (const auto& commit : taken.commits) {
    for (const store::AppliedChange& change : commit->changes) {
      if (change.id.type == kVersionSets && !store::is_remote(change.id.owner)) sets_.erase(change.id.key);
    }
  }
}

MergedSets SetCache::merged(const std::vector<std::string>& names) {
  std::vector<SetPtr> sets;
  std::shared_ptr<const store::Snapshot> snapshot;
  uint64_t read_at = 0;
  {
    const Lock lock(mutex_);
    read_at = feed_->newest();  // before the view: it is never older
    catch_up();
    if (const auto known = merged_.find(names); known != merged_.end()) return known->second;
    snapshot = store_.snapshot();
    for (const std::string& name : names) {
      const auto known = sets_.find(name);
      sets.push_back(known == sets_.end() ? nullptr : known->second);
    }
  }
  for (size_t i = 0; i < names.size(); ++i) {
    if (sets[i] == nullptr) sets[i] = read(*snapshot, names[i]);
  }
  MergedSets out = merge_all(names, sets);
  keep(names, sets, out, read_at);
  return out;
}

/// nullptr: there is none.
SetCache::SetPtr SetCache::read(const store::Snapshot& snapshot, const std::string& name) {
  const std::optional<store::StoredObject> stored = snapshot.get_local(kVersionSets, name);
  if (!stored) return nullptr;
  return std::make_shared<const Result<VersionSet>>(VersionSet::parse(stored->body));
}

MergedSets SetCache::merge_all(const std::vector<std::string>& names, const std::vector<SetPtr>& sets) {
  MergedSets out;
  std::vector<const VersionSet*> order;
  for (size_t i = 0; i < names.size(); ++i) {
    const SetPtr& set = sets[i];
    if (set == nullptr) {
      out.missing.push_back(names[i]);
      out.problems.push_back(fmt::format("VersionSet {} (at {}) does not exist", names[i], i));
    } else if (!*set) {
      for (const std::string& fault : set->error().messages) out.problems.push_back(names[i] + ": " + fault);
    } else {
      order.push_back(&**set);
    }
  }
  if (out.problems.empty()) out.wanted = std::make_shared<const Wanted>(merge(order));
  return out;
}

/// For the next one who asks, unless a set changed since these were read.
void SetCache::keep(const std::vector<std::string>& names, const std::vector<SetPtr>& sets,
                    const MergedSets& merged, uint64_t read_at) {
  const Lock lock(mutex_);
  for (const SetPtr& set : sets) {
    if (set == nullptr || !*set) continue;
    for (const FileWish& file : (*set)->files) {
      if (std::optional<std::string> own = own_file_of(file.source)) sources_.insert(std::move(*own));
    }
  }
  if (feed_->newest() != read_at) return;
  for (size_t i = 0; i < names.size(); ++i) {
    if (sets[i] != nullptr) sets_[names[i]] = sets[i];
  }
  if (merged_.size() >= kMostMerged) merged_.clear();
  // What is missing may come at any time.
  if (merged.missing.empty()) merged_.insert_or_assign(names, merged);
}

bool SetCache::takes_file(const std::string& path) const {
  const Lock lock(mutex_);
  return sources_.contains(path);
}

}  // namespace mullion::versionset
