#include "api/internal/hooks.h"

#include "api/internal/bulk_requests.h"
#include "api/internal/job_purge.h"
#include "api/internal/objects.h"
#include "api/internal/plugin_providers.h"
#include "api/internal/rollout_actions.h"
#include "api/internal/secure_upgrade.h"
#include "api/internal/version_sets.h"
#include "manager/endpoint_object.h"
#include "model/index_value.h"
#include "model/members.h"
#include "objects/rights.h"
#include "packs/url_params.h"

namespace mullion::api {
namespace {

namespace json = boost::json;
using objects::Draft;
using Reasons = objects::TypeHooks::Reasons;

/// At most so many reasons are named in a refusal.
constexpr size_t kMostReasons = 64;

void default_from_preference(const Services& services, json::object& object, std::string_view field,
                             std::string_view preference) {
  if (model::text_member(object, field).empty()) object[field] = services.preferences.get(preference);
}

void machine_defaults(const Services& services, Draft& draft) {
  json::object& object = draft.object;
  default_from_preference(services, object, "Workflow", "defaultWorkflow");
  default_from_preference(services, object, "Stage", "defaultStage");
  default_from_preference(services, object, "BootEnv", "defaultBootEnv");
  // Nothing has run yet: the first task is still to come.
  const json::value* tasks = object.if_contains("Tasks");
  const bool has_tasks = tasks != nullptr && tasks->is_array() && !tasks->get_array().empty();
  if (has_tasks && object["CurrentTask"] == 0) object["CurrentTask"] = -1;
}

/// A machine is always in a stage: `none` is the one in which nothing is done.
void keep_in_a_stage(Draft& draft) {
  if (model::text_member(draft.object, "Stage").empty()) draft.object["Stage"] = "none";
}

/// One reservation for a device, counted within its scope.
std::vector<std::string> reservation_exclusive(const Draft& draft) {
  const json::object& reservation = draft.object;
  const model::ObjectType& type = draft.type;
  const Result<std::string> device = model::encode_index_argument(*type.find_index("Token"), type.prefix,
                                                                  model::text_member(reservation, "Token"));
  return {fmt::format("reservations\n{}\n{}", model::text_member(reservation, "Strategy"),
                      device ? *device : std::string())};
}

Reasons subnet_in_use(const Draft& draft, const store::Snapshot& snapshot) {
  Reasons reasons;
  const std::string name = model::text_member(*draft.before, "Name");
  snapshot.scan_owner("reservations", store::kOwn, "", [&](std::string_view, std::string_view body) {
    const Result<json::object> reservation = parse_stored(body);
    if (!reservation || model::text_member(*reservation, "Subnet") != name) return true;
    const json::value* scoped = reservation->if_contains("Scoped");
    if (scoped == nullptr || *scoped != json::value(true)) return true;
    reasons.push_back(fmt::format("Reservation {} is scoped for Subnet {}, cannot delete.",
                                  model::text_member(*reservation, "Addr"), name));
    return reasons.size() < kMostReasons;
  });
  return reasons;
}

/// Every machine looks into this profile last.
Reasons profile_in_use(const Draft& draft, const store::Snapshot&) {
  if (model::text_member(*draft.before, "Name") != "global") return {};
  return {"Profile global is the global profile, you cannot delete it"};
}

/// Not Available until its process is in service.
void new_plugin(Draft& draft) { draft.object["PluginErrors"] = json::array{plugins::kPluginStarting}; }

/// TypeHooks::in_use of objects that preferences name: "KIND NAME is the active PREF, cannot remove it".
auto named_by_preferences(const Services& services, std::string_view kind,
                          std::vector<std::string_view> preferences) {
  return [&services, kind, preferences = std::move(preferences)](const Draft& draft, const store::Snapshot&) {
    Reasons reasons;
    const std::string name = model::text_member(*draft.before, "Name");
    for (const std::string_view preference : preferences) {
      if (services.preferences.get(preference) == name)
        reasons.push_back(fmt::format("{} {} is the active {}, cannot remove it", kind, name, preference));
    }
    return reasons;
  };
}

std::vector<std::string> users_of(const json::object& tenant) {
  std::vector<std::string> users;
  const json::value* list = tenant.if_contains("Users");
  if (list == nullptr || !list->is_array()) return users;
  for (const json::value& user : list->get_array()) {
    if (user.is_string()) users.emplace_back(user.get_string());
  }
  return users;
}

Reasons tenant_in_use(const Draft& draft, const store::Snapshot&) {
  const std::vector<std::string> users = users_of(*draft.before);
  if (users.empty()) return {};
  return {fmt::format("Constraining Users: [{}]", fmt::join(users, " "))};
}

Reasons tenant_conflicts(const Draft& draft, const store::Snapshot& snapshot) {
  const auto shows = [&](std::string_view other) {
    return draft.caller.rights.may(draft.type, "get", {std::string(other), std::string(store::kOwn)}, "{}");
  };
  return auth::users_elsewhere(snapshot, draft.key, users_of(draft.object), shows);
}

std::vector<std::string> tenant_exclusive(const Draft& draft) {
  std::vector<std::string> names;
  for (const std::string& user : users_of(draft.object)) names.push_back("tenant of user " + user);
  return names;
}

Reasons job_not_removable(const Draft& draft) {
  const json::object& job = *draft.before;
  const std::string state = model::text_member(job, "State");
  if (is_deletable_job(state)) return {};
  return {fmt::format("Jobs {} is not in a deletable state: {}", model::text_member(job, "Uuid"), state)};
}

Reasons logins_in_sources(const Draft& draft, const store::Snapshot&) {
  return packs::logins_in_sources(draft.object);
}

/// A password that is there is sent to whom the Endpoint object says, so who says another one learns it.
Result<void> authorise_new_server(const Draft& draft) {
  if (!manager::moves_login(*draft.before, draft.object)) return {};
  return draft.caller.rights.authorise(
      {"endpoints", "getSecure", objects::own_subject(draft.type, draft.key, *draft.before)});
}

/// What was stored in clear is sealed before whoever asked for it is answered.
env::Task<Result<std::optional<std::string>>> seal_after_write(Services& services, std::string body) {
  using Outcome = Result<std::optional<std::string>>;
  if (model::raw_member(body, "Secure") != "true") co_return Outcome(std::nullopt);
  Result<void> sealed = co_await seal_clear_values(services);
  if (!sealed) co_return Outcome(sealed.error());
  co_return Outcome(std::nullopt);
}

}  // namespace

std::vector<objects::TypeHooks> type_hooks(Services& services) {
  std::vector<objects::TypeHooks> all;
  const auto add = [&all](objects::TypeHooks hooks) { all.push_back(std::move(hooks)); };
  add({.prefix = "catalog_items", .conflicts = logins_in_sources});
  add({.prefix = "endpoints", .authorise_change = authorise_new_server});
  add({.prefix = "jobs", .not_removable = job_not_removable});
  add({.prefix = "machines",
       .on_create = [&services](Draft& draft) { machine_defaults(services, draft); },
       .on_write = keep_in_a_stage});
  add({.prefix = "params",
       .after_write = [&services](const Draft&,
                                  std::string body) { return seal_after_write(services, std::move(body)); },
       // A Param of a layer that shows again may be secure.
       .after_remove = [&services](const Draft&) { return seal_clear_values(services); }});
  add({.prefix = "plugins",
       .on_create = new_plugin,
       .after_write = [&services](const Draft& draft, std::string body) {
         return plugin_started(services, draft.key, std::move(body));
       }});
  add({.prefix = "users",
       .on_secrets_changed = [&services](const Draft& draft) { services.authenticator.forget(draft.key); }});
  add({.prefix = "rollouts",
       .conflicts = rollout_conflicts,
       .not_removable = rollout_not_removable,
       .after_write = [&services](const Draft& draft, std::string body) {
         return begin_written_rollout(services, draft, std::move(body));
       }});
  add({.prefix = "bulks",
       .conflicts =
           [&services](const Draft& draft, const store::Snapshot& snapshot) {
             return bulk_conflicts(services, draft, snapshot);
           },
       .not_removable = [](const Draft& draft) { return bulk::not_removable(*draft.before); }});
  add({.prefix = "bootenvs",
       .conflicts = logins_in_sources,
       .in_use = named_by_preferences(services, "BootEnv", {"defaultBootEnv", "unknownBootEnv"})});
  add({.prefix = "profiles", .in_use = profile_in_use});
  add({.prefix = "reservations", .exclusive = reservation_exclusive});
  add({.prefix = "subnets", .in_use = subnet_in_use});
  add({.prefix = "stages", .in_use = named_by_preferences(services, "Stage", {"defaultStage"})});
  add({.prefix = "version_sets", .conflicts = version_set_faults});
  add({.prefix = "workflows", .in_use = named_by_preferences(services, "Workflow", {"defaultWorkflow"})});
  add({.prefix = "tenants",
       .exclusive = tenant_exclusive,
       .conflicts = tenant_conflicts,
       .in_use = tenant_in_use});
  return all;
}

}  // namespace mullion::api
