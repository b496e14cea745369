#include "cluster/database_check.h"

#include <fmt/format.h>

#include <map>

#include "store/read_failure.h"

namespace mullion::cluster {
namespace {

/// (owner, type) -> digest and count.
using Sums = std::map<std::pair<std::string, std::string>, std::pair<Digest, uint64_t>>;

/// False: it was told to stop.
bool add_objects(const store::Snapshot& view, const std::string& type, Sums& sums,
                 const std::function<bool(uint64_t)>& go_on) {
  bool goes_on = true;
  view.scan(type, "", [&](std::string_view key, std::string_view owner, std::string_view body) {
    if (owner != store::kLayered) {
      auto& [digest, count] = sums[{std::string(owner), type}];
      digest += object_digest(type, key, body);
      ++count;
    }
    return goes_on = go_on(body.size());
  });
  return goes_on;
}

Sums kept_sums(const store::Snapshot& view) {
  Sums out;
  for (const store::TypeDigest& one : view.digests())
    if (one.count != 0) out[{one.owner, one.type}] = {one.digest, one.count};
  return out;
}

/// The first (owner, type) that stands differently in them.
const std::pair<std::string, std::string>* difference(const Sums& a, const Sums& b) {
  for (const auto& [name, sum] : a) {
    const auto other = b.find(name);
    if (other == b.end() || other->second != sum) return &name;
  }
  return nullptr;
}

}  // namespace

Result<void> check_database(const store::Store& store, const std::function<bool(uint64_t bytes)>& go_on) {
  try {
    const std::shared_ptr<const store::Snapshot> view = store.snapshot();
    Sums found;
    for (const std::string& type : view->types()) {
      if (!add_objects(*view, type, found, go_on)) return Error(ErrorCode::kCancelled, "stopping");
    }
    const Sums kept = kept_sums(*view);
    const auto* differs = difference(found, kept);
    if (differs == nullptr) differs = difference(kept, found);
    if (differs == nullptr) return {};
    return Error(ErrorCode::kCorrupt,
                 fmt::format("the objects of {} are not those of their digest", differs->second));
  } catch (const store::ReadFailure& failure) {
    return failure.error();
  }
}

}  // namespace mullion::cluster
