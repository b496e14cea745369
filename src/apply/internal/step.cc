#include "apply/internal/step.h"

#include <algorithm>

#include "base/digest.h"

namespace mullion::apply {
namespace {

env::Duration doubled(env::Duration first, int times, env::Duration longest) {
  constexpr int kMostDoublings = 12;
  return std::min(longest, first * (1 << std::min(times, kMostDoublings)));
}

bool is_held_back(const Plan& plan, size_t action) {
  return action >= plan.deletions_from && !plan.problems.empty();
}

/// Whether everything that must have succeeded before has.
bool is_ready(const Plan& plan, const Action& action, const PassMemory& memory) {
  return std::ranges::all_of(
      action.after, [&](size_t i) { return i < plan.actions.size() && memory.done(plan.actions[i].key()); });
}

bool has_work(const Plan& plan) {
  for (size_t i = 0; i < plan.actions.size(); ++i) {
    if (!is_held_back(plan, i)) return true;
  }
  return false;
}

/// The first action that may be carried out now, or about which something is to be said.
std::optional<Step> choose(const Situation& situation, const PassMemory& memory) {
  const Plan& plan = *situation.plan;
  for (size_t i = 0; i < plan.actions.size(); ++i) {
    const Action& action = plan.actions[i];
    const std::string key = action.key();
    if (const auto done = memory.done_at(key)) {
      if (situation.now - *done < kSettle) continue;
      return Step{Step::Kind::kDoubt, i, {}, "applying"};
    }
    if (memory.tried(key) || is_held_back(plan, i) || !is_ready(plan, action, memory)) continue;
    const bool undone = memory.does_not_stay(key, situation.now);
    return Step{undone ? Step::Kind::kUndone : Step::Kind::kAct, i, {}, "applying"};
  }
  return std::nullopt;
}

/// When the first thing that was carried out should have been told.
std::optional<env::SteadyTime> settles_at(const Plan& plan, const PassMemory& memory) {
  std::optional<env::SteadyTime> first;
  for (const Action& action : plan.actions) {
    const auto done = memory.done_at(action.key());
    if (done && (!first || *done + kSettle < *first)) first = *done + kSettle;
  }
  return first;
}

Step wait_until(env::SteadyTime until, std::string_view state) {
  return {Step::Kind::kWait, 0, until, state};
}

Step without_lease(const Situation& situation, const PassMemory& memory) {
  if (!memory.unreachable_reason().empty() && situation.now < memory.retry_at())
    return wait_until(memory.retry_at(), "not connected");
  if (!situation.lease.other.empty() && situation.now < situation.lease.until)
    return wait_until(situation.lease.until, "waiting");
  return {Step::Kind::kTakeLease, 0, {}, "waiting"};
}

Step while_stopped(const Situation& situation, const PassMemory& memory) {
  const bool same = memory.stopped_inputs() == inputs_of(*situation.plan);
  const env::SteadyTime resume = same ? *memory.resume_at() : memory.stopped_at() + kShortestPause;
  if (situation.now >= resume) return {Step::Kind::kBeginPass, 0, {}, "applying"};
  if (situation.lease.held) return {Step::Kind::kRelease, 0, {}, "stopped"};
  return wait_until(resume, "stopped");
}

}  // namespace

void PassMemory::keep(const Plan& plan) {
  std::set<std::string> planned;
  for (const Action& action : plan.actions) planned.insert(action.key());
  const auto gone = [&planned](const auto& entry) { return !planned.contains(entry.first); };
  std::erase_if(failures_, gone);
  std::erase_if(done_, gone);
  std::erase_if(breaks_, gone);
  std::erase_if(tried_, [&planned](const std::string& key) { return !planned.contains(key); });
}

void PassMemory::succeeded(const std::string& key, bool changed, env::SteadyTime now) {
  failures_.erase(key);
  tried_.erase(key);
  done_[key] = now;
  if (!changed) return;
  progress_ = true;
  idle_passes_ = 0;
  std::erase_if(changes_, [now](const auto& entry) { return now - entry.second.back() > kChurnTime; });
  changes_[key].push_back(now);
}

void PassMemory::failed(const std::string& key, std::string reason, bool progress) {
  failures_[key] = std::move(reason);
  done_.erase(key);
  tried_.insert(key);
  progress_ = progress_ || progress;
}

void PassMemory::broke(const std::string& key, std::string reason, bool progress) {
  if (++breaks_[key] >= kMostBreaks) return failed(key, std::move(reason), progress);
  failures_[key] = std::move(reason);
  progress_ = progress_ || progress;
}

void PassMemory::begin_pass() {
  tried_.clear();
  breaks_.clear();
  progress_ = false;
  resume_at_.reset();
}

void PassMemory::stop(std::string inputs, env::SteadyTime now) {
  stopped_inputs_ = std::move(inputs);
  stopped_at_ = now;
  resume_at_ = now + doubled(kFirstPause, idle_passes_, kLongestPause);
  ++idle_passes_;
}

void PassMemory::unreachable(std::string reason, env::SteadyTime now) {
  unreachable_ = std::move(reason);
  unreachable_at_ = now;
  retry_at_ = now + doubled(kFirstRetry, unreachable_times_, kLongestRetry);
  ++unreachable_times_;
}

void PassMemory::reached() {
  unreachable_.clear();
  unreachable_times_ = 0;
}

void PassMemory::heard(env::SteadyTime now) {
  retry_at_ = std::min(retry_at_, std::max(now, unreachable_at_ + kShortestRetry));
}

std::optional<env::SteadyTime> PassMemory::done_at(const std::string& key) const {
  const auto found = done_.find(key);
  return found == done_.end() ? std::nullopt : std::optional(found->second);
}

bool PassMemory::does_not_stay(const std::string& key, env::SteadyTime now) const {
  const auto found = changes_.find(key);
  if (found == changes_.end()) return false;
  const auto recent =
      std::ranges::count_if(found->second, [now](env::SteadyTime time) { return now - time < kChurnTime; });
  return static_cast<size_t>(recent) >= kMostChanges;
}

Step next_step(const Situation& situation, const PassMemory& memory) {
  const bool work = situation.plan != nullptr && situation.apply && has_work(*situation.plan);
  const bool lease = situation.lease.held || situation.left_lease;
  if (!work) return {lease ? Step::Kind::kRelease : Step::Kind::kRest, 0, {}, "idle"};
  if (memory.resume_at()) return while_stopped(situation, memory);
  if (!situation.lease.held || situation.lease.until <= situation.now)
    return without_lease(situation, memory);
  if (const std::optional<Step> chosen = choose(situation, memory)) return *chosen;
  const Step again{Step::Kind::kBeginPass, 0, {}, "applying"};
  if (memory.progress() && !memory.failures().empty()) return again;
  if (const auto settled = settles_at(*situation.plan, memory)) return wait_until(*settled, "applying");
  if (memory.progress()) return again;
  return {Step::Kind::kStop, 0, {}, "stopped"};
}

std::string inputs_of(const Plan& plan) {
  std::string all;
  for (const Action& action : plan.actions) {
    all += action.key() + "\n";
    if (action.artifact) all += action.artifact->source + " " + action.artifact->sha256 + "\n";
  }
  for (const std::string& problem : plan.problems) all += problem + "\n";
  return hash128(all).hex();
}

}  // namespace mullion::apply
