// Simulations in which version sets travel to managers downstream, which configure their endpoints by them.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "plan/sync_plan.h"
#include "simulation/configuration_scenario_testing.h"

namespace mullion::simulation {

inline const std::vector<Shape>& downstream_shapes() {
  static const std::vector<Shape> all = {
      {"one below another", {"M1", "R1", "A"}, {{"M1", "R1"}, {"R1", "A"}}},
      {"two side by side",
       {"M1", "R1", "R2", "A", "B"},
       {{"M1", "R1"}, {"M1", "R2"}, {"R1", "A"}, {"R2", "B"}}},
      {"three levels", {"M1", "M2", "R1", "A"}, {{"M1", "M2"}, {"M2", "R1"}, {"R1", "A"}}},
      {"one endpoint of two",
       {"M1", "R1", "R2", "B"},
       {{"M1", "R1"}, {"M1", "R2"}, {"R1", "B"}, {"R2", "B"}}},
      {"two parents", {"M1", "M2", "R1", "A"}, {{"M1", "R1"}, {"M2", "R1"}, {"R1", "A"}}},
  };
  return all;
}

class DownstreamScenario final : public ConfigurationScenario {
 public:
  DownstreamScenario(uint64_t seed, bool faults, bool told)
      : ConfigurationScenario(seed, downstream_shapes()[seed % downstream_shapes().size()], faults, told) {}

  /// How often a set arrived at a manager downstream.
  size_t copies() const { return travelled_.copies(); }

 private:
  using Names = std::set<std::string>;

  bool makes_up(const std::string& manager) const override { return is_top(manager); }
  bool is_told_from_upstream(const std::string& manager) const override { return !is_top(manager); }
  std::vector<Pair> managed_managers() const {
    std::vector<Pair> out;
    for (const Pair& one : shape().attached) {
      if (!is_configured(one.second)) out.push_back(one);
    }
    return out;
  }

  // ---- what people do: at the top they declare, downstream they assign

  void begin_more() override {
    for (const std::string& name : shape().servers) {
      if (!is_configured(name) && is_top(name)) managers_.insert(name);
    }
    for (const std::string& manager : managers_) {
      for (const std::string_view set : kSets) write_set(manager, std::string(set), ++edition_);
      write_text(manager, "spare", spare_set(++edition_));
    }
    world().after(3s, nullptr, [this] { assign_turn(); });
    world().after(2s, nullptr, [this] { declare_turn(); });
    world().after(5s, nullptr, [this] { spare_turn(); });
    world().after(8s, nullptr, [this] { name_turn(); });
    if (is_wild()) world().after(20s, nullptr, [this] { hand_turn(); });
  }

  static std::string spare_set(size_t edition) {
    json::object prefs{{"c", fmt::format("spare-{}", edition)}};
    json::object file{{"Path", "files/g"}, {"Source", fmt::format("self://files/src-{}", edition % 20)}};
    return json::serialize(json::object{{"Id", "spare"},
                                        {"Apply", true},
                                        {"Prefs", std::move(prefs)},
                                        {"Files", json::array{std::move(file)}},
                                        {"Components", json::array{stable_pack("extra")}}});
  }
  static json::object stable_pack(std::string_view name) {
    return {{"Name", name}, {"Type", "ContentPackage"}, {"Version", catalog::kStable}};
  }

  /// The spare set comes and goes at the top; downstream somebody has one of the same name for a while.
  void spare_turn() {
    if (world().now() >= busy()) return;
    const std::string manager = chance_.one_of(std::vector<std::string>(managers_.begin(), managers_.end()));
    if (chance_.chance(40)) {
      remove_set(manager, "spare");
    } else {
      write_text(manager, "spare", spare_set(++edition_));
    }
    const std::vector<Pair> all = managed_managers();
    const std::string below = chance_.one_of(all).second;
    if (chance_.chance(25)) {
      world().tell("ann at {}: spare is one of its own", below);
      write_text(below, "spare", own_spare(below));
      until(chance_.between(1s, 10s), [this, below] { remove_own(below); });
    }
    world().after(chance_.between(1s, 12s), nullptr, [this] { spare_turn(); });
  }
  std::string own_spare(const std::string& manager) {
    json::object prefs{{"c", fmt::format("{}-{}", manager, ++edition_)}};
    return json::serialize(json::object{{"Id", "spare"}, {"Apply", true}, {"Prefs", std::move(prefs)}});
  }
  void remove_set(const std::string& manager, const std::string& set) {
    wishes_.erase({manager, set});
    Server& above = server(manager);
    if (above.alive()) above.remove_own("version_sets", set);
  }
  /// A copy from upstream is not hers to remove.
  void remove_own(const std::string& manager) {
    wishes_.erase({manager, "spare"});
    if (!server(manager).alive()) return world().after(1s, nullptr, [this, manager] { remove_own(manager); });
    const json::object there = stored_object(server(manager), "version_sets", "spare");
    if (!there.empty() && bringer_of(there).empty()) server(manager).remove_own("version_sets", "spare");
  }

  void name_turn() {
    if (world().now() >= busy()) return;
    const std::vector<Pair> all = pairs();
    const auto& [manager, endpoint] = chance_.one_of(all);
    name_sets(manager, endpoint, chance_.chance(50));
    world().after(chance_.between(2s, 15s), nullptr, [this] { name_turn(); });
  }
  void name_sets(const std::string& manager, const std::string& endpoint, bool spare) {
    Server& above = server(manager);
    if (!above.alive() || !names_of(above, endpoint)) return;
    above.change_endpoint(endpoint, [spare](json::object& object) {
      json::array names{kSets[0], kSets[1]};
      if (spare) names.emplace_back("spare");
      object["VersionSets"] = std::move(names);
      object["Apply"] = true;
    });
  }

  // ---- the end

  void heal_more() override {
    ConfigurationScenario::heal_more();
    quiet_names();
  }
  /// Nobody names the spare set any more.
  void quiet_names() {
    for (const auto& [manager, endpoint] : pairs()) {
      const auto names = names_of(server(manager), endpoint);
      if (names && names->size() > std::size(kSets)) name_sets(manager, endpoint, false);
    }
    world().after(1s, nullptr, [this] { quiet_names(); });
  }

  std::string what_else_is_missing() override {
    for (const auto& [manager, below] : managed_managers()) {
      const std::string missing = what_has_not_travelled(manager, below);
      if (!missing.empty()) return missing;
    }
    return ConfigurationScenario::what_else_is_missing();
  }

  /// Sets that endpoints of `manager`, and of managers downstream of it, name.
  Names named_at(const std::string& manager) {
    Names out;
    for (const auto& [above, endpoint] : shape().attached) {
      const auto names = names_of(server(above), endpoint);
      if (above != manager || !names) continue;
      if (!is_configured(endpoint)) out.merge(named_at(endpoint));
      out.insert(names->begin(), names->end());
    }
    return out;
  }

  std::string what_has_not_travelled(const std::string& manager, const std::string& below) {
    if (!names_of(server(manager), below)) return "";  // it was detached, and stays so
    const Names named = named_at(below);
    std::set<std::string> needed;  // items and files
    for (const std::string& set : named) {
      const std::optional<json::object> copy = travelled_.copy_of(manager, set);
      if (!copy) continue;
      const json::object there = stored_object(server(below), "version_sets", set);
      if (there.empty()) return fmt::format("{} does not have {} of {}", below, set, manager);
      if (bringer_of(there) != manager) continue;  // another one was there before
      if (without_bookkeeping(there) != *copy)
        return fmt::format("{} has an old {} of {}", below, set, manager);
      needed.merge(files_of(*copy));
      for (const json::value& one : model::list_member(*copy, "Components"))
        needed.insert(item_of(one.as_object()));
    }
    return what_should_be_gone(manager, below, named, needed);
  }
  static std::string item_of(const json::object& component) {
    return fmt::format("{}{}-{}", plan::kTravelledItem, model::text_member(component, "Name"),
                       model::text_member(component, "Version"));
  }
  std::string what_should_be_gone(const std::string& manager, const std::string& below, const Names& named,
                                  std::set<std::string> needed) {
    for (const auto& [key, object] : travelled_.brought_to(below)) {
      if (bringer_of(object) != manager) continue;
      const auto& [type, name] = key;
      const bool wanted = type == "version_sets" ? named.contains(name) && travelled_.copy_of(manager, name)
                                                 : needed.contains(name);
      if (!wanted) return fmt::format("{} still has {}/{} of {}", below, type, name, manager);
      needed.merge(files_of(object));
    }
    const std::string tree = "files/" + versionset::travelled_tree(manager);
    for (const auto& [path, content] : received_.at(below)->files()) {
      if (path.starts_with(tree) && !needed.contains(path))
        return fmt::format("{} still has {}", below, path);
    }
    return "";
  }
};

}  // namespace mullion::simulation
