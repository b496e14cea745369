#include "cluster/member.h"

#include <fmt/format.h>

#include <algorithm>

#include "cluster/internal/log.h"

namespace mullion::cluster {
namespace {

Outcome refused(ErrorCode code, std::string why) {
  return {Outcome::Fate::kRefused, Error(code, std::move(why)), {}};
}

Outcome lost() {
  return {Outcome::Fate::kLost,
          Error(ErrorCode::kUnavailable,
                "the lead was lost while this was being agreed: it may have been carried out"),
          {}};
}

std::pair<uint64_t, uint64_t> hash_of(const Tag& tag) { return {tag.hash.low, tag.hash.high}; }

/// What is not there although the rules say that it is.
[[noreturn]] void broken(std::string_view what) {
  kLog.error("a rule of the cluster's member is broken: {}", what);
  std::abort();
}

}  // namespace

Member::Member(const MemberOptions& options, const Surroundings& surroundings, Standing standing)
    : options_(options),
      around_(surroundings),
      standing_(standing),
      acquaintances_(options.met),
      in_step_(options.in_step_ticks) {
  if (planted(kMetForgotten)) acquaintances_ = {};
}

Result<std::unique_ptr<Member>> Member::open(const MemberOptions& options, const Journal::Contents& journal,
                                             const Database& database, const std::map<MemberId, bool>& others,
                                             const Surroundings& surroundings) {
  CoreOptions core_options = options.core;
  if (!options.observer) core_options.late_ticks = 0;
  CoreStart start{journal.hard,      database.conf,  journal.base_index,
                  journal.base_term, database.index, journal.entries};
  Result<Core> core = Core::open(core_options, start);
  if (!core.ok()) return core.error();
  const Entry last = journal.entries.empty() ? Entry{journal.base_index, journal.base_term, {}, {}, {}}
                                             : journal.entries.back();
  std::unique_ptr<Member> member(new Member(
      options, surroundings, {journal.incarnation, options.nonce, journal.hard.term, last.term, last.index}));
  member->core_.emplace(std::move(core).value());
  member->log_.assign(journal.entries.begin(), journal.entries.end());
  member->log_base_ = journal.base_index;
  member->applied_ = database.index;
  member->term_ = journal.hard.term;
  member->set_others(others);
  member->drain();
  return member;
}

// ------------------------------------------------------------------------------------ what the core asks for

void Member::drain() {
  if (draining_) return;  // called back from below: the loop goes on
  draining_ = true;
  while (core_ && (take_once() || apply_next())) {
  }
  arrived_.clear();
  draining_ = false;
}

/// True: there may be more.
bool Member::take_once() {
  const CoreActions actions = core_->take();
  append(actions);
  note_role(actions);
  for (const CoreMessage& message : actions.messages) send_message(message);
  if (!planted(kApplyUnagreed)) agreed_.insert(agreed_.end(), actions.agreed.begin(), actions.agreed.end());
  confirm(actions.rounds, actions.lease_void);
  if (actions.copy_for != 0) serve_copy(actions.copy_for);
  return !actions.agreed.empty() || actions.number != 0 || actions.copy_for != 0;
}

void Member::append(const CoreActions& actions) {
  std::vector<JournalEntry> out;
  for (const Entry& entry : actions.entries) {
    while (!log_.empty() && log_.back().index >= entry.index) log_.pop_back();
    unsynced_.erase(unsynced_.lower_bound(entry.index), unsynced_.end());
    while (!out.empty() && out.back().entry.index >= entry.index) out.pop_back();
    log_.push_back(entry);
    std::string payload = arrived(entry);
    unsynced_[entry.index] = {actions.number, payload};
    out.push_back({entry, std::move(payload)});
    copied_.reset();
  }
  if (planted(kApplyUnagreed)) agreed_.insert(agreed_.end(), actions.entries.begin(), actions.entries.end());
  if (actions.number == 0) return;
  Standing after = standing_;
  after.term = actions.hard.term;
  if (!log_.empty()) {
    after.last_term = log_.back().term;
    after.last_index = log_.back().index;
  }
  promised_[actions.number] = after;
  if (planted(kVoteForgotten) && out.empty()) return synced(actions.number);
  around_.journal->append(std::move(out), actions.hard, actions.number);
  if (planted(kSyncedBeforeSync)) synced(actions.number);
}

/// The payload came with the message that brought the entry, or with the proposal; the core has checked that.
std::string Member::arrived(const Entry& entry) {
  if (entry.kind != EntryKind::kData) return {};
  const auto found = arrived_.find(hash_of(entry.tag));
  if (found == arrived_.end()) broken(fmt::format("entry {} came without its payload", entry.index));
  return found->second;
}

Result<std::string> Member::payload_of(uint64_t index) const {
  if (const auto found = unsynced_.find(index); found != unsynced_.end()) return found->second.payload;
  return around_.journal->payload(index);
}

void Member::send_message(const CoreMessage& message) {
  Frame frame;
  frame.kind = FrameKind::kMessage;
  frame.message = message.bytes;
  if (attach_payloads(message, frame)) send(message.to, message.bulk, std::move(frame));
}

/// False: something of it is not here any more; the message counts as lost.
bool Member::attach_payloads(const CoreMessage& message, Frame& frame) const {
  if (message.first == 0) return true;
  for (uint64_t index = message.first; index <= message.last; ++index) {
    if (index <= log_base_ || index > log_base_ + log_.size()) return false;
    if (log_[index - log_base_ - 1].kind != EntryKind::kData) continue;
    Result<std::string> payload = payload_of(index);
    if (!payload.ok()) {
      kLog.error("entry {} cannot be sent to member {}: {}", index, message.to, payload.error().text());
      return false;
    }
    frame.payloads.push_back(std::move(payload).value());
  }
  return true;
}

void Member::send(MemberId to, bool bulk, Frame frame) {
  frame.from = options_.core.id;
  frame.standing = standing_;
  around_.link->send(to, bulk, encode_frame(frame));
}

void Member::note_role(const CoreActions& actions) {
  const bool leads = actions.role == Role::kLeader;
  const bool same = leads == (role_ == Role::kLeader) && actions.term == term_;
  role_ = actions.role;
  leader_ = actions.leader;
  term_ = actions.term;
  commit_ = actions.commit;
  if (same) return;
  asked_.clear();
  handing_over_ = false;
  end_lease();
  if (!leads && copying_ != 0) end_copy(false);
  if (leads) lead_from_ = log_base_ + log_.size();  // the empty entry that begins the term
  if (leads) in_step_.begin();
  lose_pending();
}

bool Member::serves() const {
  return role_ == Role::kLeader && !options_.observer && !handing_over_ && may_lead_ && !hears_first() &&
         (applied_ >= lead_from_ || planted(kServesBeforeApplied));
}

/// Where one member alone elects itself, the others may have gone on without it meanwhile: they say so when
/// they hear of it.
bool Member::hears_first() const {
  if (ticks_ >= options_.in_step_ticks) return false;
  return std::ranges::any_of(others_, [this](const auto& other) {
    const auto heard = welcome_.find(other.first);
    return heard == welcome_.end() || !heard->second;
  });
}

/// Observers never take over: nobody waits for them.
std::map<MemberId, PassiveSight> Member::passives() const {
  std::map<MemberId, PassiveSight> out;
  for (const auto& [id, observes] : others_) {
    MemberProgress progress;
    if (!observes && core_->member(id, progress)) out[id] = {progress.matched, progress.active};
  }
  return out;
}

void Member::look_at_passives() {
  if (options_.in_step_ticks == 0 || !core_ || role_ != Role::kLeader) return;
  in_step_.look(passives(), log_base_ + log_.size(), pending_ ? pending_->place.index : 0, ticks_);
  drain();  // somebody may have been left behind
}

/// Whether what is agreed next was proposed here, and members in step do not have it yet.
bool Member::waits_for_passives() {
  if (options_.in_step_ticks == 0 || !pending_) return false;
  const Entry& next = agreed_.front();
  if (pending_->place != Place{next.index, next.term}) return false;
  const std::map<MemberId, PassiveSight> seen = passives();
  in_step_.look(seen, log_base_ + log_.size(), next.index, ticks_);
  return !in_step_.all_have(seen, next.index);
}

void Member::confirm(const std::vector<uint64_t>& rounds, bool lease_void) {
  if (lease_void) return end_lease();
  for (const uint64_t round : rounds) {
    const auto asked = asked_.find(round);
    if (asked == asked_.end()) continue;
    env::SteadyTime start = asked->second;
    if (planted(kLeaseFromConfirmation)) start = around_.clock->steady();
    asked_.erase(asked_.begin(), std::next(asked));
    if (serves()) lease_until_ = (start + options_.lease).time_since_epoch().count();
  }
}

bool Member::may_read() const {
  return around_.clock->steady().time_since_epoch().count() < lease_until_.load();
}

// --------------------------------------------------------------------------------------------- agreed
// entries

/// True: something was done.
bool Member::apply_next() {
  if (in_flight_ || agreed_.empty() || waits_for_passives()) return false;
  if (settle_pending()) return true;
  apply_batch();
  return true;
}

/// Whether the next agreed entry is what was proposed here: then the transaction that waits for it is
/// committed.
bool Member::settle_pending() {
  const Entry entry = agreed_.front();
  const bool same = pending_ && pending_->place.index == entry.index &&
                    (pending_->place.term == entry.term || planted(kAgreedWithoutTerm));
  if (!same) return false;
  agreed_.pop_front();
  Pending settled = std::move(*pending_);
  pending_.reset();
  AgreedEntry agreed = agreed_entry(entry, {});
  in_flight_ = InFlight{entry.index, 0};
  if (agreed.change.kind == ChangeKind::kRemove && entry.kind == EntryKind::kChange)
    in_flight_->removed = agreed.change.id;
  settled.done({Outcome::Fate::kAgreed, {}, std::move(agreed)});
  return true;
}

/// As many as fit; a change stands alone, because what follows may depend on it.
void Member::apply_batch() {
  std::vector<AgreedEntry> batch;
  MemberId removed = 0;
  uint64_t bytes = 0;
  while (!agreed_.empty() && bytes < options_.apply_bytes) {
    const Entry entry = agreed_.front();
    const bool change = entry.kind == EntryKind::kChange;
    if (pending_ && pending_->place == Place{entry.index, entry.term}) break;
    if (change && !batch.empty()) break;
    std::string payload;
    if (entry.kind == EntryKind::kData) {
      Result<std::string> read = payload_of(entry.index);
      if (!read.ok()) return failed(read.error());
      payload = std::move(read).value();
    }
    agreed_.pop_front();
    bytes += payload.size();
    batch.push_back(agreed_entry(entry, std::move(payload)));
    if (change && batch.back().change.kind == ChangeKind::kRemove) removed = batch.back().change.id;
    if (change) break;
  }
  in_flight_ = InFlight{batch.back().index, removed};
  around_.applier->apply(std::move(batch));
}

AgreedEntry Member::agreed_entry(const Entry& entry, std::string payload) {
  AgreedEntry out{entry.index, entry.term, entry.kind, std::move(payload), {}, {}};
  if (entry.kind != EntryKind::kChange) return out;
  if (!core_->read_change(entry.change, out.change))
    kLog.error("the change of members at {} cannot be read and has no effect", entry.index);
  out.conf = core_->apply_change(entry.change);
  return out;
}

void Member::applied(uint64_t index) {
  if (!in_flight_ || in_flight_->index != index) broken(fmt::format("{} was not being applied", index));
  const InFlight done = *in_flight_;
  in_flight_.reset();
  applied_ = index;
  if (!core_) return;
  core_->applied(index);
  if (done.removed != 0 && done.removed != options_.core.id) {
    removed_[done.removed] = index;
    if (role_ == Role::kLeader) tell_removed(done.removed, index);
  }
  drain();
  if (core_ && serves() && lease_until_ == 0) probe();
}

void Member::synced(uint64_t number) {
  while (!promised_.empty() && promised_.begin()->first <= number) {
    standing_ = promised_.begin()->second;
    promised_.erase(promised_.begin());
  }
  std::erase_if(unsynced_, [&](const auto& one) { return one.second.number <= number; });
  if (!core_) return;
  core_->persisted(number);
  drain();
}

void Member::failed(const Error& why) {
  if (!core_) return;
  stop();
  around_.host->must_end(why);
}

void Member::stop() {
  end_lease();
  role_ = Role::kFollower;
  leader_ = 0;
  lose_pending();
  if (copying_ != 0) end_copy(false);
  core_.reset();
}

// ------------------------------------------------------------------------------------------------- proposals

bool Member::may_begin(const Done& done) const {
  if (!core_ || !serves() || !may_read()) {
    done(refused(ErrorCode::kUnavailable, "this server does not hold the lead"));
    return false;
  }
  if (pending_ || in_flight_) {
    done(refused(ErrorCode::kInternal, "the proposal before this one is not finished"));
    return false;
  }
  return true;
}

void Member::begin(CoreStatus status, const Place& place, Done done) {
  if (status == CoreStatus::kRefused) {
    return done(refused(ErrorCode::kConflict, "the members cannot be changed like this"));
  }
  if (status != CoreStatus::kOk) {
    return done(
        refused(ErrorCode::kUnavailable, "the lead is being handed over, or a change is not finished"));
  }
  pending_ = Pending{place, std::move(done)};
  drain();
}

void Member::propose(std::string payload, Done done) {
  if (!may_begin(done)) return;
  const Result<void> room = around_.journal->reserve(payload.size());
  if (!room.ok() && !planted(kRefusesTooLate)) {
    set_full(true);
    return done({Outcome::Fate::kRefused, room.error(), {}});
  }
  const Tag tag = tag_of(payload);
  arrived_[hash_of(tag)] = std::move(payload);
  Place place;
  const CoreStatus status = core_->propose(tag, place);
  if (!room.ok()) {  // planted: the others may agree on it all the same
    done({Outcome::Fate::kRefused, room.error(), {}});
    return drain();
  }
  begin(status, place, std::move(done));
}

void Member::change(ChangeKind kind, MemberId id, std::string_view context, Done done) {
  if (!may_begin(done)) return;
  const Result<void> room = around_.journal->reserve(context.size());
  if (!room.ok()) return done({Outcome::Fate::kRefused, room.error(), {}});
  Place place;
  const CoreStatus status = core_->change(kind, id, context, place);
  begin(status, place, std::move(done));
}

void Member::lose_pending() {
  if (!pending_ || planted(kAgreedWithoutTerm)) return;
  Pending gone = std::move(*pending_);
  pending_.reset();
  Outcome outcome = lost();
  if (planted(kLostCountsAsAgreed)) {
    outcome = {Outcome::Fate::kAgreed, {}, {gone.place.index, gone.place.term, EntryKind::kData, {}, {}, {}}};
  }
  gone.done(std::move(outcome));
}

CoreStatus Member::hand_over(MemberId to) {
  if (!core_) return CoreStatus::kNotLeader;
  end_lease();
  handing_over_ = true;
  const CoreStatus out = core_->transfer(to);
  if (out != CoreStatus::kOk) handing_over_ = false;
  drain();
  return out;
}

void Member::may_lead(bool yes) {
  may_lead_ = yes;
  unwilling_since_ = ticks_;
  if (!yes) end_lease();
  if (!core_) return;
  core_->may_lead(yes && !full_);
  drain();
}

void Member::set_full(bool full) {
  if (full == full_) return;
  full_ = full;
  kLog.warn("{}", full ? "the disk is full: this server does not lead until there is space again"
                       : "there is space on the disk again");
  may_lead(!full);
}

void Member::look_for_space() {
  if (full_ && ticks_ % options_.full_disk_ticks == 0)
    set_full(!around_.journal->reserve(options_.core.max_append_bytes).ok());
}

/// An observer, or a member that may not lead, holds the lead only until somebody else can.
void Member::look_for_successor() {
  const bool unwilling = options_.observer || !may_lead_;
  if (!unwilling || role_ != Role::kLeader || handing_over_ || applied_ < lead_from_) return;
  for (const auto& [id, observes] : others_) {
    MemberProgress progress;
    const bool fits = !observes && core_->member(id, progress) && progress.voter && progress.active &&
                      progress.matched == log_base_ + log_.size();
    if (fits && hand_over(id) == CoreStatus::kOk) return;
  }
  if (!may_lead_ && ticks_ - unwilling_since_ > options_.core.election_ticks) {
    core_->step_down();
    drain();
  }
}

// -------------------------------------------------------------------------------------------------------
// time

void Member::tick() {
  ++ticks_;
  if (!core_) return;
  core_->tick();
  drain();
  if (core_ && role_ == Role::kLeader && ticks_ % options_.probe_ticks == 0) probe();
  if (ticks_ % options_.hello_ticks == 0) say_hellos();
  if (copying_ != 0 && ticks_ - copying_since_ > options_.copy_silence_ticks) end_copy(false);
  look_at_passives();
  look_for_space();
  look_for_successor();
}

void Member::probe() {
  const env::SteadyTime now = around_.clock->steady();  // before anybody can have answered
  if (core_->probe(++round_) == CoreStatus::kOk) asked_[round_] = now;
  drain();
}

// ------------------------------------------------------------------------------------------------------
// frames

void Member::set_others(const std::map<MemberId, bool>& others) {
  others_ = others;
  others_.erase(options_.core.id);
  say_hellos();
}

void Member::say_hello(MemberId to) {
  Frame frame;
  frame.kind = FrameKind::kHello;
  send(to, false, std::move(frame));
}

void Member::say_hellos() {
  for (const auto& [id, observes] : others_) {
    if (!welcome_[id]) say_hello(id);
  }
  if (!copied_) return;
  Frame frame;
  frame.kind = FrameKind::kCopied;
  frame.number = copied_->second ? 1 : 0;
  send(copied_->first, false, std::move(frame));
}

void Member::receive(std::string_view bytes) {
  const Result<Frame> decoded = decode_frame(bytes);
  if (!decoded.ok()) return kLog.warn("{}", decoded.error().text());
  const Frame& frame = *decoded;
  if (frame.from == options_.core.id) return;
  if (const auto gone = removed_.find(frame.from); gone != removed_.end())
    return tell_removed(frame.from, gone->second);
  switch (frame.kind) {
    case FrameKind::kHello:
      return receive_hello(frame);
    case FrameKind::kWelcome:
      return receive_welcome(frame);
    case FrameKind::kAmnesia:
      if (frame.about == standing_.nonce && !planted(kAmnesiaIgnored))
        abstain(fmt::format("member {} has seen more of this server than its journal holds", frame.from),
                Abstention::kForgot);
      return;
    case FrameKind::kRemoved:
      return abstain(fmt::format("this server is no member of the cluster since entry {}", frame.number),
                     Abstention::kRemoved);
    case FrameKind::kCopied:
      if (frame.from == copying_) end_copy(frame.number == 1);
      return;
    case FrameKind::kMessage:
      return receive_message(frame);
  }
}

/// One that takes no part itself knows too little to say so.
void Member::tell_removed(MemberId to, uint64_t index) {
  if (!core_) return;
  Frame frame;
  frame.kind = FrameKind::kRemoved;
  frame.number = index;
  send(to, false, std::move(frame));
}

void Member::receive_hello(const Frame& frame) {
  Frame answer;
  answer.about = frame.standing.nonce;
  answer.kind = acquaintances_.meet(frame.from, frame.standing) == Acquaintances::Verdict::kKnown
                    ? FrameKind::kWelcome
                    : FrameKind::kAmnesia;
  send(frame.from, false, std::move(answer));
}

void Member::receive_welcome(const Frame& frame) {
  if (frame.about != standing_.nonce) return;
  if (acquaintances_.meet(frame.from, frame.standing) == Acquaintances::Verdict::kKnown)
    welcome_[frame.from] = true;
}

void Member::receive_message(const Frame& frame) {
  if (!core_) return;
  // Nothing is heard of a member before both know that the other has forgotten nothing.
  const bool met = acquaintances_.hear(frame.from, frame.standing) == Acquaintances::Verdict::kKnown;
  if (!met || !welcome_[frame.from]) return say_hello(frame.from);
  if (!make_room(frame)) return;
  std::vector<Tag> tags;
  for (const std::string& payload : frame.payloads) {
    tags.push_back(tag_of(payload));
    arrived_[hash_of(tags.back())] = payload;
  }
  CopyRequest copy;
  const CoreStatus status = core_->step(frame.message, tags, copy);
  if (status == CoreStatus::kAmnesia && !planted(kAmnesiaIgnored)) {
    arrived_.clear();
    return abstain(fmt::format("member {} counts on entries that this server does not have", frame.from),
                   Abstention::kForgot);
  }
  if (status == CoreStatus::kCopy) around_.host->fetch_copy(copy);
  if (status == CoreStatus::kGarbled) kLog.warn("a message of member {} is damaged", frame.from);
  drain();
}

/// Before anything is taken that would have to be kept.
bool Member::make_room(const Frame& frame) {
  uint64_t bytes = 0;
  for (const std::string& payload : frame.payloads) bytes += payload.size();
  if (bytes == 0 || around_.journal->reserve(bytes).ok()) return true;
  set_full(true);
  return false;
}

void Member::unreachable(MemberId id) {
  if (!core_) return;
  core_->unreachable(id);
  drain();
}

void Member::abstain(const std::string& why, Abstention kind) {
  if (!abstains_.empty()) return;
  abstains_ = why;
  kLog.error("this server takes no part in the cluster: {}", why);
  stop();
  around_.host->abstains(why, kind);
}

// ------------------------------------------------------------------------------------------------------
// copies

void Member::serve_copy(MemberId to) {
  const Host::CopyOffer offer = around_.host->offer_copy(to);
  if (offer.index == 0) return core_->copied(to, false);
  copying_ = to;
  copying_since_ = ticks_;
  core_->copy_offer(offer.index, offer.term, offer.conf);
}

void Member::end_copy(bool ok) {
  const MemberId to = std::exchange(copying_, 0);
  around_.host->copy_ended(to);
  if (!core_) return;
  core_->copied(to, ok);
  drain();
}

void Member::tell_copied(MemberId leader, bool ok) {
  copied_ = {leader, ok};
  say_hellos();
}

void Member::trim(uint64_t index) {
  if (!core_ || index <= log_base_ || index > applied_ || copying_ != 0) return;
  core_->compact(index);
  while (!log_.empty() && log_.front().index <= index) log_.pop_front();
  log_base_ = index;
  around_.journal->trim(index);
}

Member::View Member::view() const {
  View out{role_, leader_, term_, commit_, applied_, core_.has_value() && serves(), abstains_};
  if (options_.in_step_ticks == 0 || role_ != Role::kLeader) return out;
  out.in_step = in_step_.in_step();
  out.waited_for = in_step_.waited_for();
  return out;
}

}  // namespace mullion::cluster
