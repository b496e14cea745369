#include "catalog/collection.h"

#include <algorithm>
#include <map>

#include "catalog/build.h"
#include "catalog/internal/places.h"

namespace mullion::catalog {

Collection collect(const std::vector<TreeFile>& files, const std::multimap<std::string, std::string>& needed) {
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
    if ((*place)->name == kLicenceName) version.reasons.emplace_back("licence");
    scanned.push_back({file.path, {}, {}, {}});
  }
  for (const Item& item : build_items(scanned, "").items) {
    if (item.version == item.actual_version) continue;
    versions[item.name + "-" + item.actual_version].reasons.push_back(item.version);
  }
  Collection out;
  for (auto& [id, version] : versions) {
    const auto [begin, end] = needed.equal_range(id);
    for (auto reason = begin; reason != end; ++reason) version.reasons.push_back(reason->second);
    std::sort(version.reasons.begin(), version.reasons.end());
    version.reasons.erase(std::unique(version.reasons.begin(), version.reasons.end()), version.reasons.end());
    (version.reasons.empty() ? out.unused : out.kept).push_back(std::move(version));
  }
  return out;
}

}  // namespace mullion::catalog
