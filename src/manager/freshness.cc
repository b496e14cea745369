// How old what was read of an owner is, by what is known of its replica.
#include <fmt/format.h>

#include <algorithm>

#include "manager/manager.h"
#include "mirror/reported_parts.h"

namespace mullion::manager {
namespace {

/// As old as the oldest collection that was read.
void make_that_of(const ReadFrom& read, OwnerFreshness& owner) {
  for (const auto& [prefix, held_up] : owner.held_up) {
    if (!read.includes(prefix)) continue;
    owner.in_touch = false;
    if (!owner.held_up_in.empty() && held_up.age_seconds <= owner.age_seconds) continue;
    owner.held_up_in = prefix;
    owner.age_seconds = std::max(owner.age_seconds, held_up.age_seconds);
    owner.reason = fmt::format("{} cannot be read there: {}", prefix, held_up.reason);
  }
}

}  // namespace

ReadFrom ReadFrom::reported_state() {
  std::vector<std::string> read{"plugins", "profiles"};
  read.insert(read.end(), mirror::kReportedParts.begin(), mirror::kReportedParts.end());
  return {false, std::move(read)};
}

bool ReadFrom::includes(std::string_view prefix) const {
  return all_ || std::ranges::find(prefixes_, prefix) != prefixes_.end();
}

std::vector<OwnerFreshness> Manager::freshness(const std::vector<std::string>& owners,
                                               const ReadFrom& read) const {
  std::vector<OwnerFreshness> out = replicas(owners);
  for (OwnerFreshness& owner : out) make_that_of(read, owner);
  return out;
}

}  // namespace mullion::manager
