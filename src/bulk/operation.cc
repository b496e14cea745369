#include "bulk/operation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/percent.h"
#include "model/budget.h"
#include "model/members.h"
#include "model/object.h"
#include "model/pointer.h"
#include "net/http.h"

namespace mullion::bulk {
namespace {

constexpr size_t kMostNames = 100;  // members, parameters, profiles or steps of a patch
/// An object is judged quickly or not at all: what takes longer is for its owner to say.
constexpr uint64_t kJudgeSteps = 20'000;

using Faults = std::vector<std::string>;

/// One kind of operation: its name, what it needs, and what it makes of an object.
struct KindEntry {
  OperationKind kind;
  std::string_view name;
  void (*check)(const Operation&, const model::ObjectType&, Faults&);
  std::optional<json::array> (*patch)(const Operation&, const json::object&);  // null: it is no patch
};

json::object step(std::string_view op, std::string path) {
  return json::object{{"op", op}, {"path", std::move(path)}};
}

json::object step(std::string_view op, std::string path, json::value value) {
  json::object out = step(op, std::move(path));
  out["value"] = std::move(value);
  return out;
}

void check_some(size_t count, std::string_view member, Faults& faults) {
  if (count == 0) faults.push_back(fmt::format("What.{}: says nothing", member));
  if (count > kMostNames)
    faults.push_back(fmt::format("What.{}: at most {} are taken, {} are given", member, kMostNames, count));
}

void check_changes(const model::ObjectType& type, Faults& faults) {
  if (!type.traits.client_update)
    faults.push_back(fmt::format("Selection.Type: {} cannot be changed", type.prefix));
}

void check_params(const model::ObjectType& type, Faults& faults) {
  check_changes(type, faults);
  if (!type.traits.has_params)
    faults.push_back(fmt::format("Selection.Type: {} have no parameters", type.prefix));
}

void check_profiles(const model::ObjectType& type, Faults& faults) {
  check_changes(type, faults);
  if (!type.traits.has_profiles)
    faults.push_back(fmt::format("Selection.Type: {} have no profiles", type.prefix));
}

void check_patch(const Operation& operation, const model::ObjectType& type, Faults& faults) {
  check_changes(type, faults);
  check_some(operation.patch.size(), "Patch", faults);
  for (size_t i = 0; i < operation.patch.size(); ++i) {
    const json::object* line = operation.patch[i].if_object();
    const json::value* op = line == nullptr ? nullptr : line->if_contains("op");
    const json::value* path = line == nullptr ? nullptr : line->if_contains("path");
    if (op == nullptr || !op->is_string() || path == nullptr || !path->is_string())
      faults.push_back(fmt::format("What.Patch: line {} has no op and path", i));
  }
}

void check_set(const Operation& operation, const model::ObjectType& type, Faults& faults) {
  check_changes(type, faults);
  check_some(operation.fields.size(), "Fields", faults);
  for (const auto& [name, value] : operation.fields) {
    const model::Field* field = type.find_field(name);
    if (field == nullptr && !type.traits.free_form) {
      faults.push_back(fmt::format("What.Fields: {} have no field {:.200}", type.prefix, std::string(name)));
    } else if (field != nullptr && field->read_only) {
      faults.push_back(fmt::format("What.Fields: {} is read-only", std::string(name)));
    }
  }
}

void check_set_params(const Operation& operation, const model::ObjectType& type, Faults& faults) {
  check_params(type, faults);
  check_some(operation.params.size(), "Params", faults);
}

void check_remove_params(const Operation& operation, const model::ObjectType& type, Faults& faults) {
  check_params(type, faults);
  check_some(operation.names.size(), "Names", faults);
}

void check_profile_names(const Operation& operation, const model::ObjectType& type, Faults& faults) {
  check_profiles(type, faults);
  check_some(operation.names.size(), "Names", faults);
}

void check_action(const Operation& operation, const model::ObjectType& type, Faults& faults) {
  if (type.traits.actions_path != "actions")
    faults.push_back(fmt::format("Selection.Type: {} offer no actions", type.prefix));
  if (operation.action.empty()) faults.emplace_back("What.Action: the command is missing");
  // One would start the others, which nobody has looked at.
  if (type.prefix == "bulks") faults.emplace_back("Selection.Type: a bulk does not steer bulks");
}

void check_delete(const Operation&, const model::ObjectType& type, Faults& faults) {
  if (!type.traits.client_delete)
    faults.push_back(fmt::format("Selection.Type: {} cannot be deleted", type.prefix));
}

std::optional<json::array> given_patch(const Operation& operation, const json::object&) {
  return operation.patch;
}

std::optional<json::array> set_patch(const Operation& operation, const json::object&) {
  json::array out;
  for (const auto& [name, value] : operation.fields)
    out.emplace_back(step("add", "/" + model::pointer_part(name), value));
  return out;
}

std::optional<json::array> set_params_patch(const Operation& operation, const json::object& object) {
  json::array out;
  const json::value* params = object.if_contains("Params");
  if (params == nullptr || !params->is_object()) out.emplace_back(step("add", "/Params", json::object()));
  for (const auto& [name, value] : operation.params)
    out.emplace_back(step("add", "/Params/" + model::pointer_part(name), value));
  return out;
}

std::optional<json::array> remove_params_patch(const Operation& operation, const json::object& object) {
  json::array out;
  const json::object& params = model::object_member(object, "Params");
  for (const std::string& name : operation.names) {
    if (params.contains(name)) out.emplace_back(step("remove", "/Params/" + model::pointer_part(name)));
  }
  return out;
}

/// The list as it was seen is tested, so that nobody's change in between is overwritten.
json::array changed_profiles(const json::object& object, const std::vector<std::string>& wanted) {
  const std::vector<std::string> seen = model::texts_member(object, "Profiles");
  if (seen == wanted) return {};
  json::array out;
  out.emplace_back(step("test", "/Profiles", json::array(seen.begin(), seen.end())));
  out.emplace_back(step("replace", "/Profiles", json::array(wanted.begin(), wanted.end())));
  return out;
}

std::optional<json::array> add_profiles_patch(const Operation& operation, const json::object& object) {
  std::vector<std::string> wanted = model::texts_member(object, "Profiles");
  for (const std::string& name : operation.names) {
    if (std::ranges::find(wanted, name) == wanted.end()) wanted.push_back(name);
  }
  return changed_profiles(object, wanted);
}

std::optional<json::array> remove_profiles_patch(const Operation& operation, const json::object& object) {
  std::vector<std::string> wanted = model::texts_member(object, "Profiles");
  std::erase_if(wanted, [&operation](const std::string& name) {
    return std::ranges::find(operation.names, name) != operation.names.end();
  });
  return changed_profiles(object, wanted);
}

constexpr std::array kKinds{
    KindEntry{OperationKind::kPatch, "patch", check_patch, given_patch},
    KindEntry{OperationKind::kSet, "set", check_set, set_patch},
    KindEntry{OperationKind::kSetParams, "set-params", check_set_params, set_params_patch},
    KindEntry{OperationKind::kRemoveParams, "remove-params", check_remove_params, remove_params_patch},
    KindEntry{OperationKind::kAddProfiles, "add-profiles", check_profile_names, add_profiles_patch},
    KindEntry{OperationKind::kRemoveProfiles, "remove-profiles", check_profile_names, remove_profiles_patch},
    KindEntry{OperationKind::kAction, "action", check_action, nullptr},
    KindEntry{OperationKind::kDelete, "delete", check_delete, nullptr},
};

const KindEntry& kind_entry(OperationKind kind) { return kKinds[static_cast<size_t>(kind)]; }

/// The object after the patch; absent when only its owner can say what comes of it.
std::optional<json::object> patched(const json::object& object, const json::array& patch) {
  model::Budget budget(kJudgeSteps);
  Result<json::value> after = model::apply_patch(object, patch, budget);
  if (!after || !after->is_object()) return std::nullopt;
  return std::move(after->get_object());
}

ItemPlan skipped(Outcome outcome, std::string message = "") {
  ItemPlan plan;
  plan.skip = outcome;
  plan.message = std::move(message);
  return plan;
}

ItemPlan plan_change(const Operation& operation, const json::object& object) {
  const std::optional<json::array> patch = kind_entry(operation.kind).patch(operation, object);
  if (!patch || patch->empty()) return skipped(Outcome::kAlreadySo);
  const std::optional<json::object> after = patched(object, *patch);
  ItemPlan plan;
  plan.right = "update";
  if (after) {
    if (*after == object) return skipped(Outcome::kAlreadySo);
    if (model::flag_member(object, "Locked") && model::flag_member(*after, "Locked"))
      return skipped(Outcome::kLocked);
    for (const std::string& field : model::changed_pointers(object, *after))
      plan.instead.push_back("update:" + field);
  }
  plan.request = {"PATCH", operation.force ? "?force=true" : "", json::serialize(*patch)};
  return plan;
}

ItemPlan plan_action(const Operation& operation) {
  ItemPlan plan;
  plan.right = "action:" + operation.action;
  std::string suffix = "/actions/" + percent_encode(operation.action);
  if (!operation.plugin.empty()) suffix += "?plugin=" + percent_encode(operation.plugin);
  plan.request = {"POST", std::move(suffix), json::serialize(operation.arguments)};
  return plan;
}

}  // namespace

Operation Operation::parse(const json::object& what) {
  Operation out;
  const std::string kind = model::text_member(what, "Kind");
  for (const KindEntry& entry : kKinds) {
    if (entry.name == kind) out.kind = entry.kind;
  }
  if (kind_entry(out.kind).name != kind && !kind.empty()) out.unknown_kind = kind;
  out.patch = model::list_member(what, "Patch");
  out.fields = model::object_member(what, "Fields");
  out.params = model::object_member(what, "Params");
  out.arguments = model::object_member(what, "Arguments");
  out.names = model::texts_member(what, "Names");
  out.action = model::text_member(what, "Action");
  out.plugin = model::text_member(what, "Plugin");
  out.force = model::flag_member(what, "Force");
  return out;
}

std::vector<std::string> Operation::faults(const model::ObjectType& type) const {
  Faults out;
  if (!unknown_kind.empty()) return {fmt::format("What.Kind: {:.100} is none of them", unknown_kind)};
  kind_entry(kind).check(*this, type, out);
  return out;
}

ItemPlan plan_item(const Operation& operation, const json::object* object) {
  const bool deletes = operation.kind == OperationKind::kDelete;
  if (object == nullptr) return skipped(deletes ? Outcome::kAlreadySo : Outcome::kRefused, "it is gone");
  if (operation.kind == OperationKind::kAction) return plan_action(operation);
  if (!deletes) return plan_change(operation, *object);
  if (model::flag_member(*object, "Locked")) return skipped(Outcome::kLocked);
  ItemPlan plan;
  plan.right = "delete";
  plan.request = {"DELETE", "", ""};
  return plan;
}

bool shows_effect(const Operation& operation, const json::object* object) {
  if (operation.kind == OperationKind::kAction) return false;  // it leaves no mark that could be told
  return plan_item(operation, object).skip == Outcome::kAlreadySo;
}

}  // namespace mullion::bulk
