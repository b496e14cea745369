#include "cli/commands/catalog_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/semantic_version.h"

namespace mullion::cli {

namespace {

/// Adds what `word` means for each name; false when it means nothing anywhere.
bool choose_word(const catalog::Items& source, const std::string& word,
                 std::set<const catalog::Item*>& chosen) {
  bool any = false;
  std::set<std::string> names;
  for (const catalog::Item& item : source.all()) {
    if (!names.insert(item.name).second) continue;
    const Result<const catalog::Item*> found = source.resolve(item.name, "", word);
    if (!found) continue;
    any = true;
    chosen.insert(*found);
  }
  return any;
}

}  // namespace

Result<std::vector<const catalog::Item*>> choose_items(const catalog::Items& source,
                                                       const CatalogFilter& filter) {
  std::set<const catalog::Item*> chosen;
  for (const catalog::Item& item : source.all()) {
    if (filter.all && source.find(item.id) == &item) chosen.insert(&item);
  }
  for (const std::string& word : filter.words) {
    const bool found = choose_word(source, word, chosen);
    // Not everybody has development builds, and an empty catalog has nothing.
    const bool needed = word != catalog::kTip && word != catalog::kStable;
    if (!found && needed) return Error(ErrorCode::kNotFound, "the catalog has no item of version " + word);
  }
  for (const auto& [name, word] : filter.single) {
    const Result<const catalog::Item*> found = source.resolve(name, "", word);
    if (!found) return found.error();
    chosen.insert(*found);
  }
  std::vector<const catalog::Item*> out(chosen.begin(), chosen.end());
  std::sort(out.begin(), out.end(),
            [](const catalog::Item* a, const catalog::Item* b) { return a->id < b->id; });
  return out;
}

std::vector<catalog::Artifact> missing_files(const std::vector<const catalog::Item*>& items,
                                             const std::map<std::string, std::string>& present) {
  std::map<std::string, catalog::Artifact> files;
  for (const catalog::Item* item : items) {
    for (catalog::Artifact& artifact : catalog::artifacts_of(*item)) {
      const auto have = present.find(artifact.path);
      const bool current =
          have != present.end() && (artifact.sha256.empty() || artifact.sha256 == have->second);
      if (!current) files.emplace(artifact.path, std::move(artifact));
    }
  }
  std::vector<catalog::Artifact> out;
  out.reserve(files.size());
  for (auto& [path, artifact] : files) out.push_back(std::move(artifact));
  return out;
}

std::map<std::string, std::string> files_of(const catalog::Items& items) {
  std::map<std::string, std::string> out;
  for (const catalog::Item& item : items.all()) {
    for (const catalog::Artifact& artifact : catalog::artifacts_of(item))
      out.emplace(artifact.path, artifact.sha256);
  }
  return out;
}

std::string newest_catalog(const std::vector<std::string>& names) {
  std::string newest;
  FullVersion newest_version;
  for (const std::string& name : names) {
    if (!name.ends_with(".json")) continue;
    const auto version = parse_full_version(name.substr(0, name.size() - 5));
    if (!version || (!newest.empty() && *version <= newest_version)) continue;
    newest = name;
    newest_version = *version;
  }
  return newest;
}

}  // namespace mullion::cli
