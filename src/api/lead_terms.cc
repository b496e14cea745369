#include "api/internal/lead_terms.h"

#include <fmt/format.h>

#include <algorithm>

namespace mullion::api {
namespace {

constexpr auto kRemembered = std::chrono::hours(1);
constexpr size_t kMostManagers = 256;

}  // namespace

Result<void> LeadTerms::hear(std::string_view manager, const manager::LeadTerm& lead, env::SteadyTime now) {
  const Lock lock(mutex_);
  const auto found = known_.find(manager);
  if (found != known_.end()) {
    const manager::LeadTerm& newest = found->second.lead;
    const bool counts = newest.epoch == lead.epoch && now - found->second.heard < kRemembered;
    if (counts && lead.term < newest.term) {
      return Error(ErrorCode::kConflict,
                   fmt::format("another member serves {} since: this was asked in term {}, and it is term {}",
                               manager, lead.term, newest.term));
    }
    found->second = {lead, now};
    return {};
  }
  if (known_.size() >= kMostManagers) {
    known_.erase(std::ranges::min_element(known_, {}, [](const auto& one) { return one.second.heard; }));
  }
  known_.emplace(manager, Known{lead, now});
  return {};
}

}  // namespace mullion::api
