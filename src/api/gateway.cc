#include "api/gateway.h"

#include <fmt/format.h>

#include <atomic>

#include "api/internal/answers.h"
#include "api/internal/authentication.h"
#include "api/internal/consensus.h"
#include "api/internal/info.h"
#include "api/internal/interfaces.h"
#include "api/internal/log.h"
#include "api/internal/rights.h"
#include "base/mutex.h"
#include "client/api.h"
#include "client/routes.h"
#include "env/network.h"
#include "env/unless.h"
#include "manager/forward.h"
#include "net/forwarding.h"

namespace mullion::api {
namespace {

namespace json = boost::json;
using cluster::ActiveMember;

constexpr std::string_view kForwarded = "X-Mullion-Passed-On";  // by a member: is not passed on again
constexpr uint64_t kRepeatable = 1 << 20;
constexpr auto kLookPause = std::chrono::milliseconds(100);
constexpr uint16_t kServiceRestart = 1012;

bool is_read(const net::Request& request) { return request.method == "GET" || request.method == "HEAD"; }

/// What a member says about itself, or does by itself, whoever serves.
enum class Local { kNo, kHealth, kInfo, kFact, kEnroll, kMove, kActivate, kPassivate };

Local local_part(const net::Request& request) {
  const std::vector<std::string>& path = request.segments;
  const auto is = [&path](std::initializer_list<std::string_view> words) {
    return std::equal(path.begin(), path.end(), words.begin(), words.end());
  };
  const bool read = is_read(request);
  const bool post = request.method == "POST";
  if (read && (is({"healthz", "active"}) || is({"healthz", "ready"}))) return Local::kHealth;
  if (read && is({"api", "v3", "info"})) return Local::kInfo;
  if (post && is({"api", "v3", "system", "consensus", "enroll"})) return Local::kEnroll;
  if (request.method == "PUT" && is({"api", "v3", "system", "consensus", "state"})) return Local::kMove;
  if (post && is({"api", "v3", "system", "active"})) return Local::kActivate;
  if (post && is({"api", "v3", "system", "passive"})) return Local::kPassivate;
  const bool fact = read && path.size() == 5 && path[0] == "api" && path[1] == "v3" && path[2] == "system" &&
                    path[3] == "consensus" && path[4] != "introduction";
  return fact ? Local::kFact : Local::kNo;
}

Error unavailable(std::string why) { return Error(ErrorCode::kUnavailable, "", "", "", {std::move(why)}); }
Error nobody_serves() { return unavailable("No member of the cluster serves now; try again"); }
Error outcome_unknown() {
  return unavailable("The member that served was lost meanwhile: the request may have been carried out");
}

net::Response refusal(const Error& error, const net::Request& request) {
  net::Response out = error_response(error, request.method);
  if (error.code == ErrorCode::kUnavailable) out.headers.set("Retry-After", "1");
  return out;
}

/// What is sent piece by piece stays true to the end, or breaks off.
class LeasedBody final : public net::BodySource {
 public:
  LeasedBody(net::BodySourcePtr body, const cluster::Cluster& cluster)
      : body_(std::move(body)), cluster_(cluster) {}
  Task<Result<std::string_view>> next() override {
    Result<std::string_view> piece = co_await body_->next();
    if (piece.ok() && !cluster_.may_answer()) co_return nobody_serves();
    co_return piece;
  }
  std::optional<uint64_t> size() const override { return body_->size(); }

 private:
  net::BodySourcePtr body_;
  const cluster::Cluster& cluster_;
};

/// Keeps the client of an answer that is still read.
class ClientBody final : public net::BodySource {
 public:
  ClientBody(std::shared_ptr<net::Client> client, net::BodySourcePtr body)
      : client_(std::move(client)), body_(std::move(body)) {}
  Task<Result<std::string_view>> next() override { return body_->next(); }
  std::optional<uint64_t> size() const override { return body_->size(); }

 private:
  std::shared_ptr<net::Client> client_;  // declared first: outlives the body
  net::BodySourcePtr body_;
};

using PassedSocket = std::shared_ptr<net::WebSocket>;

Task<void> pass(PassedSocket from, PassedSocket to) {
  while (true) {
    Result<net::WebSocket::Message> message = co_await from->read();
    if (!message) break;
    Result<void> sent = co_await to->write(std::move(message->data), message->binary);
    if (!sent) break;
  }
  co_await to->close(kServiceRestart, "");
  from->abort();
}

class GatewayImpl final : public Gateway {
 public:
  explicit GatewayImpl(GatewayDependencies dependencies)
      : around_(std::move(dependencies)),
        facts_(around_.facts),
        tasks_(around_.runtime.executor(), "gateway") {
    if (facts_.address.empty()) facts_.address = outside_address();
  }

  void serve_with(Api& api) override { api_ = &api; }
  void set_ports(uint16_t api, uint16_t static_plain, uint16_t static_secure) override {
    facts_.api_port = api;
    facts_.static_port = static_plain;
    facts_.static_secure_port = static_secure;
  }
  std::string api_url() const override {
    return fmt::format("https://{}:{}", host_in_url(facts_.address), facts_.api_port);
  }
  std::string static_url() const override {
    return fmt::format("http://{}:{}", host_in_url(facts_.address), facts_.static_port);
  }

  Task<net::Response> handle(net::Request& request) override {
    net::Response out;
    try {
      Result<net::Response> answer = co_await answer_or_pass(request);
      out = answer ? std::move(*answer) : refusal(answer.error(), request);
    } catch (const store::ReadFailure& failure) {
      out = refusal(failure.error(), request);
    }
    if (!out.headers.get("X-Request-Id")) out.headers.set("X-Request-Id", request.id);
    co_return out;
  }

  Task<net::Response> handle_static(net::Request& request) override {
    const env::SteadyTime deadline = around_.clock.steady() + around_.hold;
    while (true) {
      const uint64_t seen = changes_.version();
      if (serving()) co_return co_await api_.load()->handle_static(request);
      const std::optional<ActiveMember> active = around_.cluster.active_elsewhere();
      if (active && is_read(request) && !request.headers.get(kForwarded)) {
        Body nothing;
        Result<net::Response> answer =
            co_await send(request, *active, active->static_url, std::move(nothing), nullptr);
        if (answer) co_return std::move(*answer);
      }
      if (around_.clock.steady() >= deadline) co_return refusal(nobody_serves(), request);
      co_await around_.timers.wait(changes_, seen, kLookPause);
    }
  }

  Task<void> stop() override { co_await tasks_.async_stop(); }

 private:
  using Body = std::variant<std::string, net::BodySourcePtr>;

  bool serving() const { return api_.load() != nullptr && around_.cluster.may_answer(); }

  Task<Result<net::Response>> answer_or_pass(net::Request& request) {
    const Local local = local_part(request);
    if (local == Local::kHealth) {
      const bool ready = serving() || around_.cluster.active_elsewhere().has_value();
      co_return health(around_.cluster.view(), ready && (request.segments[1] != "active" || serving()),
                       request.segments[1]);
    }
    if (local != Local::kNo && !serving()) co_return co_await answer_locally(request, local);
    co_return co_await answer_or_hold(request, local);
  }

  /// Here, there, or nowhere in time.
  Task<Result<net::Response>> answer_or_hold(net::Request& request, Local local) {
    const env::SteadyTime deadline = around_.clock.steady() + around_.hold;
    std::optional<std::string> body;  // kept, when it can be sent again
    net::HeldShares held;
    while (true) {
      const uint64_t seen = changes_.version();
      if (serving()) co_return co_await answer_here(request, local, std::move(body));
      const std::optional<ActiveMember> active = around_.cluster.active_elsewhere();
      if (active && request.headers.get(kForwarded)) co_return nobody_serves();
      if (active) {
        bool repeat = false;
        Result<net::Response> answer = co_await pass_on(request, *active, body, held, repeat);
        if (answer || !repeat) co_return answer;
      }
      if (around_.clock.steady() >= deadline) co_return nobody_serves();
      co_await around_.timers.wait(changes_, seen, kLookPause);
    }
  }

  /// What was read after the lease had ended may be older than what another member has acknowledged.
  Task<Result<net::Response>> answer_here(net::Request& request, Local local,
                                          std::optional<std::string> body) {
    net::BodySource* const plain = request.body;
    net::BodySourcePtr kept;
    if (body) {
      kept = net::body_from_string(std::move(*body));
      request.body = kept.get();
    }
    net::Response response = co_await api_.load()->handle(request);
    request.body = plain;
    const bool done = response.headers.get(manager::kCommitHeader).has_value() && !is_read(request);
    if (local == Local::kNo && !done && !response.upgrade && !around_.cluster.may_answer())
      co_return is_read(request) ? nobody_serves() : outcome_unknown();
    if (auto* stream = std::get_if<net::BodySourcePtr>(&response.body); stream != nullptr && *stream)
      response.body = std::make_unique<LeasedBody>(std::move(*stream), around_.cluster);
    co_return response;
  }

  // ------------------------------------------------------------------------------------- passing on

  std::shared_ptr<net::Client> client_of(const ActiveMember& active, const std::string& url) {
    const Lock lock(mutex_);
    std::shared_ptr<net::Client>& client = clients_[url];
    if (client && fingerprints_[url] == active.fingerprint) return client;
    net::ClientOptions options;
    options.base_url = url;
    options.trust.pinned_fingerprint = url.starts_with("https") ? active.fingerprint : "";
    options.connect_timeout = std::chrono::seconds(1);
    options.idle_timeout = around_.limits.longest_poll + std::chrono::seconds(60);
    options.max_idle_connections = 64;
    Result<std::unique_ptr<net::Client>> made = net::make_client(around_.runtime, options);
    if (!made) return nullptr;
    client = std::move(*made);
    fingerprints_[url] = active.fingerprint;
    return client;
  }

  /// Ends when `active` does not serve any more.
  Task<void> until_lost(ActiveMember active) {
    while (around_.cluster.active_elsewhere() == active) {
      const uint64_t seen = changes_.version();
      co_await around_.timers.wait(changes_, seen, kLookPause);
    }
  }

  static net::Headers passed_headers(const net::Request& request) {
    net::Headers out = net::end_to_end(request.headers);
    for (const std::string_view name : {"Host", "Content-Length", "Expect"}) out.remove(name);
    out.set("X-Request-Id", request.id);
    out.set(kForwarded, request.peer_address);
    return out;
  }

  /// `begun`: whether anybody can have seen the request.
  Task<Result<net::Response>> send(const net::Request& request, ActiveMember active, std::string url,
                                   Body body, bool* begun) {
    const std::shared_ptr<net::Client> client = client_of(active, url);
    if (!client) co_return nobody_serves();
    net::ClientRequest out;
    out.method = request.method;
    out.target = request.target;
    out.headers = passed_headers(request);
    out.body = std::move(body);
    out.begun = begun;
    std::optional<Result<net::ClientResponse>> got =
        co_await env::unless(client->send(std::move(out)), until_lost(active));
    if (!got) co_return nobody_serves();
    if (!*got) co_return got->error();
    net::Response response;
    response.status = (*got)->status;
    response.headers = net::end_to_end((*got)->headers);
    if ((*got)->body) response.body = std::make_unique<ClientBody>(client, std::move((*got)->body));
    co_return response;
  }

  Task<Result<net::Response>> pass_on(net::Request& request, ActiveMember active,
                                      std::optional<std::string>& kept, net::HeldShares& held, bool& repeat) {
    if (request.headers.get("Upgrade")) co_return co_await pass_websocket(request, active, repeat);
    Body body;
    std::optional<Error> broken;
    bool again = true;
    if (kept) {
      body = *kept;
    } else {
      Result<manager::ForwardedBody> read = co_await manager::forwarded_body(
          request, kRepeatable, broken, env::network_of(request.peer_address).host, held);
      if (!read) co_return read.error();
      if (auto* text = std::get_if<std::string>(&*read)) kept = *text;
      again = kept.has_value();
      body = std::move(*read);
    }
    bool begun = false;
    Result<net::Response> answer = co_await send(request, active, active.api_url, std::move(body), &begun);
    if (answer) co_return answer;
    if (broken) co_return *broken;
    repeat = again && (!begun || is_read(request));
    if (begun && !is_read(request)) co_return outcome_unknown();
    co_return unavailable(answer.error().text());
  }

  Task<Result<net::Response>> pass_websocket(net::Request& request, ActiveMember active, bool& repeat) {
    const std::shared_ptr<net::Client> client = client_of(active, active.api_url);
    if (!client) co_return nobody_serves();
    Result<PassedSocket> far = co_await client->connect_websocket(request.target, passed_headers(request));
    if (!far) {
      repeat = far.error().code == ErrorCode::kUnreachable;
      co_return far.error();
    }
    net::Response response;
    response.status = 101;
    response.upgrade = [this, client, far = *far](PassedSocket near) -> Task<void> {
      tasks_.spawn("websocket", [client, far, near] { return pass(far, near); });
      return pass(near, far);
    };
    co_return response;
  }

  // --------------------------------------------------------------------------------- about this member

  Task<Result<net::Response>> answer_locally(net::Request& request, Local local) {
    LogOrigin origin;
    Result<auth::Principal> caller = co_await authenticate(around_.authenticator, request, origin);
    if (!caller) co_return caller.error();
    const Result<void> allowed = may(*caller, request, local);
    if (!allowed) co_return allowed.error();
    switch (local) {
      case Local::kInfo:
        co_return json_response(200, json::value(info(*caller)));
      case Local::kFact: {
        const Result<json::value> fact =
            consensus_fact(around_.cluster, around_.store, *caller, request.segments.back());
        if (!fact) co_return fact.error();
        co_return json_response(200, *fact);
      }
      case Local::kEnroll: {
        Result<std::string> body = co_await net::read_all(*request.body, 1 << 20);
        if (!body) co_return body.error();
        co_return co_await enroll(around_.cluster, std::move(*body));
      }
      case Local::kMove: {
        Result<std::string> body = co_await net::read_all(*request.body, 1 << 16);
        if (!body) co_return body.error();
        const AskServing ask = [this, &request](std::string shared) {
          return ask_serving(request, std::move(shared));
        };
        co_return co_await change_state(around_.cluster, std::move(*body), ask);
      }
      case Local::kActivate:
        co_return co_await become_active(request);
      case Local::kPassivate:
        if (!is_passive(request)) co_return nobody_serves();
        co_return json_response(200, std::string("true"));
      case Local::kNo:
      case Local::kHealth:
        break;
    }
    co_return nobody_serves();
  }

  static Result<void> may(const auth::Principal& caller, const net::Request& request, Local local) {
    const bool looks = local == Local::kInfo || local == Local::kFact;
    const std::string_view action = looks ? "get" : local == Local::kPassivate ? "passive" : "active";
    const auth::Right right{looks ? "info" : "system", std::string(action), auth::Subject::none()};
    Result<void> allowed = auth::authorise(caller, right, request.target);
    return allowed && (local == Local::kEnroll || local == Local::kMove)
               ? check_tenant(caller, request.target)
               : allowed;
  }

  json::object info(const auth::Principal&) const {
    const cluster::ClusterView cluster = around_.cluster.view();
    std::vector<std::string> errors = facts_.start_errors;
    for (std::string& error : cluster_errors(cluster)) errors.push_back(std::move(error));
    json::object out = identity(facts_, cluster, false, errors);
    out["stats"] = json::array();
    out["scopes"] = json::object();
    out["ClusterState"] = cluster_state(cluster);
    if (cluster.active) {  // it leads, and its rooms are not open yet
      out["ha_is_active"] = false;
      out["ha_status"] = "Connecting";
    }
    return out;
  }

  /// One that leads has rooms to open yet, and serves then; who is to lead instead cannot be told.
  bool is_passive(const net::Request& request) const {
    return !around_.cluster.view().active && request.query_value("to").value_or("").empty();
  }

  /// The member that serves is asked, in the caller's name, to hand over to this one.
  Task<Result<net::Response>> become_active(net::Request& request) {
    if (request.query_value("force") == "true") co_return co_await take_over();
    const std::optional<ActiveMember> active = around_.cluster.active_elsewhere();
    if (!active) co_return nobody_serves();
    const cluster::ClusterView view = around_.cluster.view();
    const std::shared_ptr<net::Client> client = client_of(*active, active->api_url);
    if (!client) co_return nobody_serves();
    net::ClientRequest out = client::bare_request(client::post_system_passive().with("to", view.own_id));
    out.headers = passed_headers(request);
    Result<net::TextResponse> answer = co_await net::fetch(*client, std::move(out), 1 << 20);
    if (!answer) co_return outcome_unknown();
    net::Response response = json_response(answer->status, std::move(answer->body));
    co_return response;
  }

  /// The same of the member that serves, in the caller's name.
  Task<Result<net::Response>> ask_serving(const net::Request& request, std::string body) {
    const std::optional<ActiveMember> active = around_.cluster.active_elsewhere();
    if (!active || request.headers.get(kForwarded)) co_return nobody_serves();
    const std::shared_ptr<net::Client> client = client_of(*active, active->api_url);
    if (!client) co_return nobody_serves();
    net::ClientRequest out = client::bare_request(client::put_system_consensus_state());
    out.headers = passed_headers(request);
    out.headers.set("Content-Type", "application/json");
    out.body = std::move(body);
    Result<net::TextResponse> answer = co_await net::fetch(*client, std::move(out), 1 << 20);
    if (!answer) co_return outcome_unknown();
    co_return json_response(answer->status, std::move(answer->body));
  }

  /// In a cluster that is switched by hand, without the member that served.
  Task<Result<net::Response>> take_over() {
    const Result<std::string> done = co_await around_.cluster.take_over();
    if (!done) co_return done.error();
    kLog.warn("{}", *done);
    co_return json_response(200, json::value(*done));
  }

  GatewayDependencies around_;
  Facts facts_;
  env::Signal changes_ = around_.cluster.changes();
  std::atomic<Api*> api_{nullptr};
  Mutex mutex_;  // guards what follows
  std::map<std::string, std::shared_ptr<net::Client>> clients_ GUARDED_BY(mutex_);
  std::map<std::string, std::string> fingerprints_ GUARDED_BY(mutex_);
  env::TaskGroup tasks_;
};

}  // namespace

std::unique_ptr<Gateway> make_gateway(GatewayDependencies dependencies) {
  return std::make_unique<GatewayImpl>(std::move(dependencies));
}

}  // namespace mullion::api
