#include "catalog/collection.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "catalog/build.h"
#include "catalog/internal/places.h"

namespace mullion::catalog {

namespace {

using Why = std::multimap<std::string, std::string>;

/// What `file` is called below rebar-catalog; absent: it is elsewhere.
std::optional<std::string> path_in_tree(std::string_view file, std::string_view files_root) {
  for (const std::string_view prefix : {files_root, std::string_view("files/"), std::string_view()}) {
    const std::string tree = fmt::format("{}{}/", prefix, kTreeName);
    if (file.starts_with(tree)) return std::string(file.substr(tree.size()));
  }
  return std::nullopt;
}

void keep_file(std::string_view file, const std::string& reason, std::string_view files_root, Why& paths) {
  if (auto path = path_in_tree(file, files_root)) paths.emplace(std::move(*path), reason);
}

/// Items of packs and own objects may have any id, and their files any place.
void keep_item(const Item& item, const std::string& reason, std::string_view files_root, Reasons& out) {
  out.versions.emplace(item.name + "-" + item.actual_version, reason);
  for (const Artifact& artifact : possible_artifacts_of(item)) {
    keep_file(artifact.path, reason, files_root, out.paths);
    if (artifact.source != artifact.path) keep_file(artifact.source, reason, files_root, out.paths);
  }
}

void add_reasons(const Why& why, const std::string& key, KeptVersion& version) {
  const auto [begin, end] = why.equal_range(key);
  for (auto reason = begin; reason != end; ++reason) version.reasons.push_back(reason->second);
}

}  // namespace

Reasons reasons_of(const Items& items, const std::vector<Need>& needed, std::string_view files_root) {
  Reasons out;
  for (const Need& need : needed) {
    if (!need.file.empty()) {
      keep_file(need.file, need.user, files_root, out.paths);
      continue;
    }
    out.versions.emplace(need.name + "-" + need.word, need.user);  // the catalog may not be built yet
    const auto item = items.resolve(need.name, need.type, need.word);
    if (item) keep_item(**item, need.user, files_root, out);
  }
  for (const Item& item : items.all()) {
    if (is_installed(item)) continue;  // it lies elsewhere
    if (item.version == kStable || item.version == kTip) keep_item(item, item.version, files_root, out);
  }
  return out;
}

Collection collect(const std::vector<TreeFile>& files, const Reasons& reasons) {
  std::map<std::string, KeptVersion> versions;
  std::vector<ScannedFile> scanned;
  for (const TreeFile& file : files) {
    const auto place = place_of(file.path);
    if (!place || !*place) continue;
    const std::string id = (*place)->name + "-" + (*place)->version;
    KeptVersion& version = versions[id];
    version.id = id;
    version.bytes += file.bytes;
    version.paths.push_back(file.path);
    add_reasons(reasons.paths, file.path, version);
    if ((*place)->name == kLicenceName) version.reasons.emplace_back("licence");
    scanned.push_back({file.path, {}, {}, {}});
  }
  for (const Item& item : build_items(scanned, "").items) {
    if (item.version == item.actual_version) continue;
    versions[item.name + "-" + item.actual_version].reasons.push_back(item.version);
  }
  Collection out;
  for (auto& [id, version] : versions) {
    add_reasons(reasons.versions, id, version);
    std::sort(version.reasons.begin(), version.reasons.end());
    version.reasons.erase(std::unique(version.reasons.begin(), version.reasons.end()), version.reasons.end());
    (version.reasons.empty() ? out.unused : out.kept).push_back(std::move(version));
  }
  return out;
}

}  // namespace mullion::catalog
