// Rollout objects as JSON: plans are checked, what the machine wrote is trusted.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "auth/auth.h"
#include "model/members.h"
#include "net/http.h"
#include "rollout/rollout.h"
#include "store/query.h"

namespace mullion::rollout {
namespace {

constexpr size_t kMostSets = 100, kMostWaves = 1000, kMostTargets = 20'000, kMostConcurrency = 1000;
constexpr auto kLongest = std::chrono::hours(24 * 365);

constexpr std::array<std::string_view, 10> kRolloutStates{"planned",   "running",  "soaking",  "paused",
                                                          "returning", "returned", "aborting", "aborted",
                                                          "done",      "failed"};
constexpr std::array<std::string_view, 13> kEndpointStates{
    "waiting",   "putting",   "applying", "closing",      "done",    "failed", "to return",
    "returning", "restoring", "returned", "not returned", "leaving", "left"};
constexpr std::array<std::string_view, 6> kComparisons{"=", "!=", "<", "<=", ">", ">="};
/// What a client may no longer change once it has begun.
constexpr std::array<std::string_view, 14> kPlanMembers{
    "VersionSets", "Mode",   "Targets", "TargetEndpoints", "Waves",     "WaveBy", "Concurrency",
    "Soak",        "Settle", "Gate",    "StopWhen",        "OnFailure", "Apply",  "Start"};

template <typename Names>
size_t position(const Names& names, std::string_view word) {
  return static_cast<size_t>(std::ranges::find(names, word) - names.begin());
}

double number(const json::object& object, std::string_view name, double absent = 0) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_number() ? value->to_number<double>() : absent;
}

template <typename Visit>
void each_object(const json::object& object, std::string_view name, Visit visit) {
  for (const json::value& item : model::list_member(object, name)) {
    if (item.is_object()) visit(item.get_object());
  }
}

Moment moment(const json::object& object, std::string_view name) {
  env::WallTime time;
  const std::string written = model::text_member(object, name);
  if (written.empty() || written.starts_with("0001-") || !env::parse_rfc3339(written, time))
    return std::nullopt;
  return time;
}

void put_moment(json::object& object, std::string_view name, const Moment& time) {
  if (time) object[name] = env::format_rfc3339(*time);
}

void put_text(json::object& object, std::string_view name, const std::string& value) {
  if (!value.empty()) object[name] = value;
}

/// Reads the plan of one object and collects what is wrong with it.
class PlanReader {
 public:
  explicit PlanReader(const json::object& object) : object_(object) {}

  RolloutPlan read() {
    RolloutPlan plan;
    plan.id = model::text_member(object_, "Id");
    plan.sets = model::texts_member(object_, "VersionSets");
    distinct("VersionSets", plan.sets, kMostSets);
    plan.replace = word("Mode", "add", {"add", "replace"}) == "replace";
    plan.targets = model::text_member(object_, "Targets");
    plan.target_ids = model::texts_member(object_, "TargetEndpoints");
    distinct("TargetEndpoints", plan.target_ids, kMostTargets);
    if (!plan.targets.empty() && !plan.target_ids.empty())
      complain("Targets and TargetEndpoints exclude each other");
    if (!plan.targets.empty()) query("Targets", "endpoints", plan.targets);
    read_waves(plan);
    const double concurrency = number(object_, "Concurrency", 10);
    if (concurrency < 1 || concurrency > static_cast<double>(kMostConcurrency)) {
      complain(fmt::format("Concurrency must be between 1 and {}", kMostConcurrency));
    } else {
      plan.concurrency = static_cast<size_t>(concurrency);
    }
    plan.soak = duration(object_, "Soak", "Soak", {});
    plan.settle = duration(object_, "Settle", "Settle", plan.settle);
    read_gate(plan);
    read_limits(plan);
    plan.return_on_failure = word("OnFailure", "return", {"return", "pause"}) == "return";
    plan.apply = model::flag_member(object_, "Apply");
    return plan;
  }
  std::vector<std::string> faults;

 private:
  void complain(std::string fault) { faults.push_back(std::move(fault)); }

  void distinct(std::string_view where, const std::vector<std::string>& names, size_t most) {
    if (names.size() > most) complain(fmt::format("{}: at most {} entries", where, most));
    std::set<std::string_view> seen;
    for (const std::string& name : names) {
      if (name.empty()) complain(fmt::format("{}: an entry is empty", where));
      if (!seen.insert(name).second) complain(fmt::format("{}: `{:.200}` stands there twice", where, name));
    }
  }

  std::string word(std::string_view name, std::string_view absent, std::vector<std::string_view> allowed) {
    std::string given = model::text_member(object_, name);
    if (given.empty()) given = absent;
    if (std::ranges::find(allowed, given) == allowed.end())
      complain(fmt::format("{}: `{:.100}` is none of {}", name, given, fmt::join(allowed, ", ")));
    return given;
  }

  env::Duration duration(const json::object& object, std::string_view name, std::string_view where,
                         env::Duration absent) {
    const std::string given = model::text_member(object, name);
    if (given.empty()) return absent;
    const Result<env::Duration> parsed = auth::parse_ttl(given);
    if (parsed && *parsed <= kLongest) return *parsed;
    complain(
        fmt::format("{}: `{:.64}` is no duration such as 90, 30m or 1h30m, a year at most", where, given));
    return absent;
  }

  void query(std::string_view where, std::string_view type, const std::string& filter) {
    const Result<store::Query> parsed = store::parse_query(type, net::parse_query_string(filter));
    if (!parsed) complain(fmt::format("{}: {}", where, parsed.error().messages.front()));
  }

  void read_waves(RolloutPlan& plan) {
    plan.wave_by = model::text_member(object_, "WaveBy");
    each_object(object_, "Waves", [&](const json::object& rule) {
      plan.waves.push_back(read_wave(rule, fmt::format("Waves[{}]", plan.waves.size())));
    });
    if (plan.waves.size() > kMostWaves) complain(fmt::format("Waves: at most {} entries", kMostWaves));
    if (!plan.wave_by.empty() && !plan.waves.empty()) complain("Waves and WaveBy exclude each other");
  }

  WaveRule read_wave(const json::object& object, const std::string& where) {
    WaveRule rule;
    const double count = number(object, "Count");
    if (count < 0 || count > static_cast<double>(kMostTargets)) {
      complain(fmt::format("{}: Count must be between 1 and {}", where, kMostTargets));
    } else {
      rule.count = static_cast<uint64_t>(count);
    }
    rule.percent = number(object, "Percent");
    if (rule.percent < 0 || rule.percent > 100)
      complain(fmt::format("{}: Percent must be above 0, at most 100", where));
    rule.meta_key = model::text_member(object, "MetaKey");
    rule.meta_value = model::text_member(object, "MetaValue");
    rule.endpoints = model::texts_member(object, "Endpoints");
    distinct(where + ".Endpoints", rule.endpoints, kMostTargets);
    const int given = (count != 0) + (rule.percent != 0) + !rule.meta_key.empty() + !rule.endpoints.empty();
    if (given != 1)
      complain(fmt::format("{}: needs exactly one of Count, Percent, MetaKey, Endpoints", where));
    if (rule.meta_key.empty() && !rule.meta_value.empty())
      complain(fmt::format("{}: MetaValue needs a MetaKey", where));
    return rule;
  }

  void read_gate(RolloutPlan& plan) {
    const json::value* value = object_.if_contains("Gate");
    if (value == nullptr || !value->is_object()) return;
    const json::object& object = value->get_object();
    GateRule gate;
    gate.collection = model::text_member(object, "Collection");
    gate.filter = model::text_member(object, "Filter");
    if (const std::string given = model::text_member(object, "Comparison"); !given.empty())
      gate.comparison = given;
    gate.count = static_cast<int64_t>(number(object, "Count"));
    gate.patience = duration(object, "Patience", "Gate.Patience", {});
    if (gate.collection.empty()) complain("Gate.Collection is missing: whose objects are counted");
    if (position(kComparisons, gate.comparison) == kComparisons.size())
      complain(fmt::format("Gate.Comparison: `{:.20}` is none of {}", gate.comparison,
                           fmt::join(kComparisons, " ")));
    if (gate.count < 0) complain("Gate.Count must not be negative");
    if (!gate.collection.empty()) query("Gate.Filter", gate.collection, gate.filter);
    plan.gate = std::move(gate);
  }

  void read_limits(RolloutPlan& plan) {
    const json::object& object = model::object_member(object_, "StopWhen");
    const double failed = number(object, "Failed");
    if (failed < 0) complain("StopWhen.Failed must be above 0");
    if (failed > 0) plan.most_failed = static_cast<uint64_t>(failed);
    const double percent = number(object, "FailedPercent");
    if (percent < 0 || percent > 100) complain("StopWhen.FailedPercent must be above 0, at most 100");
    if (percent > 0) plan.most_failed_percent = percent;
    if (!plan.most_failed && !plan.most_failed_percent) plan.most_failed = 1;
    plan.wave_limit = duration(object, "WaveLimit", "StopWhen.WaveLimit", plan.wave_limit);
    plan.endpoint_limit = duration(object, "EndpointLimit", "StopWhen.EndpointLimit", plan.endpoint_limit);
    if (plan.wave_limit <= env::Duration::zero()) complain("StopWhen.WaveLimit must be above 0");
  }

  const json::object& object_;
};

Assignment read_assignment(const json::object& object) {
  return {model::texts_member(object, "VersionSets"), model::text_member(object, "VersionSet"),
          model::flag_member(object, "Apply")};
}

EndpointProgress read_endpoint(const json::object& object) {
  EndpointProgress out;
  out.id = model::text_member(object, "Endpoint");
  out.owner = model::text_member(object, "Owner");
  const size_t state = position(kEndpointStates, model::text_member(object, "State"));
  if (state < kEndpointStates.size()) out.state = static_cast<EndpointState>(state);
  out.reason = model::text_member(object, "Reason");
  out.started = moment(object, "Started");
  out.since = moment(object, "Since");
  out.calm_since = moment(object, "CalmSince");
  out.trouble_since = moment(object, "TroubleSince");
  return out;
}

Wave read_wave_progress(const json::object& object) {
  Wave out;
  out.name = model::text_member(object, "Name");
  out.state = model::text_member(object, "State");
  out.gate = model::text_member(object, "Gate");
  out.started = moment(object, "Started");
  out.soaking = moment(object, "Soaking");
  out.soak_until = moment(object, "SoakUntil");
  out.ended = moment(object, "Ended");
  each_object(object, "Endpoints",
              [&](const json::object& endpoint) { out.endpoints.push_back(read_endpoint(endpoint)); });
  return out;
}

json::object endpoint_json(const EndpointProgress& endpoint) {
  json::object out{{"Endpoint", endpoint.id}};
  put_text(out, "Owner", endpoint.owner);
  out["State"] = endpoint_state_name(endpoint.state);
  put_text(out, "Reason", endpoint.reason);
  put_moment(out, "Started", endpoint.started);
  put_moment(out, "Since", endpoint.since);
  put_moment(out, "CalmSince", endpoint.calm_since);
  put_moment(out, "TroubleSince", endpoint.trouble_since);
  return out;
}

json::object wave_json(const Wave& wave) {
  json::object out{{"Name", wave.name}, {"State", wave.state}};
  put_moment(out, "Started", wave.started);
  put_moment(out, "Soaking", wave.soaking);
  put_moment(out, "SoakUntil", wave.soak_until);
  put_moment(out, "Ended", wave.ended);
  put_text(out, "Gate", wave.gate);
  json::array endpoints;
  for (const EndpointProgress& endpoint : wave.endpoints) endpoints.push_back(endpoint_json(endpoint));
  out["Endpoints"] = std::move(endpoints);
  return out;
}

void read_machine(const json::object& object, Rollout& rollout) {
  const size_t state = position(kRolloutStates, model::text_member(object, "State"));
  if (state < kRolloutStates.size()) rollout.state = static_cast<RolloutState>(state);
  rollout.reason = model::text_member(object, "Reason");
  rollout.started = moment(object, "Started");
  rollout.ended = moment(object, "Ended");
  each_object(object, "Progress",
              [&](const json::object& wave) { rollout.waves.push_back(read_wave_progress(wave)); });
  each_object(object, "History", [&](const json::object& event) {
    rollout.history.push_back({moment(event, "Time").value_or(env::WallTime{}),
                               model::text_member(event, "What"), model::text_member(event, "Who")});
  });
  for (const auto& [endpoint, assignment] : model::object_member(object, "Before")) {
    if (assignment.is_object()) rollout.before[endpoint] = read_assignment(assignment.get_object());
  }
}

}  // namespace

std::string_view rollout_state_name(RolloutState state) { return kRolloutStates[static_cast<size_t>(state)]; }
std::string_view endpoint_state_name(EndpointState state) {
  return kEndpointStates[static_cast<size_t>(state)];
}

Result<Rollout> Rollout::parse(const json::object& object) {
  Rollout rollout;
  PlanReader reader(object);
  rollout.plan = reader.read();
  if (!reader.faults.empty())
    return Error(ErrorCode::kInvalid, "ValidationError", "rollouts", rollout.plan.id,
                 std::move(reader.faults));
  read_machine(object, rollout);
  return rollout;
}

void Rollout::write(json::object& object) const {
  object["State"] = rollout_state_name(state);
  object["Reason"] = reason;
  if (started) object["Started"] = env::format_rfc3339(*started);
  object["Ended"] = ended ? env::format_rfc3339(*ended) : "0001-01-01T00:00:00Z";
  json::array progress, events;
  for (const Wave& wave : waves) progress.push_back(wave_json(wave));
  for (const Event& event : history) {
    json::object written{{"Time", env::format_rfc3339(event.time)}, {"What", event.what}};
    put_text(written, "Who", event.who);
    events.push_back(std::move(written));
  }
  json::object had;
  for (const auto& [endpoint, assignment] : before) {
    json::object written{{"VersionSets", json::array(assignment.sets.begin(), assignment.sets.end())}};
    put_text(written, "VersionSet", assignment.last_set);
    written["Apply"] = assignment.apply;
    had[endpoint] = std::move(written);
  }
  object["Progress"] = std::move(progress);
  object["History"] = std::move(events);
  object["Before"] = std::move(had);
}

std::vector<std::string> plan_gaps(const RolloutPlan& plan) {
  std::vector<std::string> gaps;
  if (plan.sets.empty()) gaps.emplace_back("VersionSets is empty: name the sets to put");
  if (plan.targets.empty() && plan.target_ids.empty())
    gaps.emplace_back("Targets and TargetEndpoints are empty: say which endpoints it is about");
  return gaps;
}

std::vector<std::string> plan_changes(const json::object& before, const json::object& after) {
  const std::string state = model::text_member(before, "State");
  if (state.empty() || state == "planned") return {};
  const bool over =
      !is_active(static_cast<RolloutState>(position(kRolloutStates, state) % kRolloutStates.size()));
  std::vector<std::string> out;
  for (const std::string_view name : kPlanMembers) {
    const json::value* old_value = before.if_contains(name);
    const json::value* new_value = after.if_contains(name);
    const bool same =
        old_value == nullptr || new_value == nullptr ? old_value == new_value : *old_value == *new_value;
    if (same) continue;
    out.push_back(fmt::format("{} cannot be changed: the rollout is {}; {}", name, state,
                              over ? "create another one" : "abort or return it and create another one"));
  }
  return out;
}

}  // namespace mullion::rollout
