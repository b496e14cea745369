#include "api/internal/info.h"

#include "api/internal/answers.h"
#include "api/internal/consensus.h"
#include "api/internal/finder.h"
#include "api/internal/handlers.h"
#include "api/internal/objects.h"
#include "api/internal/rights.h"
#include "api/internal/ux.h"
#include "base/json.h"
#include "base/text.h"
#include "base/version.h"
#include "model/index_value.h"
#include "packs/features.h"

namespace mullion::api {
namespace {

json::object actions_of(const model::ClaimScope& scope) {
  json::object actions;
  for (const std::string_view action : scope.actions) actions[action] = json::object();
  return actions;
}

/// Scope and its actions; the entry without a name is what collections of plugins have.
json::object scope_table(const Services& services) {
  json::object scopes;
  for (const model::ClaimScope& scope : model::claim_scopes()) {
    if (!scope.scope.empty()) {
      scopes[scope.scope] = actions_of(scope);
      continue;
    }
    for (const model::ObjectType* type : services.store.types().declared())
      scopes[type->prefix] = actions_of(scope);
  }
  return scopes;
}

std::vector<std::string> errors_of(const Services& services) {
  std::vector<std::string> errors = services.facts.start_errors;
  if (const std::string failure = services.upgrades.failure(); !failure.empty()) errors.push_back(failure);
  return errors;
}

}  // namespace

json::array statistics(const Services& services, const auth::Principal& principal, const std::string& owner) {
  const std::shared_ptr<const store::Snapshot> snapshot = services.store.snapshot();
  json::array out;
  for (const std::string_view prefix : {"machines", "subnets", "contexts"}) {
    const Result<uint64_t> count = count_all(services, principal, *snapshot, prefix, owner);
    json::object entry;
    entry["name"] = fmt::format("{}.count", prefix);
    entry["count"] = count ? *count : 0;
    out.push_back(std::move(entry));
  }
  return out;
}

json::object identity(const Facts& facts, const cluster::ClusterView& cluster, bool manager,
                      const std::vector<std::string>& errors) {
  json::object info;
  info["arch"] = program_arch();
  info["os"] = program_os();
  info["version"] = facts.version;
  info["id"] = facts.local_id;
  info["local_id"] = facts.local_id;
  info["ha_id"] = facts.id;
  info["api_port"] = facts.api_port;
  info["file_port"] = facts.static_port;
  info["secure_file_port"] = facts.static_secure_port;
  info["dhcp_port"] = 0;
  info["binl_port"] = 0;
  info["tftp_port"] = 0;
  info["tftp_enabled"] = false;
  info["dhcp_enabled"] = false;
  info["binl_enabled"] = false;
  info["prov_enabled"] = facts.static_port != 0;
  info["secure_prov_enabled"] = facts.static_secure_port != 0;
  info["address"] = facts.address;
  info["server_hostname"] = facts.hostname;
  info["manager"] = manager;
  info["features"] = to_array(feature_list());
  info["errors"] = to_array(errors);
  add_cluster(cluster, facts, info);
  info["dns_enabled"] = false;
  info["dns_port"] = 0;
  return info;
}

json::object identity(const Services& services) {
  const cluster::ClusterView cluster = services.cluster.view();
  std::vector<std::string> errors = errors_of(services);
  for (std::string& error : cluster_errors(cluster)) errors.push_back(std::move(error));
  json::object info = identity(services.facts, cluster, services.manager_on.load(), errors);
  info["certificate_fingerprint"] = services.certificates.fingerprint(Certificates::Port::kApi);
  return info;
}

json::value licence_of(const Services& services) {
  const auth::Licence licence =
      auth::current_licence(services.store, services.facts.trusted_keys, services.clock);
  Result<json::value> bundle = parse_json(licence.bundle_json);
  return bundle ? std::move(*bundle) : json::value(json::object());
}

json::object info_object(const Services& services, const auth::Principal& principal) {
  json::object info = identity(services);
  info["stats"] = statistics(services, principal);
  info["scopes"] = scope_table(services);
  info["License"] = licence_of(services);
  info["ClusterState"] = cluster_state(services.cluster.view());
  return info;
}

std::vector<std::string> feature_list() { return packs::kFeatures; }

namespace handlers {

env::Task<Result<net::Response>> show_info(Call& call) {
  co_return json_response(200, json::value(info_object(call.services, call.principal)));
}

}  // namespace handlers
}  // namespace mullion::api
