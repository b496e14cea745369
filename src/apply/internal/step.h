// What to do next for one endpoint: decided from its plan, what came of it so far, the lease and the clock.
// Pure; the applier carries it out.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "env/clock.h"
#include "plan/plan.h"

namespace mullion::apply {

using plan::Action;
using plan::Plan;

/// So long an endpoint may take to tell that it has what was carried out.
inline constexpr auto kSettle = std::chrono::seconds(30);
inline constexpr auto kFirstPause = std::chrono::seconds(5);  // after a pass without progress; doubles
inline constexpr auto kLongestPause = std::chrono::minutes(5);
inline constexpr auto kShortestPause = std::chrono::seconds(2);  // also when an input changes
inline constexpr auto kFirstRetry = std::chrono::seconds(1);  // of an endpoint that does not answer; doubles
inline constexpr auto kShortestRetry = std::chrono::milliseconds(500);  // also when something is new
inline constexpr auto kLongestRetry = std::chrono::minutes(1);
/// A connection that breaks so often under one action is the action's fault.
inline constexpr int kMostBreaks = 3;
/// What had to be done so often within kChurnTime does not stay: somebody else undoes it.
inline constexpr size_t kMostChanges = 3;
inline constexpr auto kChurnTime = std::chrono::minutes(2);

/// What came of the plan of one endpoint so far. A pass tries every action once.
class PassMemory {
 public:
  /// Forgets what the plan does not name any more.
  void keep(const Plan& plan);
  void succeeded(const std::string& key, bool changed, env::SteadyTime now);
  /// `progress`: a part of it was done, such as bytes that need not be sent again.
  void failed(const std::string& key, std::string reason, bool progress);
  /// The connection broke under it.
  void broke(const std::string& key, std::string reason, bool progress);
  void begin_pass();
  /// A pass without progress is over.
  void stop(std::string inputs, env::SteadyTime now);
  /// The endpoint does not answer.
  void unreachable(std::string reason, env::SteadyTime now);
  void reached();
  /// Something about the endpoint is new: it may answer again.
  void heard(env::SteadyTime now);

  bool tried(const std::string& key) const { return tried_.contains(key); }
  bool done(const std::string& key) const { return done_.contains(key); }
  /// When it was carried out; absent: not yet.
  std::optional<env::SteadyTime> done_at(const std::string& key) const;
  bool does_not_stay(const std::string& key, env::SteadyTime now) const;
  bool progress() const { return progress_; }
  const std::map<std::string, std::string>& failures() const { return failures_; }
  /// Set while stopped.
  const std::optional<env::SteadyTime>& resume_at() const { return resume_at_; }
  env::SteadyTime stopped_at() const { return stopped_at_; }
  const std::string& stopped_inputs() const { return stopped_inputs_; }
  /// Why the endpoint does not answer, and when to ask again; "" while it does.
  const std::string& unreachable_reason() const { return unreachable_; }
  env::SteadyTime retry_at() const { return retry_at_; }

 private:
  std::map<std::string, std::string> failures_;                  // why it failed last
  std::set<std::string> tried_;                                  // in this pass, without success
  std::map<std::string, int> breaks_;                            // in this pass
  std::map<std::string, env::SteadyTime> done_;                  // carried out; the plan may still name it
  std::map<std::string, std::vector<env::SteadyTime>> changes_;  // when it had to be done
  bool progress_ = false;
  int idle_passes_ = 0;
  std::optional<env::SteadyTime> resume_at_;
  env::SteadyTime stopped_at_{};
  std::string stopped_inputs_;
  std::string unreachable_;
  int unreachable_times_ = 0;
  env::SteadyTime unreachable_at_{}, retry_at_{};
};

/// What is known about the endpoint's configuration lease.
struct LeaseView {
  bool held = false;
  std::string other;        // who holds it instead; "" nobody we know of
  env::SteadyTime until{};  // of ours, or when it is worth asking again
  env::SteadyTime asked{};  // when we learnt of the other
};

struct Situation {
  const Plan* plan = nullptr;
  bool apply = false;
  /// The endpoint says that the lease is ours although we do not hold it: from before a crash or a cut.
  bool left_lease = false;
  LeaseView lease;
  env::SteadyTime now{};
};

struct Step {
  enum class Kind {
    kRest,  // nothing to do: until something new is offered
    kTakeLease,
    kRelease,
    kAct,     // carry out `action`
    kDoubt,   // `action` was carried out, and the endpoint still does not show it: it failed
    kUndone,  // `action` had to be done too often
    kBeginPass,
    kStop,  // the pass is over and nothing got better
    kWait,  // until `until`, or something new
  };
  Kind kind = Kind::kRest;
  size_t action = 0;
  env::SteadyTime until{};
  std::string_view state = "idle";  // ApplyState::state meanwhile
};

Step next_step(const Situation& situation, const PassMemory& memory);

/// What a stopped pass depended on: when it is another text, it is tried again at once.
std::string inputs_of(const Plan& plan);

}  // namespace mullion::apply
