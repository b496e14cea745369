#include "rollout/rollouts.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/mutex.h"
#include "env/attempt.h"
#include "model/object.h"
#include "net/http.h"
#include "rollout/internal/assignment_writer.h"
#include "rollout/internal/dry_run.h"
#include "rollout/internal/facts.h"
#include "rollout/internal/lenders.h"
#include "rollout/internal/log.h"
#include "rollout/internal/steps.h"
#include "rollout/internal/targets.h"
#include "store/commit_async.h"

namespace mullion::rollout {
namespace {

using env::Task;
using internal::kEndpointObjects;
using internal::kRollouts;

/// That a replica is current again is told, that it is quiet too long is not.
constexpr auto kRolloutLook = std::chrono::seconds(10);
constexpr auto kIdle = std::chrono::seconds(30);
/// Changes of many endpoints are stored together.
constexpr auto kRolloutGather = std::chrono::milliseconds(50);
constexpr int kRolloutAttempts = 32;
constexpr int kMostSteps = 10'000;

Error not_found(const std::string& id) {
  return Error(ErrorCode::kNotFound, "INVOKE", std::string(kRollouts), id, {"Not Found"});
}

/// Lets the next command have its turn.
struct TurnEnd {
  std::atomic<bool>& taken;
  env::Signal& free;
  ~TurnEnd() {
    taken = false;
    free.notify_all();
  }
};

class RolloutsImpl final : public Rollouts {
 public:
  explicit RolloutsImpl(Dependencies dependencies)
      : given_(std::move(dependencies)),
        facts_(given_.store, given_.manager),
        assignment_writer_(given_.runtime, given_.store, given_.manager, given_.clock, given_.timers,
                           [wake = wake_] { wake->notify_all(); }),
        lenders_(given_.authenticator),
        steps_(given_, facts_, assignment_writer_, lenders_),
        tasks_(given_.runtime.executor(), "rollouts") {
    listen_to({});
    // Whether an owner is in touch changes without a commit. This listener cannot be taken back; what it
    // holds outlives us.
    given_.manager.on_endpoint_change([wake = wake_, far = far_](const std::string&) {
      if (*far) wake->notify_all();
    });
  }

  void start() override {
    tasks_.spawn("rollouts", [this] { return run(); });
    tasks_.spawn("rights of rollouts", [this] { return follow_rights(); });
  }

  Task<void> stop() override {
    stopping_ = true;
    wake_->notify_all();
    co_await tasks_.async_stop();
    co_await assignment_writer_.stop();
  }

  Task<Result<std::string>> command(std::string id, std::string command, auth::Principal principal) override;
  Task<Result<std::string>> begin_written(std::string id, auth::Principal principal) override;

  Statistics statistics() const override {
    Lock lock(mutex_);
    return statistics_;
  }

 private:
  /// What may change a step: rollouts, Endpoint objects at any depth, sets, and what gates ask about.
  void listen_to(const std::set<std::string>& gate_types) {
    constexpr auto kAnywhere = store::Interest::Owners::kAny;
    store::Interest interest;
    interest.rules = {
        {std::string(kRollouts), kAnywhere}, {std::string(kEndpointObjects), kAnywhere}, {"version_sets"}};
    for (const std::string& type : gate_types) interest.rules.push_back({type, kAnywhere});
    feed_ = store::attach_signal(given_.store, "rollouts", std::move(interest), wake_);
  }

  Task<void> run() {
    while (!stopping_) {
      const uint64_t seen = wake_->version();
      env::Duration pause = kIdle;
      if (given_.manager.active()) {
        const bool passed = co_await env::attempt(kLog, "a pass over the rollouts", pass(pause));
        if (!passed) pause = env::kTryAgain;
      }
      co_await given_.timers.wait(*wake_, seen, pause);
      co_await given_.timers.sleep_for(kRolloutGather);
    }
  }

  /// Who set a rollout going may not go on with it.
  Task<void> follow_rights() {
    env::Signal changes = given_.authenticator.changes();
    while (!stopping_) {
      const uint64_t seen = changes.version();
      const bool changed = co_await given_.timers.wait(changes, seen, kIdle);
      if (changed) wake_->notify_all();
    }
  }

  /// Steps every rollout that is not over; `pause`: how long nothing but events can change anything.
  Task<void> pass(env::Duration& pause) {
    std::vector<std::string> active;
    co_await env::run_blocking([&] { active = internal::active_rollouts(*given_.store.snapshot()); });
    steps_.keep(active);
    Statistics statistics;
    std::set<std::string> gates;
    bool far = false;
    Moment wake;
    for (const std::string& id : active) {
      std::optional<RolloutStep> step = co_await advance(id);
      if (!step) continue;
      if (step->wake && (!wake || *step->wake < *wake)) wake = step->wake;
      if (step->next.plan.gate) gates.insert(step->next.plan.gate->collection);
      far = far || has_far_endpoints(step->next);
      count(step->next, statistics);
    }
    // What was not listened to meanwhile is looked at again.
    bool again = far && !far_->exchange(far);
    *far_ = far;
    {
      Lock lock(mutex_);
      statistics_ = statistics;
    }
    again = again || !std::ranges::includes(gate_types_, gates);
    if (gates != gate_types_) listen_to(gates);
    gate_types_ = std::move(gates);
    pause = env::Duration::zero();
    if (again) co_return;
    const env::Duration longest = far ? kRolloutLook : kIdle;
    pause = longest;
    if (!wake) co_return;
    const env::Duration left = *wake - given_.clock.wall();
    pause = std::clamp<env::Duration>(left, env::Duration::zero(), longest);
  }

  static bool has_far_endpoints(const Rollout& rollout) {
    return std::ranges::any_of(rollout.waves, [](const Wave& wave) {
      return std::ranges::any_of(wave.endpoints,
                                 [](const EndpointProgress& endpoint) { return !endpoint.owner.empty(); });
    });
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
      std::optional<Result<internal::RolloutReading>> seen;
      co_await env::run_blocking([&] { seen = steps_.read_and_step(id); });
      if (!*seen) {
        kLog.warn("rollout cannot be read rollout={} reason={}", id, seen->error().text());
        co_return std::nullopt;
      }
      internal::RolloutReading& reading = **seen;
      if (!is_active(reading.state)) co_return std::nullopt;
      RolloutStep& step = reading.step;
      if (!reading.change) {
        for (const AssignmentChange& put : step.puts) {
          const Moment again = assignment_writer_.begin(put, reading.now);
          if (again && (!step.wake || *again < *step.wake)) step.wake = again;
        }
        co_return std::move(step);
      }
      store::Batch batch = batch_of(std::move(*reading.change), "system");
      if (!is_active(step.next.state)) batch.secrets.push_back(internal::Lenders::forgotten(id));
      given_.store.stamp(batch);
      const Digest written = hash128(*batch.changes.front().body);
      const Result<store::Cursor> stored = co_await store::commit_async(given_.store, std::move(batch));
      if (!stored && stored.error().code != ErrorCode::kConflict) {
        kLog.error("rollout is not stored rollout={} reason={}", id, stored.error().text());
        co_return std::nullopt;
      }
      if (!stored) continue;
      if (reading.state != step.next.state)
        kLog.info("rollout={} state={} reason={}", id, rollout_state_name(step.next.state), step.next.reason);
      steps_.stored(id, written, std::move(step.next));
    }
    co_return std::nullopt;
  }

  // ---- what is written

  static store::Batch batch_of(store::Change change, std::string principal) {
    store::Batch batch;
    batch.changes.push_back(std::move(change));
    batch.principal = std::move(principal);
    batch.update_action = "update";
    return batch;
  }

  Result<std::string> stored_body(const std::string& id) const {
    const Result<std::string> body = internal::rollout_body(*given_.store.snapshot(), id);
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
  Result<store::Batch> obeyed(const std::string& id, const std::string& command,
                              const auth::Principal& principal) const;
  Result<store::Change> refused(const std::string& id, const std::string& reason) const;
  Task<Result<std::string>> dry_run(std::string id, auth::Principal principal);
  Task<Result<json::array>> actions_with(std::string owner, std::string endpoint,
                                         std::vector<std::string> sets);

  Dependencies given_;
  std::shared_ptr<env::Signal> wake_ = std::make_shared<env::Signal>();
  std::atomic<bool> stopping_{false};
  const std::shared_ptr<std::atomic<bool>> far_ = std::make_shared<std::atomic<bool>>(false);
  std::atomic<bool> turn_taken_{false};
  env::Signal turn_free_;
  std::set<std::string> gate_types_;  // of the pass
  mutable Mutex mutex_;
  Statistics statistics_ GUARDED_BY(mutex_);
  internal::RolloutFacts facts_;
  internal::AssignmentWriter assignment_writer_;
  internal::Lenders lenders_;
  internal::RolloutSteps steps_;
  env::TaskGroup tasks_;
  std::shared_ptr<store::CommitFeed> feed_;  // of the pass, as are the gates
};

std::vector<RolloutTarget> touched_targets(const Rollout& rollout) {
  std::vector<RolloutTarget> out;
  for (const Wave& wave : rollout.waves) {
    for (const EndpointProgress& endpoint : wave.endpoints) out.push_back({endpoint.id, endpoint.owner, {}});
  }
  return out;
}

Result<std::vector<RolloutTarget>> RolloutsImpl::startable(const store::Snapshot& snapshot,
                                                           const Rollout& rollout,
                                                           const auth::Principal& principal) const {
  Result<std::vector<RolloutTarget>> targets =
      internal::find_targets(snapshot, rollout.plan, given_.own_id, principal);
  if (!targets) return targets;
  std::vector<std::string> faults = internal::missing_sets(snapshot, rollout.plan, principal);
  for (std::string& fault : query_faults(snapshot, rollout.plan)) faults.push_back(std::move(fault));
  for (std::string& overlap : internal::overlaps(snapshot, rollout.plan.id, *targets))
    faults.push_back(std::move(overlap));
  if (!faults.empty())
    return Error(ErrorCode::kInvalid, "INVOKE", std::string(kRollouts), rollout.plan.id, std::move(faults));
  if (Result<void> allowed = internal::authorise_targets(*targets, principal); !allowed)
    return allowed.error();
  return targets;
}

Result<Rollout> RolloutsImpl::obey(const store::Snapshot& snapshot, Rollout rollout,
                                   const std::string& command, const auth::Principal& principal) const {
  const env::WallTime now = given_.clock.wall();
  const std::string who = principal.audit_name();
  if (command == "pause") return pause_rollout(std::move(rollout), now, who);
  if (command == "abort") return abort_rollout(std::move(rollout), now, who);
  const std::vector<RolloutTarget> touched = touched_targets(rollout);
  if (command == "resume" || command == "return") {
    if (Result<void> allowed = internal::authorise_targets(touched, principal); !allowed)
      return allowed.error();
  }
  if (command == "resume") return resume_rollout(std::move(rollout), now, who);
  if (command == "return") {
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
  while (true) {
    const uint64_t seen = turn_free_.version();
    if (!turn_taken_.exchange(true)) break;
    if (stopping_) co_return Error(ErrorCode::kUnavailable, "the server is going down");
    (void)co_await given_.timers.wait(turn_free_, seen, kIdle);
  }
  const TurnEnd turn{turn_taken_, turn_free_};
  const std::string author = principal.audit_name();
  for (int attempt = 0; attempt < kRolloutAttempts; ++attempt) {
    std::optional<Result<store::Batch>> batch;
    co_await env::run_blocking([&] { batch = obeyed(id, command, principal); });
    if (!*batch) co_return batch->error();
    const Result<store::Cursor> stored = co_await store::commit_async(given_.store, std::move(**batch));
    if (stored) {
      kLog.audit("rollout={} command={} principal={}", id, command, author);
      co_return shown(id);
    }
    if (stored.error().code != ErrorCode::kConflict) co_return stored.error();
  }
  co_return Error(ErrorCode::kConflict, "INVOKE", std::string(kRollouts), id,
                  {"the rollout changes all the time: try again"});
}

/// What a command makes of the rollout as it is now. Blocks on the disk.
Result<store::Batch> RolloutsImpl::obeyed(const std::string& id, const std::string& command,
                                          const auth::Principal& principal) const {
  const std::shared_ptr<const store::Snapshot> snapshot = given_.store.snapshot();
  std::string body;
  Result<Rollout> rollout = internal::read_rollout(*snapshot, id, &body);
  if (!rollout) return rollout.error().code == ErrorCode::kNotFound ? not_found(id) : rollout.error();
  Result<Rollout> next = obey(*snapshot, std::move(*rollout), command, principal);
  if (!next) return next.error();
  Result<store::Change> change = internal::change_of_rollout(id, body, *next);
  if (!change) return change.error();
  store::Batch batch = batch_of(std::move(*change), principal.audit_name());
  if (internal::lends_rights(command)) {
    Result<store::SecretChange> kept = lenders_.keep(id, command, principal);
    if (!kept) return kept.error();
    batch.secrets.push_back(std::move(*kept));
  }
  return batch;
}

/// A rollout that could not begin, and why. kConflict when it has begun since.
Result<store::Change> RolloutsImpl::refused(const std::string& id, const std::string& reason) const {
  std::string body;
  Result<Rollout> rollout = internal::read_rollout(*given_.store.snapshot(), id, &body);
  if (!rollout) return rollout.error();
  if (rollout->state != RolloutState::kPlanned) return Error(ErrorCode::kConflict, "it has begun");
  rollout->reason = reason;
  return internal::change_of_rollout(id, body, *rollout);
}

Task<Result<std::string>> RolloutsImpl::begin_written(std::string id, auth::Principal principal) {
  Result<std::string> begun = co_await command(id, "start", principal);
  if (begun) co_return stored_body(id);
  if (begun.error().code == ErrorCode::kNotFound) co_return begun;
  const std::string reason = fmt::format("not started: {}", fmt::join(begun.error().messages, "; "));
  const std::string author = principal.audit_name();
  for (int attempt = 0; attempt < kRolloutAttempts; ++attempt) {
    std::optional<Result<store::Change>> change;
    co_await env::run_blocking([&] { change = refused(id, reason); });
    if (!*change) break;
    const Result<store::Cursor> stored =
        co_await store::commit_async(given_.store, batch_of(std::move(**change), author));
    if (stored || stored.error().code != ErrorCode::kConflict) break;
  }
  co_return stored_body(id);
}

Task<Result<std::string>> RolloutsImpl::dry_run(std::string id, auth::Principal principal) {
  std::optional<Result<internal::DryRun>> prepared;
  co_await env::run_blocking([&] {
    prepared = internal::prepare_dry_run(*given_.store.snapshot(), facts_, id, given_.own_id, principal);
  });
  if (!*prepared)
    co_return prepared->error().code == ErrorCode::kNotFound ? not_found(id) : prepared->error();
  internal::Preview preview = [this](std::string owner, std::string endpoint, std::vector<std::string> sets) {
    return actions_with(std::move(owner), std::move(endpoint), std::move(sets));
  };
  if (!given_.preview) preview = nullptr;
  co_return co_await internal::show_dry_run(std::move(**prepared), std::move(preview));
}

Task<Result<json::array>> RolloutsImpl::actions_with(std::string owner, std::string endpoint,
                                                     std::vector<std::string> sets) {
  if (owner.empty()) co_return co_await given_.preview(std::move(endpoint), std::move(sets));
  co_return co_await internal::preview_at_owner(given_.manager, std::move(owner), std::move(endpoint),
                                                std::move(sets));
}

}  // namespace

std::unique_ptr<Rollouts> make_rollouts(Dependencies dependencies) {
  return std::make_unique<RolloutsImpl>(std::move(dependencies));
}

}  // namespace mullion::rollout
