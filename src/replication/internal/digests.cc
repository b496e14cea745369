#include "replication/internal/digests.h"

#include <algorithm>

namespace mullion::replication {

std::vector<store::TypeDigest> owner_digests(const store::Snapshot& view, std::string_view stored_owner,
                                             const std::string& shown_owner) {
  std::vector<store::TypeDigest> out;
  for (store::TypeDigest& digest : view.digests()) {
    if (digest.owner != stored_owner || !is_replicated(digest.type)) continue;
    digest.owner = shown_owner;
    out.push_back(std::move(digest));
  }
  return out;
}

std::set<std::pair<std::string, std::string>> differing_types(const std::vector<store::TypeDigest>& one,
                                                              const std::vector<store::TypeDigest>& other) {
  std::set<std::pair<std::string, std::string>> out;
  for (const auto& [from, in] : {std::pair(&one, &other), std::pair(&other, &one)}) {
    for (const store::TypeDigest& digest : *from) {
      if (std::ranges::find(*in, digest) == in->end()) out.emplace(digest.owner, digest.type);
    }
  }
  return out;
}

std::vector<KeyRange> cut_ranges(const store::Snapshot& view, const std::string& type, std::string_view owner,
                                 size_t size) {
  std::vector<KeyRange> out(1);
  size_t in_range = 0;
  view.scan_owner(type, owner, "", [&](std::string_view key, std::string_view body) {
    if (in_range == size) {
      out.back().to = key;
      out.push_back({std::string(key), "", {}});
      in_range = 0;
    }
    out.back().digest += object_digest(type, key, body);
    ++in_range;
    return true;
  });
  return out;
}

Digest range_digest(const store::Snapshot& view, const std::string& type, std::string_view owner,
                    const KeyRange& range) {
  Digest out;
  view.scan_owner(type, owner, range.from, [&](std::string_view key, std::string_view body) {
    if (!range.to.empty() && key >= range.to) return false;
    out += object_digest(type, key, body);
    return true;
  });
  return out;
}

}  // namespace mullion::replication
