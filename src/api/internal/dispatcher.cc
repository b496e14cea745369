#include "api/internal/dispatcher.h"

#include "api/internal/answers.h"
#include "api/internal/request_log.h"
#include "api/internal/resolve.h"
#include "api/internal/rights.h"
#include "api/internal/tenant_writes.h"
#include "api/internal/websocket.h"
#include "auth/login_caller.h"
#include "base/log.h"
#include "env/pools.h"

namespace mullion::api {
namespace {

constexpr Logger kLog("api");
constexpr std::string_view kSystem = "system";
constexpr std::string_view kPrincipalHeader = "X-Mullion-On-Behalf-Of";

auth::Credentials credentials_of(const net::Request& request) {
  auth::Credentials credentials;
  credentials.authorization = request.headers.get("Authorization").value_or("");
  credentials.on_behalf_of = request.headers.get(kPrincipalHeader).value_or("");
  credentials.peer_is_loopback = request.peer_is_loopback;
  credentials.peer_address = request.peer_address;
  if (!request.headers.get("Upgrade")) return credentials;
  for (const std::string_view name : {"token", "Token"}) {
    if (const auto value = request.query_value(name)) credentials.query_token = *value;
  }
  return credentials;
}

env::Task<Result<auth::Principal>> authenticate(Services& services, const net::Request& request) {
  auth::Credentials credentials = credentials_of(request);
  if (credentials.authorization.empty() && credentials.query_token.empty()) {
    co_return Error(ErrorCode::kUnauthorized, "AUTH", "", "", {"No credentials given"});
  }
  if (!services.authenticator.needs_hashing(credentials)) {
    co_return services.authenticator.authenticate(credentials);
  }
  std::optional<Result<auth::Principal>> verdict;
  env::Caller caller = auth::login_caller(credentials);
  Result<void> hashed = co_await env::run_blocking(env::Pool::kPassword, std::move(caller), [&] {
    verdict = services.authenticator.authenticate(credentials);
  });
  if (!hashed) co_return hashed.error();
  co_return std::move(*verdict);
}

Error no_route(const net::Request& request) {
  return Error(ErrorCode::kNotFound, request.method, request.path, "", {"No route"});
}

/// A query without what logs in here: the owner has no use for it and must not learn it.
std::string without_login(std::string_view query) {
  std::string kept;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&', 1), query.size());
    const std::string_view item = query.substr(0, end);
    const std::string_view name = item.substr(1, item.find('=') - 1);
    if (name != "token" && name != "Token") {
      kept += kept.empty() ? '?' : '&';
      kept += item.substr(1);
    }
    query.remove_prefix(end);
  }
  return kept;
}

std::string own_target(const Call& call) {
  const std::string& path = call.request.raw_path;
  const std::string_view query =
      std::string_view(call.request.target).substr(std::min(path.size(), call.request.target.size()));
  const bool websocket = call.request.headers.get("Upgrade").has_value();
  return std::string(split_owner_path(path).rest) + (websocket ? without_login(query) : std::string(query));
}

bool forwards(const Call& call) {
  if (!call.route->object || !store::is_remote(call.target.owner)) return false;
  if (call.route->remote == Remote::kForward) return true;
  return call.route->remote == Remote::kForwardDecode && call.flag("decode");
}

bool is_json_type(std::string_view type) {
  return type.starts_with("application/json") || type.find("+json") != std::string_view::npos;
}

env::Task<Result<void>> read_json_body(Call& call) {
  const uint64_t limit =
      call.route->body_limit != 0 ? call.route->body_limit : call.services.limits.body_bytes;
  Result<std::string> body = co_await net::read_all(*call.request.body, limit);
  if (!body) co_return body.error();
  call.body = std::move(*body);
  const auto type = call.request.headers.get("Content-Type");
  // Clients that say nothing, or what curl says by itself, are taken to mean JSON.
  const bool unsaid = !type || type->empty() || type->starts_with("application/x-www-form-urlencoded");
  if (call.body.empty() || unsaid || is_json_type(*type)) co_return Result<void>{};
  co_return Error(ErrorCode::kBadRequest, fmt::format("Invalid content type: {}", *type));
}

/// The object of a forwarded request as the replica has it; only the owner knows those that are not here yet.
Result<void> find_prefixed(Call& call, const std::string& owner) {
  call.arguments.set("key", call.requested_id());
  std::optional<Target> target = find_at(call, *call.services.store.snapshot(), owner, call.requested_id());
  if (target) {
    call.target = std::move(*target);
    call.arguments.set("key", right_specific(*call.type, call.target.key, call.target.body));
    if (call.principal.sees(call.type->prefix, call.target.key)) return {};
  } else if (call.principal.visible_keys(call.type->prefix) == nullptr) {
    return {};
  }
  return object_error(call, ErrorCode::kNotFound, {"Not Found"});
}

/// The owner knows neither this caller nor this server's tenants, so an answer that holds many objects is not
/// cut to what may be seen: only who may see them all gets it.
Result<void> authorise_foreign_list(const Call& call) {
  if (call.route->denied == Denied::kFilter) {
    Result<void> all = auth::authorise(call.principal, {right_of(call).scope, "get", "*"}, call.uri);
    if (!all) return all;
  }
  if (call.principal.tenant == nullptr) return {};
  const bool lists = call.type != nullptr && !call.route->object && call.route->needs != Needs::kCreate &&
                     call.principal.visible_keys(call.type->prefix) != nullptr;
  if (!lists && !call.route->mixed) return {};
  return Error(ErrorCode::kForbidden, "AUTH", "", "",
               {fmt::format("Cannot access {}", call.uri),
                fmt::format("Tenant {} hides some of this: ask for it here, with Endpoint as filter",
                            call.principal.tenant->name())});
}

/// Routes that a forwarded request would match here, so that its right is checked here too. What only the
/// owner knows needs every right.
Result<void> authorise_prefixed(Call& call, const OwnerPath& path) {
  const FindType find = [&call](std::string_view prefix) { return call.services.find_type(prefix); };
  std::optional<RouteMatch> match = match_route(call.request.method, path.rest, find);
  if (!match) return auth::authorise(call.principal, {"*", "*", "*"}, call.uri);
  call.route = match->route;
  call.type = match->type;
  call.arguments = std::move(match->arguments);
  if (call.route->object) {
    Result<void> found = find_prefixed(call, path.owners.back());
    if (!found) return found;
  } else if (const auth::Right right = right_of(call); !call.principal.sees(right.scope, right.specific)) {
    if (!right.specific.empty()) return object_error(call, ErrorCode::kNotFound, {"Not Found"});
  }
  Result<void> allowed = authorise_route(call);
  // Lists and single fields cannot be checked from outside: without the whole right nothing is forwarded.
  if (allowed && !call.right_covered) return auth::authorise(call.principal, right_of(call), call.uri);
  return allowed ? authorise_foreign_list(call) : allowed;
}

env::Task<Result<net::Response>> forward_prefixed(Call& call, const OwnerPath& decoded) {
  Result<void> allowed = authorise_prefixed(call, decoded);
  if (!allowed) co_return allowed.error();
  std::string target;
  for (size_t i = 1; i < decoded.owners.size(); ++i) target += "/" + net::percent_encode(decoded.owners[i]);
  target += own_target(call);
  std::string owner = decoded.owners.front();
  if (call.request.headers.get("Upgrade")) {
    const bool events = call.route != nullptr && call.route->access == Access::kAuthenticated;
    co_return co_await forward_websocket(call, std::move(owner), std::move(target), events);
  }
  Result<net::Response> answer = co_await call.services.manager->forward(std::move(owner), call.request,
                                                                         std::move(target), call.principal);
  const bool created = answer && answer->status == 201 && call.route != nullptr && call.type != nullptr &&
                       call.route->needs == Needs::kCreate;
  if (created && call.principal.tenant) co_return co_await join_forwarded(call, std::move(*answer));
  co_return answer;
}

env::Task<Result<net::Response>> run_route(Call& call) {
  if (call.route->object) {
    call.snapshot = call.services.store.snapshot();
    Result<Target> target = resolve_object(call, *call.snapshot, call.requested_id());
    if (!target) co_return target.error();
    call.target = std::move(*target);
    call.arguments.set("key", right_specific(*call.type, call.target.key, call.target.body));
  }
  Result<void> allowed = authorise_route(call);
  if (!allowed) co_return allowed.error();
  if (forwards(call)) {
    if (!call.right_covered) co_return auth::authorise(call.principal, right_of(call), call.uri).error();
    std::string owner = call.target.owner;
    std::string target = own_target(call);
    co_return co_await call.services.manager->forward(std::move(owner), call.request, std::move(target),
                                                      call.principal);
  }
  if (call.route->body == BodyKind::kJson) {
    Result<void> read = co_await read_json_body(call);
    if (!read) co_return read.error();
  }
  co_return co_await call.route->handler(call);
}

env::Task<Result<net::Response>> serve(Call& call) {
  OwnerPath owner_path = split_owner_path(call.request.path);
  while (!owner_path.owners.empty() && owner_path.owners.front() == call.services.facts.id) {
    owner_path.owners.erase(owner_path.owners.begin());
  }
  const FindType find = [&call](std::string_view prefix) { return call.services.find_type(prefix); };
  std::optional<RouteMatch> match;
  if (owner_path.owners.empty()) match = match_route(call.request.method, owner_path.rest, find);
  if (match) {
    call.route = match->route;
    call.route_number = match->number;
    call.arguments = std::move(match->arguments);
    call.type = match->type;
  }
  if (!match || match->route->access != Access::kPublic) {
    Result<auth::Principal> principal = co_await authenticate(call.services, call.request);
    if (!principal) co_return principal.error();
    call.principal = std::move(*principal);
    if (call.services.upgrades.on_trial() && call.principal.name != kSystem) {
      co_return Error(ErrorCode::kUnavailable,
                      fmt::format("{} is being tried: it serves nobody yet", call.services.facts.version));
    }
  }
  if (!owner_path.owners.empty()) co_return co_await forward_prefixed(call, owner_path);
  if (!match) co_return no_route(call.request);
  co_return co_await run_route(call);
}

/// What is true of every answer.
void finish_headers(const Call& call, net::Response& response) {
  response.headers.set("X-Request-Id", call.request.id);
  if (!response.headers.get("Content-Type")) response.headers.set("Content-Type", "application/json");
  const std::string* text = std::get_if<std::string>(&response.body);
  if (text != nullptr && text->empty() && call.request.method != "HEAD" && response.status != 304) {
    response.headers.set("Content-Length", "0");
  }
}

std::string access_line(const Call& call, int status, double seconds) {
  const std::string who = call.principal.name.empty() ? "-" : call.principal.audit_name();
  return fmt::format("{} {} status={} ms={:.1f} principal={} id={}", call.request.method, call.request.path,
                     status, seconds * 1000, who, call.request.id);
}

/// Reads that went well are logged at debug level: they are most of the traffic and say little. A client may
/// ask for the line of its request at a level of its choice, with a text to find it by.
void log_access(const Call& call, int status, double seconds) {
  if (const std::optional<WantedLog> wanted = wanted_log(call.request)) {
    const std::string mark = wanted->token.empty() ? "" : fmt::format(" trace={}", wanted->token);
    return kLog.write_always(wanted->level, access_line(call, status, seconds) + mark);
  }
  const bool quiet = status < 400 && (call.request.method == "GET" || call.request.method == "HEAD");
  const LogLevel level = quiet ? LogLevel::kDebug : LogLevel::kInfo;
  if (Logger::enabled(level)) kLog.write(level, access_line(call, status, seconds));
}

}  // namespace

env::Task<net::Response> dispatch(Services& services, net::Request& request) {
  const env::SteadyTime begin = services.clock.steady();
  Call call{services, request};
  call.uri = request.target;
  call.route_number = route_table().size();
  net::Response response;
  try {
    Result<net::Response> answer = co_await serve(call);
    response = answer ? std::move(*answer) : error_response(answer.error(), request.method);
  } catch (const std::exception& failure) {
    kLog.error("handler failed path={} id={} what={}", request.path, request.id, failure.what());
    response = error_response(Error(ErrorCode::kInternal, "Internal error; see the log of the server"),
                              request.method);
  }
  finish_headers(call, response);
  const double seconds = std::chrono::duration<double>(services.clock.steady() - begin).count();
  services.statistics[call.route_number].record(seconds, response.status >= 500);
  log_access(call, response.status, seconds);
  co_return response;
}

}  // namespace mullion::api
