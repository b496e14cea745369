#include "api/internal/lead_terms.h"

#include <fmt/format.h>

#include <algorithm>

namespace mullion::api {
namespace {

constexpr auto kRemembered = std::chrono::hours(1);
constexpr size_t kMostManagers = 256;

}  // namespace

Result<void> LeadTerms::hear(const std::string& account, const std::string& manager,
                             const manager::LeadTerm& lead, env::SteadyTime now) {
  const Lock lock(mutex_);
  std::pair key(account, manager);
  const auto found = known_.find(key);
  if (found != known_.end()) {
    const manager::LeadTerm& newest = found->second.lead;
    const bool counts = newest.epoch == lead.epoch && now - found->second.heard < kRemembered;
    if (counts && lead.term < newest.term) {
      return Error(
          ErrorCode::kConflict,
          fmt::format("another member of {} serves it now: this request is of term {}, the newest is {}",
                      manager, lead.term, newest.term));
    }
    found->second = {lead, now};
    return {};
  }
  if (known_.size() >= kMostManagers) {
    known_.erase(std::ranges::min_element(known_, {}, [](const auto& one) { return one.second.heard; }));
  }
  known_.emplace(std::move(key), Known{lead, now});
  return {};
}

}  // namespace mullion::api
