// Servers, content packs and plugin providers: what is to be installed, and in which order.
#include <fmt/format.h>

#include <algorithm>

#include "base/semantic_version.h"
#include "plan/internal/planner.h"
#include "versionset/values.h"

namespace mullion::plan {
namespace {

std::string first_text(const Error& error) {
  return error.messages.empty() ? error.text() : error.messages.front();
}

std::string prerequisites_of(const catalog::Item& item) {
  const boost::json::value* text = item.meta.if_contains("Prerequisites");
  return text != nullptr && text->is_string() ? std::string(text->get_string()) : std::string();
}

bool allows(const model::Prerequisite& need, const std::string& version) {
  const Result<Version> parsed = parse_version(version);
  return !parsed || need.range.allows(*parsed);  // a version that is no number cannot be compared
}

}  // namespace

bool is_builtin(std::string_view name) {
  return name == "BackingStore" || name == "LocalStore" || name == "DefaultStore" || name == "BasicStore";
}

std::vector<model::Prerequisite> read_needs(const std::string& text) {
  auto needs = model::parse_prerequisites(text);
  return needs ? std::move(*needs) : std::vector<model::Prerequisite>{};
}

void Planner::plan_server() {
  const auto plan_one = [this](const std::optional<Sourced<std::string>>& wish, Kind kind,
                               std::string_view name, const std::string& running) {
    if (!wish || wish->value == versionset::kIgnore || versionset::same_version(wish->value, running)) return;
    const auto item = inputs_.items.resolve(name, kind_name(kind), wish->value);
    if (!item)
      return problem(fmt::format("{}: {}: {}", wish->from.set, kind_name(kind), first_text(item.error())));
    if (versionset::same_version((*item)->actual_version, running)) return;
    Action action;
    action.kind = kind;
    action.name = name;
    action.version = wish->value;
    action.actual_version = (*item)->actual_version;
    action.verb = "AddOrUpdate";
    action.from = wish->from;
    action.current = running;
    action.restarts = kind == Kind::kDrp;
    Result<catalog::Artifact> artifact = catalog::artifact_of(**item, observed_.arch, observed_.os);
    if (!artifact) return problem(fmt::format("{}: {}", wish->from.set, first_text(artifact.error())));
    action.bytes = bytes_of(*artifact);
    action.artifact = std::move(*artifact);
    add(std::move(action));
  };
  plan_one(wanted_.drp_version, Kind::kDrp, versionset::kServer, observed_.drp_version);
  plan_one(wanted_.drpux_version, Kind::kDrpUx, versionset::kUx, observed_.drpux_version);
}

/// The item that is wished for; `kind` becomes what it is. nullptr: a problem, which is told.
const catalog::Item* Planner::resolve(const Sourced<Component>& wish, Kind& kind) {
  const std::string_view type = wish.value.kind ? kind_name(*wish.value.kind) : std::string_view();
  const auto item = inputs_.items.resolve(wish.value.name, type, wish.value.version);
  if (!item) {
    problem(fmt::format("{}: {}", wish.from.set, first_text(item.error())));
    return nullptr;
  }
  const Result<Kind> found = versionset::parse_component_kind((*item)->content_type);
  if (!found) {
    problem(fmt::format("{}: {} is a {} in the catalog, which is no component", wish.from.set,
                        wish.value.name, (*item)->content_type));
    return nullptr;
  }
  kind = *found;
  return *item;
}

void Planner::plan_component(const Sourced<Component>& wish) {
  const Component& component = wish.value;
  if (component.ignored()) {
    ignored_.insert(component.name);
    return;
  }
  if (is_builtin(component.name))
    return problem(
        fmt::format("{}: {} is part of every server and cannot be installed", wish.from.set, component.name));
  const Observed::Installed* there = installed(component.name);
  if (component.kind) declared_.emplace(component.name, *component.kind);
  if (there != nullptr && !component.kind) declared_.emplace(component.name, there->kind);
  if (there != nullptr && component.kind && *component.kind != there->kind) {
    return problem(fmt::format("{}: {} is wanted as {}, but is a {} on {}", wish.from.set, component.name,
                               kind_name(*component.kind), kind_name(there->kind), observed_.id));
  }
  // What is there needs no catalog.
  if (there != nullptr && versionset::same_version(component.version, there->version)) return;
  Kind kind = Kind::kContentPackage;
  const catalog::Item* item = resolve(wish, kind);
  if (item == nullptr) return;
  declared_.emplace(component.name, kind);
  if (there != nullptr && kind != there->kind) {
    return problem(fmt::format("{}: {} is a {} in the catalog, but a {} on {}", wish.from.set, component.name,
                               kind_name(kind), kind_name(there->kind), observed_.id));
  }
  if (there != nullptr && versionset::same_version(item->actual_version, there->version)) return;
  install(*item, kind, wish);
}

bool Planner::install(const catalog::Item& item, Kind kind, const Sourced<Component>& wish) {
  const Observed::Installed* there = installed(wish.value.name);
  Result<catalog::Artifact> artifact = catalog::artifact_of(item, observed_.arch, observed_.os);
  auto needs = model::parse_prerequisites(prerequisites_of(item));
  if (!artifact || !needs) {
    problem(fmt::format("{}: {} {}: {}", wish.from.set, item.name, item.actual_version,
                        first_text(artifact ? needs.error() : artifact.error())));
    return false;
  }
  Action action;
  action.kind = kind;
  action.name = wish.value.name;
  action.version = wish.value.version;
  action.actual_version = item.actual_version;
  action.replace_writable = wish.value.replace_writable;
  action.verb = "AddOrUpdate";
  action.from = wish.from;
  action.current = there == nullptr ? "" : there->version;
  action.bytes = bytes_of(*artifact);
  action.artifact = std::move(*artifact);
  installations_.push_back({std::move(action), std::move(*needs)});
  return true;
}

bool Planner::lacks_needs(const Installation& installation) {
  for (const model::Prerequisite& need : installation.needs) {
    if (is_builtin(need.name)) continue;
    const auto planned = std::ranges::find_if(
        installations_, [&](const Installation& other) { return other.action.name == need.name; });
    const Observed::Installed* there = installed(need.name);
    std::string version = there == nullptr ? "" : there->version;
    if (planned != installations_.end()) version = planned->action.actual_version;
    const bool present = planned != installations_.end() || there != nullptr;
    if (present && allows(need, version)) continue;
    const Action& action = installation.action;
    const std::string wanted = need.wanted.empty() ? need.name : fmt::format("{} {}", need.name, need.wanted);
    problem(fmt::format("{}: {} {} needs {}, {}", action.from.set, action.name, action.actual_version, wanted,
                        present ? fmt::format("but {} would not do", version)
                                : std::string("which is neither installed nor wanted")));
    return true;
  }
  return false;
}

/// Without one that lacks something, others may lack it.
void Planner::drop_what_lacks_needs() {
  bool again = true;
  while (again) {
    again = false;
    for (size_t i = 0; i < installations_.size(); ++i) {
      if (!lacks_needs(installations_[i])) continue;
      installations_.erase(installations_.begin() + static_cast<std::ptrdiff_t>(i));
      again = true;
      break;
    }
  }
  for (const Installation& installation : installations_)
    new_needs_[installation.action.name] = installation.needs;
}

/// Packs before providers, each after what it needs; otherwise as the sets name them.
void Planner::order_installations() {
  std::ranges::stable_sort(installations_, {}, [](const Installation& entry) { return entry.action.kind; });
  std::set<std::string> waiting;
  for (const Installation& installation : installations_) waiting.insert(installation.action.name);
  std::vector<bool> done(installations_.size());
  const auto ready = [&](const Installation& installation) {
    return std::ranges::none_of(installation.needs,
                                [&](const model::Prerequisite& need) { return waiting.contains(need.name); });
  };
  const auto place = [&](size_t i) {
    Installation& installation = installations_[i];
    done[i] = true;
    waiting.erase(installation.action.name);
    for (const model::Prerequisite& need : installation.needs) {
      const auto before = component_index_.find(need.name);
      if (before != component_index_.end()) installation.action.after.push_back(before->second);
    }
    const std::string name = installation.action.name;
    component_index_[name] = add(std::move(installation.action));
  };
  for (size_t i = 0; i < installations_.size();) {
    if (done[i] || !ready(installations_[i])) {
      ++i;
      continue;
    }
    place(i);
    i = 0;
  }
  if (waiting.empty()) return;
  problem(fmt::format("{} need each other in a circle", fmt::join(waiting, ", ")));
}

}  // namespace mullion::plan
