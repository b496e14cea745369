#include "rollout/rollout.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "rollout/internal/parts.h"

namespace mullion::rollout {
namespace {

/// At most so many offending names are listed.
constexpr size_t kMostNamed = 20;

std::optional<int64_t> whole_number(std::string_view text) {
  int64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// Numbers by value and before texts, so that wave 10 comes after wave 9.
bool value_before(const std::string& a, const std::string& b) {
  const auto x = whole_number(a), y = whole_number(b);
  if (x && y && *x != *y) return *x < *y;
  if (x.has_value() != y.has_value()) return x.has_value();
  return a < b;
}

const std::string* meta_of(const RolloutTarget& target, const std::string& key) {
  const auto found = target.meta.find(key);
  return found == target.meta.end() ? nullptr : &found->second;
}

Wave wave_of(std::string label, std::vector<RolloutTarget> targets) {
  Wave wave;
  wave.name = std::move(label);
  for (RolloutTarget& target : targets) {
    EndpointProgress& endpoint = wave.endpoints.emplace_back();
    endpoint.id = std::move(target.id);
    endpoint.owner = std::move(target.owner);
  }
  return wave;
}

/// Moves what `wanted` says out of `left`.
template <typename Wanted>
std::vector<RolloutTarget> take(std::vector<RolloutTarget>& left, size_t most, Wanted wanted) {
  std::vector<RolloutTarget> taken, rest;
  for (RolloutTarget& target : left) {
    (taken.size() < most && wanted(target) ? taken : rest).push_back(std::move(target));
  }
  left = std::move(rest);
  return taken;
}

std::vector<Wave> waves_by_meta(const std::string& key, std::vector<RolloutTarget> targets) {
  std::set<std::string, decltype(&value_before)> values(&value_before);
  for (const RolloutTarget& target : targets) {
    if (const std::string* value = meta_of(target, key)) values.insert(*value);
  }
  std::vector<Wave> waves;
  for (const std::string& value : values) {
    std::vector<RolloutTarget> taken = take(targets, targets.size(), [&](const RolloutTarget& target) {
      const std::string* own = meta_of(target, key);
      return own != nullptr && *own == value;
    });
    waves.push_back(wave_of(key + "=" + value, std::move(taken)));
  }
  if (!targets.empty()) waves.push_back(wave_of("without " + key, std::move(targets)));
  return waves;
}

/// Faults of rules that name endpoints.
std::vector<std::string> naming_faults(const RolloutPlan& plan, const std::vector<RolloutTarget>& targets) {
  std::set<std::string_view> known, named;
  for (const RolloutTarget& target : targets) known.insert(target.id);
  std::vector<std::string> faults;
  for (size_t i = 0; i < plan.waves.size(); ++i) {
    for (const std::string& id : plan.waves[i].endpoints) {
      if (faults.size() == kMostNamed) return faults;
      if (!known.contains(id))
        faults.push_back(fmt::format("Waves[{}]: endpoint {:.200} is no target", i, id));
      if (!named.insert(id).second)
        faults.push_back(fmt::format("Waves[{}]: endpoint {:.200} is in another wave too", i, id));
    }
  }
  return faults;
}

std::vector<RolloutTarget> take_by_rule(const WaveRule& rule, size_t total,
                                        const std::set<std::string_view>& reserved,
                                        std::vector<RolloutTarget>& left) {
  if (!rule.endpoints.empty()) {
    const std::set<std::string_view> wanted(rule.endpoints.begin(), rule.endpoints.end());
    return take(left, left.size(), [&](const RolloutTarget& target) { return wanted.contains(target.id); });
  }
  const auto open = [&](const RolloutTarget& target) { return !reserved.contains(target.id); };
  if (!rule.meta_key.empty()) {
    return take(left, left.size(), [&](const RolloutTarget& target) {
      const std::string* value = meta_of(target, rule.meta_key);
      return open(target) && value != nullptr && *value == rule.meta_value;
    });
  }
  size_t most = rule.count;
  if (rule.percent > 0)
    most = static_cast<size_t>(std::ceil(static_cast<double>(total) * rule.percent / 100.0));
  return take(left, most, open);
}

std::string rule_label(const WaveRule& rule) {
  if (!rule.endpoints.empty()) return "named";
  if (!rule.meta_key.empty()) return rule.meta_key + "=" + rule.meta_value;
  return rule.percent > 0 ? fmt::format("{}%", rule.percent) : fmt::format("{} endpoints", rule.count);
}

Error refusal(const Rollout& rollout, std::string reason) {
  return Error(ErrorCode::kInvalid, "INVOKE", "rollouts", rollout.plan.id, {std::move(reason)});
}

Error wrong_state(const Rollout& rollout, std::string_view command, std::string_view when) {
  return refusal(rollout, fmt::format("the rollout is {}: {} is for rollouts that are {}",
                                      rollout_state_name(rollout.state), command, when));
}

}  // namespace

bool GateRule::holds(uint64_t found) const {
  const auto wanted = static_cast<uint64_t>(count);
  if (comparison == "!=") return found != wanted;
  if (comparison == "<") return found < wanted;
  if (comparison == "<=") return found <= wanted;
  if (comparison == ">") return found > wanted;
  if (comparison == ">=") return found >= wanted;
  return found == wanted;
}

Assignment RolloutPlan::wanted(const Assignment& before) const {
  Assignment out;
  out.sets = sets;
  out.apply = before.apply || apply;
  if (replace) return out;
  out.last_set = before.last_set;
  for (const std::string& set : before.sets) {
    if (std::ranges::find(sets, set) == sets.end()) out.sets.push_back(set);
  }
  return out;
}

bool is_active(RolloutState state) {
  switch (state) {
    case RolloutState::kRunning:
    case RolloutState::kSoaking:
    case RolloutState::kPaused:
    case RolloutState::kReturning:
    case RolloutState::kAborting:
      return true;
    default:
      return false;
  }
}

bool is_under_way(EndpointState state) {
  switch (state) {
    case EndpointState::kPutting:
    case EndpointState::kApplying:
    case EndpointState::kClosing:
    case EndpointState::kReturning:
    case EndpointState::kRestoring:
    case EndpointState::kLeaving:
      return true;
    default:
      return false;
  }
}

Result<std::vector<Wave>> cut_waves(const RolloutPlan& plan, std::vector<RolloutTarget> targets) {
  std::vector<std::string> faults = naming_faults(plan, targets);
  if (!faults.empty()) return Error(ErrorCode::kInvalid, "INVOKE", "rollouts", plan.id, std::move(faults));
  std::ranges::sort(targets, {}, &RolloutTarget::id);
  if (!plan.wave_by.empty()) return waves_by_meta(plan.wave_by, std::move(targets));
  std::set<std::string_view> reserved;
  for (const WaveRule& rule : plan.waves) reserved.insert(rule.endpoints.begin(), rule.endpoints.end());
  const size_t total = targets.size();
  std::vector<Wave> waves;
  for (const WaveRule& rule : plan.waves) {
    std::vector<RolloutTarget> taken = take_by_rule(rule, total, reserved, targets);
    if (!taken.empty()) waves.push_back(wave_of(rule_label(rule), std::move(taken)));
  }
  if (!targets.empty()) waves.push_back(wave_of(waves.empty() ? "all" : "the others", std::move(targets)));
  return waves;
}

std::vector<std::string> gate_endpoints(const Rollout& rollout) {
  std::vector<std::string> out;
  for (const Wave& wave : rollout.waves) {
    if (!wave.started) continue;
    for (const EndpointProgress& endpoint : wave.endpoints) out.push_back(endpoint.id);
  }
  return out;
}

std::string gate_filter(const Rollout& rollout) {
  constexpr std::string_view kVariable = "$endpoints";
  std::string out = rollout.plan.gate ? rollout.plan.gate->filter : "";
  const std::string ids = fmt::format("{}", fmt::join(gate_endpoints(rollout), ","));
  for (size_t at = out.find(kVariable); at != std::string::npos; at = out.find(kVariable, at + ids.size()))
    out.replace(at, kVariable.size(), ids);
  return out;
}

void internal::note(Rollout& rollout, env::WallTime now, std::string what, std::string who) {
  constexpr size_t kMostEvents = 200;
  rollout.history.push_back({now, std::move(what), std::move(who)});
  if (rollout.history.size() > kMostEvents) rollout.history.erase(rollout.history.begin());
}

void internal::begin_return(Rollout& rollout, env::WallTime now, std::string reason, std::string who) {
  rollout.state = RolloutState::kReturning;
  rollout.ended.reset();
  note(rollout, now, "returning: " + reason, std::move(who));
  rollout.reason = std::move(reason);
  for (Wave& wave : rollout.waves) {
    if (wave.started && !wave.ended) {
      wave.state = "failed";
      wave.ended = now;
    }
    for (EndpointProgress& endpoint : wave.endpoints) {
      if (!rollout.before.contains(endpoint.id) || endpoint.state == EndpointState::kReturned) continue;
      endpoint.state = EndpointState::kToReturn;
      endpoint.since = now;
      endpoint.calm_since.reset();
      endpoint.trouble_since.reset();
    }
  }
}

Result<Rollout> start_rollout(Rollout rollout, std::vector<RolloutTarget> targets, env::WallTime now,
                              std::string who) {
  if (rollout.state != RolloutState::kPlanned)
    return refusal(rollout, fmt::format("the rollout is {}: create another one to start again",
                                        rollout_state_name(rollout.state)));
  std::vector<std::string> gaps = plan_gaps(rollout.plan);
  if (gaps.empty() && targets.empty()) gaps.emplace_back("Targets: no endpoint fits");
  if (!gaps.empty())
    return Error(ErrorCode::kInvalid, "INVOKE", "rollouts", rollout.plan.id, std::move(gaps));
  const size_t total = targets.size();
  Result<std::vector<Wave>> waves = cut_waves(rollout.plan, std::move(targets));
  if (!waves) return waves.error();
  rollout.waves = std::move(*waves);
  rollout.state = RolloutState::kRunning;
  rollout.started = now;
  rollout.reason.clear();
  internal::note(rollout, now, fmt::format("started: {} endpoints in {} waves", total, rollout.waves.size()),
                 std::move(who));
  return rollout;
}

Result<Rollout> pause_rollout(Rollout rollout, env::WallTime now, std::string who) {
  if (rollout.state != RolloutState::kRunning && rollout.state != RolloutState::kSoaking)
    return wrong_state(rollout, "pause", "running or soaking");
  rollout.state = RolloutState::kPaused;
  rollout.reason = "paused by " + who;
  internal::note(rollout, now, "paused", std::move(who));
  return rollout;
}

Result<Rollout> resume_rollout(Rollout rollout, env::WallTime now, std::string who) {
  if (rollout.state != RolloutState::kPaused) return wrong_state(rollout, "resume", "paused");
  rollout.state = RolloutState::kRunning;
  rollout.reason.clear();
  internal::note(rollout, now, "resumed", std::move(who));
  for (Wave& wave : rollout.waves) {
    if (!wave.started || wave.ended) continue;
    wave.state = "running";
    wave.started = now;
    wave.soaking.reset();
    wave.soak_until.reset();
    for (EndpointProgress& endpoint : wave.endpoints) {
      endpoint.calm_since.reset();
      endpoint.trouble_since.reset();
      if (is_under_way(endpoint.state)) endpoint.since = now;
      if (endpoint.state != EndpointState::kFailed) continue;
      endpoint.state = EndpointState::kWaiting;
      endpoint.reason.clear();
    }
  }
  return rollout;
}

Result<Rollout> abort_rollout(Rollout rollout, env::WallTime now, std::string who) {
  if (rollout.state == RolloutState::kAborting ||
      (rollout.state != RolloutState::kPlanned && !is_active(rollout.state)))
    return wrong_state(rollout, "abort", "planned or not over yet");
  rollout.state = rollout.state == RolloutState::kPlanned ? RolloutState::kAborted : RolloutState::kAborting;
  if (rollout.state == RolloutState::kAborted) rollout.ended = now;
  rollout.reason = "aborted by " + who;
  internal::note(rollout, now, "abort", std::move(who));
  for (Wave& wave : rollout.waves) {
    if (wave.started && !wave.ended) {
      wave.state = "failed";
      wave.ended = now;
    }
    for (EndpointProgress& endpoint : wave.endpoints) {
      if (endpoint.state == EndpointState::kToReturn) endpoint.state = EndpointState::kLeft;
      if (!is_under_way(endpoint.state)) continue;
      endpoint.state = EndpointState::kLeaving;
      endpoint.since = now;
    }
  }
  return rollout;
}

Result<Rollout> return_rollout(Rollout rollout, env::WallTime now, std::string who) {
  if (rollout.state == RolloutState::kPlanned || rollout.state == RolloutState::kReturning ||
      rollout.state == RolloutState::kReturned)
    return wrong_state(rollout, "return", "begun and not returned yet");
  internal::begin_return(rollout, now, "asked for by " + who, who);
  return rollout;
}

}  // namespace mullion::rollout
