// Simulations in which a manager rolls version sets out: waves, failures, ways back and restarts of the
// manager.
#pragma once

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/object.h"
#include "simulation/configuration_scenario_testing.h"
#include "simulation/rolling_testing.h"

namespace mullion::simulation {

inline const std::vector<Shape>& rollout_shapes() {
  static const std::vector<Shape> all = {
      {"three endpoints", {"R1", "A", "B", "C"}, {{"R1", "A"}, {"R1", "B"}, {"R1", "C"}}},
      {"five endpoints",
       {"R1", "A", "B", "C", "D", "E"},
       {{"R1", "A"}, {"R1", "B"}, {"R1", "C"}, {"R1", "D"}, {"R1", "E"}}},
      {"endpoints of two managers downstream",
       {"M1", "R1", "R2", "A", "B", "C"},
       {{"M1", "R1"}, {"M1", "R2"}, {"R1", "A"}, {"R1", "B"}, {"R2", "C"}}},
      {"endpoints at three levels",
       {"M1", "M2", "R1", "A", "B", "C"},
       {{"M1", "M2"}, {"M2", "R1"}, {"R1", "A"}, {"M2", "B"}, {"M1", "C"}}},
  };
  return all;
}

class RolloutScenario final : public ConfigurationScenario {
 public:
  RolloutScenario(uint64_t seed, bool faults, bool told)
      : ConfigurationScenario(seed, rollout_shapes()[seed % rollout_shapes().size()], faults, told) {}

  /// Rollouts that began, not those that were only written.
  size_t begun() const { return states_.size(); }
  /// How many of them have ended so.
  std::map<std::string, size_t> ends() const {
    std::map<std::string, size_t> out;
    for (const auto& [id, state] : states_) ++out[state];
    return out;
  }

 private:
  std::vector<std::unique_ptr<Part>> parts_of(const std::string& name) override {
    std::vector<std::unique_ptr<Part>> out = ConfigurationScenario::parts_of(name);
    if (!is_top(name)) return out;
    auto rolling = std::make_unique<Rolling>();
    rolling_ = rolling.get();
    out.push_back(std::move(rolling));
    return out;
  }
  bool makes_up(const std::string& manager) const override { return is_top(manager); }
  bool is_told_from_upstream(const std::string& manager) const override { return !is_top(manager); }
  /// Who rolls out.
  const std::string& top() const { return shape().servers.front(); }
  Server& manager() { return server(top()); }
  /// Whose Endpoint object says which sets `endpoint` has.
  Server& owner_of(const std::string& endpoint) {
    const std::vector<Pair> all = pairs();
    return server(std::ranges::find(all, endpoint, &Pair::second)->first);
  }
  /// Moments of rollouts are those of the manager's wall clock.
  bool may_be_set(const Server&) override { return false; }

  // ---- what is rolled out, and what people do with it

  void begin_more() override {
    begin_declaring({top()}, true);
    world().after(4s, nullptr, [this] { roll_turn(); });
  }

  void roll_turn() {
    if (manager().alive()) roll_on();
    world().after(chance_.between(1s, 3s), nullptr, [this] { roll_turn(); });
  }

  static std::string name_of(size_t number) { return fmt::format("roll-{}", number); }
  std::string state_of(const std::string& id) {
    return model::text_member(stored_object(manager(), "rollouts", id), "State");
  }

  void roll_on() {
    if (count_ == 0) return begin_another();
    const std::string id = name_of(count_);
    const std::string state = state_of(id);
    if (state.empty() || state == "planned") return begin(id);
    if (state == "paused") return decide(id, may_go_on() ? "resume" : "abort");
    if (kActive.contains(state)) {
      if (!is_over() && state != "aborting" && chance_.chance(4))
        decide(id, chance_.chance(50) ? "pause" : "abort");
      return;
    }
    if (is_over()) return;
    if (state == "done" && chance_.chance(15)) return decide(id, "return");
    if (chance_.chance(50)) begin_another();
  }
  bool is_over() { return world().now() >= busy(); }
  bool may_go_on() { return is_over() ? world().now() < busy() + 120s : chance_.chance(70); }

  void decide(const std::string& id, const std::string& command) {
    world().tell("ann: {} {}", command, id);
    if (command == "return") given_back_.insert(id);
    rolling_->command(id, command);
    world().after(0s, &manager(), [] {});
  }

  void begin_another() {
    const std::string id = name_of(++count_);
    json::object prefs{{"a", id}};
    json::object set{{"Id", id}, {"Apply", true}, {"Prefs", std::move(prefs)}};
    if (chance_.chance(50)) set["Components"] = json::array{pack("extra", count_)};
    write_text(top(), id, json::serialize(set));
    begin(id);
  }

  /// Written and begun, again when the manager was killed under it.
  void begin(const std::string& id) {
    if (stored_object(manager(), "rollouts", id).empty()) {
      std::vector<std::string> targets;  // those of them that are attached when it begins
      for (const auto& [above, endpoint] : pairs()) targets.push_back(endpoint);
      const json::object plan{{"Id", id},
                              {"VersionSets", json::array{id}},
                              {"Targets", fmt::format("Id=In({})", fmt::join(targets, ","))},
                              {"Waves", json::array{json::object{{"Count", 1}}}},
                              {"Concurrency", kConcurrency},
                              {"Soak", "2s"},
                              {"Settle", chance_.chance(50) ? "1s" : "8s"},
                              {"StopWhen", json::object{{"EndpointLimit", "25s"}, {"WaveLimit", "5m"}}},
                              {"OnFailure", chance_.chance(60) ? "return" : "pause"},
                              {"State", "planned"}};
      manager().put_own("rollouts", id, model::canonical_body(*model::find_object_type("rollouts"), plan));
      return;
    }
    decide(id, "start");
  }

  // ---- what must hold

  void look_closer(Server& above) override {
    ConfigurationScenario::look_closer(above);
    if (is_configured(above.name())) return;
    const uint64_t now = above.store().snapshot()->cursor().seq;
    if (std::exchange(looked_at_[above.name()], now) == now) return;
    for (size_t i = 1; i <= count_; ++i) look_at_rollout(name_of(i));
  }

  void look_at_rollout(const std::string& id) {
    const json::object rollout = stored_object(manager(), "rollouts", id);
    const std::string state = model::text_member(rollout, "State");
    if (rollout.empty() || state == "planned") return;
    std::string& before = states_[id];
    const bool was_over = !before.empty() && !kActive.contains(before) && before != "paused";
    if (was_over && before != state && given_back_.erase(id) == 0)
      truth().fail(fmt::format("{} was {} and is {}", id, before, state));
    before = state;
    look_at_before(id, model::object_member(rollout, "Before"));
    bool may_begin = true;
    for (const json::value& wave : model::list_member(rollout, "Progress")) {
      const bool has_begun = !model::text_member(wave.as_object(), "Started").empty();
      if (has_begun && !may_begin)
        truth().fail(fmt::format("{}: a wave began before the one before ended", id));
      may_begin = !model::text_member(wave.as_object(), "Ended").empty();
      look_at_wave(id, model::list_member(wave.as_object(), "Endpoints"), has_begun);
    }
  }

  /// What endpoints had is noted once: after their first turn they have something else.
  void look_at_before(const std::string& id, const json::object& before) {
    for (const auto& [endpoint, had] : before) {
      const auto [noted, made] = had_.try_emplace({id, std::string(endpoint)}, had.as_object());
      if (!made && noted->second != had.as_object())
        truth().fail(fmt::format("{}: what {} had is noted anew", id, std::string_view(endpoint)));
    }
  }

  void look_at_wave(const std::string& id, const json::array& endpoints, bool has_begun) {
    int under_way = 0;
    for (const json::value& one : endpoints) {
      const std::string endpoint = model::text_member(one.as_object(), "Endpoint");
      const std::string state = model::text_member(one.as_object(), "State");
      under_way += kUnderWay.contains(state) ? 1 : 0;
      const auto names = names_of(owner_of(endpoint), endpoint);
      const bool has_it = names && std::ranges::find(*names, id) != names->end();
      if (has_it && !has_begun) truth().fail(fmt::format("{} has {} before its wave began", endpoint, id));
      if (std::exchange(seen_[{id, endpoint}], state) == state) continue;
      world().tell("{}: {} is {}", id, endpoint, state);
      if (state == "done") check_done(id, endpoint);
      if (state == "returned" && names && is_seen(endpoint)) check_returned(id, endpoint, *names);
    }
    if (under_way > kConcurrency) truth().fail(fmt::format("{}: {} endpoints at once", id, under_way));
  }

  /// Nobody but this rollout changes that preference.
  void check_done(const std::string& id, const std::string& endpoint) {
    const Settings& there = settings_of(endpoint).settings();
    const auto found = there.find("prefs/a");
    if (found == there.end() || found->second != id)
      truth().fail(fmt::format("{} is done with {} and has {}", endpoint, id,
                               found == there.end() ? "nothing" : found->second));
    const auto lost = lost_at_.find({owner_of(endpoint).name(), endpoint});
    if (lost != lost_at_.end() && lost->second + kBeingStored < world().now())
      truth().fail(fmt::format("{} is done with {} and has not been connected since {} s", endpoint, id,
                               lost->second / 1s));
  }

  /// One that was attached anew meanwhile has what it was given then.
  void check_returned(const std::string& id, const std::string& endpoint,
                      const std::vector<std::string>& names) {
    const auto had = had_.find({id, endpoint});
    const json::object object = stored_object(owner_of(endpoint), "endpoints", endpoint);
    const json::array sets(names.begin(), names.end());
    if (had == had_.end() || names.empty() || std::ranges::equal(names, kSets)) return;
    const bool same = sets == model::list_member(had->second, "VersionSets") &&
                      model::flag_member(object, "Apply") == model::flag_member(had->second, "Apply");
    if (!same)
      truth().fail(fmt::format("{} is returned from {} and has {}", endpoint, id, json::serialize(object)));
  }

  void note_endpoint(const std::string& manager, const std::string& endpoint,
                     const std::optional<std::string>& body) override {
    ConfigurationScenario::note_endpoint(manager, endpoint, body);
    if (model::text_member(object_of(body), "ConnectionStatus") == "Connected") {
      lost_at_.erase({manager, endpoint});
    } else {
      lost_at_.try_emplace({manager, endpoint}, world().now());
    }
  }

  // ---- the end

  void heal_more() override {}

  std::string what_else_is_missing() override {
    const std::string last = name_of(count_);
    if (anything_attached() && !states_.contains(last)) return last + " has not begun";
    for (const auto& [id, known] : states_) {
      const json::object rollout = stored_object(manager(), "rollouts", id);
      const std::string state = model::text_member(rollout, "State");
      if (kActive.contains(state) || state == "paused")
        return fmt::format("{} is {}: {}", id, state, model::text_member(rollout, "Reason"));
    }
    return ConfigurationScenario::what_else_is_missing();
  }

  /// Whether its Endpoint object is known where rollouts run: what is detached, or behind it, is not.
  bool is_seen(const std::string& endpoint) {
    return !manager().store().snapshot()->get_all_owners("endpoints", endpoint).empty();
  }
  bool anything_attached() {
    const std::vector<Pair> all = pairs();
    return std::ranges::any_of(all, [&](const Pair& one) { return is_seen(one.second); });
  }

  static constexpr int kConcurrency = 2;
  /// Between what is known of an endpoint and the commit of what follows from it.
  static constexpr Duration kBeingStored = 2s;
  static inline const std::set<std::string> kActive{"running", "soaking", "returning", "aborting"};
  static inline const std::set<std::string> kUnderWay{"putting",   "applying",  "closing",
                                                      "returning", "restoring", "leaving"};

  Rolling* rolling_ = nullptr;
  size_t count_ = 0;
  std::map<std::string, uint64_t> looked_at_;
  std::set<std::string> given_back_;                                 // asked for, and not begun yet
  std::map<std::string, std::string> states_;                        // of rollouts that have begun
  std::map<std::pair<std::string, std::string>, std::string> seen_;  // of endpoints in them
  std::map<std::pair<std::string, std::string>, json::object> had_;  // by rollout and endpoint
  std::map<Pair, Duration> lost_at_;                                 // endpoints that are not connected
};

}  // namespace mullion::simulation
