#include "api/internal/hooks.h"

#include <array>

#include "api/internal/bulk_requests.h"
#include "api/internal/job_purge.h"
#include "api/internal/objects.h"
#include "api/internal/plugin_providers.h"
#include "api/internal/rights.h"
#include "api/internal/rollout_actions.h"
#include "api/internal/secure_upgrade.h"
#include "api/internal/version_sets.h"
#include "content/url_params.h"
#include "manager/endpoint_object.h"
#include "model/index_value.h"
#include "model/members.h"

namespace mullion::api {
namespace {

namespace json = boost::json;

/// At most so many reasons are named in a refusal.
constexpr size_t kMostReasons = 64;

void default_from_preference(const Services& services, json::object& object, std::string_view field,
                             std::string_view preference) {
  if (model::text_member(object, field).empty()) object[field] = services.preferences.get(preference);
}

void machine_defaults(const Services& services, json::object& object) {
  default_from_preference(services, object, "Workflow", "defaultWorkflow");
  default_from_preference(services, object, "Stage", "defaultStage");
  default_from_preference(services, object, "BootEnv", "defaultBootEnv");
  // Nothing has run yet: the first task is still to come.
  const json::value* tasks = object.if_contains("Tasks");
  const bool has_tasks = tasks != nullptr && tasks->is_array() && !tasks->get_array().empty();
  if (has_tasks && object["CurrentTask"] == 0) object["CurrentTask"] = -1;
}

/// A machine is always in a stage: `none` is the one in which nothing is done.
void keep_in_a_stage(json::object& machine) {
  if (model::text_member(machine, "Stage").empty()) machine["Stage"] = "none";
}

/// One reservation for a device, counted within its scope.
std::vector<std::string> reservation_exclusive(const json::object& reservation) {
  const model::ObjectType& type = *model::find_object_type("reservations");
  const Result<std::string> device = model::encode_index_argument(*type.find_index("Token"), type.prefix,
                                                                  model::text_member(reservation, "Token"));
  return {fmt::format("reservations\n{}\n{}", model::text_member(reservation, "Strategy"),
                      device ? *device : std::string())};
}

std::vector<std::string> subnet_in_use(const Services&, const store::Snapshot& snapshot,
                                       const json::object& subnet) {
  std::vector<std::string> reasons;
  const std::string name = model::text_member(subnet, "Name");
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
std::vector<std::string> profile_in_use(const Services&, const store::Snapshot&,
                                        const json::object& profile) {
  if (model::text_member(profile, "Name") != "global") return {};
  return {"Profile global is the global profile, you cannot delete it"};
}

/// Not Available until its process is in service.
void new_plugin(const Services&, json::object& object) {
  object["PluginErrors"] = json::array{content::kPluginStarting};
}

void forget_user(Services& services, const std::string& key) { services.authenticator.forget(key); }

/// "KIND NAME is the active PREF, cannot remove it" for each preference that names the object.
std::vector<std::string> named_by_preferences(const Services& services, const json::object& object,
                                              std::string_view kind,
                                              std::initializer_list<std::string_view> names) {
  std::vector<std::string> reasons;
  const std::string name = model::text_member(object, "Name");
  for (const std::string_view preference : names) {
    if (services.preferences.get(preference) == name) {
      reasons.push_back(fmt::format("{} {} is the active {}, cannot remove it", kind, name, preference));
    }
  }
  return reasons;
}

std::vector<std::string> boot_env_in_use(const Services& services, const store::Snapshot&,
                                         const json::object& object) {
  return named_by_preferences(services, object, "BootEnv", {"defaultBootEnv", "unknownBootEnv"});
}

std::vector<std::string> stage_in_use(const Services& services, const store::Snapshot&,
                                      const json::object& object) {
  return named_by_preferences(services, object, "Stage", {"defaultStage"});
}

std::vector<std::string> workflow_in_use(const Services& services, const store::Snapshot&,
                                         const json::object& object) {
  return named_by_preferences(services, object, "Workflow", {"defaultWorkflow"});
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

std::vector<std::string> tenant_in_use(const Services&, const store::Snapshot&, const json::object& object) {
  const std::vector<std::string> users = users_of(object);
  if (users.empty()) return {};
  return {fmt::format("Constraining Users: [{}]", fmt::join(users, " "))};
}

std::vector<std::string> tenant_conflicts(const Call& call, const store::Snapshot& snapshot,
                                          const std::string& key, const json::object& tenant) {
  const auto shows = [&](std::string_view other) {
    return may(call, *call.type, "get", {std::string(other), std::string(store::kOwn)}, "{}");
  };
  return auth::users_elsewhere(snapshot, key, users_of(tenant), shows);
}

std::vector<std::string> tenant_exclusive(const json::object& tenant) {
  std::vector<std::string> names;
  for (const std::string& user : users_of(tenant)) names.push_back("tenant of user " + user);
  return names;
}

std::vector<std::string> job_not_removable(const json::object& job) {
  const std::string state = model::text_member(job, "State");
  if (is_deletable_job(state)) return {};
  return {fmt::format("Jobs {} is not in a deletable state: {}", model::text_member(job, "Uuid"), state)};
}

std::vector<std::string> logins_in_sources(const Call&, const store::Snapshot&, const std::string&,
                                           const json::object& object) {
  return content::logins_in_sources(object);
}

/// A password that is there is sent to whom the Endpoint object says, so who says another one learns it.
Result<void> authorise_new_server(const Call& call, const json::object& before, const json::object& after) {
  if (!manager::moves_login(before, after)) return {};
  return authorise(call, {"endpoints", "getSecure", own_subject(*call.type, call.target.key, before)});
}

/// What was stored in clear is sealed before whoever asked for it is answered.
env::Task<Result<std::optional<std::string>>> seal_after_write(Call& call, std::string, std::string body) {
  using Outcome = Result<std::optional<std::string>>;
  if (model::raw_member(body, "Secure") != "true") co_return Outcome(std::nullopt);
  Result<void> sealed = co_await seal_clear_values(call.services);
  if (!sealed) co_return Outcome(sealed.error());
  co_return Outcome(std::nullopt);
}

/// A Param of a layer that shows again may be secure.
env::Task<Result<void>> seal_after_removal(Call& call) {
  co_return co_await seal_clear_values(call.services);
}

const std::array kHooks{
    TypeHooks{.prefix = "catalog_items", .conflicts = logins_in_sources},
    TypeHooks{.prefix = "endpoints",
              .authorise_change = authorise_new_server,
              .asks_of_param_writers = "endpoints getSecure"},
    TypeHooks{.prefix = "jobs", .not_removable = job_not_removable},
    TypeHooks{.prefix = "machines",
              .on_create = machine_defaults,
              .on_write = keep_in_a_stage,
              .shown_secret = "Secret",
              .aggregates_params = true},
    TypeHooks{.prefix = "params", .after_write = seal_after_write, .after_remove = seal_after_removal},
    TypeHooks{.prefix = "plugins", .on_create = new_plugin, .after_write = plugin_started},
    TypeHooks{.prefix = "users", .on_secrets_changed = forget_user},
    TypeHooks{.prefix = "rollouts",
              .conflicts = rollout_conflicts,
              .not_removable = rollout_not_removable,
              .after_write = begin_written_rollout,
              .asks_of_writers = "endpoints get;endpoints update;version_sets get"},
    TypeHooks{.prefix = "bulks",
              .conflicts = bulk_conflicts,
              .not_removable = bulk::not_removable,
              .asks_of_writers = "* *"},
    TypeHooks{.prefix = "bootenvs", .in_use = boot_env_in_use, .conflicts = logins_in_sources},
    TypeHooks{.prefix = "profiles", .in_use = profile_in_use},
    TypeHooks{.prefix = "reservations", .exclusive = reservation_exclusive},
    TypeHooks{.prefix = "subnets", .in_use = subnet_in_use},
    TypeHooks{.prefix = "stages", .in_use = stage_in_use},
    TypeHooks{.prefix = "version_sets", .conflicts = version_set_faults},
    TypeHooks{.prefix = "workflows", .in_use = workflow_in_use},
    TypeHooks{.prefix = "tenants",
              .in_use = tenant_in_use,
              .conflicts = tenant_conflicts,
              .exclusive = tenant_exclusive},
};

}  // namespace

const TypeHooks& hooks_of(std::string_view prefix) {
  static const TypeHooks none;
  for (const TypeHooks& hooks : kHooks) {
    if (hooks.prefix == prefix) return hooks;
  }
  return none;
}

}  // namespace mullion::api
