#include "server/rolling_upgrades.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/version.h"
#include "env/pools.h"
#include "env/random.h"
#include "files/file_body.h"
#include "server/internal/log.h"
#include "store/read_failure.h"

namespace mullion::server {
namespace {

namespace json = boost::json;
using Phase = RollingUpgrade::State;
using Move = RollingStep::Kind;

constexpr std::string_view kRollingSpace = "rolling-upgrade";
constexpr std::string_view kRollingKey = "now";
constexpr auto kRollingPause = std::chrono::milliseconds(200);
constexpr auto kSafetyPatience = std::chrono::seconds(1);
constexpr uint64_t kInStepEntries = 64;  // of writes that go on meanwhile

Error of_system(ErrorCode code, std::string message) {
  return Error(code, "", "system", "upgrade", {std::move(message)});
}

std::string now_text() { return env::format_rfc3339(env::system_clock().wall()); }

/// True for one at a time.
class OneAtATime {
 public:
  explicit OneAtATime(std::atomic<bool>& busy) : busy_(busy), mine_(!busy.exchange(true)) {}
  ~OneAtATime() {
    if (mine_) busy_ = false;
  }
  OneAtATime(const OneAtATime&) = delete;
  OneAtATime& operator=(const OneAtATime&) = delete;
  bool mine() const { return mine_; }

 private:
  std::atomic<bool>& busy_;
  bool mine_;
};

/// The word of a single server's upgrade for that of a cluster: whoever waits for the end knows these.
std::string_view shown_state(Phase state) {
  switch (state) {
    case Phase::kStaged:
      return "none";
    case Phase::kRunning:
      return "pending";
    case Phase::kDone:
      return "upgraded";
    case Phase::kFailed:
    case Phase::kStopped:
      return "rolled back";
  }
  return "none";
}

}  // namespace

RollingUpgrades::RollingUpgrades(const Surroundings& surroundings)
    : around_(surroundings),
      folder_(surroundings.base_root),
      tasks_(surroundings.runtime.executor(), "rolling upgrade") {
  folder_.forget_offered();
  around_.node.tell_upgrade(encode_note({UpgradeNote::State::kIdle, "", ""}));
}

void RollingUpgrades::start() {
  tasks_.spawn("look", [this] { return look(); });
}

// ------------------------------------------------------------------------------------------- what is agreed

RollingUpgrades::Agreed RollingUpgrades::agreed() const {
  Agreed out{around_.store.snapshot()->secret(kRollingSpace, kRollingKey), std::nullopt};
  if (!out.text) return out;
  Result<RollingUpgrade> read = decode_rolling(*out.text);
  if (read) {
    out.upgrade = std::move(*read);
  } else {
    kUpgradeLog.error("{}", read.error().text());
  }
  return out;
}

/// A package goes with the end of its upgrade.
Result<void> RollingUpgrades::agree(const Agreed& before, const std::optional<RollingUpgrade>& after,
                                    files::FileChanges files) {
  store::Batch batch;
  batch.principal = "system";
  const std::string space(kRollingSpace), key(kRollingKey);
  batch.secret_guards.push_back({space, key, before.text});
  batch.secrets.push_back({space, key, after ? std::optional(encode_rolling(*after)) : std::nullopt});
  const bool keeps = after && before.upgrade && after->id == before.upgrade->id && !after->ended();
  if (before.upgrade && !before.upgrade->ended() && !keeps)
    files.remove.push_back(before.upgrade->file_name());
  if (!files.put.empty() || !files.remove.empty()) {
    for (store::SecretChange& change : files::secret_changes(files))
      batch.secrets.push_back(std::move(change));
  }
  const Result<store::Cursor> done = around_.store.commit_sync(std::move(batch));
  if (!done) return done.error();
  return {};
}

Result<void> RollingUpgrades::agree_on_package(const Agreed& before, const RollingUpgrade& after) {
  return agree(before, after, {{{after.file_name(), after.size, after.sha256, false}}, {}});
}

void RollingUpgrades::end(RollingUpgrade& upgrade, Phase state, std::string text) const {
  upgrade.state = state;
  upgrade.text = std::move(text);
  upgrade.finished = now_text();
  upgrade.text = closing_text(upgrade, sights());
  if (state == Phase::kDone) {
    kUpgradeLog.audit("{}", upgrade.text);
  } else {
    kUpgradeLog.error("{}", upgrade.text);
  }
}

// --------------------------------------------------------------------------------------------- every member

env::Task<void> RollingUpgrades::look() {
  while (true) {
    const bool goes_on = co_await env::sleep_for(kRollingPause);
    if (!goes_on) co_return;
    co_await look_once();
  }
}

env::Task<void> RollingUpgrades::look_once() {
  Result<Agreed> now = Error(ErrorCode::kInternal, "");
  co_await env::run_blocking([&] { now = store::as_result([this] { return agreed(); }); });
  if (!now) {
    kUpgradeLog.warn("what is agreed of an upgrade cannot be read: {}", now.error().text());
    co_return;
  }
  {
    const Lock lock(mutex_);
    const bool failed = now->upgrade && now->upgrade->state == Phase::kFailed;
    failure_ = failed ? now->upgrade->text : "";
  }
  co_await follow(now->upgrade);
  if (now->upgrade && now->upgrade->state == Phase::kRunning && !on_trial()) co_await lead(std::move(*now));
}

OwnStanding RollingUpgrades::standing() const {
  return {folder_.turn(), folder_.pending().has_value(), folder_.has_staged(), folder_.outcome(), ""};
}

/// Has the package, takes its turn, and tells how far it is.
env::Task<void> RollingUpgrades::follow(const std::optional<RollingUpgrade>& upgrade) {
  const RollingMember* part = upgrade ? upgrade->find(around_.node.view().own_id) : nullptr;
  const bool concerned = part != nullptr && !upgrade->ended() && part->stage != MemberStage::kSkipped;
  if (!concerned) {
    around_.node.tell_upgrade(encode_note({UpgradeNote::State::kIdle, "", ""}));
    if (!on_trial() && folder_.has_staged() && !busy_) (void)co_await around_.own.unstage();
    co_return;
  }
  OwnStanding here;
  co_await env::run_blocking([&] { here = standing(); });
  if (refused_id_ == upgrade->id) here.refused = refused_text_;
  const UpgradeNote note = own_note(here, upgrade->id);
  around_.node.tell_upgrade(encode_note(note));
  if (on_trial()) co_return;
  if (note.state == UpgradeNote::State::kIdle) co_return co_await stage_here(*upgrade);
  const bool now = part->stage == MemberStage::kOrdered && note.state == UpgradeNote::State::kStaged;
  if (now) co_await take_turn(*upgrade);
}

/// Once the file is here; what speaks against it is told to the one that serves.
env::Task<void> RollingUpgrades::stage_here(RollingUpgrade upgrade) {
  const env::Path file = around_.base_root / upgrade.file_name();
  Result<net::BodySourcePtr> package = files::stream_file(file);
  if (!package) co_return;
  const Result<StagedPackage> staged = co_await around_.own.stage_package(**package, upgrade.force);
  if (!staged && staged.error().code == ErrorCode::kConflict) co_return;  // an upgrade is under way here
  std::string why;
  if (!staged) why = staged.error().messages.front();
  if (staged && staged->sha256 != upgrade.sha256) why = "the package is another one here";
  if (staged && why.empty()) {
    const Result<void> kept = folder_.keep_turn({upgrade.id, false, false, ""});
    if (!kept) why = kept.error().text();
  }
  if (why.empty()) co_return;
  kUpgradeLog.error("the package of {} is refused: {}", upgrade.to, why);
  refused_id_ = upgrade.id;
  refused_text_ = why;
}

/// The process ends soon after this.
env::Task<void> RollingUpgrades::take_turn(RollingUpgrade upgrade) {
  around_.node.tell_upgrade(encode_note({UpgradeNote::State::kTrying, upgrade.id, ""}));
  around_.own.forget();
  OwnTurn turn{upgrade.id, true, false, ""};
  if (Result<void> kept = folder_.keep_turn(turn); !kept) turn.failed = kept.error().text();
  if (turn.failed.empty()) {
    const Result<bool> begun = co_await around_.own.upgrade_to_staged(upgrade.principal);
    if (begun && *begun) co_return;
    turn.same = begun.ok();
    if (!begun) turn.failed = begun.error().messages.front();
  }
  if (Result<void> kept = folder_.keep_turn(turn); !kept) kUpgradeLog.error("{}", kept.error().text());
}

// --------------------------------------------------------------------------------------- the one that serves

std::vector<MemberSight> RollingUpgrades::sights() const {
  const cluster::ClusterView view = around_.node.view();
  std::vector<MemberSight> out;
  for (const cluster::NodeView& node : view.nodes) {
    MemberSight sight;
    sight.id = node.id;
    sight.active = node.id == view.own_id;
    sight.observer = node.observer;
    sight.voter = node.voter;
    sight.online = !node.offline;
    sight.in_step = node.matched + kInStepEntries >= view.agreed;
    sight.version = node.version;
    sight.note = decode_note(node.upgrade);
    out.push_back(std::move(sight));
  }
  return out;
}

env::Task<void> RollingUpgrades::lead(Agreed agreed) {
  if (!around_.node.view().active) co_return;
  RollingSight sight;
  sight.upgrade = *agreed.upgrade;
  Result<bool> safe = co_await around_.node.fail_over_safe(kSafetyPatience);
  if (!safe) co_return;  // another member serves
  sight.fail_over_safe = *safe;
  sight.members = sights();
  std::string stages;
  for (const RollingMember& member : sight.upgrade.members) stages += stage_word(member.stage);
  const env::SteadyTime now = env::system_clock().steady();
  if (const std::string key = sight.upgrade.id + stages; key != last_stages_) {
    last_stages_ = key;
    unchanged_since_ = now;
  }
  sight.unchanged = now - unchanged_since_;
  RollingStep step = next_rolling_step(sight);
  {
    const Lock lock(mutex_);
    if (step.kind == Move::kWait && waiting_ != step.text) kUpgradeLog.info("{}", step.text);
    waiting_ = step.kind == Move::kWait ? step.text : "";
  }
  co_await carry_out(std::move(agreed), std::move(step));
}

env::Task<void> RollingUpgrades::carry_out(Agreed agreed, RollingStep step) {
  if (step.kind == Move::kWait) co_return;
  if (step.kind == Move::kHandOver) {
    kUpgradeLog.info("the lead goes to {} so that this member can be upgraded", step.member);
    if (Result<void> done = co_await around_.node.hand_over(step.member); !done)
      kUpgradeLog.warn("the lead is not handed over: {}", done.error().text());
    co_return;
  }
  RollingUpgrade after = *agreed.upgrade;
  RollingMember* member = after.find(step.member);
  const std::string who = member == nullptr ? "" : member->address + ": ";
  if (member != nullptr) member->text = step.text;
  switch (step.kind) {
    case Move::kOrder:
      member->stage = MemberStage::kOrdered;
      kUpgradeLog.audit("upgrade of member {} to {} by={}", member->address, after.to, after.principal);
      break;
    case Move::kDone:
      member->stage = MemberStage::kDone;
      kUpgradeLog.info("member {} runs {}", member->address, after.to);
      break;
    case Move::kSkip:
      member->stage = MemberStage::kSkipped;
      break;
    case Move::kFail:
      if (member != nullptr) member->stage = MemberStage::kFailed;
      end(after, Phase::kFailed, who + step.text);
      break;
    case Move::kFinish:
      end(after, Phase::kDone, "");
      break;
    case Move::kWait:
    case Move::kHandOver:
      co_return;
  }
  Result<void> done;
  co_await env::run_blocking([&] { done = agree(agreed, after); });
  if (!done) kUpgradeLog.warn("a step of the upgrade is not agreed: {}", done.error().text());
}

// ---------------------------------------------------------------------------------------- what is asked for

std::optional<Error> RollingUpgrades::why_not(const api::UpgradeWish& wish, const Agreed& agreed) const {
  if (agreed.upgrade && agreed.upgrade->state == Phase::kRunning)
    return of_system(ErrorCode::kConflict,
                     fmt::format("The upgrade of the members to {} is under way", agreed.upgrade->to));
  std::optional<Error> why = cannot_begin(sights(), wish.member, wish.skip_offline);
  if (why) return of_system(why->code, why->messages.front());
  return std::nullopt;
}

Result<void> RollingUpgrades::plan_members(RollingUpgrade& upgrade, const api::UpgradeWish& wish) const {
  const cluster::ClusterView view = around_.node.view();
  upgrade.from = program_version();
  upgrade.principal = wish.principal;
  upgrade.started = now_text();
  upgrade.state = Phase::kRunning;
  upgrade.members.clear();
  for (const cluster::NodeView& node : view.nodes) {
    RollingMember member{node.id, node.address, MemberStage::kWaits, ""};
    if (!wish.member.empty() && node.id != wish.member) {
      member.stage = MemberStage::kSkipped;
      member.text = "it was not asked for";
    } else if (node.offline && wish.skip_offline) {
      member.stage = MemberStage::kSkipped;
      member.text = "it was not there";
    } else if (node.version == upgrade.to && !upgrade.force) {
      member.stage = MemberStage::kDone;
    }
    upgrade.members.push_back(std::move(member));
  }
  if (std::ranges::any_of(upgrade.members, [](const auto& one) { return one.stage == MemberStage::kWaits; }))
    return {};
  return of_system(ErrorCode::kInvalid, fmt::format("{} is not newer than what the members run", upgrade.to));
}

env::Task<Result<RollingUpgrade>> RollingUpgrades::take_package(net::BodySource& package, bool force) {
  Result<StagedPackage> staged = co_await around_.own.stage_package(package, force);
  if (!staged) co_return staged.error();
  Result<void> offered;
  co_await env::run_blocking([&] { offered = folder_.offer_staged(); });
  if (!offered) co_return offered.error();
  RollingUpgrade upgrade;
  upgrade.id = env::random_uuid();
  upgrade.to = staged->version;
  upgrade.size = staged->size;
  upgrade.sha256 = staged->sha256;
  upgrade.force = force;
  files::OfferedFile file{{upgrade.file_name(), upgrade.size, upgrade.sha256, false}, folder_.offered()};
  std::vector<files::OfferedFile> files{std::move(file)};
  Result<void> held = co_await around_.node.files().hold(std::move(files));
  co_await env::run_blocking([&] { folder_.forget_offered(); });
  if (!held) co_return held.error();
  co_return upgrade;
}

env::Task<Result<uint64_t>> RollingUpgrades::upgrade(net::BodySource& package, api::UpgradeWish wish) {
  const OneAtATime one(busy_);
  std::optional<Error> why;
  Agreed before;
  co_await env::run_blocking([&] {
    before = agreed();
    why = why_not(wish, before);
  });
  if (!one.mine()) why = of_system(ErrorCode::kConflict, "Another package is on its way");
  if (why) co_return co_await refuse_package(package, around_.own.max_package(), *why);
  Result<RollingUpgrade> taken = co_await take_package(package, wish.force);
  if (!taken) co_return taken.error();
  Result<void> begun;
  co_await env::run_blocking([&] {
    begun = plan_members(*taken, wish);
    if (begun) begun = agree_on_package(before, *taken);
  });
  if (!begun) co_return begun.error();
  kUpgradeLog.audit("upgrade of all members to={} by={}", taken->to, wish.principal);
  co_return taken->size;
}

env::Task<Result<uint64_t>> RollingUpgrades::stage(net::BodySource& package, bool force) {
  const OneAtATime one(busy_);
  Agreed before;
  co_await env::run_blocking([&] { before = agreed(); });
  std::optional<Error> why;
  if (!one.mine()) why = of_system(ErrorCode::kConflict, "Another package is on its way");
  if (before.upgrade && before.upgrade->state == Phase::kRunning)
    why = of_system(ErrorCode::kConflict, "An upgrade of the members is under way");
  if (why) co_return co_await refuse_package(package, around_.own.max_package(), *why);
  Result<RollingUpgrade> taken = co_await take_package(package, force);
  if (!taken) co_return taken.error();
  taken->state = Phase::kStaged;
  taken->from = program_version();
  for (const MemberSight& member : sights())
    taken->members.push_back({member.id, "", MemberStage::kWaits, ""});
  Result<void> kept;
  co_await env::run_blocking([&] { kept = agree_on_package(before, *taken); });
  if (!kept) co_return kept.error();
  co_return taken->size;
}

env::Task<Result<void>> RollingUpgrades::unstage() {
  const OneAtATime one(busy_);
  Result<void> done;
  co_await env::run_blocking([&] {
    const Agreed before = agreed();
    if (!one.mine() || (before.upgrade && before.upgrade->state == Phase::kRunning)) {
      done = of_system(ErrorCode::kConflict, "An upgrade of the members is under way");
    } else if (before.upgrade && before.upgrade->state == Phase::kStaged) {
      done = agree(before, std::nullopt);
    }
  });
  co_return done;
}

env::Task<Result<bool>> RollingUpgrades::upgrade_to_staged(std::string principal) {
  const OneAtATime one(busy_);
  Result<bool> begun = true;
  co_await env::run_blocking([&]() {
    const Agreed before = agreed();
    const api::UpgradeWish wish{false, false, "", principal};
    std::optional<Error> why = why_not(wish, before);
    if (!one.mine()) why = of_system(ErrorCode::kConflict, "Another package is on its way");
    if (!why && (!before.upgrade || before.upgrade->state != Phase::kStaged))
      why = of_system(ErrorCode::kNotFound, "No package is staged: send one to system/upgrade/stage");
    if (why) {
      begun = *why;
      return;
    }
    RollingUpgrade after = *before.upgrade;
    if (!plan_members(after, wish)) {
      begun = false;
      return;
    }
    if (Result<void> done = agree(before, after); !done) begun = done.error();
  });
  co_return begun;
}

model::UpgradeStatus RollingUpgrades::status() const {
  const model::UpgradeStatus own = around_.own.status();
  model::UpgradeStatus status{.state = "none", .version = own.version, .program = own.program};
  const Agreed now = agreed();
  const RollingUpgrade* upgrade = now.upgrade ? &*now.upgrade : nullptr;
  if (upgrade != nullptr && upgrade->state == Phase::kStaged) status.staged = upgrade->to;
  if (upgrade != nullptr && upgrade->state != Phase::kStaged) {
    status.state = shown_state(upgrade->state);
    status.from = upgrade->from;
    status.to = upgrade->to;
    status.started = upgrade->started;
    status.text = upgrade->text;
    if (upgrade->ended()) status.finished = upgrade->finished;
    if (upgrade->state == Phase::kRunning) {
      const Lock lock(mutex_);
      status.text = fmt::format("upgrade of the members to {}: {}", upgrade->to, waiting_);
    }
  }
  status.members.emplace();
  for (const cluster::NodeView& node : around_.node.view().nodes) {
    model::UpgradeMember member{node.id, node.address, node.version, {}, {}};
    const RollingMember* part = upgrade == nullptr ? nullptr : upgrade->find(node.id);
    if (part != nullptr) {
      member.stage = stage_word(part->stage);
      member.text = part->text;
    }
    status.members->push_back(std::move(member));
  }
  return status;
}

void RollingUpgrades::forget() {
  const Agreed before = agreed();
  if (!before.upgrade) return around_.own.forget();
  std::optional<RollingUpgrade> after;
  if (before.upgrade->state == Phase::kStaged) return;
  if (before.upgrade->state == Phase::kRunning) {
    after = before.upgrade;
    end(*after, Phase::kStopped, "no other member is begun with");
  }
  if (Result<void> done = agree(before, after); !done) return kUpgradeLog.warn("{}", done.error().text());
  const Lock lock(mutex_);
  failure_.clear();
}

std::string RollingUpgrades::failure() const {
  const Lock lock(mutex_);
  return failure_;
}

}  // namespace mullion::server
