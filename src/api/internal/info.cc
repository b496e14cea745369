#include "api/internal/info.h"

#include "api/internal/answers.h"
#include "api/internal/finder.h"
#include "api/internal/handlers.h"
#include "api/internal/objects.h"
#include "api/internal/rights.h"
#include "api/internal/ux.h"
#include "base/text.h"
#include "base/version.h"
#include "model/index_value.h"

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

json::array statistics(const Services& services, const auth::Principal& principal) {
  const std::shared_ptr<const store::Snapshot> snapshot = services.store.snapshot();
  json::array out;
  for (const std::string_view prefix : {"machines", "subnets", "contexts"}) {
    const Result<uint64_t> count = count_all(services, principal, *snapshot, prefix);
    json::object entry;
    entry["name"] = fmt::format("{}.count", prefix);
    entry["count"] = count ? *count : 0;
    out.push_back(std::move(entry));
  }
  return out;
}

/// A name-based UUID (RFC 4122: variant 1, version 5 by its shape; the hash is ours).
std::string uuid_of(std::string_view name) {
  std::string hex = hash128(name).hex();
  hex[12] = '5';
  hex[16] = 'a';
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20));
}

/// What names this server in a cluster. Clients of v4.8 read it into a UUID, whatever an administrator chose
/// as the server's id.
std::string consensus_id(const Services& services) { return uuid_of(services.facts.local_id); }

json::object global_ha_state(const Services& services) {
  json::object state;
  state["LoadBalanced"] = false;
  state["Enabled"] = false;
  state["ConsensusEnabled"] = false;
  state["ConsensusJoin"] = "";
  state["VirtAddr"] = "";
  state["ServerHostname"] = services.facts.hostname;
  state["ActiveUri"] = "";
  state["Token"] = "";
  state["HaID"] = services.facts.id;
  state["Valid"] = true;
  state["Roots"] = json::array();
  return state;
}

json::object node_ha_state(const Services& services) {
  json::object state;
  state["ConsensusID"] = consensus_id(services);
  state["VirtInterface"] = "";
  state["VirtInterfaceScript"] = "";
  state["ConsensusAddr"] = "";
  state["ApiUrl"] = fmt::format("https://{}:{}", services.facts.address, services.facts.api_port);
  state["Passive"] = false;
  state["Observer"] = false;
  return state;
}

json::object node_info(const Services& services) {
  json::object node = node_ha_state(services);
  node["Offline"] = false;
  node["LastArtifactCommitHandled"] = 0;
  return node;
}

std::vector<std::string> errors_of(const Services& services) {
  std::vector<std::string> errors = services.facts.start_errors;
  if (const std::string failure = services.upgrades.failure(); !failure.empty()) errors.push_back(failure);
  return errors;
}

json::object consensus_state(const Services& services) {
  json::object state = global_ha_state(services);
  for (auto& [name, value] : node_ha_state(services)) state[name] = value;
  return state;
}

}  // namespace

/// What does not change while the process runs, except the manager flag and what is wrong.
json::object identity(const Services& services) {
  const Facts& facts = services.facts;
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
  info["certificate_fingerprint"] = services.certificates.fingerprint(Certificates::Port::kApi);
  info["server_hostname"] = facts.hostname;
  info["manager"] = services.manager_on.load();
  info["features"] = to_array(feature_list());
  info["errors"] = to_array(errors_of(services));
  info["ha_enabled"] = false;
  info["ha_virtual_address"] = "";
  info["ha_is_active"] = true;
  info["ha_status"] = "Up";
  info["ha_active_id"] = facts.local_id;
  info["ha_passive_state"] = json::array();
  info["ha_consensus_id"] = consensus_id(services);
  info["uuid"] = consensus_id(services);
  info["dns_enabled"] = false;
  info["dns_port"] = 0;
  return info;
}

json::value licence_of(const Services& services) {
  const auth::Licence licence = auth::current_licence(services.store, services.facts.trusted_keys);
  boost::system::error_code failure;
  json::value bundle = json::parse(licence.bundle_json, failure);
  return failure ? json::value(json::object()) : bundle;
}

json::object info_object(const Services& services, const auth::Principal& principal) {
  json::object info = identity(services);
  info["stats"] = statistics(services, principal);
  info["scopes"] = scope_table(services);
  info["License"] = licence_of(services);
  json::object cluster = global_ha_state(services);
  cluster["Nodes"] = json::array{node_info(services)};
  info["ClusterState"] = std::move(cluster);
  return info;
}

std::vector<std::string> feature_list() { return content::kFeatures; }

namespace handlers {

env::Task<Result<net::Response>> show_info(Call& call) {
  co_return json_response(200, json::value(info_object(call.services, call.principal)));
}

env::Task<Result<net::Response>> show_consensus(Call& call) {
  const std::string& what = call.argument("what");
  const Services& services = call.services;
  if (what == "id" || what == "leader" || what == "active") {
    co_return json_response(200, quoted_json(consensus_id(services)));
  }
  if (what == "peers") {
    json::array peers;
    peers.push_back(node_info(services));
    co_return json_response(200, json::value(std::move(peers)));
  }
  if (what == "state" || what == "fullstate")
    co_return json_response(200, json::value(consensus_state(services)));
  if (what == "introduction") co_return json_response(200, json::value(global_ha_state(services)));
  co_return Error(ErrorCode::kNotFound, call.request.method, call.request.path, "", {"No route"});
}

env::Task<Result<net::Response>> fail_over_safe(Call&) { co_return json_response(200, std::string("false")); }

}  // namespace handlers
}  // namespace mullion::api
