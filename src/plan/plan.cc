#include "plan/plan.h"

#include <fmt/format.h>

#include "base/digest.h"
#include "model/members.h"
#include "plan/internal/planner.h"

namespace mullion::plan {
namespace {

constexpr size_t kLongestShown = 200;

json::array to_array(const std::vector<std::string>& texts) {
  json::array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

}  // namespace

std::string Action::key() const {
  std::string what = value.is_null() ? actual_version : json::serialize(value);
  if (kind == Kind::kFile && artifact) what += artifact->sha256;
  return fmt::format("{}|{}|{}|{}", kind_name(kind), name, verb, hash128(what).hex());
}

json::object Action::element_action() const {
  json::object out;
  out["Type"] = kind_name(kind);
  out["Version"] = version;
  out["Name"] = name;
  out["ActualVersion"] = actual_version;
  if (replace_writable) out["ReplaceWritable"] = true;
  out["Action"] = verb;
  out["Value"] = secret ? json::value(kHidden) : value;
  return out;
}

json::object Action::explained() const {
  json::object out = element_action();
  out["Set"] = from.set;
  out["Shadows"] = to_array(from.shadows);
  out["Current"] = current;
  out["Bytes"] = bytes;
  out["Restarts"] = restarts;
  out["After"] = json::array(after.begin(), after.end());
  if (artifact) {
    out["Source"] = artifact->source;
    out["Sha256Sum"] = artifact->sha256;
  }
  return out;
}

std::string shown_value(const json::value& value) {
  std::string text = value.is_string() ? std::string(value.get_string()) : json::serialize(value);
  if (text.size() <= kLongestShown) return text;
  size_t end = kLongestShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not inside a character
  return text.substr(0, end) + "...";
}

Planner::Planner(const Observed& observed, const Wanted& wanted, const PlanInputs& inputs)
    : observed_(observed), wanted_(wanted), inputs_(inputs) {
  for (const Observed::Installed& installed : observed.components)
    installed_.emplace(installed.name, &installed);
  for (const json::object& plugin : observed.plugins)
    plugins_.emplace(model::text_member(plugin, "Name"), &plugin);
}

const Observed::Installed* Planner::installed(const std::string& name) const {
  const auto found = installed_.find(name);
  return found == installed_.end() ? nullptr : found->second;
}

const json::object* Planner::plugin_there(const std::string& name) const {
  const auto found = plugins_.find(name);
  return found == plugins_.end() ? nullptr : found->second;
}

size_t Planner::add(Action action) {
  // After a new server has started the rest of the plan may not be what is to be done.
  const bool restarted = !plan_.actions.empty() && plan_.actions.front().restarts;
  if (restarted) action.after.insert(action.after.begin(), 0);
  plan_.actions.push_back(std::move(action));
  return plan_.actions.size() - 1;
}

uint64_t Planner::bytes_of(const catalog::Artifact& artifact) const {
  if (artifact.path.empty() || !inputs_.own_file) return 0;
  const std::optional<PlanInputs::OwnFile> file = inputs_.own_file("files/" + artifact.path);
  return file ? file->bytes : 0;
}

Plan Planner::make() {
  if (!observed_.known) {
    problem(fmt::format("{} has not told of itself yet: nothing is planned before it has", observed_.id));
    return std::move(plan_);
  }
  plan_server();
  for (const Sourced<Component>& wish : wanted_.components) plan_component(wish);
  drop_what_lacks_needs();
  order_installations();
  plan_plugins();
  plan_files();
  plan_settings();
  plan_deletions();
  return std::move(plan_);
}

Plan make_plan(const Observed& observed, const Wanted& wanted, const PlanInputs& inputs) {
  return Planner(observed, wanted, inputs).make();
}

}  // namespace mullion::plan
