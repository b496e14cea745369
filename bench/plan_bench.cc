// Plans of 5 000 endpoints with realistic sets: 20 packs, 5 providers, 5 plugins, 30 preferences and
// parameters each. The yardstick is reading the same Endpoint objects from their text, which every plan has
// to do anyway.
#include <fmt/format.h>

#include <chrono>
#include <vector>

#include "base/json.h"
#include "model/messages.h"
#include "model/object.h"
#include "plan/plan.h"

namespace {

using namespace mullion;
using namespace mullion::plan;
using versionset::VersionSet;
using Clock = std::chrono::steady_clock;

constexpr size_t kEndpoints = 5000;
constexpr size_t kPacks = 20, kProviders = 5, kPlugins = 5, kValues = 30, kFiles = 10;
constexpr size_t kVersions = 10;  // of each item in the catalog
constexpr double kBudget = 5.0;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::string pack(size_t i) { return fmt::format("content-pack-{:02}", i); }
std::string provider(size_t i) { return fmt::format("plugin-provider-{}", i); }

catalog::Items made_catalog() {
  std::vector<catalog::Item> items;
  const auto add = [&](const std::string& name, const char* type, const std::string& needs) {
    for (size_t version = 0; version < kVersions; ++version) {
      catalog::Item item;
      item.name = name;
      item.actual_version = item.version = fmt::format("v4.{}.0", version);
      item.id = fmt::format("{}-{}", name, item.version);
      item.content_type = type;
      item.source = fmt::format("http://manager:8091/files/rebar-catalog/{}/{}", name, item.version);
      item.sha256["any/any"] = std::string(64, 'a');
      if (!needs.empty()) item.meta["Prerequisites"] = needs;
      items.push_back(item);
      if (version + 1 < kVersions) continue;
      item.version = "stable";
      item.id = name + "-stable";
      items.push_back(std::move(item));
    }
  };
  add("drp", "DRP", "");
  add("drp-ux", "DRPUX", "");
  for (size_t i = 0; i < kPacks; ++i)
    add(pack(i), "ContentPackage", i < 2 ? "" : pack(i / 2) + ": >=4.0, " + pack(0));
  for (size_t i = 0; i < kProviders; ++i) add(provider(i), "PluginProvider", pack(i));
  return catalog::Items(std::move(items));
}

VersionSet base_set() {
  VersionSet set;
  set.id = "base";
  set.apply = true;
  set.drp_version = set.drpux_version = "stable";
  for (size_t i = 0; i < kPacks; ++i)
    set.components.push_back({Kind::kContentPackage, pack(i), "stable", "", false});
  for (size_t i = 0; i < kProviders; ++i)
    set.components.push_back({Kind::kPluginProvider, provider(i), "stable", "", false});
  for (size_t i = 0; i < kPlugins; ++i) {
    set.plugins.push_back({{"Name", fmt::format("plugin-{}", i)},
                           {"Provider", provider(i % kProviders)},
                           {"Params", json::object{{"a/url", "https://service"}, {"a/limit", i}}}});
  }
  for (size_t i = 0; i < kValues; ++i) {
    set.prefs[fmt::format("preference-{}", i)] = "base";
    set.global[fmt::format("group/param-{}", i)] = json::object{{"value", i}, {"list", json::array{1, 2, 3}}};
  }
  for (size_t i = 0; i < kFiles; ++i)
    set.files.push_back(
        {fmt::format("files/tool-{}", i), std::string(64, 'b'), "https://elsewhere/tool", false});
  return set;
}

VersionSet site_set() {
  VersionSet set;
  set.id = "site";
  set.apply = true;
  for (size_t i = 0; i < 5; ++i) {
    set.prefs[fmt::format("preference-{}", i)] = "site";
    set.global[fmt::format("group/param-{}", i)] = "site";
  }
  set.components.push_back({Kind::kContentPackage, pack(3), "v4.5.0", "", false});
  return set;
}

/// Every third one is as it should be in half of everything.
std::string endpoint_body(size_t number) {
  json::object out{{"Id", fmt::format("edge-{:04}", number)},
                   {"Arch", "amd64"},
                   {"Os", "linux"},
                   {"DRPVersion", "v4.8.0"},
                   {"DRPUXVersion", "v4.9.0"}};
  json::array components, plugins;
  json::object prefs, global;
  const auto installed = [&](const char* type, const std::string& name, size_t i) {
    const std::string version = fmt::format("v4.{}.0", (number + i) % 3 == 0 ? 8 : 9);
    components.emplace_back(
        json::object{{"Type", type}, {"Name", name}, {"Version", version}, {"ActualVersion", version}});
  };
  for (size_t i = 0; i < kPacks; ++i) installed("ContentPackage", pack(i), i);
  installed("ContentPackage", "by-hand", 0);
  for (size_t i = 0; i < kProviders; ++i) installed("PluginProvider", provider(i), i);
  for (size_t i = 0; i < kPlugins; ++i) {
    plugins.emplace_back(
        json::object{{"Name", fmt::format("plugin-{}", i)},
                     {"Provider", provider(i % kProviders)},
                     {"Params", json::object{{"a/url", "https://service"}, {"a/limit", i}}}});
  }
  for (size_t i = 0; i < kValues; ++i) {
    prefs[fmt::format("preference-{}", i)] = (number + i) % 3 == 0 ? "other" : "base";
    global[fmt::format("group/param-{}", i)] = json::object{{"value", i}, {"list", json::array{1, 2, 3}}};
  }
  out["Components"] = std::move(components);
  out["Plugins"] = std::move(plugins);
  out["Prefs"] = std::move(prefs);
  out["Global"] = std::move(global);
  return json::serialize(out);
}

json::object parsed(const std::string& text) {
  Result<json::value> value = parse_json(text);
  return value ? std::move(value->get_object()) : json::object();
}

}  // namespace

int main() {
  const catalog::Items items = made_catalog();
  const VersionSet site = site_set(), base = base_set();
  std::vector<std::string> bodies;
  for (size_t i = 0; i < kEndpoints; ++i) bodies.push_back(endpoint_body(i));
  json::object state{{"files", json::object()}, {"prerequisites", json::object()}};
  for (size_t i = 2; i < kPacks; ++i)
    state["prerequisites"].as_object()[pack(i)] = pack(i / 2) + ": >=4.0, " + pack(0);
  const std::string state_text = json::serialize(state);

  // Read once, when it arrives.
  const auto told = model::read_message<model::EndpointState>(state_text).value();
  const Clock::time_point reading = Clock::now();
  size_t members = 0;
  for (const std::string& body : bodies) members += parsed(body).size();
  const double read_seconds = seconds_since(reading);

  size_t actions = 0, problems = 0, deletions = 0;
  const Clock::time_point planning = Clock::now();
  for (const std::string& body : bodies) {
    const Observed observed = Observed::parse(parsed(body), told);
    const Plan plan = make_plan(observed, versionset::merge({&site, &base}), PlanInputs{items});
    actions += plan.actions.size();
    deletions += plan.actions.size() - plan.deletions_from;
    problems += plan.problems.size();
  }
  const double plan_seconds = seconds_since(planning);

  fmt::print("{:<46}{:>10}\n", "plans of endpoints, merge and reading included", kEndpoints);
  fmt::print("{:<46}{:>10}\n", "catalog items", items.all().size());
  fmt::print("{:<46}{:>10.1f}   ({} deletions, {} problems)\n", "actions per plan",
             static_cast<double>(actions) / kEndpoints, deletions, problems);
  fmt::print("{:<46}{:>10.2f} s   (budget {:.0f} s)\n", "all plans", plan_seconds, kBudget);
  fmt::print("{:<46}{:>10.2f} s   ({} members)\n", "yardstick: reading the same objects", read_seconds,
             members);
  fmt::print("{:<46}{:>10.1f}\n", "plans / yardstick", plan_seconds / read_seconds);
  return plan_seconds <= kBudget && deletions == kEndpoints && problems == 0 ? 0 : 1;
}
