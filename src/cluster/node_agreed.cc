// The cluster thread, and what the members have agreed on.
#include <fmt/format.h>

#include <algorithm>

#include "cluster/group.h"
#include "cluster/internal/agreed_address.h"
#include "cluster/internal/node_impl.h"
#include "cluster/internal/take_over.h"

namespace mullion::cluster {
namespace {

/// Ticks that a thread which came late makes up for; more would be time that nobody had to act in.
constexpr int kMostTicksAtOnce = 5;

}  // namespace

void NodeImpl::run_cluster() {
  const auto period = kTick * options_.pace;
  next_tick_ = env::boot_clock().steady() + period;
  while (true) {
    const auto until = std::chrono::steady_clock::now() + (next_tick_ - env::boot_clock().steady());
    const auto calls = calls_.take(until);
    for (const auto& call : calls) call();
    if (member_) tick_as_due();
    look();
    if (calls.empty() && calls_.stopping()) return;
  }
}

void NodeImpl::tick_as_due() {
  const auto period = kTick * options_.pace;
  const env::SteadyTime now = env::boot_clock().steady();
  for (int i = 0; i < kMostTicksAtOnce && next_tick_ <= now; ++i) {
    member_->tick();
    next_tick_ += period;
  }
  if (next_tick_ <= now) next_tick_ = now + period;
}

/// How far those are that this member leads.
std::map<MemberId, MemberProgress> NodeImpl::progress_of_members(const Member::View& view) {
  std::map<MemberId, MemberProgress> out;
  if (view.role != Role::kLeader) {
    heard_.forget();
    return out;
  }
  const env::SteadyTime now = env::boot_clock().steady();
  for (const RosterMember& one : own_.roster.members) {
    MemberProgress progress;
    if (!member_->member(one.number, progress)) continue;
    progress.active = heard_.note(one.number, progress.active, now);
    out[one.number] = progress;
  }
  return out;
}

/// What others are to be told of after something happened.
void NodeImpl::look() {
  if (!member_) {
    next_tick_ = env::boot_clock().steady() + kTick;
    return;
  }
  const Member::View view = member_->view();
  const bool active = view.active && member_->may_read();
  bool changed = false, begins = false;
  {
    const Lock lock(mutex_);
    begins = active && !shown_.active;
    changed = active != shown_.active || view.leader != shown_.member.leader ||
              view.term != shown_.member.term || view.abstains != shown_.member.abstains;
    shown_.member = view;
    shown_.met = member_->met();
    shown_.active = active;
    shown_.progress = progress_of_members(view);
  }
  if (copy_installed_ && !told_ && view.leader != 0 && view.leader != number_) {
    told_ = true;
    member_->tell_copied(view.leader, true);
  }
  // Before anybody can write: the rooms that do open once this is known.
  if (begins) applying_.put([this] { note_take_over(); });
  if (!changed) return;
  kLog.info("role={} term={} leader={} serves={}", view.role == Role::kLeader ? "leader" : "follower",
            view.term, view.leader, active);
  show();
  changes_.notify_all();
}

/// To the other members.
void NodeImpl::show() {
  PeerFacts facts;
  {
    const Lock lock(mutex_);
    facts = {
        api_.api_url, api_.static_url, api_.fingerprint, options_.version, shown_.active, shown_.member.term,
        {},           upgrade_};
    if (keeper_) facts.files = keeper_->standing();
  }
  facts.address = listens_at_;
  facts.compared = compared_;
  link_->set_facts(facts);
}

void NodeImpl::apply(std::vector<AgreedEntry> entries) {
  auto shared = std::make_shared<std::vector<AgreedEntry>>(std::move(entries));
  applying_.put([this, shared] { apply_now(*shared); });
}

/// On the thread for that. An entry that cannot be applied stays unapplied: this member then never serves.
void NodeImpl::apply_now(const std::vector<AgreedEntry>& entries) {
  std::vector<store::Command> commands;
  store::AgreedStep step;
  std::optional<Roster> after;
  bool address_moves = false;
  for (const AgreedEntry& entry : entries) {
    const store::AgreedPlace before = step.place;
    step.place = {entry.index, entry.term};
    if (entry.kind == EntryKind::kChange) {
      after = changed(after ? *after : roster(), entry.change);
      step.conf = entry.conf;
      step.members = encode_roster(*after);
    }
    if (entry.kind != EntryKind::kData) continue;
    Result<std::vector<store::Command>> group = decode_group(entry.payload);
    if (!group.ok()) return must_end(group.error());
    const std::optional<TakeOverNote> note = group->empty() ? std::nullopt : note_in(group->front());
    if (note) {  // what comes before it is applied by itself, and compared
      if (before.index != 0 && !apply_piece(commands, {before, step.conf, step.members})) return;
      commands.clear();
      if (!holds_what_is_noted(*note)) return;
    }
    address_moves = address_moves || std::ranges::any_of(*group, changes_address);
    std::ranges::move(*group, std::back_inserter(commands));
  }
  if (!apply_piece(commands, step)) return;
  if (after) take_roster(*after);
  if (address_moves) take_address();  // before this member can serve with it
  committed(step.place.index);
}

/// False: it is not there, and nothing that follows is to be applied.
bool NodeImpl::apply_piece(const std::vector<store::Command>& commands, const store::AgreedStep& step) {
  bool waited = false;
  while (!stopping_) {
    const Result<void> applied = store_->apply(commands, step);
    if (applied.ok()) {
      if (waited) trouble("");
      return true;
    }
    if (applied.error().code == ErrorCode::kInsufficientStorage) {
      waited = true;
      trouble("its disk is full");
      std::this_thread::sleep_for(kRetryPause);
      continue;
    }
    database_differs(fmt::format("agreed entries up to {} cannot be applied here: {}", step.place.index,
                                 applied.error().text()));
    return false;
  }
  return false;
}

void NodeImpl::database_differs(const std::string& why) {
  kLog.error("{}", why);
  trouble("its database differs from that of the others; it fetches theirs");
  calls_.put([this] {
    if (member_) member_->may_lead(false);
  });
  database_bad_ = true;
}

/// Whether this database may go on: it is that of the member that has taken over, or cannot be compared.
bool NodeImpl::holds_what_is_noted(const TakeOverNote& note) {
  const Result<Comparison> found = store::as_result(
      [&]() -> Result<Comparison> { return compare_with(note, store_->newest().seq, *store_->snapshot()); });
  if (!found.ok() || *found == Comparison::kCannot) return true;
  if (*found == Comparison::kDiffers) {
    database_differs(
        fmt::format("what this member holds at commit {} is not what the member holds that has "
                    "taken over in term {}",
                    note.seq, note.term));
    return false;
  }
  compared_ = note.term;
  show();
  return true;
}

Host::CopyOffer NodeImpl::offer_copy(MemberId) {
  try {
    const store::AgreedState state = store_->agreed();
    return {state.place.index, state.place.term, state.conf};
  } catch (const store::ReadFailure&) {
    return {};
  }
}

void NodeImpl::fetch_copy(const CopyRequest& request) {
  if (fetching_.exchange(true)) return;
  if (fetch_thread_.joinable()) fetch_thread_.join();
  fetch_thread_ = std::thread([this, from = request.from] {
    const Result<void> done = fetch_from(from);
    if (done.ok()) return options_.restart("a copy of the database was fetched");
    kLog.warn("no copy from member {}: {}", from, done.error().text());
    calls_.put([this, from] {
      if (member_) member_->tell_copied(from, false);
    });
    std::this_thread::sleep_for(kRetryPause);
    fetching_ = false;
  });
}

void NodeImpl::abstains(const std::string& why, Abstention kind) {
  if (forgot()) return;
  if (kind == Abstention::kRemoved) return was_removed(why);
  forget(why);
  return_thread_ = std::thread([this] { return_as_another(); });
}

void NodeImpl::must_end(const Error& why) {
  kLog.error("the state of the disk is not known, the server ends: {}", why.text());
  std::_Exit(EXIT_FAILURE);
}

}  // namespace mullion::cluster
