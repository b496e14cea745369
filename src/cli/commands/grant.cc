// What a manager needs at an endpoint: the role of its account, and the certificate it trusts.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "base/text.h"
#include "cli/commands/handlers.h"
#include "cli/connection/known_servers.h"
#include "cli/documents/document.h"
#include "cli/documents/source.h"
#include "cli/output/output.h"

namespace mullion::cli {
namespace {

constexpr std::string_view kDefaultAccount = "manager";
/// Accounts of an endpoint are its own affair: a manager that could change them could give itself everything.
constexpr std::string_view kAccounts[] = {"users", "roles", "tenants"};
/// Collections whose actions are not those of every collection.
constexpr std::string_view kOfTheirOwn[] = {"preferences", "contents", "files", "isos",
                                            "info",        "system",   "logs",  "events"};
constexpr std::string_view kFingerprint = "manager/fingerprint";
/// How the status of an endpoint ends whose certificate is another one.
constexpr std::string_view kOffered = ", got ";

json::object claim(std::string_view scope, std::string_view action) {
  return {{"scope", scope}, {"action", action}, {"specific", "*"}};
}

bool is_among(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

/// The collections whose objects a manager may change, as one scope.
std::string managed_collections(const json::value& prefixes) {
  std::vector<std::string> names;
  if (!prefixes.is_array()) return "";
  for (const json::value& prefix : prefixes.get_array()) {
    if (!prefix.is_string()) continue;
    const std::string_view name = prefix.get_string();
    if (!is_among(kAccounts, name) && !is_among(kOfTheirOwn, name)) names.emplace_back(name);
  }
  return fmt::format("{}", fmt::join(names, ","));
}

/// The least that suffices for the stream, for what a manager forwards, for version sets and for upgrades.
json::object manager_role(std::string_view name, const std::string& collections) {
  json::array claims;
  claims.push_back(claim("system", "replicate,configure,upgrade"));
  claims.push_back(claim("info", "get"));
  claims.push_back(claim("objects", "list"));
  claims.push_back(claim("preferences", "list,post"));
  claims.push_back(claim("contents", "list,get,create,update,delete"));
  claims.push_back(claim("files,isos", "list,get,post,delete"));
  claims.push_back(claim(fmt::format("{}", fmt::join(kAccounts, ",")), "list,get"));
  claims.push_back(claim(collections, "list,get,create,update,delete,actions,action"));
  claims.push_back(claim("jobs", "log"));
  claims.push_back(claim("machines", "updateTaskList"));
  // Secret values of version sets are sealed for the object before they leave; they are never read back.
  claims.push_back(claim("profiles,plugins,version_sets,machines,stages,endpoints", "updateSecure"));
  return {{"Name", name},
          {"Description", "What a manager needs at this endpoint; made by `mullion endpoints grant`"},
          {"Claims", std::move(claims)}};
}

/// What a server knows of claims, from its info.
struct KnownClaims {
  std::set<std::string, std::less<>> scopes, actions;
};
KnownClaims known_claims(const json::value& info) {
  KnownClaims out;
  const json::value* scopes = member(info, "scopes");
  if (scopes == nullptr || !scopes->is_object()) return out;
  for (const auto& [scope, actions] : scopes->get_object()) {
    out.scopes.emplace(scope);
    if (!actions.is_object()) continue;
    for (const auto& [action, nothing] : actions.get_object()) out.actions.emplace(action);
  }
  return out;
}

std::string those_among(const json::value& list, const std::set<std::string, std::less<>>& known) {
  std::vector<std::string> words = split_list(std::string_view(list.get_string()));
  std::erase_if(words, [&](const std::string& word) { return !known.contains(word); });
  return fmt::format("{}", fmt::join(words, ","));
}

/// Servers refuse roles that name scopes or actions which they do not know, as those of another make do with
/// what only Mullion has.
void leave_out_unknown(const json::value& info, json::object& role) {
  const KnownClaims known = known_claims(info);
  if (known.scopes.empty()) return;
  json::array claims;
  for (json::value& one : role["Claims"].get_array()) {
    json::object& claim = one.get_object();
    claim["scope"] = those_among(claim["scope"], known.scopes);
    claim["action"] = those_among(claim["action"], known.actions);
    if (claim["scope"].get_string().empty() || claim["action"].get_string().empty()) continue;
    claims.push_back(std::move(claim));
  }
  role["Claims"] = std::move(claims);
}

/// Creates the object, or changes these members of the one that is there.
Result<void> put(Invocation& call, const std::string& collection, const std::string& name,
                 const json::object& wanted) {
  Result<json::value> present = call.session.get(client::get_object(collection, name));
  if (!present && present.error().status() != 404) return present.error();
  if (!present) {
    Result<json::value> made =
        call.session.send_value(client::post_collection(collection), json::value(wanted));
    return made ? Result<void>() : Result<void>(made.error());
  }
  json::array patch;
  for (const auto& [member, value] : wanted) {
    if (member == "Name") continue;
    patch.push_back(json::object{
        {"op", "add"}, {"path", fmt::format("/{}", std::string_view(member))}, {"value", value}});
  }
  Result<json::value> changed =
      call.session.send_value(client::patch_object(collection, name), json::value(std::move(patch)));
  return changed ? Result<void>() : Result<void>(changed.error());
}

Result<void> make_account(Invocation& call, const std::string& name, const json::object& role) {
  const std::string password = read_secret(call, call.flags.get("password"));
  if (password.empty()) return usage_error("--make needs --password (- reads stdin)");
  Result<void> done = put(call, "roles", name, role);
  if (!done) return done;
  done = put(call, "users", name, {{"Name", name}, {"Roles", json::array{json::string_view(name)}}});
  if (!done) return done;
  Result<json::value> set =
      call.session.send_value(client::put_users_password(name), json::object{{"Password", password}});
  return set ? Result<void>() : Result<void>(set.error());
}

/// The certificate that the endpoint shows instead of the known one; "" when its status tells of none.
std::string offered_by(const json::value& endpoint) {
  const std::string status = text_member(endpoint, "ConnectionStatus");
  const size_t at = status.find(kOffered);
  if (at == std::string::npos) return "";
  const Result<std::string> found = parse_fingerprint(status.substr(at + kOffered.size(), 64));
  return found ? *found : "";
}

std::string known_of(const json::value& endpoint) {
  const json::value* params = member(endpoint, "Params");
  return params == nullptr ? "" : text_member(*params, kFingerprint);
}

}  // namespace

Result<void> endpoint_grant(Invocation& call) {
  const std::string given = call.optional_argument(0);
  const std::string name = given.empty() ? std::string(kDefaultAccount) : given;
  Result<json::value> prefixes = call.session.get(client::get_objects());
  if (!prefixes) return prefixes.error();
  const Result<json::value> info = call.session.get(client::get_info());
  if (!info) return info.error();
  json::object role = manager_role(name, managed_collections(*prefixes));
  leave_out_unknown(*info, role);
  if (call.flags.on("make")) {
    Result<void> made = make_account(call, name, role);
    if (!made) return made;
  }
  return print_result(call, json::value(role));
}

Result<void> endpoint_accept(Invocation& call) {
  Result<json::value> endpoint = call.session.get(client::get_object("endpoints", call.argument(0)));
  if (!endpoint) return endpoint.error();
  const std::string offered = offered_by(*endpoint);
  std::string wanted = offered;
  if (call.arguments.size() > 1) {
    Result<std::string> given = parse_fingerprint(call.argument(1));
    if (!given) return usage_error(given.error().messages.front());
    wanted = std::move(*given);
  }
  if (wanted.empty()) {
    return Error(ErrorCode::kConflict,
                 fmt::format("endpoint {} shows no other certificate; its status is: {}", call.argument(0),
                             text_member(*endpoint, "ConnectionStatus")));
  }
  if (!offered.empty() && offered != wanted) {
    return Error(ErrorCode::kConflict, fmt::format("endpoint {} shows the certificate {}, not {}",
                                                   call.argument(0), offered, wanted));
  }
  Result<json::value> set =
      call.session.send_value(client::post_object_params("endpoints", call.argument(0), kFingerprint),
                              json::value(json::string_view(wanted)));
  if (!set) return set.error();
  return print_result(
      call, json::object{{"Id", call.argument(0)}, {"Was", known_of(*endpoint)}, {"Accepted", wanted}});
}

}  // namespace mullion::cli
