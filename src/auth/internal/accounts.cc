#include "auth/internal/accounts.h"

#include <fmt/format.h>

#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "auth/internal/codec.h"
#include "base/base64.h"
#include "env/random.h"
#include "model/members.h"
#include "model/object.h"

namespace mullion::auth {

namespace {

namespace json = boost::json;

std::optional<json::object> local_object(const store::Snapshot& snapshot, std::string_view type,
                                         std::string_view key) {
  const auto stored = snapshot.get_local(type, key);
  return stored ? model::read_object(stored->body) : std::nullopt;
}

/// "192.168.1.2" -> "C0A80102", the key of a reservation; empty when it is no IPv4 address.
std::string hex_address(std::string_view dotted) {
  std::string out;
  for (int part = 0; part < 4; ++part) {
    unsigned value = 0;
    const auto [end, problem] = std::from_chars(dotted.data(), dotted.data() + dotted.size(), value);
    if (problem != std::errc() || value > 255) return {};
    out += fmt::format("{:02X}", value);
    dotted.remove_prefix(static_cast<size_t>(end - dotted.data()));
    const bool last = part == 3;
    if (last) break;
    if (dotted.empty() || dotted.front() != '.') return {};
    dotted.remove_prefix(1);
  }
  return dotted.empty() ? out : std::string();
}

}  // namespace

SecretRecord read_secrets(const store::Snapshot& snapshot, std::string_view space, std::string_view key) {
  const auto stored = snapshot.secret(space, key);
  if (!stored) return {};
  const auto object = model::read_object(*stored);
  if (!object) return {};
  return {model::text_member(*object, "PasswordHash"), model::text_member(*object, "Secret")};
}

std::string secrets_json(const SecretRecord& record) {
  json::object object;
  if (!record.password_hash.empty()) object["PasswordHash"] = record.password_hash;
  object["Secret"] = record.secret;
  return json::serialize(object);
}

std::optional<std::vector<std::string>> user_roles(const store::Snapshot& snapshot, std::string_view user) {
  const auto object = local_object(snapshot, "users", user);
  if (!object) return std::nullopt;
  std::vector<std::string> roles;
  const json::value* list = object->if_contains("Roles");
  if (list == nullptr || !list->is_array()) return roles;
  for (const json::value& role : list->get_array()) {
    if (role.is_string()) roles.emplace_back(std::string_view(role.get_string()));
  }
  return roles;
}

std::vector<Claim> role_claims(const store::Snapshot& snapshot, std::string_view role) {
  std::vector<Claim> claims;
  const auto object = local_object(snapshot, "roles", role);
  const json::value* list = object ? object->if_contains("Claims") : nullptr;
  if (list == nullptr || !list->is_array()) return claims;
  for (const json::value& item : list->get_array()) {
    if (!item.is_object()) continue;
    const json::object& claim = item.get_object();
    claims.push_back({model::text_member(claim, "scope"), model::text_member(claim, "action"),
                      model::text_member(claim, "specific")});
  }
  return claims;
}

std::vector<Claim> claims_of_roles(const store::Snapshot& snapshot, const std::vector<std::string>& roles) {
  std::vector<Claim> claims;
  for (const std::string& role : roles) {
    for (Claim& claim : role_claims(snapshot, role)) claims.push_back(std::move(claim));
  }
  return claims;
}

std::optional<std::vector<Claim>> machine_claims(const store::Snapshot& snapshot, std::string_view uuid) {
  const auto machine = local_object(snapshot, "machines", uuid);
  if (!machine) return std::nullopt;
  const std::string id(uuid);
  std::vector<Claim> claims{
      {"machines", "get,update,updateTaskList,getSecure,updateSecure,actions,action,whoami", id},
      {"jobs", "list,get,create,update,log,actions,action", id},
      {"bootenvs,contexts,params,plugins,pools,profiles,stages,tasks,templates,workflows", "list,get", "*"},
      {"events", "post", "*"},
      {"info", "get", "*"},
      {"files,isos", "list,get", "*"},
  };
  const std::string address = hex_address(model::text_member(*machine, "Address"));
  if (!address.empty()) claims.push_back({"reservations", "get,create,update", address});
  return claims;
}

Result<void> ensure_state_secret(store::Store& store, std::string_view name) {
  if (store.snapshot()->secret("state", name)) return {};
  std::array<unsigned char, 24> bytes{};  // 32 characters
  env::secure_random(bytes);
  store::Batch batch;
  batch.principal = "system";
  batch.secrets.push_back({"state", std::string(name),
                           base64url_encode({reinterpret_cast<const char*>(bytes.data()), bytes.size()})});
  if (auto committed = store.commit_sync(std::move(batch)); !committed) return committed.error();
  return {};
}

}  // namespace mullion::auth
