#include "mirror/internal/vanishing.h"

namespace mullion::mirror {

void Missing::add(const std::vector<std::string>& found) {
  for (const std::string& key : found) {
    if (keys.size() >= kMost) {
      more = true;
      return;
    }
    keys.push_back(key);
  }
}

Belief believe(const Vanishing& seen) {
  if (seen.vanished == 0) return Belief::kAsk;
  if (seen.forbidden > 0) return Belief::kForbidden;
  if (seen.counted) {
    const uint64_t gone = seen.held > *seen.counted ? seen.held - *seen.counted : 0;
    if (2 * gone < seen.vanished) return Belief::kFiltered;
  }
  const bool many = seen.vanished >= kManyAtOnce && 2 * seen.vanished >= seen.held;
  return many && !seen.seen_before ? Belief::kWait : Belief::kAsk;
}

std::set<std::string> seen_wholly(const Counts& counted, const Counts& held) {
  constexpr std::string_view kMachines = "machines";
  const auto number = counted.find(kMachines);
  const auto here = held.find(kMachines);
  if (number == counted.end() || here == held.end()) return {};
  const bool all = here->second > 0 && here->second >= number->second;
  return all ? std::set{std::string(kMachines)} : std::set<std::string>();
}

}  // namespace mullion::mirror
