// Simulations in which managers keep endpoints as they declare: what they declare changes, endpoints are
// changed by hand, refuse and disappear, and at the end everything is as declared, or it is said why not.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "manager/endpoint_object.h"
#include "model/members.h"
#include "model/object.h"
#include "simulation/configuring_testing.h"
#include "simulation/scenario_testing.h"

namespace mullion::simulation {

inline const std::vector<Shape>& configured_shapes() {
  static const std::vector<Shape> all = {
      {"a manager and its endpoint", {"R1", "A"}, {{"R1", "A"}}},
      {"three endpoints", {"R1", "A", "B", "C"}, {{"R1", "A"}, {"R1", "B"}, {"R1", "C"}}},
      {"two managers of one endpoint", {"R1", "R2", "B"}, {{"R1", "B"}, {"R2", "B"}}},
      {"two managers of two endpoints",
       {"R1", "R2", "A", "B"},
       {{"R1", "A"}, {"R1", "B"}, {"R2", "A"}, {"R2", "B"}}},
      {"a chain", {"M1", "R1", "A"}, {{"M1", "R1"}, {"R1", "A"}}},
  };
  return all;
}

class ConfigurationScenario : public Scenario {
 public:
  ConfigurationScenario(uint64_t seed, bool faults, bool told)
      : ConfigurationScenario(seed, configured_shapes()[seed % configured_shapes().size()], faults, told) {}
  ConfigurationScenario(uint64_t seed, const Shape& shape, bool faults, bool told)
      : Scenario(seed, {.shape = &shape, .faults = faults, .told = told, .busy = 60s, .healing = 900s}),
        chance_(seed ^ 0x636f6e666967),
        travelled_(truth(), copied_set),
        declared_(world(), truth()) {
    truth().also_told = [this](const std::string& name, const store::AppliedChange& change) {
      const auto received = received_.find(name);
      if (change.id.owner != store::kOwn || received == received_.end()) return;
      if (change.id.type == "version_sets") declared_.has_set(name, change.id.key, change.body.has_value());
      if (change.id.type == "endpoints") note_endpoint(name, change.id.key, change.body);
      if (change.id.type != "version_sets" && change.id.type != "catalog_items") return;
      travelled_.commit(name, {change.id.type, change.id.key}, change.body, received->second->files());
    };
  }
  /// Servers outlive what is told here.
  ~ConfigurationScenario() override { truth().also_told = nullptr; }

  size_t changes() const { return declared_.changes(); }

 protected:
  using Pair = std::pair<std::string, std::string>;  // manager, endpoint
  static constexpr std::string_view kSets[] = {"tuned", "base"};

  std::vector<std::unique_ptr<Part>> parts_of(const std::string& name) override {
    std::vector<std::unique_ptr<Part>> out;
    if (is_configured(name)) {
      auto part = std::make_unique<Configured>(world(), declared_);
      configured_.emplace(name, part.get());
      out.push_back(std::move(part));
    } else {
      auto received = std::make_unique<Received>(travelled_);
      received_.emplace(name, received.get());
      auto configuring = std::make_unique<Configuring>(1, makes_up(name), *received);
      out.push_back(std::move(received));
      out.push_back(std::move(configuring));
    }
    return out;
  }
  /// Whether a manager has a catalog and files of its own.
  virtual bool makes_up(const std::string&) const { return true; }
  /// Endpoints that are nobody's manager.
  static bool is_configured(const std::string& name) { return name.front() < 'M'; }
  std::vector<Pair> pairs() const {
    std::vector<Pair> out;
    for (const Pair& one : shape().attached) {
      if (is_configured(one.second)) out.push_back(one);
    }
    return out;
  }
  /// Whether it is nobody's endpoint.
  bool is_top(const std::string& manager) const {
    return std::ranges::none_of(shape().attached, [&](const Pair& one) { return one.second == manager; });
  }
  /// Whether sets of some manager at the top reach `manager`, as who is attached to whom stands now.
  bool is_supplied(const std::string& manager) {
    return is_top(manager) || std::ranges::any_of(shape().attached, [&](const Pair& one) {
             return one.second == manager && names_of(server(one.first), manager) && is_supplied(one.first);
           });
  }
  /// Whether what `manager` declares comes from upstream.
  virtual bool is_told_from_upstream(const std::string&) const { return false; }
  Configured& settings_of(const std::string& endpoint) { return *configured_.at(endpoint); }

  // ---- what is wanted

  void begin_more() override {
    impossible_ = chance_.chance(25);
    std::set<std::string> managers;
    for (const auto& [manager, endpoint] : pairs()) managers.insert(manager);
    begin_declaring(std::move(managers), false);
    world().after(2s, nullptr, [this] { declare_turn(); });
    if (is_wild()) world().after(20s, nullptr, [this] { hand_turn(); });
  }

  /// Each of `managers` has both sets, and every endpoint is given them.
  void begin_declaring(std::set<std::string> managers, bool all_applied) {
    managers_ = std::move(managers);
    for (const std::string& manager : managers_) {
      for (const std::string_view set : kSets) write_set(manager, std::string(set), ++edition_, all_applied);
    }
    world().after(3s, nullptr, [this] { assign_turn(); });
  }

  void declare_turn() {
    if (world().now() >= busy()) return;
    const std::string manager = chance_.one_of(std::vector<std::string>(managers_.begin(), managers_.end()));
    write_set(manager, chance_.chance(60) ? "tuned" : "base", ++edition_);
    world().after(chance_.between(500ms, 8s), nullptr, [this] { declare_turn(); });
  }

  /// As somebody writes it who is asked again until it is there.
  void write_set(const std::string& manager, const std::string& set, size_t edition, bool applied = false) {
    write_text(manager, set, set == "base" ? base_set(edition, false) : tuned_set(edition, applied));
  }
  void write_text(const std::string& manager, const std::string& set, const std::string& text) {
    wishes_[{manager, set}] =
        model::canonical_body(*model::find_object_type("version_sets"), *parse_json_object(text, 64));
    write_again(manager, set);
  }
  void write_again(const std::string& manager, const std::string& set) {
    Server& above = server(manager);
    const std::string& wish = wishes_.at({manager, set});
    if (!above.alive()) return;
    const auto there = above.store().snapshot()->get({"version_sets", std::string(store::kOwn), set});
    if (there != wish) above.put_own("version_sets", set, wish);
  }

  /// Pack `core` is in every edition, `net`, which needs it, in some.
  std::string base_set(size_t edition, bool last) {
    json::array components{pack("core", edition)};
    if (chance_.chance(50)) components.push_back(pack("net", edition / 2));
    json::object prefs{{"a", fmt::format("base-{}", edition)}};
    if (last && impossible_) prefs[Configured::kImpossible] = "1";
    return json::serialize(json::object{{"Id", "base"},
                                        {"Apply", true},
                                        {"Components", std::move(components)},
                                        {"Prefs", std::move(prefs)},
                                        {"Global", json::object{{"g", edition}}}});
  }
  std::string tuned_set(size_t edition, bool applied) {
    json::object out{{"Id", "tuned"}, {"Apply", applied || chance_.chance(85)}};
    json::object prefs{{"b", fmt::format("tuned-{}", edition)}};
    if (chance_.chance(40)) prefs["a"] = fmt::format("tuned-{}", edition);
    out["Prefs"] = std::move(prefs);
    if (chance_.chance(40)) out["Components"] = json::array{pack("extra", edition)};
    if (chance_.chance(60)) {
      out["Files"] = json::array{
          json::object{{"Path", "files/f"}, {"Source", fmt::format("self://files/src-{}", edition % 20)}}};
    }
    return json::serialize(out);
  }
  static json::object pack(std::string_view name, size_t edition) {
    return {{"Name", name}, {"Type", "ContentPackage"}, {"Version", Contents::kVersions[edition % 2]}};
  }

  /// Whoever is attached without sets gets them; a set that was lost with its server is written again.
  void assign_turn() {
    for (const auto& [place, text] : wishes_) write_again(place.first, place.second);
    for (const auto& [manager, endpoint] : pairs()) assign(manager, endpoint);
    world().after(1s, nullptr, [this] { assign_turn(); });
  }
  void assign(const std::string& manager, const std::string& endpoint) {
    Server& above = server(manager);
    if (!above.alive() || !names_of(above, endpoint) || !names_of(above, endpoint)->empty()) return;
    above.change_endpoint(endpoint, [](json::object& object) {
      object["VersionSets"] = json::array{kSets[0], kSets[1]};
      object["Apply"] = true;
    });
  }

  // ---- what managers declare, read by other means than theirs

  static json::object stored_object(Server& above, const std::string& type, const std::string& key) {
    const auto body = above.store().snapshot()->get({type, std::string(store::kOwn), key});
    const Result<json::object> object = parse_json_object(body.value_or("{}"), 64);
    return object ? *object : json::object();
  }
  /// Absent: it is not attached.
  static std::optional<std::vector<std::string>> names_of(Server& above, const std::string& endpoint) {
    const json::object object = stored_object(above, "endpoints", endpoint);
    if (object.empty()) return std::nullopt;
    std::vector<std::string> out;
    for (const json::value& name : model::list_member(object, "VersionSets"))
      out.emplace_back(name.as_string());
    return out;
  }
  static std::optional<Settings> declared_by(Server& above, const std::string& endpoint) {
    const auto names = names_of(above, endpoint);
    if (!names || names->empty()) return std::nullopt;
    if (!model::flag_member(stored_object(above, "endpoints", endpoint), "Apply")) return std::nullopt;
    Settings out;
    for (const std::string& name : *names) {
      const json::object set = stored_object(above, "version_sets", name);
      if (!model::flag_member(set, "Apply")) return std::nullopt;
      add_settings(set, out);
    }
    return out;
  }
  /// What an earlier set says stays.
  static void add_settings(const json::object& set, Settings& out) {
    for (const auto& [name, value] : model::object_member(set, "Prefs"))
      out.emplace(fmt::format("prefs/{}", std::string_view(name)), value.as_string());
    for (const auto& [name, value] : model::object_member(set, "Global"))
      out.emplace(fmt::format("global/{}", std::string_view(name)), json::serialize(value));
    for (const json::value& one : model::list_member(set, "Components")) {
      const json::object& component = one.as_object();
      out.emplace("contents/" + model::text_member(component, "Name"),
                  model::text_member(component, "Version"));
    }
    for (const json::value& one : model::list_member(set, "Files")) {
      const json::object& file = one.as_object();
      const std::string source =
          model::text_member(file, "Source").substr(std::string_view("self://").size());
      out.emplace(model::text_member(file, "Path"), Contents::info_of(source).sha256);
    }
  }

  void look_closer(Server& server) override {
    if (is_configured(server.name())) return settings_of(server.name()).note_lease();
    uint64_t& seen = seen_[server.name()];
    const uint64_t now = server.store().snapshot()->cursor().seq;
    if (std::exchange(seen, now) == now) return;
    for (const auto& [manager, endpoint] : pairs()) {
      if (manager == server.name()) declared_.declare(manager, endpoint, declared_by(server, endpoint));
    }
  }

  /// `manager` has committed its object of `endpoint`; absent: it is detached.
  virtual void note_endpoint(const std::string& manager, const std::string& endpoint,
                             const std::optional<std::string>& body) {
    declared_.says_missing(manager, endpoint, sets_said_missing(object_of(body)));
  }

  // ---- what else goes wrong

  void hand_turn() {
    if (world().now() >= busy()) return;
    const std::vector<Pair> all = pairs();
    const auto& [manager, endpoint] = chance_.one_of(all);
    something_by_hand(manager, endpoint);
    world().after(chance_.between(3s, 40s), nullptr, [this] { hand_turn(); });
  }
  void something_by_hand(const std::string& manager, const std::string& endpoint) {
    Configured& part = settings_of(endpoint);
    const std::string edited = fmt::format("by-hand-{}", ++edition_);
    switch (chance_.below(8)) {
      case 0:
        world().tell("fault: {} forbids changes", endpoint);
        part.forbids = true;
        return until(chance_.between(1s, 30s), [&part] { part.forbids = false; });
      case 7:  // what it has done shows when it is looked at, and is not told
        world().tell("fault: {} does not tell of changes", endpoint);
        part.be_silent(true);
        until(chance_.between(2s, 15s), [&part] { part.be_silent(false); });
        [[fallthrough]];
      case 5:
      case 6:  // done, and nobody hears of it in time
        lose_answers(server(manager), server(endpoint), chance_.between(2s, 10s));
        return;
      case 1:
        world().tell("by hand: a pack that nobody declares comes to {}", endpoint);
        return part.by_hand("contents/stray", "v1.0.0");
      case 2:
        world().tell("by hand: pack extra of {} is deleted", endpoint);
        return part.by_hand("contents/extra", std::nullopt);
      case 3:
        world().tell("by hand: files/f of {} is another file", endpoint);
        return part.by_hand("files/f", sum_of(edited));
      default:
        world().tell("by hand: preference a of {} is {}", endpoint, edited);
        return part.by_hand("prefs/a", edited);
    }
  }
  /// The wall clock counts when an endpoint finds a lease after a restart.
  bool may_be_set(const Server& server) override { return !is_configured(server.name()); }

  // ---- the end

  /// From now on all managers want the same.
  void heal_more() override {
    const std::string base = base_set(++edition_, true);
    const std::string tuned = tuned_set(edition_, true);
    for (const std::string& manager : managers_) {
      write_text(manager, "base", base);
      write_text(manager, "tuned", tuned);
    }
    if (is_wild() && chance_.chance(50)) forbid_for_a_while();
  }

  /// What was refused meanwhile is tried again by itself.
  void forbid_for_a_while() {
    for (const auto& [name, part] : configured_) {
      world().tell("{} forbids changes for a while", name);
      part->forbids = true;
    }
    world().after(chance_.between(5s, 40s), nullptr, [this] {
      for (const auto& [name, part] : configured_) part->forbids = false;
    });
  }

  std::string what_else_is_missing() override {
    for (const auto& [manager, endpoint] : pairs()) {
      if (is_told_from_upstream(manager) && !is_supplied(manager)) continue;
      const std::string missing = what_is_not_as_declared(manager, endpoint);
      if (!missing.empty()) return missing;
    }
    for (const auto& [manager, endpoint] : pairs()) {
      const std::string holder = settings_of(endpoint).holder_at(world().now());
      if (!holder.empty() && !impossible_)
        return fmt::format("{} is still configured by {}", endpoint, holder);
    }
    return "";
  }
  std::string what_is_not_as_declared(const std::string& manager, const std::string& endpoint) {
    if (!names_of(server(manager), endpoint)) return "";  // it was detached, and stays so
    const std::optional<Settings> declared = declared_.declared_now(manager, endpoint);
    if (!declared) return fmt::format("{} declares nothing for {}", manager, endpoint);
    const Settings& there = settings_of(endpoint).settings();
    const json::object object = stored_object(server(manager), "endpoints", endpoint);
    const std::string errors = json::serialize(model::list_member(object, "Errors"));
    for (const auto& [setting, value] : *declared) {
      const auto found = there.find(setting);
      if (found != there.end() && found->second == value) continue;
      const bool told = setting.ends_with(Configured::kImpossible) &&
                        errors.find(Configured::kImpossible) != std::string::npos;
      if (!told)
        return fmt::format("{} is not as {} declares: {} is not {:.12}; Errors: {}", endpoint, manager,
                           setting, value, errors);
    }
    for (const auto& [setting, value] : there) {
      if (kind_of(setting) == "contents" && !declared->contains(setting))
        return fmt::format("{} still has {}, which {} does not declare", endpoint, setting, manager);
    }
    if (impossible_) return "";
    if (errors != "[]") return fmt::format("{} says of {}: {}", manager, endpoint, errors);
    if (!model::list_member(object, "Actions").empty())
      return fmt::format("{} still plans for {}", manager, endpoint);
    return model::flag_member(object, "Available") ? "" : fmt::format("{} is not available", endpoint);
  }

  /// A version set as `manager` sends it downstream: what its catalog and its files know is named exactly.
  static json::object copied_set(const std::string& manager, json::object set) {
    json::object meta = model::object_member(set, "Meta");
    meta[catalog::kBroughtBy] = manager;
    set["Meta"] = std::move(meta);
    if (json::value* list = set.if_contains("Components")) {
      for (json::value& one : list->as_array()) {
        json::object& component = one.as_object();
        if (model::text_member(component, "Version") == catalog::kStable)
          component["Version"] = Contents::kVersions[1];
        component["ActualVersion"] = component["Version"];
      }
    }
    if (json::value* list = set.if_contains("Files")) {
      for (json::value& one : list->as_array()) {
        json::object& file = one.as_object();
        const std::string source = model::text_member(file, "Source");
        file["Source"] = fmt::format("self://files/{}files/{}/{}", versionset::travelled_tree(manager),
                                     Contents::info_of(source).sha256, source.substr(source.rfind('/') + 1));
      }
    }
    return set;
  }

  Dice chance_;
  std::set<std::string> managers_;      // who declares
  std::map<Pair, std::string> wishes_;  // manager and set -> its text
  TravelledTruth travelled_;
  std::map<std::string, Received*> received_;
  size_t edition_ = 0;

 private:
  DeclaredTruth declared_;
  std::map<std::string, Configured*> configured_;
  std::map<std::string, uint64_t> seen_;
  bool impossible_ = false;  // the last declaration cannot be reached
};

}  // namespace mullion::simulation
