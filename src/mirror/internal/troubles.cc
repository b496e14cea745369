#include "mirror/internal/troubles.h"

#include <algorithm>

namespace mullion::mirror {

Troubles::Troubles(const std::vector<Trouble>& before, env::Duration longest) : longest_(longest) {
  for (const Trouble& one : before) known_[one.prefix].trouble = one;
}

bool Troubles::fine(const std::string& prefix) { return known_.erase(prefix) != 0; }

void Troubles::failed(Trouble trouble, env::SteadyTime now) {
  constexpr int kMostDoublings = 20;
  const auto [known, added] = known_.try_emplace(trouble.prefix);
  State& state = known->second;
  if (added)
    state.trouble = std::move(trouble);
  else
    state.trouble.reason = std::move(trouble.reason);
  state.due = now + std::min(longest_, kFirst * (1 << std::min(state.failures, kMostDoublings)));
  ++state.failures;
}

void Troubles::keep(const std::set<std::string>& prefixes) {
  std::erase_if(known_, [&](const auto& one) { return !prefixes.contains(one.first); });
}

std::vector<std::string> Troubles::due(env::SteadyTime now) const {
  std::vector<std::string> out;
  for (const auto& [prefix, state] : known_) {
    if (state.due && *state.due <= now) out.push_back(prefix);
  }
  return out;
}

std::optional<env::SteadyTime> Troubles::next_due() const {
  std::optional<env::SteadyTime> out;
  for (const auto& [prefix, state] : known_) {
    if (state.due) out = std::min(out.value_or(*state.due), *state.due);
  }
  return out;
}

std::vector<Trouble> Troubles::all() const {
  std::vector<Trouble> out;
  out.reserve(known_.size());
  for (const auto& [prefix, state] : known_) out.push_back(state.trouble);
  return out;
}

}  // namespace mullion::mirror
