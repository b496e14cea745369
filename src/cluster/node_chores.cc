// What a member does beside serving: votes, checks, addresses, comparison.
#include <fmt/format.h>

#include <algorithm>

#include "cluster/database_check.h"
#include "cluster/internal/node_impl.h"
#include "cluster/internal/take_over.h"

namespace mullion::cluster {
namespace {

constexpr auto kChorePause = std::chrono::milliseconds(100);
constexpr uint64_t kInStepEntries = 64;
/// Entries that stay in the journal behind what the database holds: of the last commit the database may
/// forget, and members that were away catch up from there.
constexpr uint64_t kKeptEntries = 20'000;
constexpr uint64_t kKeptBytes = uint64_t{256} << 20;
/// The whole database is read after a start, and again after so long; so fast at most, bytes a second.
constexpr auto kCheckPause = std::chrono::hours(6);
constexpr uint64_t kCheckRate = uint64_t{64} << 20;
constexpr int kMetRounds = 20;    // of chores, between two times that what was met is written
constexpr int kFetchRounds = 10;  // and that another database is asked for
constexpr int kMostNotes = 20;    // attempts to say in one term what is there at its beginning
constexpr int kPlaceRounds = 10;  // and that the list is compared with where members say that they are

}  // namespace

void NodeImpl::run_chores() {
  int round = 0;
  while (!stopping_) {
    std::this_thread::sleep_for(kChorePause);
    if (is_by_hand()) {
      keep_one_vote();
    } else {
      promote_who_keeps_up();
    }
    if (++round % 50 == 0) trim();
    if (round % kPlaceRounds == 0) follow_addresses();
    compare_all();
    if (round % kMetRounds == 0) remember_met();
    if (database_bad_ && round % kFetchRounds == 0) fetch_another_database();
  }
}

/// From whoever leads. One that serves gives the lead away first; when nobody can take it, most of what it
/// has is better than nothing.
void NodeImpl::fetch_another_database() {
  if (shown().active) return (void)leadership_to("", kChangePatience);
  calls_.put([this] {
    if (!member_) return;
    const MemberId leader = member_->view().leader;
    if (leader != 0 && leader != number_) fetch_copy({leader, 0, 0, {}});
  });
}

/// So that a member that was put back to an older state is known by those that have started since, too.
void NodeImpl::remember_met() {
  const std::string text = encode_met(shown().met);
  if (text.empty() || text == met_written_) return;
  const Result<void> written = env::write_file_atomic(options_.places.met(), text, 0600);
  if (written.ok()) met_written_ = text;
}

/// A flipped bit in what nobody reads would be found when this member serves.
void NodeImpl::run_checks() {
  env::SteadyTime due = env::boot_clock().steady();
  while (!stopping_) {
    std::this_thread::sleep_for(kChorePause);
    if (database_bad_ || env::boot_clock().steady() < due) continue;
    FilePace pace(kCheckRate);
    env::SteadyTime go_on_at{};
    const auto go_on = [&](uint64_t bytes) {
      const env::SteadyTime now = env::boot_clock().steady();
      go_on_at = now + pace.take(bytes, now);
      while (!stopping_ && env::boot_clock().steady() + kChorePause < go_on_at)
        std::this_thread::sleep_for(kChorePause);
      return !stopping_.load();
    };
    const Result<void> checked = check_database(*store_, go_on);
    due = env::boot_clock().steady() + kCheckPause;
    if (checked.ok() || checked.error().code != ErrorCode::kCorrupt) continue;
    kLog.error("the database of this member is damaged: {}", checked.error().text());
    if (roster().others(number_).empty()) continue;  // nobody has another one
    trouble("its database is damaged; it fetches another member's");
    database_bad_ = true;
  }
}

void NodeImpl::promote_who_keeps_up() {
  const Shown now = shown();
  const env::SteadyTime time = env::boot_clock().steady();
  if (!now.active) {
    in_step_since_.clear();
    return;
  }
  for (const RosterMember& member : roster().members) {
    const auto progress = now.progress.find(member.number);
    const bool in_step = progress != now.progress.end() && progress->second.active &&
                         progress->second.matched + kInStepEntries >= now.member.commit;
    if (member.voter || !in_step) {
      in_step_since_.erase(member.number);
      continue;
    }
    const auto since = in_step_since_.emplace(member.number, time).first;
    if (time - since->second < options_.voter_after * options_.pace) continue;
    const Result<void> done = change(ChangeKind::kPromote, member.number, "");
    kLog.info("member {} becomes a voter: {}", member.number, done.ok() ? "agreed" : done.error().text());
    in_step_since_.erase(member.number);
    return;
  }
}

TakeOver NodeImpl::comparison() const {
  if (!may_answer()) return {};
  const Lock lock(mutex_);
  return take_over_.term == shown_.member.term ? take_over_ : TakeOver{};
}

/// At the member that serves: what the others hold is what it holds, shown once in its term.
void NodeImpl::compare_all() {
  const Shown now = shown();
  if (!now.active) return;
  TakeOver known;
  {
    const Lock lock(mutex_);
    known = take_over_;
  }
  if (known.term != now.member.term) return note_take_over();
  const std::map<MemberId, PeerFacts> facts = link_->facts();
  const Roster all = roster();
  const size_t before = known.equal.size();
  for (const RosterMember& member : all.members) {
    const auto said = facts.find(member.number);
    if (said == facts.end() || said->second.compared != known.term) continue;
    if (std::ranges::find(known.equal, member.id) != known.equal.end()) continue;
    known.equal.push_back(member.id);
    kLog.info("member {} holds the same term={} seq={} digest={}", member.number, known.term, known.seq,
              known.digest);
  }
  if (known.equal.size() == before) return;
  kLog.info("{} of {} members hold the same up to commit {}: nothing is missing", known.equal.size(),
            all.members.size(), known.seq);
  const Lock lock(mutex_);
  if (take_over_.term == known.term) take_over_ = std::move(known);  // else another term has begun meanwhile
}

/// Its first commit carries the digest of all that was there before. When another commit comes between it is
/// done again.
void NodeImpl::note_take_over() {
  const Shown now = shown();
  if (!now.active || stopping_ || noting_.exchange(true)) return;
  if (noted_term_ != now.member.term) note_attempts_ = 0;
  noted_term_ = now.member.term;
  if (note_attempts_ < kMostNotes) note_once(now);
  ++note_attempts_;
  noting_ = false;
}

void NodeImpl::note_once(const Shown& now) {
  {
    const Lock lock(mutex_);
    if (take_over_.term == now.member.term) return;
  }
  TakeOverNote note{now.member.term, 0, {}};
  const Result<store::Cursor> noted = store::as_result([&]() -> Result<store::Cursor> {
    note.seq = store_->newest().seq;
    const auto snapshot = store_->snapshot();
    if (store_->newest().seq != note.seq) return Error(ErrorCode::kConflict, "a commit came between");
    note.digest = digest_of_all(*snapshot);
    store::Batch batch;
    batch.principal = "system";
    batch.secrets.push_back(note_change(note));
    return store_->commit_sync(std::move(batch));
  });
  if (!noted.ok() || noted->seq != note.seq + 1) return;
  kLog.info("this member has taken over term={} entry={} seq={} digest={}", note.term, now.member.commit,
            note.seq, note.digest);
  compared_ = note.term;
  const Lock lock(mutex_);
  take_over_ = {note.term, note.seq, note.digest, {state_.consensus_id}};
}

/// The list is for those that start: it follows what members say themselves of where they are.
void NodeImpl::follow_addresses() {
  if (!shown().active) return;
  const std::map<MemberId, PeerFacts> facts = link_->facts();
  const Roster now = roster();
  for (const RosterMember& member : now.members) {
    const auto said = facts.find(member.number);
    RosterMember moved = member;
    if (member.number == number_) moved.address = listens_at_;
    if (said != facts.end() && !said->second.address.empty()) {
      moved.address = said->second.address;
      if (!said->second.api_url.empty()) moved.api_url = said->second.api_url;
    }
    const bool taken =
        std::ranges::find(now.members, moved.address, &RosterMember::address) != now.members.end();
    if (taken) continue;  // by itself, or by another one
    const ChangeKind as_it_is = member.voter ? ChangeKind::kPromote : ChangeKind::kAddLearner;
    const Result<void> done = change(as_it_is, member.number, encode_roster_member(moved));
    kLog.info("member {} is at {} now: {}", member.number, moved.address,
              done.ok() ? "agreed" : done.error().text());
    return;
  }
}

/// Where the lead is switched by hand it is this member's, once it serves. A vote that ended while the lead
/// goes to who had it would leave nobody to take it.
void NodeImpl::keep_one_vote() {
  if (switching_) return;
  const Lock lock(votes_mutex_);
  if (!shown().active) return;
  for (const RosterMember& member : roster().members) {
    if (!member.voter || member.number == number_) continue;
    const Result<void> done = change(ChangeKind::kAddLearner, member.number, "");
    kLog.info("member {} has no vote any more: {}", member.number,
              done.ok() ? "agreed" : done.error().text());
    return;
  }
}

/// What the database holds for good, nobody is about to fetch, and is more than what is kept for members that
/// were away.
void NodeImpl::trim() {
  calls_.put([this] {
    if (!member_) return;
    const uint64_t durable =
        std::exchange(durable_applied_, std::exchange(seen_applied_, member_->view().applied));
    // The database may have forgotten the last commit; what it is applied from stays.
    const uint64_t wanted = journal_thread_->beyond(kKeptBytes, kKeptEntries);
    if (const uint64_t index = std::min(wanted, durable); index != 0) member_->trim(index);
  });
}

}  // namespace mullion::cluster
