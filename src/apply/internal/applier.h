// Carries plans out: one action at a time per endpoint, many endpoints at once.
#pragma once

#include <atomic>
#include <map>

#include "apply/internal/carry_out.h"
#include "apply/internal/concurrency_limiter.h"
#include "apply/internal/plan_executor.h"
#include "apply/internal/step.h"
#include "base/mutex.h"
#include "env/timers.h"

namespace mullion::apply {

/// What the applier works with; tests put in their own.
struct ApplierParts {
  env::Runtime& runtime;
  store::Store& store;
  std::string own_id;  // the holder of leases
  const env::Clock& clock;
  const env::Timers& timers;
  size_t concurrency = 32;
  std::function<std::unique_ptr<manager::EndpointCalls>(const std::string& endpoint)> calls;
  std::unique_ptr<Artifacts> artifacts;
  /// Who configures an endpoint, as it told last; "" nobody, or unknown.
  std::function<std::string(const std::string& endpoint)> told_holder;
  ApplyNews news;
  RestartPatience restart;
  double speed = 1;  // of the clock that pauses are measured with
};

class Applier final : public PlanExecutor {
 public:
  explicit Applier(ApplierParts parts);
  ~Applier() override;

  void start() override {}
  Task<void> stop() override;
  void offer(Offer offer) override;
  void withdraw(const std::string& endpoint) override;
  ApplyState state(const std::string& endpoint) const override;
  ApplyProgress progress(const std::string& endpoint) const override;
  bool same_secret(const std::string& endpoint, const std::string& place, const json::value& wanted,
                   const json::value& shown) const override;
  bool seen_there(const std::string& endpoint, const std::string& path, const std::string& sha256,
                  const std::string& listing) const override;
  Counts counts() const override;

 private:
  struct Entry;
  using EntryPtr = std::shared_ptr<Entry>;

  env::SteadyTime now() const;
  Task<void> keep_working(EntryPtr entry);
  Task<void> work(EntryPtr entry);
  Task<void> pause(EntryPtr entry, uint64_t seen, env::SteadyTime until);
  Task<void> act(EntryPtr entry);
  void record(const EntryPtr& entry, const Action& action, const Result<Effect>& result, uint64_t bytes,
              double ms);
  bool wants(const EntryPtr& entry, const Action& action) const;
  void saw_equal(const EntryPtr& entry, const Plan& plan, const Action& action);
  Task<void> take_lease(EntryPtr entry);
  Task<void> ask_holder(EntryPtr entry);
  Task<void> release_lease(EntryPtr entry);
  Task<void> renew_lease(EntryPtr entry, uint64_t holding);
  void lose_lease(const EntryPtr& entry);
  Step decide(const EntryPtr& entry, std::shared_ptr<const Plan>& plan);
  bool rest(const EntryPtr& entry, uint64_t seen);
  void publish(const EntryPtr& entry, std::string_view state);

  ApplierParts parts_;
  EndpointMemory memory_;
  ConcurrencyLimiter limiter_;
  const env::SteadyTime begun_;
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> done_{0}, failed_{0};
  mutable Mutex mutex_;
  std::map<std::string, EntryPtr> entries_ GUARDED_BY(mutex_);
  env::TaskGroup tasks_;
};

/// The applier of a manager.
std::unique_ptr<PlanExecutor> make_applier(const Dependencies& dependencies, ApplyNews news);

}  // namespace mullion::apply
