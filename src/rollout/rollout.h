// Rollouts: version sets on their way to many endpoints, in waves. Pure: decides, and does nothing.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "env/clock.h"

namespace mullion::rollout {

namespace json = boost::json;

/// What an Endpoint object says about its sets.
struct Assignment {
  std::vector<std::string> sets;
  std::string last_set;  // the deprecated member VersionSet
  bool apply = false;
  bool operator==(const Assignment&) const = default;
};

struct WaveRule {
  uint64_t count = 0;
  double percent = 0;
  std::string meta_key, meta_value;
  std::vector<std::string> endpoints;
};

struct GateRule {
  std::string collection, filter, comparison = "=";
  int64_t count = 0;
  env::Duration patience{};
  bool holds(uint64_t found) const;
};

/// What a client wrote.
struct RolloutPlan {
  std::string id;
  std::vector<std::string> sets;
  bool replace = false;
  std::string targets;  // a query over endpoints
  std::vector<std::string> target_ids;
  std::vector<WaveRule> waves;
  std::string wave_by;
  size_t concurrency = 10;
  env::Duration soak{}, settle = std::chrono::seconds(5);
  std::optional<GateRule> gate;
  std::optional<uint64_t> most_failed;        // failed endpoints that stop it
  std::optional<double> most_failed_percent;  // of the endpoints of the waves so far
  env::Duration wave_limit = std::chrono::hours(6), endpoint_limit = std::chrono::minutes(5);
  bool return_on_failure = true;  // else pause
  bool apply = false;

  /// What `before` becomes: the sets in front of, or instead of, what is there.
  Assignment wanted(const Assignment& before) const;
};

enum class RolloutState {
  kPlanned,
  kRunning,
  kSoaking,
  kPaused,
  kReturning,
  kReturned,
  kAborting,
  kAborted,
  kDone,
  kFailed
};
std::string_view rollout_state_name(RolloutState state);
/// Whether it changes endpoints, or may go on to.
bool is_active(RolloutState state);

enum class EndpointState {
  kWaiting,   // its turn has not come
  kPutting,   // the sets are being put
  kApplying,  // they are there; its plan is being carried out
  kClosing,   // Apply becomes again what it was
  kDone,
  kFailed,
  kToReturn,   // its turn to be returned has not come
  kReturning,  // what it had is being put back and carried out
  kRestoring,  // Apply becomes again what it was
  kReturned,
  kNotReturned,  // that was not possible
  kLeaving,      // the rollout is aborted: Apply becomes again what it was
  kLeft
};
std::string_view endpoint_state_name(EndpointState state);
/// Whether it takes one of the places of RolloutPlan::concurrency.
bool is_under_way(EndpointState state);

using Moment = std::optional<env::WallTime>;

struct EndpointProgress {
  std::string id, owner;  // owner: of the Endpoint object, "" this server
  EndpointState state = EndpointState::kWaiting;
  std::string reason;
  Moment started, since, calm_since, trouble_since;
};

struct Wave {
  std::string name, state = "waiting", gate;
  Moment started, soaking, soak_until, ended;
  std::vector<EndpointProgress> endpoints;
};

/// One Rollout object.
struct Rollout {
  RolloutPlan plan;
  RolloutState state = RolloutState::kPlanned;
  std::string reason;
  Moment started, ended;
  std::vector<Wave> waves;
  struct Event {
    env::WallTime time;
    std::string what, who;
  };
  std::vector<Event> history;
  std::map<std::string, Assignment> before;

  /// Every fault of the plan at once, each naming its member.
  static Result<Rollout> parse(const json::object& object);
  /// Writes the members that belong to the machine.
  void write(json::object& object) const;
};

/// What keeps a plan that may be stored from being carried out: no sets, no targets.
std::vector<std::string> plan_gaps(const RolloutPlan& plan);
/// Why a client may not change `before` into `after`: its plan is fixed once it has begun.
std::vector<std::string> plan_changes(const json::object& before, const json::object& after);

/// An endpoint that a rollout is about.
struct RolloutTarget {
  std::string id, owner;
  std::map<std::string, std::string> meta;
};
/// Each target once, in the order of the rules and of ids; what no rule takes is the last wave. kInvalid: an
/// id that is no target, an endpoint that two rules name.
Result<std::vector<Wave>> cut_waves(const RolloutPlan& plan, std::vector<RolloutTarget> targets);

/// What is known of an endpoint now.
struct EndpointFacts {
  bool exists = false;
  bool connected = false;  // its replica or its own connection is current
  std::string held_up;     // why its object is not current although its owner is connected; "" when it is
  bool current = true;     // nothing that happened to its object at its owner is unknown here
  bool disabled = false;   // VersionSetsDisabled
  bool busy = false;       // a change of it is on its way; nothing is decided about it
  Assignment assigned;
  bool planned = false;         // what follows was found out for the sets of `assigned` as they are now
  size_t actions = 0;           // left to do
  uint64_t failed_actions = 0;  // of the last pass
  std::vector<std::string> errors;
  std::string trouble;  // why the last change did not arrive; "" when it did
};
using Facts = std::map<std::string, EndpointFacts, std::less<>>;

/// What counting for a gate came to.
struct GateAnswer {
  std::optional<uint64_t> count;
  std::string problem;  // why there is no count
};

/// Changes an Endpoint object from what it was seen as to what it shall be.
struct AssignmentChange {
  std::string endpoint, owner;
  Assignment seen, wanted;
};

struct RolloutStep {
  Rollout next;                        // what the following step begins with, stored or not
  bool changed = false;                // `next` must be stored before anything is put
  std::vector<AssignmentChange> puts;  // idempotent; asked for again until they show in the facts
  bool asks_gate = false;              // call again with an answer
  Moment wake;                         // when time alone changes something
};
/// One step of the machine. `gate` answers a step that asked. The endpoints of a gate: gate_endpoints().
/// `lapse`: why it may not go on for who set it going; then nothing new is put: a way forward is paused, a
/// way back has failed.
RolloutStep next_step(const Rollout& rollout, const Facts& facts, env::WallTime now,
                      const std::optional<GateAnswer>& gate = std::nullopt, const std::string& lapse = "");
/// Ids of the endpoints of the waves that have begun.
std::vector<std::string> gate_endpoints(const Rollout& rollout);
/// The filter with `$endpoints` replaced.
std::string gate_filter(const Rollout& rollout);

/// What people tell a rollout. kInvalid (422) says why not and what to do.
Result<Rollout> start_rollout(Rollout rollout, std::vector<RolloutTarget> targets, env::WallTime now,
                              std::string who);
Result<Rollout> pause_rollout(Rollout rollout, env::WallTime now, std::string who);
/// The failed endpoints of the wave at work get another turn.
Result<Rollout> resume_rollout(Rollout rollout, env::WallTime now, std::string who);
Result<Rollout> abort_rollout(Rollout rollout, env::WallTime now, std::string who);
Result<Rollout> return_rollout(Rollout rollout, env::WallTime now, std::string who);

}  // namespace mullion::rollout
