// Bulks as a machine of states. Pure: decides, and does nothing. docs/bulk.md shows the states.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/board.h"
#include "bulk/operation.h"
#include "bulk/outcome.h"
#include "env/clock.h"

namespace mullion::bulk {

enum class State {
  kCreated,
  kPreviewed,
  kFreezing,  // the selection is being written down
  kRunning,
  kAsking,  // the first few are done: waits for `continue`
  kPaused,
  kStopped,
  kDone,
  kFailed
};
std::string_view state_name(State state);
/// Whether it goes on, or waits for a word to go on.
bool is_active(State state);
/// Whether its selection is fixed.
bool has_begun(State state);

/// What it is done to.
struct Selection {
  std::string type, filter;
  std::vector<std::string> except, keys;
  uint64_t count = 0;  // 0: any number
  std::string at;      // RFC 3339, when they were counted
};

using Moment = std::optional<env::WallTime>;

/// One Bulk object.
struct Bulk {
  std::string id;
  Operation what;
  Selection selection;
  size_t concurrency = 8;
  uint64_t stop_after = 0, first = 0;
  State state = State::kCreated;
  std::string reason, started_by;
  Moment started, ended;
  std::string run;
  Counts counts;
  bool continued = false;  // the question after the first few was answered
  bool retrying = false;   // what was refused is to be put back
  uint64_t forgiven = 0;   // failures before it was told to go on; they do not stop it again

  static Bulk parse(const json::object& object);
  /// Writes the members that belong to the machine.
  void write(json::object& object) const;
};

/// What is wrong with a bulk that may be stored: its form, all at once. `type`: of the selection, or null
/// when nobody knows it.
std::vector<std::string> form_faults(const Bulk& bulk, const model::ObjectType* type);
/// Why a client may not change `before` into `after`.
std::vector<std::string> fixed_faults(const json::object& before, const json::object& after);

/// What people tell a bulk: start, pause, resume, stop, retry, continue. `run`: the name of a new run, for
/// start. kInvalid (422) says why not and what to do.
Result<Bulk> obey(Bulk bulk, std::string_view command, const std::string& who, const std::string& run,
                  env::WallTime now);
/// Whether whoever gives the command lends it the rights for what follows.
bool lends_rights(std::string_view command);

/// The preview, or freezing, found `count` objects. kConflict when another number was expected.
Result<Bulk> counted(Bulk bulk, uint64_t count, env::WallTime now);

/// One step of a bulk that is under way.
struct Step {
  Bulk next;
  bool changed = false;              // `next` differs in more than its counts
  bool puts_back = false;            // Board::put_back() first, then the next step
  std::optional<RoundLimits> round;  // what may be begun
};
/// `login`: why the login of who set it going ended; "" while it holds.
Step next_step(const Bulk& bulk, const Counts& counts, const std::string& login, env::WallTime now);

}  // namespace mullion::bulk
