#include "manager/manager.h"

#include <algorithm>
#include <set>

#include "base/json.h"
#include "base/mutex.h"
#include "base/percent.h"
#include "base/text.h"
#include "client/api.h"
#include "client/login.h"
#include "client/routes.h"
#include "env/attempt.h"
#include "env/memory.h"
#include "env/memory_budget.h"
#include "env/pools.h"
#include "manager/contact.h"
#include "manager/endpoint_calls.h"
#include "manager/endpoint_object.h"
#include "manager/forward.h"
#include "manager/internal/log.h"
#include "manager/routes.h"
#include "manager/session.h"
#include "manager/unreachable.h"
#include "mirror/held.h"
#include "model/object.h"
#include "replication/source.h"
#include "store/commit_async.h"

namespace mullion::manager {
namespace {

namespace json = boost::json;

constexpr auto kReconcileInterval = std::chrono::seconds(10);
constexpr auto kReadYourWrites = std::chrono::seconds(2);
/// Long polls take as long as their clients ask.
constexpr auto kForwardPatience = std::chrono::minutes(11);
constexpr auto kCopiesEndTogether = std::chrono::seconds(2);
constexpr int kMostPostponements = 100;
/// For sessions to store what they received and when they were last in touch.
constexpr auto kStopPatience = std::chrono::milliseconds(500);
constexpr size_t kMostNamed = 50;
/// Word of an endpoint comes every two seconds, and is on its way for a moment.
/// Of the answer to a write, for its object to be taken from it; bytes.
constexpr size_t kLongestShownObject = size_t{1} << 20;
/// Bodies up to this size are read before they are sent, so that they can be sent again with a new login.
constexpr uint64_t kRepeatableBody = uint64_t{1} << 20;
/// What a request takes that waits for its answer: two connections with TLS. That its client is gone is not
/// noticed before there is something to tell it.
constexpr size_t kWaitingRequest = size_t{64} << 10;
constexpr uint64_t kLongestRefusal = uint64_t{16} << 10;

std::string names_of(const std::vector<std::string>& names) {
  if (names.empty()) return "none";
  const size_t shown = std::min(names.size(), kMostNamed);
  std::string out =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  if (shown < names.size()) out += fmt::format(" and {} more", names.size() - shown);
  return out;
}

bool is_login_refusal(int status) { return status == 401 || status == 403; }

/// A copy that can be sent later; absent when the body streams.
std::optional<net::ClientRequest> copy_of(const net::ClientRequest& request) {
  const auto* text = std::get_if<std::string>(&request.body);
  if (text == nullptr) return std::nullopt;
  net::ClientRequest out;
  out.method = request.method;
  out.target = request.target;
  out.headers = request.headers;
  out.body = *text;
  out.timeout = request.timeout;
  return out;
}

store::Interest own_endpoints_changed() {
  return {.rules = {{std::string(kEndpoints), store::Interest::Owners::kOwn}}};
}

class ManagerImpl final : public Manager {
 public:
  explicit ManagerImpl(Dependencies dependencies)
      : given_(std::move(dependencies)),
        tasks_(given_.runtime.executor(), "manager"),
        source_(given_.runtime, {given_.store, given_.identity.id, given_.identity.version, given_.features,
                                 [state = given_.state] { return model::message_text(state()); },
                                 [this] { return announcements(); }, given_.clock, given_.timers}) {
    plan_ = std::make_shared<const Plan>();
    endpoints_feed_ = store::attach_signal(given_.store, "endpoints", own_endpoints_changed(), wake_);
    replicated_feed_ = store::attach_signal(given_.store, "replicas", {.replicated = true}, replicated_);
  }

  void start() override {
    // The listener cannot be taken back; what it holds outlives us.
    given_.preferences.on_change([wake = wake_](std::string_view, std::string_view) { wake->notify_all(); });
    given_.layers.on_change(
        [wake = wake_](std::string_view, std::string_view, std::string_view) { wake->notify_all(); });
    // Components are told once the stack has changed; the commit that changes it comes a moment earlier.
    given_.layers.on_change([changed = own_state_](auto&&...) { changed->notify_all(); });
    tasks_.spawn("own state", [this] { return tell_own_state(); });
    tasks_.spawn("memory", [this] { return give_back_memory(); });
    given_.store.show_replicas(may_manage());
    tasks_.spawn("supervisor", [this] { return supervise(); });
  }

  Task<void> stop() override {
    stopping_ = true;
    wake_->notify_all();
    own_state_->notify_all();
    caught_up_->notify_all();
    for (const auto& [id, session] : sessions()) session->stop();
    co_await env::within(given_.timers, kStopPatience, sessions_ended());
    co_await tasks_.async_stop();  // cancels who still waits for an answer
    co_await source_.stop();
  }

  bool active() const override { return active_; }

  Task<Result<std::string>> add_endpoint(std::string params_json, const auth::Principal& principal) override;
  Task<Result<net::Response>> forward(std::string owner, net::Request& request, std::string api_target,
                                      const auth::Principal& principal) override;
  Task<Result<std::shared_ptr<net::WebSocket>>> forward_websocket(std::string owner, std::string api_target,
                                                                  const auth::Principal& principal) override;
  std::vector<OwnerFreshness> replicas(const std::vector<std::string>& owners) const override;

  std::vector<std::string> known_owners() const override {
    std::vector<std::string> out;
    const std::shared_ptr<const Plan> routes = plan();
    for (const auto& [owner, route] : routes->routes) out.push_back(owner);
    return out;
  }

  std::vector<OwnerConnection> connections(const std::vector<std::string>& owners) const override;

  std::vector<EndpointStatistics> statistics() const override {
    std::vector<EndpointStatistics> out;
    for (const auto& [id, session] : sessions()) {
      const replication::SinkCounters& counters = session->counters();
      out.push_back({id, counters.lag, counters.bytes, counters.commits, counters.snapshots,
                     counters.mismatches, counters.corrections, session->connects(),
                     session->forwards().read()});
    }
    return out;
  }

  Task<void> serve_stream(std::shared_ptr<net::WebSocket> socket, store::Cursor resume) override {
    return source_.serve(std::move(socket), resume);
  }

  Task<Result<net::ClientResponse>> call(std::string owner, net::ClientRequest request) override;
  std::shared_ptr<const model::EndpointState> endpoint_state(const std::string& id) const override {
    const std::shared_ptr<Session> found = session(id);
    return found ? found->state() : std::make_shared<const model::EndpointState>();
  }
  bool is_foreign(const std::string& owner) const override {
    const std::shared_ptr<const Plan> routes = plan();
    const auto route = routes->routes.find(owner);
    const std::shared_ptr<Session> found =
        session(route == routes->routes.end() ? owner : route->second.next_hop);
    return found && found->is_foreign();
  }
  void on_endpoint_change(std::function<void(const std::string& id)> listener) override {
    endpoint_changed_->push_back(std::move(listener));
  }
  void state_changed() override { source_.state_changed(); }

 private:
  using Sessions = std::map<std::string, std::shared_ptr<Session>, std::less<>>;

  Sessions sessions() const {
    ReadLock lock(mutex_);
    return sessions_;
  }
  std::shared_ptr<Session> session(std::string_view id) const {
    ReadLock lock(mutex_);
    const auto found = sessions_.find(id);
    return found == sessions_.end() ? nullptr : found->second;
  }
  std::shared_ptr<const Plan> plan() const {
    ReadLock lock(mutex_);
    return plan_;
  }

  Task<bool> sessions_ended() const {
    for (const auto& [id, session] : sessions()) co_await session->end();
    co_return true;
  }

  // ---- the supervisor: makes what runs agree with the Endpoint objects

  bool may_manage() const { return given_.preferences.get("manager") == "true" && given_.licensed(); }

  Task<void> tell_own_state() {
    uint64_t seen = own_state_->version();
    while (!stopping_) {
      (void)co_await given_.timers.wait(*own_state_, seen, std::chrono::hours(1));
      const uint64_t now = own_state_->version();
      if (now != seen) source_.state_changed();
      seen = now;
    }
  }

  /// Copies leave much freed memory behind; those under way would soon need it again.
  Task<void> give_back_memory() {
    uint64_t seen = caught_up_->version();
    while (!stopping_) {
      const bool woken_up = co_await given_.timers.wait(*caught_up_, seen, std::chrono::hours(1));
      if (!woken_up) continue;
      for (int i = 0; i < kMostPostponements; ++i) {
        seen = caught_up_->version();
        const bool woken_up = co_await given_.timers.wait(*caught_up_, seen, kCopiesEndTogether);
        if (!woken_up) break;
      }
      if (!stopping_) co_await env::run_blocking([] { env::give_back_memory(); });
    }
  }

  Task<void> supervise() {
    while (!stopping_) {
      const uint64_t seen = wake_->version();
      const bool agrees = co_await env::attempt(kLog, "following the Endpoint objects", reconcile());
      const env::Duration pause = agrees ? env::Duration(kReconcileInterval) : env::Duration(env::kTryAgain);
      co_await given_.timers.wait(*wake_, seen, pause);
    }
  }

  /// From a view of all Endpoint objects: one that cannot be read ends no session and drops no replica.
  Task<void> reconcile() {
    const bool active = may_manage();
    given_.store.show_replicas(active);
    if (active_.exchange(active) != active) kLog.info("manager is {}", active ? "on" : "off");
    std::map<std::string, Connection> wanted;
    std::vector<std::string> unusable;
    for (const auto& [id, body] : own_endpoints()) {
      Result<Connection> connection = read_connection(places(), id, body);
      if (!active) {
        co_await set_status(id, "Disabled");
      } else if (!connection) {
        co_await set_status(id, "Error: " + connection.error().messages.front());
        unusable.push_back(id);
      } else {
        wanted.emplace(id, std::move(*connection));
      }
    }
    for (const auto& [id, session] : sessions()) {
      if (!wanted.contains(id)) retire(id, session);
    }
    for (const auto& [id, connection] : wanted) employ(id, connection);
    replan();
    knows_routes_ = true;
    if (active && retiring_ == 0 && unusable.empty()) drop_strangers();
  }

  ConnectionPlaces places() const { return {given_.store, given_.authorities}; }

  std::vector<std::pair<std::string, std::string>> own_endpoints() const {
    std::vector<std::pair<std::string, std::string>> out;
    given_.store.snapshot()->scan_owner(kEndpoints, store::kOwn, "",
                                        [&](std::string_view key, std::string_view body) {
                                          out.emplace_back(key, body);
                                          return true;
                                        });
    return out;
  }

  std::optional<std::string> stored_endpoint(const std::string& id) const {
    return given_.store.snapshot()->get({std::string(kEndpoints), std::string(store::kOwn), id});
  }

  Task<void> set_status(std::string id, std::string status) {
    const Result<void> done = co_await change_endpoint(given_.store, id, [&](json::object& endpoint) {
      tell_connection(status, given_.clock.wall(), endpoint);
    });
    if (!done) kLog.warn("endpoint object is not updated endpoint={} reason={}", id, done.error().text());
  }

  /// So that the endpoint has heard who serves, before there is anything to be done.
  Task<void> tell_lead(std::string id) {
    if (is_foreign(id)) co_return;
    const Result<net::ClientResponse> told = co_await call(id, client::get_request(client::get_info()));
    if (!told) kLog.debug("who serves is not told endpoint={} reason={}", id, told.error().text());
  }

  void employ(const std::string& id, const Connection& connection) {
    if (const std::shared_ptr<Session> running = session(id)) {
      running->reconnect_with(connection);
      return;
    }
    SessionOptions options{given_.dial,
                           given_.make_follower,
                           tasks_,
                           given_.store,
                           given_.identity.id,
                           given_.identity.version,
                           [wake = wake_] { wake->notify_all(); },
                           [told = endpoint_changed_, id] {
                             for (const auto& tell : *told) tell(id);
                           },
                           [this, id] {
                             caught_up_->notify_all();
                             if (given_.lead_term) tasks_.spawn("lead", [this, id] { return tell_lead(id); });
                           },
                           given_.clock,
                           given_.timers,
                           given_.chance,
                           [this, id](const std::string& owner) { take_over(owner, id); }};
    auto made = std::make_shared<Session>(std::move(options), id, connection);
    {
      WriteLock lock(mutex_);
      sessions_.emplace(id, made);
    }
    tasks_.spawn("session", [made] { return made->run(); });
  }

  /// Ends a session. When its Endpoint object is gone, so are its position and, with the next round, its
  /// replicas.
  void retire(const std::string& id, const std::shared_ptr<Session>& session) {
    session->stop();
    {
      WriteLock lock(mutex_);
      sessions_.erase(id);
    }
    ++retiring_;
    tasks_.spawn("retire session", [this, id, session]() -> Task<void> {
      co_await session->end();
      const Result<bool> gone = store::as_result([&] { return !stored_endpoint(id); });
      if (gone && *gone) co_await forget(id);
      --retiring_;
      wake_->notify_all();
    });
  }

  Task<void> forget(std::string id) {
    store::Batch batch;
    batch.secrets = replication::forget_position(id);
    batch.principal = "system";
    const Result<store::Cursor> done = co_await store::commit_async(given_.store, std::move(batch));
    if (!done) kLog.warn("position is not forgotten endpoint={} reason={}", id, done.error().text());
  }

  void replan() {
    std::vector<Neighbour> neighbours;
    const Sessions running = sessions();
    for (const auto& [id, session] : running) neighbours.push_back(session->neighbour());
    const std::shared_ptr<const Plan> before = plan();
    auto next = std::make_shared<const Plan>(plan_routes(given_.identity.id, neighbours, *before));
    for (const Refusal& refusal : next->refused) {
      if (std::ranges::find(before->refused, refusal) != before->refused.end()) continue;
      kLog.warn("owner refused owner={} through={} reason={}", refusal.owner, refusal.neighbour,
                refusal.reason);
    }
    tell_new_certificates(*before, *next);
    {
      WriteLock lock(mutex_);
      plan_ = next;
    }
    for (const auto& [id, session] : running) session->subscribe(without_dropped(next->subscriptions(id)));
    source_.owners_changed();
  }

  /// An owner that comes back while its former replica is being dropped is followed afterwards: else what is
  /// copied now would be dropped with it.
  std::vector<std::string> without_dropped(std::vector<std::string> owners) const {
    std::erase_if(owners, [this](const std::string& owner) { return is_dropping(owner); });
    return owners;
  }
  bool is_dropping(const std::string& owner) const {
    ReadLock lock(mutex_);
    return dropping_.contains(owner);
  }

  /// It may be another server: whoever reads the log should know.
  static void tell_new_certificates(const Plan& before, const Plan& next) {
    for (const auto& [owner, route] : next.routes) {
      const auto old = before.routes.find(owner);
      if (old == before.routes.end() || old->second.certificate.empty()) continue;
      if (old->second.certificate == route.certificate) continue;
      kLog.warn("owner has another certificate owner={} through={} was={} now={}", owner, route.next_hop,
                old->second.certificate, route.certificate);
    }
  }

  /// Replicas that nobody leads to any more. As replan(), for the supervisor only.
  void drop_strangers() {
    const std::shared_ptr<const Plan> routes = plan();
    for (const std::string& owner : given_.store.snapshot()->remote_owners()) {
      const auto route = routes->routes.find(owner);
      if (route != routes->routes.end() && route->second.followed) continue;
      {
        WriteLock lock(mutex_);
        if (!dropping_.insert(owner).second) continue;
      }
      tasks_.spawn("drop owner", [this, owner]() -> Task<void> {
        kLog.info("replica is dropped owner={}", owner);
        Result<void> done;
        co_await env::run_blocking(env::Pool::kLong, [&] { done = given_.store.drop_owner(owner); });
        if (!done) kLog.error("replica is not dropped owner={} reason={}", owner, done.error().text());
        dropped(owner);
      });
    }
  }
  void dropped(const std::string& owner) {
    for (const auto& [id, session] : sessions()) session->set_as_of(owner, std::nullopt);
    {
      WriteLock lock(mutex_);
      dropping_.erase(owner);
    }
    wake_->notify_all();
  }

  // ---- what is told upwards

  std::vector<replication::Announcement> announcements() const {
    std::vector<replication::Announcement> out;
    if (!active_) return out;
    const std::shared_ptr<const Plan> routes = plan();
    for (const auto& [owner, route] : routes->routes) {
      // Nobody is to copy what is about to go.
      if (!route.followed || is_dropping(owner)) continue;
      replication::Announcement& announced = out.emplace_back();
      announced.owner = owner;
      announced.via = route.via;
      announced.via.push_back(given_.identity.id);
      const OwnerFreshness fresh = freshness_of(owner, &route);
      announced.in_touch = fresh.in_touch;
      announced.age_seconds = fresh.age_seconds;
      announced.reason = fresh.reason;
      announced.certificate = route.certificate;
      announced.untold_by = fresh.untold_by;
      for (const auto& [collection, held_up] : fresh.held_up)
        announced.held_up.push_back({collection, held_up.age_seconds, held_up.reason});
    }
    replication::keep_within_limits(out);
    return out;
  }

  OwnerFreshness freshness_of(const std::string& owner, const Route* route) const {
    OwnerFreshness out;
    out.owner = owner;
    const std::shared_ptr<Session> session = route == nullptr ? nullptr : this->session(route->next_hop);
    if (!session) {
      out.age_seconds = age_of(std::nullopt);
      out.reason = "no attached endpoint leads to it";
      return out;
    }
    const Session::Freshness fresh = session->freshness(owner);
    out.in_touch = fresh.in_touch;
    const Left left = fresh.as_of ? Left{fresh.as_of, fresh.held_up} : left_by_others(owner, fresh);
    out.age_seconds = age_of(left.as_of);
    out.resolution_seconds = seconds_of(fresh.resolution) * static_cast<double>(route->via.size() + 1);
    out.reason = fresh.reason;
    out.untold_by = fresh.untold_by;
    out.next_hop = route->next_hop;
    for (const auto& [prefix, held_up] : left.held_up)
      out.held_up[prefix] = {std::max(out.age_seconds, age_of(held_up.as_of)), held_up.reason};
    return out;
  }

  /// The way has changed and nothing came on the new one yet: the replica is what the old one left, or is
  /// becoming what the new one offers, whichever is older.
  struct Left {
    std::optional<env::SteadyTime> as_of;
    replication::HeldUpCollections held_up;
  };
  Left left_by_others(const std::string& owner, const Session::Freshness& fresh) const {
    Left out{std::nullopt, fresh.held_up};
    for (const auto& [id, session] : sessions()) {
      const Session::Freshness other = session->freshness(owner);
      // How old a copy of another make's manager is nobody knows, unless it is asked for as one.
      if (!other.as_of || !(other.untold_by.empty() || !fresh.untold_by.empty())) continue;
      out.as_of = std::min(out.as_of.value_or(*other.as_of), *other.as_of);
      out.held_up = older_of(std::move(out.held_up), other.held_up);
    }
    if (out.as_of && fresh.told) out.as_of = std::min(*out.as_of, *fresh.told);
    return out;
  }

  /// From now on the endpoint `id` alone says how old the replica of `owner` is.
  void take_over(const std::string& owner, const std::string& id) {
    const Sessions all = sessions();
    const auto taking = all.find(id);
    if (taking == all.end()) return;
    const Session::Freshness fresh = taking->second->freshness(owner);
    // Who does not announce it says nothing of how old it is.
    const Left left = fresh.told ? left_by_others(owner, fresh) : Left();
    for (const auto& [other, session] : all) {
      if (other == id)
        session->set_as_of(owner, left.as_of, left.held_up);
      else
        session->set_as_of(owner, std::nullopt);
    }
  }

  static double seconds_of(env::Duration duration) { return std::chrono::duration<double>(duration).count(); }

  /// What was never complete is older than everything.
  double age_of(std::optional<env::SteadyTime> as_of) const {
    const env::Duration age = as_of ? given_.clock.steady() - *as_of : given_.clock.wall().time_since_epoch();
    return std::chrono::duration<double>(age).count();
  }

  // ---- forwarding

  struct Way {
    std::shared_ptr<Session> session;
    Session::Access access;
    std::string target;
  };
  Result<Way> way_to(const std::string& owner, const std::string& api_target) const;
  Error no_way_to(const std::string& owner) const;
  Task<Result<net::ClientResponse>> send(const Way& way, net::ClientRequest request);
  Error login_refused(const std::string& owner, const Way& way, int status, std::string_view reason) const;
  Task<Error> login_refused(std::string owner, const Way& way, net::ClientResponse answer) const;
  enum class Ran { kNo, kMaybe };
  Error unreachable(const std::string& owner, const Route& route, Ran ran, std::string_view addition) const;
  Error refusal(const std::string& owner, const std::string& next_hop, Ran ran, std::string text) const;
  Task<void> await_commit(const net::Headers& headers, net::Headers& answer);
  Task<Result<void>> take_written(EndpointFollower& follower, mirror::Written written,
                                  net::ClientResponse& answer, net::Headers& headers);
  Task<bool> until_reached(const CommitMark& mark);
  bool has_reached(const CommitMark& mark) const;
  Task<Result<json::object>> new_endpoint(const Connection& connection, const Contact& contact);

  Dependencies given_;
  std::shared_ptr<env::Signal> wake_ = std::make_shared<env::Signal>();
  const std::shared_ptr<env::Signal> own_state_ = std::make_shared<env::Signal>();
  const std::shared_ptr<env::Signal> caught_up_ = std::make_shared<env::Signal>();
  using EndpointListeners = std::vector<std::function<void(const std::string& id)>>;
  const std::shared_ptr<EndpointListeners> endpoint_changed_ = std::make_shared<EndpointListeners>();
  /// A commit of a replica was applied.
  const std::shared_ptr<env::Signal> replicated_ = std::make_shared<env::Signal>();
  std::shared_ptr<store::CommitFeed> endpoints_feed_, replicated_feed_;
  std::atomic<bool> active_{false};
  std::atomic<bool> knows_routes_{false};  // what is attached has been looked at once
  std::atomic<bool> stopping_{false};
  std::atomic<int> retiring_{0};
  mutable SharedMutex mutex_;
  Sessions sessions_ GUARDED_BY(mutex_);
  std::shared_ptr<const Plan> plan_ GUARDED_BY(mutex_);
  std::set<std::string> dropping_ GUARDED_BY(mutex_);
  env::TaskGroup tasks_;
  replication::Source source_;
};

std::vector<OwnerFreshness> ManagerImpl::replicas(const std::vector<std::string>& owners) const {
  std::vector<OwnerFreshness> out;
  const std::shared_ptr<const Plan> routes = plan();
  if (owners.empty()) {
    for (const auto& [owner, route] : routes->routes) out.push_back(freshness_of(owner, &route));
    return out;
  }
  for (const std::string& owner : owners) {
    const auto route = routes->routes.find(owner);
    out.push_back(freshness_of(owner, route == routes->routes.end() ? nullptr : &route->second));
  }
  return out;
}

std::vector<OwnerConnection> ManagerImpl::connections(const std::vector<std::string>& owners) const {
  std::vector<OwnerConnection> out;
  const std::shared_ptr<const Plan> routes = plan();
  for (const std::string& owner : owners) {
    const auto route = routes->routes.find(owner);
    if (route == routes->routes.end()) continue;
    OwnerConnection& one = out.emplace_back();
    one.freshness = freshness_of(owner, &route->second);
    one.hops.assign(route->second.via.rbegin(), route->second.via.rend());
    one.stand_by = route->second.stand_by;
    const std::shared_ptr<Session> next = session(route->second.next_hop);
    if (!next) continue;
    if (route->second.next_hop == owner) {
      one.lag = next->counters().lag;
      one.clock_ahead = next->clock_ahead();
    }
    const Latency forwards = next->forwards().read();
    one.forwards = forwards.count;
    one.forward_seconds =
        forwards.count == 0 ? 0 : forwards.sum_seconds / static_cast<double>(forwards.count);
  }
  return out;
}

/// That `owner` was not reached, for people and for programs.
Error ManagerImpl::refusal(const std::string& owner, const std::string& next_hop, Ran ran,
                           std::string text) const {
  Unreachable facts{owner, next_hop, std::nullopt, ran == Ran::kMaybe};
  const std::shared_ptr<const Plan> routes = plan();
  const auto route = routes->routes.find(owner);
  const double age =
      freshness_of(owner, route == routes->routes.end() ? nullptr : &route->second).age_seconds;
  const env::WallTime now = given_.clock.wall();
  // What was never complete is as old as time.
  if (age + 1 < std::chrono::duration<double>(now.time_since_epoch()).count())
    facts.since = now - std::chrono::duration_cast<env::Duration>(std::chrono::duration<double>(age));
  Error error(ErrorCode::kUnavailable, std::move(text));
  error.model = kEndpoints;
  error.key = owner;
  error.unreachable = unreachable_text(facts);
  return error;
}

Error ManagerImpl::unreachable(const std::string& owner, const Route& route, Ran ran,
                               std::string_view addition) const {
  const OwnerFreshness fresh = freshness_of(owner, &route);
  Error error = refusal(
      owner, route.next_hop, ran,
      fmt::format("endpoint {} is unreachable: next hop {}, {}; last contact {:.0f} s ago", owner,
                  route.next_hop, fresh.reason.empty() ? "not connected" : fresh.reason, fresh.age_seconds));
  if (!addition.empty()) error.messages.emplace_back(addition);
  return error;
}

/// What is not found now but is known from before is not there at present: a client must not take it for
/// gone.
Error ManagerImpl::no_way_to(const std::string& owner) const {
  if (!knows_routes_) {
    return refusal(owner.substr(0, 200), "", Ran::kNo,
                   fmt::format("endpoint {:.200} cannot be reached yet: this manager is starting", owner));
  }
  if (active_ && std::ranges::count(given_.store.snapshot()->remote_owners(), owner) > 0) {
    return refusal(owner, "", Ran::kNo,
                   fmt::format("endpoint {:.200} is unreachable: no attached endpoint leads to it", owner));
  }
  Error error(ErrorCode::kNotFound, fmt::format("endpoint {:.200} is not known here; known: {}", owner,
                                                active_ ? names_of(known_owners()) : "none, manager is off"));
  error.model = kEndpoints;
  error.key = owner.substr(0, 200);
  return error;
}

/// Not the client's error: its own login was good here. Nothing was done: the next hop refused it before.
Error ManagerImpl::login_refused(const std::string& owner, const Way& way, int status,
                                 std::string_view reason) const {
  Error error = refusal(
      owner, way.session->id(), Ran::kNo,
      fmt::format("endpoint {} is unreachable: login refused: next hop {} answered {} to the login of "
                  "manager {}",
                  owner, way.session->id(), status, given_.identity.id));
  if (!reason.empty()) error.messages.emplace_back(reason);
  return error;
}

Task<Error> ManagerImpl::login_refused(std::string owner, const Way& way, net::ClientResponse answer) const {
  Result<std::string> body = co_await net::read_all(*answer.body, kLongestRefusal);
  co_return login_refused(owner, way, answer.status, body ? escaped(client::refusal_texts(*body)) : "");
}

Result<ManagerImpl::Way> ManagerImpl::way_to(const std::string& owner, const std::string& api_target) const {
  const std::shared_ptr<const Plan> routes = plan();
  const auto found = routes->routes.find(owner);
  if (!active_ || found == routes->routes.end()) return no_way_to(owner);
  const Route& route = found->second;
  const std::shared_ptr<Session> session = this->session(route.next_hop);
  std::optional<Session::Access> access = session ? session->access() : std::nullopt;
  if (!access) return unreachable(owner, route, Ran::kNo, "");
  const bool attached = route.next_hop == owner;
  return Way{session, std::move(*access), attached ? api_target : "/" + percent_encode(owner) + api_target};
}

Task<Result<net::Response>> ManagerImpl::forward(std::string owner, net::Request& request,
                                                 std::string api_target, const auth::Principal& principal) {
  Result<Way> way = way_to(owner, api_target);
  if (!way) co_return way.error();  // at once, whatever the body is
  std::optional<Error> broken;
  net::HeldShares held;
  Result<ForwardedBody> body =
      co_await forwarded_body(request, kRepeatableBody, broken, principal.audit_name(), held);
  if (!body) co_return body.error();
  way = way_to(owner, api_target);  // it may have changed while the body came
  if (!way) co_return way.error();
  const std::optional<env::MemoryBudget::Share> waiting =
      env::memory_for(env::Memory::kRequests).take(kWaitingRequest, principal.audit_name());
  if (!waiting)
    co_return refusal(owner, way->session->id(), Ran::kNo,
                      "too many requests wait for other endpoints; try again");
  const env::SteadyTime begin = given_.clock.steady();
  net::ClientRequest onwards;
  onwards.method = request.method;
  onwards.target = std::move(way->target);
  onwards.headers = forwarded_headers(request, way->access.login->authorization(),
                                      on_behalf_of(principal, given_.identity.id));
  onwards.body = std::move(*body);
  onwards.timeout = kForwardPatience;
  bool begun = false;
  onwards.begun = &begun;
  const std::shared_ptr<EndpointFollower> follower = way->session->follower();
  const uint64_t before = follower ? follower->word() : 0;
  Result<net::ClientResponse> answer = co_await send(*way, std::move(onwards));
  way->session->forwards().record(std::chrono::duration<double>(given_.clock.steady() - begin).count(),
                                  !answer);
  // Not the next hop's fault, and nobody carries half a request out.
  if (!answer && broken) co_return *broken;
  if (!answer) {
    const std::shared_ptr<const Plan> routes = plan();
    const auto route = routes->routes.find(owner);
    const Route taken{owner, way->session->id(), {}, true, {}};
    co_return unreachable(owner, route == routes->routes.end() ? taken : route->second,
                          begun ? Ran::kMaybe : Ran::kNo,
                          fmt::format("{}; it {}", answer.error().text(),
                                      begun ? "may have been carried out" : "was not sent"));
  }
  if (is_login_refusal(answer->status))
    co_return co_await login_refused(std::move(owner), *way, std::move(*answer));
  net::Response response;
  response.status = answer->status;
  response.headers = answered_headers(answer->headers);
  const bool shows_change = follower && follower->followed_by() == FollowedBy::kEvents &&
                            is_write(request.method) && answer->status < 300;
  if (shows_change) {
    mirror::Written written{owner, request.method, api_target, before, ""};
    Result<void> taken = co_await take_written(*follower, std::move(written), *answer, response.headers);
    if (!taken) co_return taken.error();
  }
  // Nobody follows it at this moment, and its answer names no commit: whoever follows it next brings the
  // change.
  const bool untaken = !follower && way->session->is_foreign() && is_write(request.method) &&
                       answer->status < 300 && mirror::is_held(api_target);
  if (untaken) response.headers.set(kPendingHeader, owner);
  response.body = owned_body(way->access.link, std::move(answer->body));
  if (!shows_change) co_await await_commit(answer->headers, response.headers);
  co_return response;
}

/// Read your writes, where the owner does not say which commit it was: the answer tells, or the object is
/// asked for. Those above wait for the commit that it became here.
Task<Result<void>> ManagerImpl::take_written(EndpointFollower& follower, mirror::Written written,
                                             net::ClientResponse& answer, net::Headers& headers) {
  CommitMark mark{written.owner, {}};
  Result<std::optional<std::string>> text = std::optional<std::string>();
  if (answer.body && !answer.headers.get("Content-Encoding")) {
    text = co_await short_body(answer.body, kLongestShownObject);
    if (!text) {
      co_return unreachable(written.owner, Route{written.owner, written.owner, {}, true, {}}, Ran::kMaybe,
                            fmt::format("{}; it was carried out", text.error().text()));
    }
    if (*text) answer.body = net::body_from_string(**text);
  }
  written.body = std::move(*text).value_or("");
  const mirror::Taken taken = co_await follower.take_written(std::move(written), kReadYourWrites);
  if (taken.pending) headers.set(kPendingHeader, mark.owner);
  if (!taken.place) co_return Result<void>{};
  mark.cursor = *taken.place;
  headers.set(kCommitHeader, commit_mark(mark));
  co_return Result<void>{};
}

/// Once more with a fresh login when the endpoint does not know ours any more and the request can be
/// repeated: it was refused before anything was done.
Task<Result<net::ClientResponse>> ManagerImpl::send(const Way& way, net::ClientRequest request) {
  client::Login& login = *way.access.login;
  std::string shown(request.headers.get("Authorization").value_or(""));
  std::optional<net::ClientRequest> again = copy_of(request);
  Result<net::ClientResponse> answer = co_await way.access.link->request(std::move(request));
  if (!answer || answer->status != 401) co_return answer;
  const bool renewed = co_await login.renew(std::move(shown));
  if (!again || !renewed) co_return answer;
  again->headers.set("Authorization", login.authorization());
  co_return co_await way.access.link->request(std::move(*again));
}

Task<Result<net::ClientResponse>> ManagerImpl::call(std::string owner, net::ClientRequest request) {
  Result<Way> way = way_to(owner, request.target);
  if (!way) co_return way.error();
  request.target = std::move(way->target);
  request.headers.set("Authorization", way->access.login->authorization());
  request.headers.set("X-Mullion-On-Behalf-Of", "system@" + given_.identity.id);
  if (given_.lead_term) {
    const std::optional<uint64_t> term = given_.lead_term();
    if (!term) co_return Error(ErrorCode::kUnavailable, "this member does not serve its cluster any more");
    request.headers.set(kLeadHeader, lead_term_text({given_.store.newest().epoch, *term}));
  }
  if (!request.timeout) request.timeout = kForwardPatience;
  Result<net::ClientResponse> answer = co_await send(*way, std::move(request));
  if (!answer) co_return answer.error();
  // A missing right is the account's own affair here, and told as it is.
  if (answer->status == 401) co_return co_await login_refused(std::move(owner), *way, std::move(*answer));
  answer->body = owned_body(way->access.link, std::move(answer->body));
  co_return answer;
}

bool ManagerImpl::has_reached(const CommitMark& mark) const {
  const std::optional<store::Cursor> here = given_.store.snapshot()->origin_cursor(mark.owner);
  return here && here->epoch == mark.cursor.epoch && here->seq >= mark.cursor.seq;
}

/// Read your writes: the answer waits for the replica.
Task<void> ManagerImpl::await_commit(const net::Headers& headers, net::Headers& answer) {
  const auto header = headers.get(kCommitHeader);
  const std::optional<CommitMark> mark = header ? parse_commit_mark(*header) : std::nullopt;
  if (!mark) co_return;
  const std::shared_ptr<const Plan> routes = plan();
  const auto route = routes->routes.find(mark->owner);
  if (route == routes->routes.end()) {  // detached meanwhile: what is left of the replica will not have it
    answer.set(kPendingHeader, mark->owner);
    co_return;
  }
  if (!route->second.followed) co_return;
  const std::optional<bool> reached =
      co_await env::within(given_.timers, kReadYourWrites, until_reached(*mark));
  if (!reached) answer.set(kPendingHeader, mark->owner);
}

Task<bool> ManagerImpl::until_reached(const CommitMark& mark) {
  while (true) {
    const uint64_t seen = replicated_->version();
    // The owner has done it: a replica that cannot be read makes the answer late, not wrong.
    const Result<bool> reached = store::as_result([&] { return has_reached(mark); });
    if (reached && *reached) co_return true;
    co_await given_.timers.wait(*replicated_, seen, kReadYourWrites);
  }
}

Task<Result<std::shared_ptr<net::WebSocket>>> ManagerImpl::forward_websocket(
    std::string owner, std::string api_target, const auth::Principal& principal) {
  Result<Way> way = way_to(owner, api_target);
  if (!way) co_return way.error();
  client::Login& login = *way->access.login;
  std::string shown = login.authorization();
  net::Headers headers;
  headers.add("Authorization", shown);
  headers.add("X-Mullion-On-Behalf-Of", on_behalf_of(principal, given_.identity.id));
  Result<std::shared_ptr<net::WebSocket>> socket = co_await way->access.link->stream(way->target, headers);
  if (!socket && socket.error().status_override == 401) {
    const bool renewed = co_await login.renew(std::move(shown));
    headers.set("Authorization", login.authorization());
    if (renewed) socket = co_await way->access.link->stream(way->target, std::move(headers));
  }
  if (!socket && is_login_refusal(socket.error().status_override)) {
    const Error& refusal = socket.error();
    co_return login_refused(owner, *way, refusal.status_override,
                            refusal.messages.empty() ? "" : escaped(refusal.messages.front()));
  }
  co_return socket;
}

// ---- addEndpoint

Task<Result<std::string>> ManagerImpl::add_endpoint(std::string params_json,
                                                    const auth::Principal& principal) {
  if (!may_manage())
    co_return Error(ErrorCode::kConflict,
                    "this server is no manager: set the preference manager to true first");
  Result<json::value> params = parse_json(params_json);
  if (!params) co_return params.error();
  if (!params->is_object()) co_return Error(ErrorCode::kBadRequest, "expected an object of parameters");
  for (const std::string_view name : {kUrl, kUsername, kPassword}) {
    if (!params->get_object().contains(name))
      co_return Error(ErrorCode::kInvalid, fmt::format("Action addEndpoint Missing Parameter {}", name));
  }
  Result<Connection> connection = read_connection(places(), "", params->get_object());
  if (!connection) co_return connection.error();
  if (std::ranges::find(given_.own_urls, connection->url) != given_.own_urls.end())
    co_return Error(ErrorCode::kConflict, fmt::format("{} is this server's own address", connection->url));
  Result<Contact> contact = co_await make_contact(given_.dial, *connection, given_.timers);
  if (!contact) {
    Error error = contact.error();
    for (std::string& message : error.messages) message = fmt::format("{}: {}", connection->url, message);
    co_return error;
  }
  if (contact->id == given_.identity.id)
    co_return Error(ErrorCode::kConflict, fmt::format("{} is this server's own address", connection->url));
  if (connection->fingerprint.empty() && connection->ca_file.empty())
    connection->fingerprint = contact->link->certificate();
  Result<json::object> object = co_await new_endpoint(*connection, *contact);
  if (!object) co_return object.error();
  store::Change change;
  change.id = {std::string(kEndpoints), std::string(store::kOwn), contact->id};
  change.body = model::canonical_body(*model::find_object_type(kEndpoints), *object);
  change.expect = store::Expect::kAbsent;
  store::Batch batch;
  batch.changes.push_back(std::move(change));
  batch.principal = principal.audit_name();
  if (principal.tenant) {
    Result<std::optional<store::Change>> joining = auth::join_tenant(
        *given_.store.snapshot(), *principal.tenant, {kEndpoints, store::kOwn, contact->id});
    if (!joining) co_return joining.error();
    if (*joining) batch.changes.push_back(std::move(**joining));
  }
  given_.store.stamp(batch);
  std::string shown;
  model::append_with_endpoint(shown, *batch.changes.front().body, given_.identity.id);
  Result<store::Cursor> done = co_await store::commit_async(given_.store, std::move(batch));
  if (done) co_return shown;
  if (done.error().code != ErrorCode::kConflict) co_return done.error();
  if (done.error().model != kEndpoints)
    co_return Error(ErrorCode::kConflict, "your tenant was changed meanwhile: try again");
  co_return Error(ErrorCode::kConflict, fmt::format("endpoint {} is already known here", contact->id));
}

Task<Result<json::object>> ManagerImpl::new_endpoint(const Connection& connection, const Contact& contact) {
  const std::string& id = contact.id;
  if (stored_endpoint(id))
    co_return Error(ErrorCode::kConflict, fmt::format("endpoint {} is already known here", id));
  std::optional<Result<auth::KeyPair>> pair;
  co_await env::run_blocking([&] { pair = auth::kept_key_pair(given_.store, kEndpoints, id); });
  if (!*pair) co_return pair->error();
  const std::string sealed =
      auth::seal((*pair)->public_key, json::serialize(json::string_view(connection.password)));
  json::object params{{kUrl, connection.url}, {kUsername, connection.username}};
  params[kPassword] = own_json(sealed);
  if (!connection.fingerprint.empty()) params[kFingerprint] = connection.fingerprint;
  if (!connection.ca_file.empty()) params[kAuthorities] = connection.ca_file;
  add_following(connection, params);
  json::object wanted{{"Id", id}, {"Params", std::move(params)}};
  const model::ObjectType& type = *model::find_object_type(kEndpoints);
  Result<json::object> object = model::normalise(type, std::move(wanted), nullptr);
  if (!object) co_return object;
  const model::Verdict verdict = model::validate(type, *object, nullptr, model::NoLookup(), false);
  if (!verdict.invalid.empty())
    co_return Error(ErrorCode::kInvalid, "ValidationError", std::string(kEndpoints), id, verdict.invalid);
  tell_connection("Connecting", given_.clock.wall(), *object);
  model::EndpointState told;
  told.info = model::EndpointInfo::read(contact.info);
  apply_state(told, *object);
  co_return object;
}

}  // namespace

std::unique_ptr<Manager> make_manager(Dependencies dependencies) {
  if (const Result<void> sealed = seal_stored_passwords(dependencies.store); !sealed)
    kLog.error("passwords of endpoints are not sealed reason={}", sealed.error().text());
  return std::make_unique<ManagerImpl>(std::move(dependencies));
}

}  // namespace mullion::manager
