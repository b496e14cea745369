#include "server/rolling_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "base/json.h"

namespace mullion::server {
namespace {

namespace json = boost::json;
using StepKind = RollingStep::Kind;
using Note = UpgradeNote::State;
using Progress = RollingUpgrade::State;

constexpr std::string_view kStageWords[] = {"waits", "ordered", "done", "failed", "skipped"};
constexpr std::string_view kStateWords[] = {"staged", "running", "done", "failed", "stopped"};
constexpr std::string_view kNoteWords[] = {"nothing", "idle",     "staged",    "refused",
                                           "trying",  "upgraded", "taken-back"};
constexpr size_t kLongestReason = 700;

struct TextMember {
  const char* name;
  std::string RollingUpgrade::*field;
};
constexpr TextMember kTextMembers[] = {{"id", &RollingUpgrade::id},
                                       {"from", &RollingUpgrade::from},
                                       {"to", &RollingUpgrade::to},
                                       {"sha256", &RollingUpgrade::sha256},
                                       {"by", &RollingUpgrade::principal},
                                       {"started", &RollingUpgrade::started},
                                       {"finished", &RollingUpgrade::finished},
                                       {"text", &RollingUpgrade::text}};

template <typename Enum, size_t N>
std::optional<Enum> word_in(const std::string_view (&words)[N], std::string_view word) {
  const auto found = std::ranges::find(words, word);
  if (found == std::end(words)) return std::nullopt;
  return static_cast<Enum>(found - std::begin(words));
}

/// Throws what boost throws when something is absent or of another kind.
RollingUpgrade read_rolling(const json::object& object) {
  RollingUpgrade out;
  for (const TextMember& one : kTextMembers) out.*one.field = std::string(object.at(one.name).as_string());
  out.size = object.at("size").to_number<uint64_t>();
  out.force = object.at("force").as_bool();
  out.state = word_in<Progress>(kStateWords, object.at("state").as_string()).value();
  for (const json::value& value : object.at("members").as_array()) {
    const json::object& member = value.as_object();
    out.members.push_back({std::string(member.at("id").as_string()),
                           std::string(member.at("address").as_string()),
                           word_in<MemberStage>(kStageWords, member.at("stage").as_string()).value(),
                           std::string(member.at("text").as_string())});
  }
  return out;
}

double in_seconds(env::Duration duration) { return std::chrono::duration<double>(duration).count(); }

const MemberSight* seen(const RollingSight& sight, std::string_view id) {
  const auto found = std::ranges::find(sight.members, id, &MemberSight::id);
  return found == sight.members.end() ? nullptr : &*found;
}

/// What it says of this upgrade.
UpgradeNote note_of(const RollingSight& sight, const MemberSight& member) {
  return member.note.upgrade == sight.upgrade.id ? member.note : UpgradeNote{Note::kIdle, "", ""};
}

bool can_lead(const MemberSight& member) { return member.voter && !member.observer && !member.active; }
bool is_well(const MemberSight& member) { return member.online && member.in_step; }

RollingStep wait_for(std::string text) { return {StepKind::kWait, "", std::move(text)}; }

/// The first in the order of the upgrade.
const RollingMember* first_at(const RollingUpgrade& upgrade, MemberStage stage) {
  const auto found = std::ranges::find(upgrade.members, stage, &RollingMember::stage);
  return found == upgrade.members.end() ? nullptr : &*found;
}

/// Members that are gone, or said that the package is nothing for them.
std::optional<RollingStep> settle_absent(const RollingSight& sight) {
  for (const RollingMember& member : sight.upgrade.members) {
    const bool open = member.stage == MemberStage::kWaits || member.stage == MemberStage::kOrdered;
    if (!open) continue;
    const MemberSight* there = seen(sight, member.id);
    if (there == nullptr) return RollingStep{StepKind::kSkip, member.id, "it was removed from the cluster"};
    if (const UpgradeNote note = note_of(sight, *there); note.state == Note::kRefused)
      return RollingStep{StepKind::kFail, member.id, note.text};
  }
  return std::nullopt;
}

/// The member whose turn it is.
RollingStep watch_turn(const RollingSight& sight, const RollingMember& turn) {
  const MemberSight& member = *seen(sight, turn.id);
  const UpgradeNote note = note_of(sight, member);
  if (note.state == Note::kTakenBack) return {StepKind::kFail, turn.id, note.text};
  const bool runs = note.state == Note::kUpgraded && member.version == sight.upgrade.to;
  if (runs && is_well(member)) return {StepKind::kDone, turn.id, ""};
  std::string_view what = "to begin";
  if (!member.online) what = "to come back";
  if (note.state == Note::kTrying) what = "while its new program is tried";
  if (runs) what = "to be in step with the others";
  if (sight.unchanged < sight.turn_patience)
    return wait_for(fmt::format("waits for {} {}", turn.address, what));
  return {StepKind::kFail, turn.id,
          fmt::format("it was waited for {} for {:.3g} s", what, in_seconds(sight.turn_patience))};
}

/// Absent: every member that has its turn yet to come has the package.
std::optional<RollingStep> watch_staging(const RollingSight& sight) {
  for (const RollingMember& member : sight.upgrade.members) {
    if (member.stage != MemberStage::kWaits) continue;
    const MemberSight& there = *seen(sight, member.id);
    if (there.online && note_of(sight, there).state == Note::kStaged) continue;
    const std::string_view what = there.online ? "to have the package" : "to come back";
    if (sight.unchanged < sight.rest_patience)
      return wait_for(fmt::format("waits for {} {}", member.address, what));
    return RollingStep{
        StepKind::kFail, member.id,
        fmt::format("it was waited for {} for {:.3g} s", what, in_seconds(sight.rest_patience))};
  }
  return std::nullopt;
}

/// Why nobody may be taken out now; "" when `out` may. Two voters need both, whatever is done: there the
/// cluster pauses while a member restarts.
std::string danger(const RollingSight& sight, const MemberSight& out) {
  const auto voters = std::ranges::count_if(sight.members, &MemberSight::voter);
  const auto left = std::ranges::count_if(sight.members, [&out](const MemberSight& member) {
    return member.voter && is_well(member) && member.id != out.id;
  });
  const auto needed = voters / 2 + 1;
  if (voters > 2 && out.voter && left < needed)
    return fmt::format("{} of {} must stay, and {} would", needed, voters, left);
  const bool somebody = std::ranges::any_of(sight.members, can_lead);
  if (somebody && !sight.fail_over_safe) return "failing over is not safe";
  return {};
}

RollingStep safely(const RollingSight& sight, const MemberSight& member, RollingStep step) {
  const std::string why = danger(sight, member);
  if (why.empty()) return step;
  if (sight.unchanged < sight.rest_patience) return wait_for("waits until it is safe: " + why);
  return {StepKind::kFail, "", fmt::format("{} for {:.3g} s", why, in_seconds(sight.rest_patience))};
}

/// Who takes the lead so that the member that has it can be upgraded: one that runs the new program rather
/// than one that does not.
const MemberSight* next_leader(const RollingSight& sight) {
  const MemberSight* best = nullptr;
  for (const MemberSight& member : sight.members) {
    if (!can_lead(member) || !is_well(member)) continue;
    if (best == nullptr || (best->version != sight.upgrade.to && member.version == sight.upgrade.to))
      best = &member;
  }
  return best;
}

RollingStep release_active(const RollingSight& sight, const MemberSight& active) {
  if (std::ranges::none_of(sight.members, can_lead)) return {StepKind::kOrder, active.id, ""};
  const MemberSight* next = next_leader(sight);
  if (next == nullptr) return safely(sight, active, wait_for("waits for a member that can take the lead"));
  return safely(sight, active, {StepKind::kHandOver, next->id, ""});
}

RollingStep begin_turn(const RollingSight& sight) {
  const MemberSight* next = nullptr;
  const MemberSight* active = nullptr;
  for (const RollingMember& member : sight.upgrade.members) {
    if (member.stage != MemberStage::kWaits) continue;
    const MemberSight* there = seen(sight, member.id);
    if (there->active) {
      active = there;
    } else if (next == nullptr || (there->observer && !next->observer)) {
      next = there;
    }
  }
  if (next != nullptr) return safely(sight, *next, {StepKind::kOrder, next->id, ""});
  if (active != nullptr) return release_active(sight, *active);
  return {StepKind::kFinish, "", ""};
}

}  // namespace

RollingMember* RollingUpgrade::find(std::string_view member) {
  const auto found = std::ranges::find(members, member, &RollingMember::id);
  return found == members.end() ? nullptr : &*found;
}

const RollingMember* RollingUpgrade::find(std::string_view member) const {
  return const_cast<RollingUpgrade*>(this)->find(member);
}

std::string_view stage_word(MemberStage stage) { return kStageWords[static_cast<size_t>(stage)]; }

std::string encode_rolling(const RollingUpgrade& upgrade) {
  json::object out;
  for (const TextMember& one : kTextMembers) out[one.name] = upgrade.*one.field;
  out["size"] = upgrade.size;
  out["force"] = upgrade.force;
  out["state"] = kStateWords[static_cast<size_t>(upgrade.state)];
  json::array members;
  for (const RollingMember& member : upgrade.members) {
    members.push_back(json::object{{"id", member.id},
                                   {"address", member.address},
                                   {"stage", stage_word(member.stage)},
                                   {"text", member.text}});
  }
  out["members"] = std::move(members);
  return json::serialize(out);
}

Result<RollingUpgrade> decode_rolling(std::string_view text) {
  return read_json(text, "what is agreed of the upgrade", read_rolling);
}

std::string encode_note(const UpgradeNote& note) {
  return fmt::format("{} {} {}", kNoteWords[static_cast<size_t>(note.state)],
                     note.upgrade.empty() ? "-" : note.upgrade, note.text.substr(0, kLongestReason));
}

UpgradeNote decode_note(std::string_view text) {
  const size_t first = text.find(' ');
  const size_t second = first == std::string_view::npos ? first : text.find(' ', first + 1);
  if (second == std::string_view::npos) return {};
  const auto state = word_in<Note>(kNoteWords, text.substr(0, first));
  if (!state) return {};
  return {*state, std::string(text.substr(first + 1, second - first - 1)),
          std::string(text.substr(second + 1))};
}

UpgradeNote own_note(const OwnStanding& standing, const std::string& upgrade) {
  const bool mine = standing.turn && standing.turn->upgrade == upgrade;
  if (!mine && !standing.refused.empty()) return {Note::kRefused, upgrade, standing.refused};
  if (!mine) return {Note::kIdle, upgrade, ""};
  const OwnTurn& turn = *standing.turn;
  if (!turn.ordered) return {standing.staged ? Note::kStaged : Note::kIdle, upgrade, ""};
  if (standing.pending) return {Note::kTrying, upgrade, ""};
  if (turn.same) return {Note::kUpgraded, upgrade, ""};
  if (!turn.failed.empty()) return {Note::kTakenBack, upgrade, turn.failed};
  if (!standing.outcome) return {Note::kTakenBack, upgrade, "it was stopped before its upgrade began"};
  if (!standing.outcome->upgraded) return {Note::kTakenBack, upgrade, standing.outcome->text()};
  return {Note::kUpgraded, upgrade, ""};
}

RollingStep next_rolling_step(const RollingSight& sight) {
  if (sight.upgrade.state != Progress::kRunning) return {};
  if (std::optional<RollingStep> gone = settle_absent(sight)) return *gone;
  if (const RollingMember* turn = first_at(sight.upgrade, MemberStage::kOrdered))
    return watch_turn(sight, *turn);
  if (std::optional<RollingStep> staging = watch_staging(sight)) return *staging;
  return begin_turn(sight);
}

std::optional<Error> cannot_begin(const std::vector<MemberSight>& members, std::string_view only,
                                  bool skip_offline) {
  bool any = false;
  for (const MemberSight& member : members) {
    if (!only.empty() && member.id != only) continue;
    if (!member.online) {
      if (skip_offline && only.empty()) continue;
      return Error(ErrorCode::kConflict,
                   fmt::format("member {} is not there: with skipOffline it is left out", member.id));
    }
    if (member.note.state == Note::kNothing)
      return Error(ErrorCode::kConflict, fmt::format("member {} runs {}, which has to be replaced by hand",
                                                     member.id, member.version));
    any = true;
  }
  if (!any) return Error(ErrorCode::kNotFound, fmt::format("{} is no member of this cluster", only));
  return std::nullopt;
}

std::string closing_text(const RollingUpgrade& upgrade, const std::vector<MemberSight>& members) {
  std::map<std::string, std::string> by_version;
  for (const MemberSight& member : members) {
    const RollingMember* planned = upgrade.find(member.id);
    std::string& list = by_version[member.version];
    list += (list.empty() ? "" : ", ") + (planned == nullptr ? member.id : planned->address);
  }
  std::string runs;
  for (const auto& [version, list] : by_version)
    runs += fmt::format("{}{}: {}", runs.empty() ? "" : "; ", version.empty() ? "unknown" : version, list);
  if (upgrade.state == Progress::kDone)
    return fmt::format("upgraded {} -> {} ({})", upgrade.from, upgrade.to, runs);
  if (upgrade.state == Progress::kStopped)
    return fmt::format("the upgrade to {} was stopped: {} ({})", upgrade.to, upgrade.text, runs);
  return fmt::format("the upgrade to {} ended: {} ({})", upgrade.to, upgrade.text, runs);
}

}  // namespace mullion::server
