#include "bulk/bulk.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bulk/ledger.h"
#include "model/members.h"

namespace mullion::bulk {
namespace {

constexpr size_t kMostNamed = 10'000;  // keys and exceptions that stand in the object
constexpr size_t kMostConcurrency = 64;
constexpr std::string_view kNoTime = "0001-01-01T00:00:00Z";

/// A state, and whether a bulk in it goes on by itself or by a word (active), and has its selection (begun).
struct StateEntry {
  State state;
  std::string_view name;
  bool active, begun;
};
constexpr std::array kStates{
    StateEntry{State::kCreated, "created", false, false},
    StateEntry{State::kPreviewed, "previewed", false, false},
    StateEntry{State::kFreezing, "freezing", true, true},
    StateEntry{State::kRunning, "running", true, true},
    StateEntry{State::kAsking, "asking", true, true},
    StateEntry{State::kPaused, "paused", true, true},
    StateEntry{State::kStopped, "stopped", false, true},
    StateEntry{State::kDone, "done", false, true},
    StateEntry{State::kFailed, "failed", false, true},
};

const StateEntry& state_entry(State state) { return kStates[static_cast<size_t>(state)]; }

/// A command: the states in which it makes sense, what the bulk is afterwards, and whether who gives it is
/// who acts from then on.
struct CommandEntry {
  std::string_view name;
  std::vector<State> from;
  State to;
  bool lends;
  std::string_view otherwise;  // what to do instead
};

const std::vector<CommandEntry>& command_table() {
  static const std::vector<CommandEntry> table{
      {"start",
       {State::kCreated, State::kPreviewed},
       State::kFreezing,
       true,
       "it begins once; create another one"},
      {"pause",
       {State::kRunning, State::kAsking},
       State::kPaused,
       false,
       "only one that is running can be paused"},
      {"resume",
       {State::kPaused, State::kStopped},
       State::kRunning,
       true,
       "only one that is paused or stopped goes on"},
      {"stop",
       {State::kFreezing, State::kRunning, State::kAsking, State::kPaused},
       State::kStopped,
       false,
       "it is not under way"},
      {"continue", {State::kAsking}, State::kRunning, true, "it asks nothing"},
      {"retry",
       {State::kPaused, State::kStopped, State::kDone, State::kFailed},
       State::kRunning,
       true,
       "wait until it is over, or pause it first"},
  };
  return table;
}

const CommandEntry* find_command(std::string_view name) {
  for (const CommandEntry& entry : command_table()) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

Error not_now(const Bulk& bulk, std::string text) {
  return Error(ErrorCode::kInvalid, "INVOKE", "bulks", bulk.id, {std::move(text)});
}

uint64_t number_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_number()) return 0;
  const double number = value->to_number<double>();
  return number > 0 ? static_cast<uint64_t>(number) : 0;
}

bool is_negative(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_number() && value->to_number<double>() < 0;
}

Moment time_member(const json::object& object, std::string_view name) {
  const std::string text = model::text_member(object, name);
  env::WallTime time;
  if (text.empty() || text.starts_with("0001-") || !env::parse_rfc3339(text, time)) return std::nullopt;
  return time;
}

json::object counts_object(const Counts& counts) {
  json::object out{{"Total", counts.total()}};
  for (const OutcomeEntry& entry : outcome_table()) out[entry.member] = counts[entry.outcome];
  return out;
}

/// How a bulk ended whose objects all have an outcome.
void end(Bulk& bulk, env::WallTime now) {
  bulk.ended = now;
  const uint64_t failures = bulk.counts.failures();
  bulk.state = failures == 0 ? State::kDone : State::kFailed;
  bulk.reason = failures == 0 ? "" : fmt::format("{} of {} were not done", failures, bulk.counts.total());
}

void halt(Bulk& bulk, std::string reason, env::WallTime now) {
  bulk.state = State::kStopped;
  bulk.reason = std::move(reason);
  bulk.ended = now;
}

}  // namespace

std::string_view state_name(State state) { return state_entry(state).name; }
bool is_active(State state) { return state_entry(state).active; }
bool has_begun(State state) { return state_entry(state).begun; }

Bulk Bulk::parse(const json::object& object) {
  Bulk out;
  out.id = model::text_member(object, "Id");
  out.what = Operation::parse(model::object_member(object, "What"));
  const json::object& selection = model::object_member(object, "Selection");
  out.selection = {model::text_member(selection, "Type"),    model::text_member(selection, "Filter"),
                   model::texts_member(selection, "Except"), model::texts_member(selection, "Keys"),
                   number_member(selection, "Count"),        model::text_member(selection, "At")};
  out.concurrency = std::clamp<uint64_t>(number_member(object, "Concurrency"), 1, kMostConcurrency);
  out.stop_after = number_member(object, "StopAfter");
  out.first = number_member(object, "First");
  const std::string state = model::text_member(object, "State");
  for (const StateEntry& entry : kStates) {
    if (entry.name == state) out.state = entry.state;
  }
  out.reason = model::text_member(object, "Reason");
  out.started_by = model::text_member(object, "StartedBy");
  out.started = time_member(object, "Started");
  out.ended = time_member(object, "Ended");
  out.run = model::text_member(object, "Run");
  const json::object& counts = model::object_member(object, "Counts");
  for (const OutcomeEntry& entry : outcome_table())
    out.counts[entry.outcome] = number_member(counts, entry.member);
  out.continued = model::flag_member(object, "Continued");
  out.retrying = model::flag_member(object, "Retrying");
  out.forgiven = number_member(object, "Forgiven");
  return out;
}

void Bulk::write(json::object& object) const {
  json::object& chosen = object["Selection"].is_object() ? object["Selection"].get_object()
                                                         : object["Selection"].emplace_object();
  chosen["Count"] = selection.count;
  chosen["At"] = selection.at;
  object["State"] = state_name(state);
  object["Reason"] = reason;
  object["StartedBy"] = started_by;
  object["Started"] = started ? env::format_rfc3339(*started) : std::string(kNoTime);
  object["Ended"] = ended ? env::format_rfc3339(*ended) : std::string(kNoTime);
  object["Run"] = run;
  object["Counts"] = counts_object(counts);
  object["Continued"] = continued;
  object["Retrying"] = retrying;
  object["Forgiven"] = forgiven;
}

std::vector<std::string> form_faults(const Bulk& bulk, const model::ObjectType* type) {
  std::vector<std::string> out;
  if (type == nullptr) {
    out.push_back(fmt::format("Selection.Type: there is no collection {:.100}", bulk.selection.type));
    return out;
  }
  for (std::string& fault : bulk.what.faults(*type)) out.push_back(std::move(fault));
  const bool by_keys = !bulk.selection.keys.empty();
  if (by_keys && !bulk.selection.filter.empty()) out.emplace_back("Selection: give Keys or Filter, not both");
  for (const auto& [member, list] :
       {std::pair("Keys", &bulk.selection.keys), std::pair("Except", &bulk.selection.except)}) {
    if (list->size() > kMostNamed)
      out.push_back(
          fmt::format("Selection.{}: at most {} are taken, {} are given", member, kMostNamed, list->size()));
  }
  return out;
}

std::vector<std::string> fixed_faults(const json::object& before, const json::object& after) {
  std::vector<std::string> out;
  for (const char* member : {"Concurrency", "StopAfter", "First"}) {
    if (is_negative(after, member)) out.push_back(fmt::format("{}: is negative", member));
  }
  if (!has_begun(Bulk::parse(before).state)) return out;
  for (const char* member : {"What", "Selection", "First"}) {
    const json::value* was = before.if_contains(member);
    const json::value* is = after.if_contains(member);
    const bool same = was == nullptr || is == nullptr ? was == is : *was == *is;
    if (!same) out.push_back(fmt::format("{}: is fixed once the bulk has begun", member));
  }
  return out;
}

bool lends_rights(std::string_view command) {
  const CommandEntry* entry = find_command(command);
  return entry != nullptr && entry->lends;
}

Result<Bulk> obey(Bulk bulk, std::string_view command, const std::string& who, const std::string& run,
                  env::WallTime now) {
  const CommandEntry* entry = find_command(command);
  if (entry == nullptr) return not_now(bulk, fmt::format("there is no command {}", command));
  if (std::ranges::find(entry->from, bulk.state) == entry->from.end())
    return not_now(bulk, fmt::format("the bulk is {}: {}", state_name(bulk.state), entry->otherwise));
  const bool frozen_yet = bulk.counts.total() > 0;
  bulk.state = entry->to;
  // One that was stopped while its selection was being written down begins with that.
  if (bulk.state == State::kRunning && !frozen_yet) bulk.state = State::kFreezing;
  bulk.reason = command == "pause" || command == "stop" ? fmt::format("by {}", who) : "";
  if (command == "start") {
    bulk.run = run;
    bulk.started = now;
  }
  bulk.ended = is_active(bulk.state) ? Moment() : Moment(now);
  // Whoever lets it go on after the question has answered it.
  if (entry->lends && bulk.first > 0 && bulk.counts.asked() >= bulk.first) bulk.continued = true;
  if (command == "retry") bulk.retrying = true;
  if (entry->lends) {
    bulk.started_by = who;
    bulk.forgiven = bulk.counts.failures();
  }
  return bulk;
}

Result<Bulk> counted(Bulk bulk, uint64_t count, env::WallTime now) {
  if (bulk.selection.count != 0 && bulk.selection.count != count)
    return Error(
        ErrorCode::kConflict, "INVOKE", "bulks", bulk.id,
        {fmt::format("Selection.Count: {} objects were expected, there are {} now; look at them again",
                     bulk.selection.count, count)});
  bulk.selection.count = count;
  bulk.selection.at = env::format_rfc3339(now);
  return bulk;
}

Step next_step(const Bulk& bulk, const Counts& counts, const std::string& login, env::WallTime now) {
  Step step;
  step.next = bulk;
  Bulk& next = step.next;
  next.counts = counts;
  if (bulk.state != State::kRunning) return step;
  const bool quiet = counts[Outcome::kRunning] == 0;
  if (bulk.retrying) {
    // What is under way is not put back.
    step.puts_back = quiet;
    return step;
  }
  const uint64_t failures = counts.failures() - std::min(bulk.forgiven, counts.failures());
  const bool enough = bulk.stop_after > 0 && failures >= bulk.stop_after;
  const bool asks = bulk.first > 0 && !bulk.continued && counts.asked() >= bulk.first;
  const bool all = counts[Outcome::kPending] == 0;
  const bool holds = enough || asks || all || !login.empty();
  if (holds && !quiet) return step;  // nothing more is begun; what is under way is waited for
  if (all) {
    end(next, now);
  } else if (!login.empty()) {
    halt(next, fmt::format("the login of {} ended: {}", bulk.started_by, login), now);
  } else if (enough) {
    halt(next, fmt::format("stopped after {} failures", failures), now);
  } else if (asks) {
    next.state = State::kAsking;
    next.reason = fmt::format("the first {} are done: continue, or stop", counts.asked());
  } else {
    step.round = RoundLimits{.per_owner = bulk.concurrency};
    if (bulk.first > 0 && !bulk.continued) step.round->requests = bulk.first - counts.asked();
  }
  step.changed = next.state != bulk.state;
  return step;
}

}  // namespace mullion::bulk
