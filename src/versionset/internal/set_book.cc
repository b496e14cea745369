#include "versionset/internal/set_book.h"

#include <algorithm>

#include "versionset/internal/json_read.h"
#include "versionset/internal/sources.h"

namespace mullion::versionset {
namespace {

/// Lists in use are few; made-up ones (previews) must not pile up.
constexpr size_t kMostMerged = 1000;

}  // namespace

std::vector<std::string> set_names(const json::object& endpoint) {
  std::vector<std::string> names;
  const auto add = [&names](std::string name) {
    if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  };
  for (const json::value& name : list_member(endpoint, "VersionSets")) {
    if (name.is_string()) add(std::string(name.get_string()));
  }
  add(text_member(endpoint, "VersionSet"));
  return names;
}

SetBook::SetPtr SetBook::find(const store::Snapshot& snapshot, const std::string& name) {
  if (const auto known = sets_.find(name); known != sets_.end()) return known->second;
  const std::optional<store::StoredObject> stored = snapshot.get_local("version_sets", name);
  if (!stored) return nullptr;
  auto set = std::make_shared<const Result<VersionSet>>(VersionSet::parse(stored->body));
  if (*set) {
    for (const FileWish& file : (*set)->files) {
      if (std::optional<std::string> own = own_file_of(file.source)) sources_.insert(std::move(*own));
    }
  }
  return sets_[name] = set;
}

MergedSets SetBook::merged(const std::vector<std::string>& names) {
  const std::lock_guard lock(mutex_);
  if (const auto known = merged_.find(names); known != merged_.end()) return known->second;
  const std::shared_ptr<const store::Snapshot> snapshot = store_.snapshot();
  MergedSets out;
  std::vector<const VersionSet*> order;
  std::vector<SetPtr> alive;
  for (size_t i = 0; i < names.size(); ++i) {
    SetPtr set = find(*snapshot, names[i]);
    if (set == nullptr) {
      out.missing.push_back(names[i]);
      out.problems.push_back(fmt::format("VersionSet {} (at {}) does not exist", names[i], i));
    } else if (!*set) {
      for (const std::string& fault : set->error().messages) out.problems.push_back(names[i] + ": " + fault);
    } else {
      order.push_back(&**set);
      alive.push_back(std::move(set));
    }
  }
  if (out.problems.empty()) out.wanted = std::make_shared<const Wanted>(merge(order));
  if (merged_.size() >= kMostMerged) merged_.clear();
  // What is missing may come at any time.
  if (out.missing.empty()) merged_.emplace(names, out);
  return out;
}

void SetBook::forget(const std::string& name) {
  const std::lock_guard lock(mutex_);
  sets_.erase(name);
  merged_.clear();
}

bool SetBook::takes_file(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  return sources_.contains(path);
}

}  // namespace mullion::versionset
