#include "apply/internal/applier.h"

#include <fmt/format.h>

#include <algorithm>

#include "apply/internal/lease_calls.h"
#include "apply/internal/log.h"
#include "base/mutex.h"
#include "env/attempt.h"
#include "env/unless.h"
#include "model/members.h"
#include "model/object.h"

namespace mullion::apply {
namespace {

constexpr auto kRenewal = std::chrono::seconds(20);
/// An endpoint that shows no progress for so long lends its place to another one.
constexpr auto kStill = std::chrono::seconds(5);
/// When an endpoint does not tell how long its lease lasts.
constexpr auto kAskAgain = std::chrono::seconds(30);
constexpr auto kAskAgainSoonest = std::chrono::seconds(2);

std::string named(const Action& action, std::string_view reason) {
  return fmt::format("{} {}: {}", versionset::kind_name(action.kind), action.name, reason);
}

/// The artifacts for one action: fetching ends when the action is not wanted any more, whatever a server
/// elsewhere makes of it. What has reached the endpoint is not cut short.
class WantedArtifacts final : public Artifacts {
 public:
  WantedArtifacts(Artifacts& all, const env::Timers& timers, env::Signal& changed,
                  std::function<bool()> wanted)
      : all_(all), timers_(timers), changed_(changed), wanted_(std::move(wanted)) {}
  Task<Result<files::Blobs::Info>> fetch(catalog::Artifact artifact) override {
    Task<void> unwanted = until_unwanted();
    auto fetched = co_await env::unless(all_.fetch(std::move(artifact)), std::move(unwanted));
    if (fetched) co_return *std::move(fetched);
    co_return Error(ErrorCode::kCancelled, "it is not wanted any more");
  }
  Result<net::BodySourcePtr> open(const files::Blobs::Info& info, uint64_t first, uint64_t last) override {
    return all_.open(info, first, last);
  }

 private:
  Task<void> until_unwanted() {
    while (true) {
      const uint64_t seen = changed_.version();
      if (!wanted_()) co_return;
      co_await timers_.wait(changed_, seen, std::chrono::hours(1));
    }
  }

  Artifacts& all_;
  const env::Timers& timers_;
  env::Signal& changed_;
  const std::function<bool()> wanted_;
};

/// Whether `plan` has this action, with the same bytes.
bool holds(const Plan& plan, const Action& action) {
  return std::any_of(plan.actions.begin(), plan.actions.end(), [&action](const Action& other) {
    return other.key() == action.key() && other.artifact.has_value() == action.artifact.has_value() &&
           (!action.artifact || (other.artifact->source == action.artifact->source &&
                                 other.artifact->sha256 == action.artifact->sha256));
  });
}

/// Actions that were not carried out yet.
size_t actions_left(const Offer& offer, const PassMemory& memory) {
  if (!offer.plan) return 0;
  return static_cast<size_t>(std::ranges::count_if(
      offer.plan->actions, [&](const Action& action) { return !memory.done(action.key()); }));
}

}  // namespace

/// One endpoint. `memory` and `lease_error` belong to its worker; everything else to Applier::mutex_.
struct Applier::Entry {
  explicit Entry(std::string name) : endpoint(std::move(name)) {}
  const std::string endpoint;
  std::unique_ptr<manager::EndpointCalls> calls;
  env::Signal wake;

  PassMemory memory;
  std::string lease_error;

  Offer offer;
  bool news = false;  // offered since the last decision
  bool withdrawn = false;
  bool working = false;
  LeaseView lease;
  bool left_lease = false;  // see Situation
  uint64_t holding = 0;     // grows whenever the lease is taken or lost: which renewal is the right one
  ApplyState state;
  size_t done = 0, left = 0;  // actions since the worker began, and before it is done
  /// Files that a look found equal, (path, SHA-256), while the endpoint listed `seen_under`, as it still
  /// does.
  std::set<std::pair<std::string, std::string>> seen;
  std::string seen_under;
};

Applier::Applier(ApplierParts parts)
    : parts_(std::move(parts)),
      memory_(parts_.store),
      limiter_(parts_.concurrency, std::chrono::duration_cast<env::Duration>(kStill / parts_.speed),
               parts_.clock, parts_.timers),
      begun_(parts_.clock.steady()),
      tasks_(parts_.runtime.executor(), "apply") {}

Applier::~Applier() = default;

Task<void> Applier::stop() {
  stopping_ = true;
  co_await tasks_.async_stop();
}

env::SteadyTime Applier::now() const {
  const env::Duration passed = parts_.clock.steady() - begun_;
  return begun_ + std::chrono::duration_cast<env::Duration>(passed * parts_.speed);
}

void Applier::offer(Offer offer) {
  if (stopping_) return;
  EntryPtr entry;
  bool begin = false;
  {
    Lock lock(mutex_);
    EntryPtr& place = entries_[offer.endpoint];
    if (!place) place = std::make_shared<Entry>(offer.endpoint);
    entry = place;
    const std::string listing = offer.plan ? offer.plan->listing : "";
    if (std::exchange(entry->seen_under, listing) != listing) entry->seen.clear();
    entry->offer = std::move(offer);
    entry->news = true;
    entry->withdrawn = false;
    begin = !std::exchange(entry->working, true);
  }
  entry->wake.notify_all();
  if (begin) tasks_.spawn("apply", [this, entry] { return keep_working(entry); });
}

void Applier::withdraw(const std::string& endpoint) {
  EntryPtr entry;
  {
    Lock lock(mutex_);
    const auto found = entries_.find(endpoint);
    if (found != entries_.end()) {
      entry = found->second;
      entry->offer = {endpoint, nullptr, nullptr, false};
      entry->withdrawn = true;
      if (!entry->working) entries_.erase(found);
    }
  }
  if (entry) entry->wake.notify_all();
  if (stopping_ || parts_.store.snapshot()->get_local("endpoints", endpoint)) return;
  tasks_.spawn("forget", [this, endpoint]() -> Task<void> {
    const Result<void> forgotten = co_await memory_.forget(endpoint);
    if (!forgotten)
      kApplyLog.warn("memory is not cleared endpoint={} reason={}", endpoint, forgotten.error().text());
  });
}

ApplyState Applier::state(const std::string& endpoint) const {
  Lock lock(mutex_);
  const auto found = entries_.find(endpoint);
  return found == entries_.end() ? ApplyState{} : found->second->state;
}

ApplyProgress Applier::progress(const std::string& endpoint) const {
  const env::SteadyTime asked = now();
  Lock lock(mutex_);
  const auto found = entries_.find(endpoint);
  if (found == entries_.end() || !found->second->working) return {};
  const Entry& entry = *found->second;
  ApplyProgress out{entry.done, entry.done + entry.left};
  if (entry.lease.held && entry.lease.until > asked)
    out.lease_left = std::chrono::ceil<std::chrono::seconds>(entry.lease.until - asked);
  return out;
}

bool Applier::same_secret(const std::string& endpoint, const std::string& place, const json::value& wanted,
                          const json::value& shown) const {
  return memory_.same_secret(endpoint, place, wanted, shown);
}

bool Applier::seen_there(const std::string& endpoint, const std::string& path, const std::string& sha256,
                         const std::string& listing) const {
  Lock lock(mutex_);
  const auto found = entries_.find(endpoint);
  return found != entries_.end() && found->second->seen_under == listing &&
         found->second->seen.contains({path, sha256});
}

PlanExecutor::Counts Applier::counts() const { return {done_, failed_, limiter_.taken()}; }

// ---- one endpoint

Step Applier::decide(const EntryPtr& entry, std::shared_ptr<const Plan>& plan) {
  const bool asks = [&] {
    Lock lock(mutex_);
    return !entry->lease.held && (entry->news || !entry->lease.other.empty());
  }();
  const std::string told = asks ? parts_.told_holder(entry->endpoint) : "";
  Lock lock(mutex_);
  Situation situation;
  situation.now = now();
  plan = entry->offer.plan;
  situation.plan = plan.get();
  situation.apply = entry->offer.apply;
  if (plan) entry->memory.keep(*plan);
  if (std::exchange(entry->news, false)) {
    entry->memory.heard(situation.now);
    // It was released: no need to wait for its end.
    LeaseView& lease = entry->lease;
    if (told.empty() && !lease.held)
      lease.until = std::min(lease.until, std::max(situation.now, lease.asked + kAskAgainSoonest));
    entry->left_lease = told == parts_.own_id;
  }
  situation.left_lease = entry->left_lease;
  situation.lease = entry->lease;
  return next_step(situation, entry->memory);
}

/// Ends the worker, unless something new was offered meanwhile.
bool Applier::rest(const EntryPtr& entry, uint64_t seen) {
  Lock lock(mutex_);
  // An offer is made before its call to wake us.
  if (entry->news || entry->wake.version() != seen) return false;
  entry->working = false;
  entry->done = entry->left = 0;
  entry->lease.other.clear();
  if (entry->withdrawn) entries_.erase(entry->endpoint);
  return true;
}

/// What cannot be read is read again: work() begins where the endpoint and its lease are.
Task<void> Applier::keep_working(EntryPtr entry) {
  while (!stopping_) {
    const bool ended = co_await env::attempt(kApplyLog, "configuring an endpoint", work(entry));
    if (ended) co_return;
    co_await parts_.timers.wait(entry->wake, entry->wake.version(), env::kTryAgain);
  }
}

Task<void> Applier::work(EntryPtr entry) {
  if (!entry->calls) entry->calls = parts_.calls(entry->endpoint);
  while (!stopping_) {
    const uint64_t seen = entry->wake.version();
    std::shared_ptr<const Plan> plan;
    const Step step = decide(entry, plan);
    // Nobody wants the lease any more: that it was refused is over.
    if (step.kind == Step::Kind::kRest || step.kind == Step::Kind::kRelease) entry->lease_error.clear();
    if (step.kind != Step::Kind::kAct) publish(entry, step.state);
    const std::string key =
        plan && step.action < plan->actions.size() ? plan->actions[step.action].key() : "";
    switch (step.kind) {
      case Step::Kind::kRest:
        if (rest(entry, seen)) co_return;
        break;
      case Step::Kind::kTakeLease:
        co_await take_lease(entry);
        break;
      case Step::Kind::kRelease:
        co_await release_lease(entry);
        break;
      case Step::Kind::kAct:
        co_await act(entry);
        break;
      case Step::Kind::kDoubt:
        entry->memory.failed(
            key, named(plan->actions[step.action], "was carried out, but the endpoint does not show it"),
            false);
        break;
      case Step::Kind::kUndone:
        entry->memory.failed(
            key, named(plan->actions[step.action], "does not stay: somebody else changes it back"), false);
        break;
      case Step::Kind::kBeginPass:
        entry->memory.begin_pass();
        break;
      case Step::Kind::kStop:
        entry->memory.stop(inputs_of(*plan), now());
        break;
      case Step::Kind::kWait:
        co_await pause(entry, seen, step.until);
        break;
    }
  }
}

Task<void> Applier::pause(EntryPtr entry, uint64_t seen, env::SteadyTime until) {
  const env::Duration left = std::chrono::duration_cast<env::Duration>((until - now()) / parts_.speed);
  co_await parts_.timers.wait(entry->wake, seen, std::max<env::Duration>(left, std::chrono::milliseconds(1)));
}

void Applier::publish(const EntryPtr& entry, std::string_view state) {
  ApplyState fresh;
  fresh.state = state;
  for (const auto& [key, reason] : entry->memory.failures()) fresh.errors.push_back(reason);
  fresh.failed = fresh.errors.size();
  if (!entry->lease_error.empty()) fresh.errors.push_back(entry->lease_error);
  const auto& resume = entry->memory.resume_at();
  {
    Lock lock(mutex_);
    entry->left = actions_left(entry->offer, entry->memory);
    const LeaseView& lease = entry->lease;
    fresh.configured_by = lease.held ? parts_.own_id : lease.other;
    if (!lease.held && !lease.other.empty()) fresh.errors.push_back("configured by " + lease.other);
    if (state == "stopped" && resume) {
      const auto left = std::chrono::duration_cast<std::chrono::seconds>(*resume - now());
      fresh.next_attempt = entry->state.next_attempt;
      if (entry->state.state != "stopped" || fresh.next_attempt.empty())
        fresh.next_attempt = env::format_rfc3339(parts_.clock.wall() + left);
    }
    if (entry->state == fresh) return;
    entry->state = std::move(fresh);
  }
  if (parts_.news) parts_.news(entry->endpoint);
}

/// A place first, then the decision: while others have their turn the plan, whether it is applied at all, and
/// the lease may change.
Task<void> Applier::act(EntryPtr entry) {
  std::unique_ptr<ConcurrencyLimiter::Place> place = limiter_.try_take();
  if (!place) {
    publish(entry, "waiting");
    place = co_await limiter_.take();
  }
  std::shared_ptr<const Plan> plan;
  const Step step = decide(entry, plan);
  if (step.kind != Step::Kind::kAct || stopping_) co_return;
  publish(entry, step.state);
  const Action& action = plan->actions[step.action];
  const env::SteadyTime begun = parts_.clock.steady();
  uint64_t bytes = 0;
  const Moved moved = [&bytes, &place](uint64_t more) {
    bytes += more;
    place->touch();
  };
  const auto wanted = [this, &entry, &action] { return wants(entry, action); };
  WantedArtifacts artifacts(*parts_.artifacts, parts_.timers, entry->wake, wanted);
  const Target target{entry->endpoint, *entry->calls, artifacts,     memory_,
                      parts_.store,    parts_.clock,  parts_.timers, moved};
  const Result<Effect> result = co_await carry_out(target, action, parts_.restart);
  if (!result && result.error().code == ErrorCode::kCancelled && !wanted()) {
    kApplyLog.info("given up endpoint={} kind={} name={} reason={}", entry->endpoint,
                   versionset::kind_name(action.kind), action.name, result.error().messages.front());
    co_return;
  }
  const double ms = std::chrono::duration<double, std::milli>(parts_.clock.steady() - begun).count();
  if (result && *result == Effect::kNone) saw_equal(entry, *plan, action);
  record(entry, action, result, bytes, ms);
}

/// Whether the newest offer still holds the action.
bool Applier::wants(const EntryPtr& entry, const Action& action) const {
  Lock lock(mutex_);
  return entry->offer.apply && entry->offer.plan && holds(*entry->offer.plan, action);
}

/// What the endpoint does not list would be planned, looked at and missed in its listing for ever.
void Applier::saw_equal(const EntryPtr& entry, const Plan& plan, const Action& action) {
  if (action.kind != Kind::kFile || !action.artifact) return;
  Lock lock(mutex_);
  if (entry->seen_under == plan.listing) entry->seen.emplace(action.name, action.artifact->sha256);
}

void Applier::record(const EntryPtr& entry, const Action& action, const Result<Effect>& result,
                     uint64_t bytes, double ms) {
  const std::string key = action.key();
  const std::string what =
      fmt::format("endpoint={} kind={} name={} verb={} version={} set={} bytes={} ms={:.0f}", entry->endpoint,
                  versionset::kind_name(action.kind), action.name, action.verb, action.actual_version,
                  action.from.set, bytes, ms);
  if (result) {
    entry->memory.succeeded(key, *result == Effect::kChanged, now());
    entry->memory.reached();
    {
      Lock lock(mutex_);
      ++entry->done;
      entry->left = actions_left(entry->offer, entry->memory);
    }
    // What is remembered of secrets changes the plan, and no report of the endpoint tells of it.
    if (parts_.news) parts_.news(entry->endpoint);
    if (*result == Effect::kNone) return kApplyLog.debug("nothing to do {}", what);
    ++done_;
    return kApplyLog.info("carried out {}", what);
  }
  ++failed_;
  const std::string reason = client::reason_of(result.error());
  kApplyLog.warn("failed {} reason={}", what, reason);
  if (!client::is_broken(result.error())) return entry->memory.failed(key, named(action, reason), false);
  entry->memory.broke(key, named(action, reason), bytes > 0);
  entry->memory.unreachable(reason, now());
  lose_lease(entry);  // it may have run out before the endpoint answers again
}

// ---- the lease

void Applier::lose_lease(const EntryPtr& entry) {
  Lock lock(mutex_);
  entry->lease.held = false;
  entry->left_lease = false;
  ++entry->holding;
}

Task<void> Applier::take_lease(EntryPtr entry) {
  const env::SteadyTime asked = now();
  const Result<void> answer = co_await take_lease_there(*entry->calls, parts_.own_id, parts_.clock);
  entry->lease_error.clear();
  if (answer) {
    entry->memory.reached();
    uint64_t holding = 0;
    {
      Lock lock(mutex_);
      entry->lease = {true, "", asked + kLeaseTime};
      holding = ++entry->holding;
    }
    tasks_.spawn("lease", [this, entry, holding] { return renew_lease(entry, holding); });
    co_return;
  }
  if (answer.error().status_override == http_status(ErrorCode::kConflict)) {
    entry->memory.reached();
    co_await ask_holder(entry);
    co_return;
  }
  const std::string reason = client::reason_of(answer.error());
  if (!client::is_broken(answer.error()))
    entry->lease_error = "the configuration lease is refused: " + reason;
  entry->memory.unreachable(reason, now());
}

/// Somebody else has it: who, and until when?
Task<void> Applier::ask_holder(EntryPtr entry) {
  const Result<LeaseThere> there = co_await lease_there(*entry->calls, parts_.clock);
  LeaseView lease;
  lease.other = "another manager";
  lease.asked = now();
  lease.until = lease.asked + kAskAgain;
  if (there) {
    lease.other = there->holder;
    if (there->seconds) lease.until = now() + std::chrono::seconds(*there->seconds + 1);
  }
  kApplyLog.info("somebody else configures it endpoint={} holder={}", entry->endpoint, lease.other);
  Lock lock(mutex_);
  entry->lease = lease;
}

Task<void> Applier::release_lease(EntryPtr entry) {
  lose_lease(entry);
  const Result<void> answer = co_await release_lease_there(*entry->calls, parts_.own_id);
  if (!answer)
    kApplyLog.debug("the lease expires by itself endpoint={} reason={}", entry->endpoint,
                    answer.error().text());
}

Task<void> Applier::renew_lease(EntryPtr entry, uint64_t holding) {
  while (!stopping_) {
    co_await parts_.timers.sleep_for(std::chrono::duration_cast<env::Duration>(kRenewal / parts_.speed));
    {
      Lock lock(mutex_);
      if (entry->holding != holding) co_return;
    }
    const env::SteadyTime asked = now();
    const Result<void> answer = co_await take_lease_there(*entry->calls, parts_.own_id, parts_.clock);
    Lock lock(mutex_);
    if (entry->holding != holding) {
      if (!entry->lease.held && answer) tasks_.spawn("lease", [this, entry] { return release_lease(entry); });
      co_return;
    }
    if (answer) entry->lease.until = asked + kLeaseTime;
    // Lost to somebody else: the worker notices after its action.
    if (!answer && !client::is_broken(answer.error())) entry->lease.until = asked;
  }
}

std::unique_ptr<PlanExecutor> make_applier(const Dependencies& dependencies, ApplyNews news) {
  ApplierParts parts{dependencies.runtime, dependencies.store,  dependencies.own_id,
                     dependencies.clock,   dependencies.timers, dependencies.apply_concurrency};
  manager::Manager* manager = &dependencies.manager;
  parts.calls = [manager](const std::string& endpoint) { return manager::calls_through(*manager, endpoint); };
  parts.artifacts = make_artifacts(dependencies.catalog, dependencies.blobs);
  parts.told_holder = [manager](const std::string& endpoint) {
    return manager->endpoint_state(endpoint)->configured_by.value_or("");
  };
  parts.news = std::move(news);
  return std::make_unique<Applier>(std::move(parts));
}

}  // namespace mullion::apply
