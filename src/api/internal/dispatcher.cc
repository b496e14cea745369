#include "api/internal/dispatcher.h"

#include "api/internal/answers.h"
#include "api/internal/authentication.h"
#include "api/internal/finder.h"
#include "api/internal/forwarded_answer.h"
#include "api/internal/forwarded_references.h"
#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/live_rights.h"
#include "api/internal/log.h"
#include "api/internal/owner_asks.h"
#include "api/internal/request_log.h"
#include "api/internal/rights.h"
#include "api/internal/tenant_writes.h"
#include "api/internal/websocket.h"
#include "base/text.h"
#include "manager/forward.h"
#include "manager/unreachable.h"
#include "net/target.h"

namespace mullion::api {
namespace {

constexpr std::string_view kSystem = "system";

Error no_route(const net::Request& request) {
  return Error(ErrorCode::kNotFound, request.method, request.path, "", {"No route"});
}

/// A request for another endpoint, made from what was matched and authorised here and from nothing else.
std::string owner_target(const Call& call) {
  const bool found = call.subject && !call.target.key.empty();
  const std::optional<std::string> key = found ? std::optional(call.target.key) : std::nullopt;
  const std::vector<std::string> segments = path_for_owner(call.path, call.id_at, call.id_count, key);
  std::vector<std::pair<std::string, std::string>> query = call.request.query;
  // What logs in here is of no use to the owner, who must not learn it.
  if (call.is_websocket()) std::erase_if(query, [](const auto& pair) { return is_login(pair.first); });
  return net::encode_path(segments) + net::encode_query(query);
}

bool forwards(const Call& call) {
  if (!call.route->object || !store::is_remote(call.target.owner)) return false;
  if (call.route->remote == Remote::kForward) return true;
  return call.route->remote == Remote::kForwardDecode && call.flag("decode");
}

/// The object that a call is about, and what the rights call it.
void take_object(Call& call, Target target) {
  call.arguments.set("key", target.key);
  call.subject = subject_of(*call.type, target.owner, target.key, target.body);
  call.target = std::move(target);
}

bool is_json_type(std::string_view type) {
  return type.starts_with("application/json") || type.find("+json") != std::string_view::npos;
}

env::Task<Result<void>> read_json_body(Call& call) {
  const uint64_t limit =
      call.route->body_limit != 0 ? call.route->body_limit : call.services.limits.body_bytes;
  Result<std::string> body = co_await read_held_body(call, limit);
  if (!body) co_return body.error();
  call.body = std::move(*body);
  const auto type = call.request.headers.get("Content-Type");
  // Clients that say nothing, or what curl says by itself, are taken to mean JSON.
  const bool unsaid = !type || type->empty() || type->starts_with("application/x-www-form-urlencoded");
  if (call.body.empty() || unsaid || is_json_type(*type)) co_return Result<void>{};
  co_return Error(ErrorCode::kBadRequest, fmt::format("Invalid content type: {}", *type));
}

/// The object of a forwarded request as the replica has it. One that is not here yet is known to its owner
/// alone: no claim can name it, and none of a tenant's members is meant.
Result<void> find_prefixed(Call& call) {
  std::optional<Target> target =
      find_at(call, *call.services.store.snapshot(), call.owner, call.requested_id());
  if (target) {
    take_object(call, std::move(*target));
    return {};
  }
  if (call.principal.visible_objects(call.type->prefix) != nullptr)
    return object_error(call, ErrorCode::kNotFound, {"Not Found"});
  call.subject = auth::Subject::everything();
  return {};
}

/// The owner knows neither this caller nor this server's tenants, so an answer that holds many objects is not
/// cut to what may be seen: only who may see them all gets it.
Result<void> authorise_foreign_list(const Call& call) {
  if (call.route->denied == Denied::kFilter) {
    Result<void> all =
        auth::authorise(call.principal, {right_of(call).scope, "get", auth::Subject::everything()}, call.uri);
    if (!all) return all;
  }
  if (call.principal.tenant == nullptr) return {};
  const bool lists = call.type != nullptr && !call.route->object && call.route->needs != Needs::kCreate &&
                     call.principal.visible_objects(call.type->prefix) != nullptr;
  if (!lists && !call.route->mixed) return {};
  return Error(ErrorCode::kForbidden, "AUTH", "", "",
               {fmt::format("Cannot access {}", call.uri),
                fmt::format("Tenant {} hides some of this: ask for it here, with Endpoint as filter",
                            call.principal.tenant->name())});
}

/// What the path names exists for the caller, though it is no object that could be looked up here.
bool names_visible(const Call& call) {
  const std::string name = call.arguments.expand(call.route->specific);
  return name.empty() || call.principal.sees({call.arguments.expand(call.route->scope), call.owner, name});
}

Error not_for(const Call& call, std::string_view whom) {
  return Error(ErrorCode::kForbidden, "AUTH", "", "",
               {fmt::format("Cannot access {}", call.uri), fmt::format("This is not for {}", whom)});
}

/// What other endpoints are never asked for on behalf of some callers: a machine works at its own endpoint,
/// and what a tenant hides cannot be cut out of tokens, streams and routes that only the owner knows.
Result<void> check_caller(const Call& call) {
  if (call.principal.is_machine()) return not_for(call, "machines of another endpoint");
  if (call.principal.tenant == nullptr) return {};
  const HandlerFunction handler = call.route == nullptr ? nullptr : call.route->handler;
  const bool hidden =
      handler == nullptr || handler == &handlers::make_machine_token || handler == &handlers::make_user_token;
  return hidden ? not_for(call, "users of tenants") : Result<void>();
}

/// The route that a forwarded request matches here, so that its right is checked here too. What only the
/// owner knows needs every right.
Result<void> authorise_prefixed(Call& call) {
  if (Result<void> fit = check_caller(call); !fit) return fit;
  if (call.route == nullptr) {
    const auth::Right every{"*", "*", auth::Subject::everything()};
    return auth::authorise(call.principal, every, call.uri);
  }
  if (call.route->object) {
    Result<void> found = find_prefixed(call);
    if (!found) return found;
  } else if (!names_visible(call)) {
    return object_error(call, ErrorCode::kNotFound, {"Not Found"});
  }
  Result<void> allowed = authorise_route(call);
  // Lists and single fields cannot be checked from outside: without the whole right nothing is forwarded.
  if (allowed && !call.right_covered) return auth::authorise(call.principal, right_of(call), call.uri);
  return allowed ? authorise_foreign_list(call) : allowed;
}

/// While it lives, the body of the request can be read as long as the caller may send it.
class GuardedRequest {
 public:
  explicit GuardedRequest(Call& call)
      : call_(call), plain_(call.request.body), body_(*plain_, live_rights(call)) {
    call.request.body = &body_;
  }
  GuardedRequest(const GuardedRequest&) = delete;
  GuardedRequest& operator=(const GuardedRequest&) = delete;
  ~GuardedRequest() { call_.request.body = plain_; }

 private:
  Call& call_;
  net::BodySource* plain_;
  GuardedBody body_;
};

env::Task<Result<net::Response>> forward_guarded(Call& call, std::string owner, std::string target) {
  if (Result<void> asked = authorise_owner_asks(call); !asked) co_return asked.error();
  const GuardedRequest guarded(call);
  net::BodySourcePtr replayed;
  Result<void> may_refer = co_await check_forwarded_references(call, replayed);
  if (!may_refer) co_return may_refer.error();
  Result<net::Response> answer = co_await call.services.manager->forward(std::move(owner), call.request,
                                                                         std::move(target), call.principal);
  if (answer) protect_foreign(*answer);
  co_return answer;
}

env::Task<Result<net::Response>> forward_prefixed(Call& call) {
  Result<void> allowed = authorise_prefixed(call);
  if (!allowed) co_return allowed.error();
  // Rights are about the owner, whoever passes requests on to it: what an endpoint on the way calls by the
  // same name is not meant.
  std::string target = owner_target(call);
  std::string owner = call.owner;
  if (call.is_websocket()) {
    std::optional<std::string> events_of;
    const bool of_another = call.route->handler == &handlers::open_owner_websocket;
    if (call.route->access == Access::kAuthenticated) events_of = of_another ? call.path.back() : call.owner;
    co_return co_await forward_websocket(call, std::move(owner), std::move(target), std::move(events_of));
  }
  Result<net::Response> answer = co_await forward_guarded(call, std::move(owner), std::move(target));
  const bool created = answer && answer->status == 201 && call.route != nullptr && call.type != nullptr &&
                       call.route->needs == Needs::kCreate;
  if (created && call.principal.tenant) answer = co_await join_forwarded(call, std::move(*answer));
  // Reads below an owner are the owner's own words, as far as they are for the caller; a change is gone on
  // with here.
  if (call.request.method == "GET" || call.request.method == "HEAD")
    co_return co_await shown_to_caller(call, call.owner, std::move(answer));
  co_return co_await with_owner(call, call.owner, std::move(answer));
}

bool is_about_large_documents(const Call& call) {
  const bool writes = manager::is_write(call.request.method);
  return writes && call.body.size() + call.target.body.size() > LargeWork::kLarge;
}

/// `made_here`: on the way of another request, which may have its caller's turn.
env::Task<Result<net::Response>> run_large(Call& call, bool made_here) {
  Result<env::Turns::Turn> turn = env::Turns::Turn();
  if (!made_here) turn = co_await call.services.large.turn_of(caller_of(call).name);
  if (!turn) co_return turn.error();
  const auto work = [&call] { return call.route->handler(call); };
  Result<net::Response> answer = co_await call.services.large.run(work);
  co_return answer;
}

env::Task<Result<net::Response>> run_handler(Call& call, bool made_here) {
  std::optional<GuardedRequest> guarded;
  if (call.route->body != BodyKind::kNone && !call.principal.name.empty()) guarded.emplace(call);
  if (call.route->body == BodyKind::kJson) {
    Result<void> read = co_await read_json_body(call);
    if (!read) co_return read.error();
  }
  if (is_about_large_documents(call)) co_return co_await run_large(call, made_here);
  co_return co_await call.route->handler(call);
}

/// That an object is nowhere is known as of the oldest replica that could hold it: a demand for a younger
/// answer holds for it, too.
Error absence(const Call& call, Error missing) {
  const bool reads = call.request.method == "GET" || call.request.method == "HEAD";
  if (!reads || missing.code != ErrorCode::kNotFound || call.services.manager == nullptr) return missing;
  if (!call.request.headers.get("X-Mullion-Max-Age") || !call.services.store.replicas_shown()) return missing;
  net::Response unused;
  const Result<void> fresh =
      apply_freshness(call, call.services.manager->known_owners(), {std::string(call.type->prefix)}, unused);
  return fresh ? missing : fresh.error();
}

/// `made_here`: within the process; replicas are not meant then, whatever is called the same there.
env::Task<Result<net::Response>> run_route(Call& call, bool made_here) {
  if (call.route->object) {
    Result<Target> target = find_object(call, *call.services.store.snapshot(), call.requested_id());
    if (!target) co_return absence(call, target.error());
    if (made_here && store::is_remote(target->owner))
      co_return object_error(call, ErrorCode::kNotFound, {"Not Found"});
    take_object(call, std::move(*target));
  }
  Result<void> allowed = authorise_route(call);
  if (!allowed) co_return allowed.error();
  if (forwards(call)) {
    if (!call.right_covered) co_return authorise(call, right_of(call)).error();
    std::string target = owner_target(call);
    Result<net::Response> answer = co_await forward_guarded(call, call.target.owner, std::move(target));
    co_return co_await with_owner(call, call.target.owner, std::move(answer));
  }
  co_return co_await run_handler(call, made_here);
}

Error crowded() {
  return Error(ErrorCode::kUnavailable, "The database is read by as many as it can serve; try again");
}

/// Finds the route of the path below its owners. False: no such route here.
bool match(Call& call) {
  const FindType find = [&call](std::string_view prefix) { return call.services.find_type(prefix); };
  std::optional<RouteMatch> match = match_route(call.request.method, call.path, find);
  if (match) call.take(std::move(*match));
  return match.has_value();
}

/// What a manager asks by itself counts while nobody has succeeded the member that asks.
Result<void> check_lead(Call& call) {
  constexpr std::string_view kItself = "system@";
  const std::string_view asks = call.principal.on_behalf_of;
  const auto header = call.request.headers.get(manager::kLeadHeader);
  if (!header || !asks.starts_with(kItself)) return {};
  const std::optional<manager::LeadTerm> lead = manager::parse_lead_term(*header);
  if (!lead) return Error(ErrorCode::kBadRequest, "X-Mullion-Lead is EPOCH TERM");
  return call.services.lead_terms.hear(call.principal.name, std::string(asks.substr(kItself.size())), *lead,
                                       call.services.clock.steady());
}

/// `known`: who asks, when that need not be found out.
env::Task<Result<net::Response>> serve(Call& call, std::optional<auth::Principal> known) {
  if (call.services.store.crowded()) co_return crowded();
  const auto [named, rest] = split_owner_path(call.request.segments);
  Segments owners = named;
  while (!owners.empty() && owners.front() == call.services.facts.id) owners = owners.subspan(1);
  call.path = rest;
  if (!owners.empty()) call.owner = owners.back();
  const bool found = match(call);
  const bool own = owners.empty();
  const bool made_here = known.has_value();  // and so it says whose object it means
  if (!own || !found || call.route->access != Access::kPublic) {
    Result<auth::Principal> principal = Error();
    if (known) {
      principal = std::move(*known);
    } else {
      principal = co_await authenticate(call.services.authenticator, call.request, call.log);
    }
    if (!principal) co_return principal.error();
    call.principal = std::move(*principal);
    call.log.principal = call.principal.audit_name();
    if (call.services.upgrades.on_trial() && call.principal.name != kSystem) {
      co_return Error(ErrorCode::kUnavailable,
                      fmt::format("{} is being tried: it serves nobody yet", call.services.facts.version));
    }
  }
  if (const Result<void> leads = check_lead(call); !leads) co_return leads.error();
  if (!own) co_return co_await forward_prefixed(call);
  if (!found) co_return no_route(call.request);
  co_return co_await run_route(call, made_here);
}

/// A transfer goes on only as long as it is allowed. Others' lists are cut piece by piece where they are
/// made.
void guard_body(const Call& call, net::Response& response) {
  auto* body = std::get_if<net::BodySourcePtr>(&response.body);
  if (body == nullptr || *body == nullptr || call.principal.name.empty()) return;
  response.body = std::make_unique<GuardedBody>(std::move(*body), live_rights(call));
}

/// Why an answer is not given. A write is done nevertheless, and whoever asked for it must hear that.
Error untold(const Call& call, int status, Error why) {
  if (status >= 300 || !manager::is_write(call.request.method)) return why;
  why.messages.front() += "; it was carried out";
  why.unreachable = manager::unreachable_text({call.services.facts.id, "", std::nullopt, true});
  return why;
}

/// A token that is refused is answered in its own scheme (RFC 6750): where a page sent it, a challenge for a
/// password would open the browser's dialogue over the page, which asks by itself.
void challenge_in_kind(const net::Request& request, net::Response& response) {
  const std::string_view sent = request.headers.get("Authorization").value_or("");
  const std::string_view scheme = sent.substr(0, sent.find(' '));
  if (response.status != 401 || !equal_ignoring_case(scheme, "Bearer")) return;
  response.headers.set("WWW-Authenticate", R"(Bearer realm="mullion", error="invalid_token")");
}

/// What is true of every answer.
void finish_headers(const Call& call, net::Response& response) {
  if (is_ux_request(call.request)) protect_page(response);
  challenge_in_kind(call.request, response);
  if (response.upgrade && offers_sub_protocol(call.request))
    response.headers.set(kProtocolHeader, std::string(kSubProtocol));
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
  const LogScope scope(call.log);
  if (const std::optional<WantedLog> wanted = wanted_log(call.request)) {
    const std::string mark = wanted->token.empty() ? "" : fmt::format(" trace={}", wanted->token);
    return kLog.write_always(wanted->level, access_line(call, status, seconds) + mark);
  }
  const bool quiet = status < 400 && (call.request.method == "GET" || call.request.method == "HEAD");
  const LogLevel level = quiet ? LogLevel::kDebug : LogLevel::kInfo;
  if (Logger::enabled(level)) kLog.write(level, access_line(call, status, seconds));
}

env::Task<net::Response> answer_request(Services& services, net::Request& request,
                                        std::optional<auth::Principal> known) {
  const env::SteadyTime begin = services.clock.steady();
  Call call{services, request};
  call.uri = request.target;
  call.log.group = new_log_group();
  call.route_number = route_table().size();
  net::Response response;
  try {
    Result<net::Response> answer = co_await serve(call, std::move(known));
    response = answer ? std::move(*answer) : error_response(answer.error(), request.method);
    if (Result<void> fits =
            hold_answer(response, env::memory_for(env::Memory::kAnswers), caller_of(call).name);
        !fits)
      response = error_response(untold(call, response.status, fits.error()), request.method);
    guard_body(call, response);
  } catch (const store::ReadFailure& failure) {
    const LogScope scope(call.log);
    kLog.error("the database cannot be read id={} what={}", request.id, failure.what());
    response = error_response(failure.error(), request.method);
  } catch (const std::exception& failure) {
    const LogScope scope(call.log);
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

}  // namespace

env::Task<net::Response> dispatch(Services& services, net::Request& request) {
  return answer_request(services, request, std::nullopt);
}

env::Task<net::Response> dispatch_as(Services& services, net::Request& request, auth::Principal principal) {
  return answer_request(services, request, std::move(principal));
}

}  // namespace mullion::api
