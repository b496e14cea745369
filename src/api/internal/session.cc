// Tokens and passwords.
#include <algorithm>

#include "api/internal/answers.h"
#include "api/internal/finder.h"
#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/info.h"
#include "api/internal/objects.h"
#include "base/text.h"
#include "store/commit_async.h"

namespace mullion::api {
namespace {

/// Words in a list that limits a token: whoever uses it has them compared with all that its user may do.
constexpr std::ptrdiff_t kMostWords = 100;

/// Tokens for this name are those of the server itself: a user of the name gets none.
constexpr std::string_view kServer = "system";

/// The local object with the id of this request, when it exists for the caller.
std::optional<Target> find_subject(const Call& call, const store::Snapshot& snapshot,
                                   std::string_view prefix) {
  return find_here(call, snapshot, *model::find_object_type(prefix), call.requested_id());
}

json::array shown_claims(const std::vector<auth::Claim>& claims) {
  json::array out;
  for (const auth::Claim& claim : claims) {
    json::object shown;
    shown["scope"] = claim.scope;
    shown["action"] = claim.action;
    shown["specific"] = claim.specific;
    out.push_back(std::move(shown));
  }
  return out;
}

Error missing(const Call& call, std::string_view prefix) {
  return Error(ErrorCode::kNotFound, "", std::string(prefix), call.requested_id(), {"Not Found"});
}

Result<net::Response> token_response(Call& call, const auth::TokenRequest& wanted) {
  const LogScope scope(call.log);
  Result<std::string> token = call.services.authenticator.make_token(wanted);
  if (!token) return token.error();
  json::object body;
  body["Token"] = *token;
  body["Info"] = info_object(call.services, call.principal);
  return json_response(200, json::value(std::move(body)));
}

Result<env::Duration> wanted_ttl(const Call& call, std::string_view prefix) {
  const std::string text = call.query_text("ttl");
  if (text.empty()) return env::Duration(std::chrono::seconds(600));
  Result<env::Duration> ttl = auth::parse_ttl(text);
  if (ttl) return ttl;
  Error error = ttl.error();
  error.model = prefix;
  error.key = call.requested_id();
  return error;
}

std::string grantor_of(const Call& call) {
  return call.principal.user.empty() ? "system" : call.principal.user;
}

std::optional<auth::Claim> wanted_claim(const Call& call) {
  const std::string scope = call.query_text("scope");
  const std::string action = call.query_text("action");
  const std::string specific = call.query_text("specific");
  if (scope.empty() && action.empty() && specific.empty()) return std::nullopt;
  const auto or_any = [](const std::string& text) {
    return text.empty() || text == "all" ? std::string("*") : text;
  };
  return auth::Claim{or_any(scope), or_any(action), or_any(specific)};
}

Result<void> check_limits(const Call& call) {
  for (const std::string_view name : {"roles", "scope", "action", "specific"}) {
    if (std::ranges::count(call.query_text(name), ',') < kMostWords) continue;
    return Error(ErrorCode::kBadRequest, "", "users", call.requested_id(),
                 {fmt::format("{}: expected a list of at most {} words", name, kMostWords)});
  }
  return {};
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> make_user_token(Call& call) {
  const std::shared_ptr<const store::Snapshot> snapshot = call.services.store.snapshot();
  const std::optional<Target> user = find_subject(call, *snapshot, "users");
  if (!user || user->key == kServer) co_return missing(call, "users");
  Result<env::Duration> ttl = wanted_ttl(call, "users");
  if (!ttl) co_return ttl.error();
  if (Result<void> fine = check_limits(call); !fine) co_return fine.error();
  auth::TokenRequest wanted;
  wanted.user = user->key;
  wanted.grantor = grantor_of(call);
  wanted.ttl = *ttl;
  const std::string roles = call.query_text("roles");
  wanted.roles = split_list(roles);
  if (!roles.empty() && wanted.roles.empty())
    co_return Error(ErrorCode::kBadRequest, "", "users", user->key, {"roles: no role is named"});
  wanted.restrict_to = wanted_claim(call);
  co_return token_response(call, wanted);
}

env::Task<Result<net::Response>> make_machine_token(Call& call) {
  const std::shared_ptr<const store::Snapshot> snapshot = call.services.store.snapshot();
  const std::optional<Target> machine = find_subject(call, *snapshot, "machines");
  if (!machine) co_return missing(call, "machines");
  Result<env::Duration> ttl = wanted_ttl(call, "machines");
  if (!ttl) co_return ttl.error();
  auth::TokenRequest wanted;
  wanted.machine = machine->key;
  wanted.grantor = grantor_of(call);
  wanted.ttl = *ttl;
  co_return token_response(call, wanted);
}

env::Task<Result<net::Response>> set_user_password(Call& call) {
  Result<json::value> body = parse_body(call);
  if (!body) co_return body.error();
  const json::value* password = body->is_object() ? body->get_object().if_contains("Password") : nullptr;
  if (password == nullptr || !password->is_string() || password->get_string().empty()) {
    co_return Error(ErrorCode::kBadRequest, "", "users", call.requested_id(),
                    {"Password: expected a text that is not empty"});
  }
  const std::string clear(password->get_string());
  call.type = model::find_object_type("users");
  std::optional<Target> user = find_subject(call, *call.services.store.snapshot(), "users");
  if (!user) co_return missing(call, "users");
  call.target = std::move(*user);
  auth::Authenticator& authenticator = call.services.authenticator;
  store::Batch batch;
  Result<void> hashed = co_await run_heavy(call, env::Pool::kPassword, [&] {
    batch.secrets.push_back(auth::password_change(authenticator, call.target.key, clear));
  });
  if (!hashed) co_return hashed.error();
  store::Guard guard;
  guard.id = {"users", call.target.owner, call.target.key};
  batch.guards.push_back(std::move(guard));
  batch.principal = call.principal.audit_name();
  Result<store::Cursor> cursor = co_await store::commit_async(call.services.store, std::move(batch));
  if (!cursor) co_return cursor.error();
  authenticator.forget(call.target.key);
  std::string text;
  model::append_with_endpoint(text, call.target.body, call.services.endpoint_name(call.target.owner));
  net::Response response = json_response(200, std::move(text));
  add_commit_header(call, *cursor, response);
  co_return response;
}

/// What a login may do: for the caller itself the login at hand, which may be a limited token; for others all
/// that their roles allow.
env::Task<Result<net::Response>> show_capabilities(Call& call) {
  const std::shared_ptr<const store::Snapshot> snapshot = call.services.store.snapshot();
  const std::optional<Target> user = find_subject(call, *snapshot, "users");
  if (!user) co_return missing(call, "users");
  const bool self = user->key == call.principal.user;
  const auth::TenancyPtr tenant =
      self ? call.principal.tenant : call.services.authenticator.tenants().of(user->key);
  std::vector<auth::Claim> claims = call.principal.claims;
  if (!self) claims = auth::effective_claims(*snapshot, user->key).value_or(std::vector<auth::Claim>());
  const Result<json::object> object = parse_stored(user->body);
  const json::value* roles = object ? object->if_contains("Roles") : nullptr;
  json::object shown;
  shown["Name"] = user->key;
  shown["Roles"] = roles != nullptr && roles->is_array() ? *roles : json::array();
  shown["Tenant"] = tenant == nullptr ? "" : tenant->name();
  shown["Claims"] = shown_claims(claims);
  co_return json_response(200, json::value(std::move(shown)));
}

}  // namespace handlers
}  // namespace mullion::api
