#include "versionset/rollouts.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "model/object.h"
#include "net/http.h"
#include "store/commit_async.h"
#include "versionset/internal/rollout_puts.h"
#include "versionset/internal/rollout_targets.h"

namespace mullion::versionset {
namespace {

using env::Task;
using internal::kEndpointObjects;
using internal::kRollouts;

constexpr Logger kLog("rollout");
/// Whether an owner is in touch changes without a commit.
constexpr auto kLook = std::chrono::seconds(2);
constexpr auto kIdle = std::chrono::seconds(30);
/// Changes of many endpoints are stored together.
constexpr auto kGather = std::chrono::milliseconds(50);
constexpr int kAttempts = 32;
constexpr int kMostSteps = 10'000;
constexpr size_t kMostPreviews = 500;

Error not_found(const std::string& id) {
  return Error(ErrorCode::kNotFound, "INVOKE", std::string(kRollouts), id, {"Not Found"});
}

GateAnswer no_count(std::string problem) {
  GateAnswer answer;
  answer.problem = std::move(problem);
  return answer;
}

class RolloutsImpl final : public Rollouts {
 public:
  explicit RolloutsImpl(RolloutDependencies dependencies)
      : given_(std::move(dependencies)),
        puts_(given_.runtime, given_.store, given_.manager, [wake = wake_] { wake->notify_all(); }),
        tasks_(given_.runtime.executor(), "rollouts") {
    subscription_ = given_.store.subscribe(
        [this](const std::shared_ptr<const store::Commit>& commit) { follow(*commit); });
  }
  ~RolloutsImpl() override { given_.store.unsubscribe(subscription_); }

  void start() override {
    tasks_.spawn("rollouts", [this] { return run(); });
  }

  Task<void> stop() override {
    stopping_ = true;
    wake_->notify_all();
    co_await tasks_.async_stop();
    co_await puts_.stop();
  }

  Task<Result<std::string>> command(std::string id, std::string command, auth::Principal principal) override;
  Task<Result<std::string>> begin_written(std::string id, auth::Principal principal) override;

  Statistics statistics() const override {
    std::lock_guard lock(mutex_);
    return statistics_;
  }

 private:
  using EndpointKey = std::pair<std::string, std::string>;  // owner, id

  void follow(const store::Commit& commit) {
    bool news = false, endpoints = false;
    {
      std::lock_guard lock(mutex_);
      for (const store::AppliedChange& change : commit.changes) {
        if (change.id.type == kEndpointObjects) {
          facts_.erase({change.id.owner, change.id.key});
          ++facts_version_;
          endpoints = true;
        }
        news = news || endpoints || change.id.type == kRollouts || gate_types_.contains(change.id.type);
      }
    }
    if (endpoints) puts_.seen();
    if (news) wake_->notify_all();
  }

  Task<void> run() {
    while (!stopping_) {
      const uint64_t seen = wake_->version();
      env::Duration pause = kIdle;
      if (given_.manager.active()) pause = co_await pass();
      co_await wake_->wait(seen, pause);
      co_await env::sleep_for(kGather);
    }
  }

  /// Steps every rollout that is not over; how long nothing but events can change anything.
  Task<env::Duration> pass() {
    const std::vector<std::string> active = internal::active_rollouts(*given_.store.snapshot());
    Statistics statistics;
    std::set<std::string> gates;
    Moment wake;
    for (const std::string& id : active) {
      std::optional<RolloutStep> step = co_await advance(id);
      if (!step) continue;
      if (step->wake && (!wake || *step->wake < *wake)) wake = step->wake;
      if (step->next.plan.gate) gates.insert(step->next.plan.gate->collection);
      count(step->next, statistics);
    }
    {
      std::lock_guard lock(mutex_);
      statistics_ = statistics;
      gate_types_ = std::move(gates);
    }
    if (active.empty()) co_return kIdle;
    if (!wake) co_return kLook;
    const env::Duration left = *wake - env::system_clock().wall();
    co_return std::clamp<env::Duration>(left, env::Duration::zero(), kLook);
  }

  static void count(const Rollout& rollout, Statistics& statistics) {
    if (!is_active(rollout.state)) return;
    ++statistics.rollouts;
    for (const Wave& wave : rollout.waves) {
      for (const EndpointProgress& endpoint : wave.endpoints) {
        if (is_under_way(endpoint.state)) {
          ++statistics.under_way;
        } else if (endpoint.state == EndpointState::kWaiting || endpoint.state == EndpointState::kToReturn) {
          ++statistics.waiting;
        } else if (endpoint.state == EndpointState::kFailed ||
                   endpoint.state == EndpointState::kNotReturned) {
          ++statistics.failed;
        } else {
          ++statistics.done;
        }
      }
    }
  }

  /// Steps until nothing is left to be stored, then puts. The last step; absent when the rollout cannot go on
  /// now.
  Task<std::optional<RolloutStep>> advance(std::string id) {
    for (int round = 0; round < kMostSteps && !stopping_; ++round) {
      std::string body;
      const std::shared_ptr<const store::Snapshot> snapshot = given_.store.snapshot();
      Result<Rollout> rollout = internal::read_rollout(*snapshot, id, &body);
      if (!rollout) {
        kLog.warn("rollout cannot be read rollout={} reason={}", id, rollout.error().text());
        co_return std::nullopt;
      }
      if (!is_active(rollout->state)) co_return std::nullopt;
      const env::WallTime now = env::system_clock().wall();
      const Facts facts = facts_of(*snapshot, *rollout);
      RolloutStep step = next_step(*rollout, facts, now);
      if (step.asks_gate) {
        const std::optional<GateAnswer> answer =
            co_await ask_gate(snapshot, *rollout->plan.gate, gate_filter(*rollout));
        step = next_step(*rollout, facts, now, answer);
      }
      if (!step.changed) {
        for (const Put& put : step.puts) {
          const Moment again = puts_.begin(put, now);
          if (again && (!step.wake || *again < *step.wake)) step.wake = again;
        }
        co_return step;
      }
      const Result<store::Cursor> stored = co_await store_rollout(id, body, step.next, "system");
      if (!stored && stored.error().code != ErrorCode::kConflict) {
        kLog.error("rollout is not stored rollout={} reason={}", id, stored.error().text());
        co_return std::nullopt;
      }
      if (stored) report(*rollout, step.next);
    }
    co_return std::nullopt;
  }

  static void report(const Rollout& before, const Rollout& after) {
    if (before.state != after.state)
      kLog.info("rollout={} state={} reason={}", after.plan.id, rollout_state_name(after.state),
                after.reason);
  }

  // ---- what is known

  /// Facts of the endpoints of waves that have begun, or whose turn comes next.
  Facts facts_of(const store::Snapshot& snapshot, const Rollout& rollout) {
    std::map<std::string, bool> in_touch;
    Facts facts;
    const bool back = rollout.state == RolloutState::kReturning || rollout.state == RolloutState::kAborting;
    bool next = false;
    for (const Wave& wave : rollout.waves) {
      if (next) break;
      next = !wave.started;
      if (wave.ended && !back) continue;
      for (const EndpointProgress& endpoint : wave.endpoints) {
        EndpointFacts known = facts_of_endpoint(snapshot, endpoint);
        if (known.connected && !endpoint.owner.empty())
          known.connected = owner_in_touch(endpoint.owner, in_touch);
        puts_.tell(endpoint.id, known);
        facts.emplace(endpoint.id, std::move(known));
      }
    }
    return facts;
  }

  bool owner_in_touch(const std::string& owner, std::map<std::string, bool>& known) const {
    const auto [found, fresh] = known.try_emplace(owner, false);
    if (!fresh) return found->second;
    for (const manager::OwnerFreshness& freshness : given_.manager.freshness({owner}))
      found->second = found->second || freshness.in_touch;
    return found->second;
  }

  EndpointFacts facts_of_endpoint(const store::Snapshot& snapshot, const EndpointProgress& endpoint) {
    const EndpointKey key{endpoint.owner, endpoint.id};
    uint64_t version = 0;
    {
      std::lock_guard lock(mutex_);
      if (const auto found = facts_.find(key); found != facts_.end()) return found->second;
      version = facts_version_;
    }
    EndpointFacts facts;
    const Result<std::string> body =
        snapshot.get({std::string(kEndpointObjects), endpoint.owner, endpoint.id});
    if (body) {
      const Result<json::value> object = model::parse_json(*body, 256);
      if (object && object->is_object()) facts = internal::facts_of_object(object->get_object());
    }
    // The snapshot may be older than a change that was told meanwhile: that one must not be hidden.
    std::lock_guard lock(mutex_);
    if (version == facts_version_ && snapshot.cursor() == given_.store.newest()) facts_.emplace(key, facts);
    return facts;
  }

  Task<GateAnswer> ask_gate(std::shared_ptr<const store::Snapshot> snapshot, GateRule gate,
                            std::string filter) {
    if (!given_.store.types().find(gate.collection))
      co_return no_count(fmt::format("there is no collection {}", gate.collection));
    Result<store::Query> query = store::parse_query(gate.collection, net::parse_query_string(filter));
    if (!query) co_return no_count(query.error().messages.front());
    query->own_id = given_.own_id;
    query->count_only = true;
    if (given_.params) query->param_resolver = given_.params(gate.collection, snapshot);
    std::optional<Result<store::QueryResult>> found;
    co_await env::run_blocking([&] { found = snapshot->query(*query); });
    if (!*found) co_return no_count(found->error().messages.front());
    GateAnswer answer;
    answer.count = (*found)->matching;
    co_return answer;
  }

  // ---- what is written

  Task<Result<store::Cursor>> store_rollout(std::string id, std::string before, Rollout rollout,
                                            std::string principal) {
    Result<json::value> object = model::parse_json(before, 256);
    if (!object) co_return object.error();
    rollout.write(object->get_object());
    store::Change change;
    change.id = {std::string(kRollouts), std::string(store::kOwn), std::move(id)};
    change.body = model::canonical_body(*model::find_object_type(kRollouts), object->get_object());
    change.expect = store::Expect::kSame;
    change.expected_hash = hash128(before);
    store::Batch batch;
    batch.changes.push_back(std::move(change));
    batch.principal = std::move(principal);
    batch.update_action = "update";
    co_return co_await store::commit_async(given_.store, std::move(batch));
  }

  Result<std::string> stored_body(const std::string& id) const {
    Result<std::string> body =
        given_.store.snapshot()->get({std::string(kRollouts), std::string(store::kOwn), id});
    return body ? body : Result<std::string>(not_found(id));
  }

  Result<std::string> shown(const std::string& id) const {
    const Result<std::string> body = stored_body(id);
    if (!body) return body;
    std::string out;
    model::append_with_endpoint(out, *body, given_.own_id);
    return out;
  }

  Result<std::vector<RolloutTarget>> startable(const store::Snapshot& snapshot, const Rollout& rollout,
                                        const auth::Principal& principal) const;
  Result<Rollout> obey(const store::Snapshot& snapshot, Rollout rollout, const std::string& command,
                       const auth::Principal& principal) const;
  Task<Result<std::string>> dry_run(std::string id, auth::Principal principal);
  Task<void> add_preview(std::string owner, std::string endpoint, Assignment wanted, json::object& out);

  RolloutDependencies given_;
  std::shared_ptr<env::Signal> wake_ = std::make_shared<env::Signal>();
  std::atomic<bool> stopping_{false};
  std::atomic<bool> starting_{false};
  mutable std::mutex mutex_;
  std::map<EndpointKey, EndpointFacts> facts_;
  uint64_t facts_version_ = 0;
  std::set<std::string> gate_types_;
  Statistics statistics_;
  internal::Puts puts_;
  env::TaskGroup tasks_;
  uint64_t subscription_ = 0;
};

Result<std::vector<RolloutTarget>> RolloutsImpl::startable(const store::Snapshot& snapshot, const Rollout& rollout,
                                                    const auth::Principal& principal) const {
  Result<std::vector<RolloutTarget>> targets =
      internal::find_targets(snapshot, rollout.plan, given_.own_id, principal);
  if (!targets) return targets;
  std::vector<std::string> faults = internal::missing_sets(snapshot, rollout.plan);
  for (std::string& overlap : internal::overlaps(snapshot, rollout.plan.id, *targets))
    faults.push_back(std::move(overlap));
  if (!faults.empty())
    return Error(ErrorCode::kInvalid, "INVOKE", std::string(kRollouts), rollout.plan.id, std::move(faults));
  for (const RolloutTarget& target : *targets) {
    Result<void> allowed = auth::authorise(principal, {std::string(kEndpointObjects), "update", target.id},
                                           fmt::format("/api/v3/endpoints/{}", target.id));
    if (!allowed) return allowed.error();
  }
  return targets;
}

Result<Rollout> RolloutsImpl::obey(const store::Snapshot& snapshot, Rollout rollout,
                                   const std::string& command, const auth::Principal& principal) const {
  const env::WallTime now = env::system_clock().wall();
  const std::string who = principal.audit_name();
  if (command == "pause") return pause_rollout(std::move(rollout), now, who);
  if (command == "resume") return resume_rollout(std::move(rollout), now, who);
  if (command == "abort") return abort_rollout(std::move(rollout), now, who);
  if (command == "return") {
    std::vector<RolloutTarget> touched;
    for (const Wave& wave : rollout.waves) {
      for (const EndpointProgress& endpoint : wave.endpoints)
        touched.push_back({endpoint.id, endpoint.owner, {}});
    }
    std::vector<std::string> others = internal::overlaps(snapshot, rollout.plan.id, touched);
    if (!others.empty())
      return Error(ErrorCode::kInvalid, "INVOKE", std::string(kRollouts), rollout.plan.id, std::move(others));
    return return_rollout(std::move(rollout), now, who);
  }
  if (rollout.state != RolloutState::kPlanned) return start_rollout(std::move(rollout), {}, now, who);
  Result<std::vector<RolloutTarget>> targets = startable(snapshot, rollout, principal);
  if (!targets) return targets.error();
  return start_rollout(std::move(rollout), std::move(*targets), now, who);
}

Task<Result<std::string>> RolloutsImpl::command(std::string id, std::string command,
                                                auth::Principal principal) {
  if (command == "dryrun") co_return co_await dry_run(std::move(id), std::move(principal));
  if (!given_.manager.active())
    co_return Error(ErrorCode::kConflict, "INVOKE", std::string(kRollouts), id,
                    {"this server is no manager: set the preference manager to true first"});
  // One at a time, so that two rollouts cannot both find the same endpoints free.
  while (starting_.exchange(true)) co_await env::sleep_for(std::chrono::milliseconds(5));
  const std::unique_ptr<std::atomic<bool>, void (*)(std::atomic<bool>*)> turn(
      &starting_, [](std::atomic<bool>* taken) { *taken = false; });
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::shared_ptr<const store::Snapshot> snapshot = given_.store.snapshot();
    std::string body;
    Result<Rollout> rollout = internal::read_rollout(*snapshot, id, &body);
    if (!rollout) co_return rollout.error().code == ErrorCode::kNotFound ? not_found(id) : rollout.error();
    Result<Rollout> next = obey(*snapshot, std::move(*rollout), command, principal);
    snapshot.reset();
    if (!next) co_return next.error();
    const Result<store::Cursor> stored = co_await store_rollout(id, body, *next, principal.audit_name());
    if (stored) {
      kLog.audit("rollout={} command={} principal={}", id, command, principal.audit_name());
      co_return shown(id);
    }
    if (stored.error().code != ErrorCode::kConflict) co_return stored.error();
  }
  co_return Error(ErrorCode::kConflict, "INVOKE", std::string(kRollouts), id,
                  {"the rollout changes all the time: try again"});
}

Task<Result<std::string>> RolloutsImpl::begin_written(std::string id, auth::Principal principal) {
  Result<std::string> begun = co_await command(id, "start", principal);
  if (begun) co_return stored_body(id);
  if (begun.error().code == ErrorCode::kNotFound) co_return begun;
  const std::string reason = fmt::format("not started: {}", fmt::join(begun.error().messages, "; "));
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::string body;
    Result<Rollout> rollout = internal::read_rollout(*given_.store.snapshot(), id, &body);
    if (!rollout) co_return rollout.error();
    if (rollout->state != RolloutState::kPlanned) break;
    rollout->reason = reason;
    const Result<store::Cursor> stored = co_await store_rollout(id, body, *rollout, principal.audit_name());
    if (stored || stored.error().code != ErrorCode::kConflict) break;
  }
  co_return stored_body(id);
}

Task<void> RolloutsImpl::add_preview(std::string owner, std::string endpoint, Assignment wanted,
                                     json::object& out) {
  if (!wanted.last_set.empty()) wanted.sets.push_back(wanted.last_set);
  Result<json::array> actions =
      co_await given_.preview(std::move(owner), std::move(endpoint), std::move(wanted.sets));
  if (actions) {
    out["Actions"] = std::move(*actions);
  } else {
    out["Problem"] = actions.error().messages.empty() ? "" : actions.error().messages.front();
  }
}

Task<Result<std::string>> RolloutsImpl::dry_run(std::string id, auth::Principal principal) {
  std::shared_ptr<const store::Snapshot> snapshot = given_.store.snapshot();
  Result<Rollout> rollout = internal::read_rollout(*snapshot, id);
  if (!rollout) co_return rollout.error().code == ErrorCode::kNotFound ? not_found(id) : rollout.error();
  std::vector<std::string> problems = plan_gaps(rollout->plan);
  if (rollout->waves.empty()) {
    Result<std::vector<RolloutTarget>> targets =
        internal::find_targets(*snapshot, rollout->plan, given_.own_id, principal);
    if (!targets) co_return targets.error();
    for (std::string& problem : internal::missing_sets(*snapshot, rollout->plan))
      problems.push_back(std::move(problem));
    for (std::string& problem : internal::overlaps(*snapshot, id, *targets))
      problems.push_back(std::move(problem));
    Result<std::vector<Wave>> waves = cut_waves(rollout->plan, std::move(*targets));
    if (!waves) co_return waves.error();
    rollout->waves = std::move(*waves);
  }
  std::map<std::string, Assignment> now;
  for (const Wave& wave : rollout->waves) {
    for (const EndpointProgress& endpoint : wave.endpoints)
      now[endpoint.id] = facts_of_endpoint(*snapshot, endpoint).assigned;
  }
  snapshot.reset();
  json::array waves;
  size_t previews = 0;
  for (const Wave& wave : rollout->waves) {
    json::array endpoints;
    for (const EndpointProgress& endpoint : wave.endpoints) {
      const auto had = rollout->before.find(endpoint.id);
      const Assignment& before = had == rollout->before.end() ? now[endpoint.id] : had->second;
      const Assignment wanted = rollout->plan.wanted(before);
      json::object out{{"Endpoint", endpoint.id}, {"Owner", endpoint.owner}};
      out["State"] = endpoint_state_name(endpoint.state);
      out["Before"] = json::array(before.sets.begin(), before.sets.end());
      out["VersionSets"] = json::array(wanted.sets.begin(), wanted.sets.end());
      out["Apply"] = wanted.apply;
      if (given_.preview && previews++ < kMostPreviews)
        co_await add_preview(endpoint.owner, endpoint.id, wanted, out);
      endpoints.push_back(std::move(out));
    }
    waves.push_back(json::object{{"Name", wave.name}, {"Endpoints", std::move(endpoints)}});
  }
  json::object out{
      {"Id", id}, {"Waves", std::move(waves)}, {"Problems", json::array(problems.begin(), problems.end())}};
  co_return json::serialize(out);
}

}  // namespace

std::unique_ptr<Rollouts> make_rollouts(RolloutDependencies dependencies) {
  return std::make_unique<RolloutsImpl>(std::move(dependencies));
}

}  // namespace mullion::versionset
