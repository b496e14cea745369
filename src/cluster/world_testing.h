// Whole members in one process on virtual time: clocks that go wrong, lines that lose, disks that forget.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <tuple>

#include "cluster/journal_testing.h"
#include "cluster/member.h"
#include "cluster/roster.h"
#include "env/dice_testing.h"

namespace mullion::cluster {

using Time = int64_t;  // ns of the world
inline constexpr Time kMs = 1'000'000;
/// So much is never under way unless members answer each other without end.
inline constexpr size_t kFlood = 20'000;

/// A promise was not kept; what() says which, and the seed.
struct Violation : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A database as far as consensus looks at it: an order of payloads and the configuration.
struct WorldDatabase {
  uint64_t index = 0, term = 0;
  std::string conf;
  std::set<MemberId> members;
  std::set<MemberId> left_to_come;    // taken off the list in order to come back
  std::map<MemberId, MemberId> back;  // who came back, and as whom
  Digest digest;                      // over everything applied, in order
};

struct WorldOptions {
  uint64_t seed = 1;
  int voters = 3;
  int learners = 0;
  bool faults = true;    // crashes, pauses, cuts, disks
  bool changes = false;  // members come and go
  bool by_hand = false;  // one voter, that waits for learners in step
  bool amnesia = false;  // members forget what they promised
  std::set<MemberId> observers;
  uint32_t core_bugs = 0, member_bugs = 0;
  Time drift_percent = 10;
};

class World {
 public:
  class Process;

  explicit World(const WorldOptions& options) : options_(options), dice_(options.seed) {
    std::vector<MemberId> voters, learners;
    for (int i = 1; i <= options.voters + options.learners; ++i)
      (i <= options.voters ? voters : learners).push_back(static_cast<MemberId>(i));
    WorldDatabase birth;
    birth.conf = encode_conf(voters, learners);
    for (int i = 1; i <= options.voters + options.learners; ++i)
      birth.members.insert(static_cast<MemberId>(i));
    for (const MemberId id : birth.members) add_process(id, birth);
    next_id_ = birth.members.size() + 1;
  }

  // --------------------------------------------------------------------------------------------------
  // running

  void run_for(Time duration) {
    const Time until = now_ + duration;
    while (!events_.empty() && events_.begin()->first.first <= until) step();
    now_ = until;
  }
  bool run_until(const std::function<bool()>& fact, Time limit) {
    const Time until = now_ + limit;
    bool is_so = fact();
    while (!is_so && !events_.empty() && events_.begin()->first.first <= until) {
      step();
      is_so = fact();
    }
    return is_so;
  }
  void step() {
    auto node = events_.extract(events_.begin());
    now_ = node.key().first;
    ++steps_;
    node.mapped()();
    if (events_.size() > kFlood) fail("the lines are flooded");
    check_readers();
  }
  void at(Time when, std::function<void()> what) {
    events_.emplace(std::pair(std::max(when, now_), ++number_), std::move(what));
  }
  void after(Time pause, std::function<void()> what) { at(now_ + pause, std::move(what)); }

  [[noreturn]] void fail(const std::string& what) const {
    throw Violation(fmt::format("seed {} at {} ms: {}", options_.seed, now_ / kMs, what));
  }

  Time now() const { return now_; }
  uint64_t steps() const { return steps_; }
  env::Dice& dice() { return dice_; }
  const WorldOptions& options() const { return options_; }
  Process& process(MemberId id) { return *processes_.at(id); }
  std::map<MemberId, std::unique_ptr<Process>>& processes() { return processes_; }
  Process& add_process(MemberId id, const WorldDatabase& database);
  MemberId new_id() { return next_id_++; }

  // ----------------------------------------------------------------------------------------------------
  // lines

  /// Nothing from `from` reaches `to`.
  void cut(MemberId from, MemberId to) { cuts_.insert({from, to}); }
  void mend(MemberId from, MemberId to) { cuts_.erase({from, to}); }
  /// One of the two connections from `from` to `to`: that for what is large, or the other one.
  void cut_one(MemberId from, MemberId to, bool bulk) { half_cuts_.insert({from, to, bulk}); }
  void isolate(MemberId id) {
    for (const auto& [other, process] : processes_) cut(id, other), cut(other, id);
  }
  bool disturbed() const { return !cuts_.empty() || loss_percent > 0; }
  void mend_all() { cuts_.clear(), half_cuts_.clear(), loss_percent = 0; }
  void transmit(MemberId from, MemberId to, bool bulk, const std::string& frame);

  uint64_t loss_percent = 0;
  Time slowest_line = 3 * kMs;
  std::map<MemberId, Time> late;  // what is sent to a member comes so much later

  // ----------------------------------------------------------------------------------------------------
  // truth

  void note_agreed(MemberId id, const AgreedEntry& entry, const std::string& payload, const Digest& digest);
  void note_log(const Entry& entry, uint64_t previous_term);
  void note_leader(MemberId id, Process& process);
  void note_acknowledged(uint64_t index, const std::string& payload);
  void note_refused(const std::string& payload) {
    if (agreed_payloads_.contains(payload)) fail(payload + " was refused and is agreed");
    refused_.insert(payload);
  }
  void check_readers();
  uint64_t acknowledged() const { return acknowledged_count_; }
  /// The newest place that was.
  uint64_t acknowledged_to() const { return acknowledged_to_; }
  uint64_t agreed_to() const { return agreed_.empty() ? 0 : agreed_.rbegin()->first; }
  /// The member that serves, or null.
  Process* active();
  uint64_t leaders_seen() const { return leaders_.size(); }
  uint64_t copies = 0, changes_done = 0;

 private:
  struct Agreed {
    uint64_t term = 0;
    std::string payload;
    Digest digest;
  };

  const WorldOptions options_;
  env::Dice dice_;
  Time now_ = 0;
  uint64_t number_ = 0, steps_ = 0;
  std::map<std::pair<Time, uint64_t>, std::function<void()>> events_;
  std::map<MemberId, std::unique_ptr<Process>> processes_;
  std::set<std::pair<MemberId, MemberId>> cuts_;
  std::set<std::tuple<MemberId, MemberId, bool>> half_cuts_;
  MemberId next_id_ = 1;

  std::map<uint64_t, Agreed> agreed_;
  std::set<std::string> agreed_payloads_, refused_;
  std::map<std::pair<uint64_t, uint64_t>, std::pair<Digest, uint64_t>> logs_;
  std::map<uint64_t, MemberId> leaders_;
  uint64_t acknowledged_to_ = 0, acknowledged_count_ = 0;
};

/// One server: what of it survives a crash, and the life it leads at the moment.
class World::Process final : public JournalWriter,
                             public Applier,
                             public Link,
                             public Host,
                             public env::Clock {
 public:
  Process(World& world, MemberId id, const WorldDatabase& database)
      : world_(world), id_(id), database_(database), durable_(database), before_(database) {
    const Time drift = world.options().drift_percent;
    rate_ = 100 + (drift == 0 ? 0 : world.dice().between(-drift, drift));
    if (database.index != 0) {
      disk.synced.base_index = database.index;
      disk.synced.base_term = database.term;
      disk.synced.hard = {database.term, 0, database.index};
    }
  }

  // --------------------------------------------------------------------------------------------------- life

  void start() {
    if (alive() || gone || forgot) return;
    ++life_;
    database_ = durable_;
    if (disk.synced.last() < database_.index) {  // what Node finds before it opens the member
      forget("the journal does not reach as far as the database");
      return;
    }
    Result<std::unique_ptr<Journal>> opened = MemoryJournal::open(disk);
    if (!opened.ok()) {
      forget(opened.error().text());
      return;
    }
    journal_ = std::move(opened).value();
    MemberOptions options;
    options.core.id = id_;
    options.core.seed = world_.options().seed;
    options.core.rank = static_cast<uint32_t>(id_ % 5);
    options.core.max_append_bytes = 4096;
    options.core.planted_bugs = world_.options().core_bugs;
    options.planted_bugs = world_.options().member_bugs;
    options.observer = world_.options().observers.contains(id_);
    options.core.late_ticks = 50;
    options.copy_silence_ticks = 200;
    options.in_step_ticks = world_.options().by_hand ? 100 : 0;
    options.met = met_;
    options.nonce = id_ * 1000 + life_ + restored_ * 1'000'000;
    auto member = Member::open(options, journal_->contents(), {database_.index, database_.conf}, others(),
                               {this, this, this, this, this});
    if (!member.ok()) world_.fail(fmt::format("member {} cannot start: {}", id_, member.error().text()));
    member_ = std::move(member).value();
    schedule_tick();
  }
  void crash() {
    if (!alive()) return;
    ++life_;
    member_.reset();
    journal_.reset();
    // What was under way to the disk is there or is not; what was synced is there.
    disk.lose_unsynced();
    numbers_.clear();
    database_ = durable_;
    waiting_ = fetching_ = false;
    paused_until = 0;
  }
  bool alive() const { return member_ != nullptr; }
  bool stopped() const { return paused_until > world_.now(); }
  Member& member() { return *member_; }
  Member* operator->() { return member_.get(); }
  MemberId id() const { return id_; }
  const WorldDatabase& database() const { return database_; }

  /// Everything that is durable here: what somebody puts back later.
  struct Image {
    MemoryDisk disk;
    WorldDatabase database;
  };
  Image image() const { return {disk, durable_}; }
  void restore(const Image& image) {
    disk = image.disk;
    durable_ = before_ = image.database;
    ++restored_;
  }

  /// Everything of it is gone but for who it is.
  void wipe_journal() {
    disk = {};
    ++restored_;
  }
  void begin_with(const WorldDatabase& copy) {
    wipe_journal();
    durable_ = before_ = copy;
    disk.synced.base_index = copy.index;
    disk.synced.base_term = copy.term;
    disk.synced.hard = {copy.term, 0, copy.index};
    abstained.clear();
    forgot = false;
  }

  /// In this life only, and not while it is stopped.
  void later(Time pause, std::function<void()> what) {
    world_.after(pause, [this, life = life_, what = std::move(what)] { live(life, what); });
  }

  // ------------------------------------------------------------------------------------------------ clients

  /// False: it does not serve, or is busy.
  bool write(const std::string& payload) {
    if (!alive() || stopped() || waiting_ || !member_->view().active) return false;
    waiting_ = true;
    member_->propose(payload, [this, payload](Outcome outcome) { settle(payload, std::move(outcome)); });
    return true;
  }
  bool change(ChangeKind kind, MemberId id, const std::string& context = {}) {
    if (!alive() || stopped() || waiting_ || !member_->view().active) return false;
    waiting_ = true;
    member_->change(kind, id, context, [this](Outcome outcome) { settle({}, std::move(outcome)); });
    return true;
  }

  // -------------------------------------------------------------------------------------------- surroundings

  env::WallTime wall() const override { return env::WallTime(env::Duration(world_.now())); }
  env::SteadyTime steady() const override {
    return env::SteadyTime(env::Duration(world_.now() / 100 * rate_ + 1));
  }

  void append(std::vector<JournalEntry> entries, HardState hard, uint64_t number) override {
    uint64_t bytes = 0;
    for (const JournalEntry& entry : entries) bytes += entry.payload.size();
    for (const JournalEntry& entry : entries) note_log(entry.entry);
    if (bytes + disk.used() > disk.capacity)
      return later(0, [this] { member_->failed(Error(ErrorCode::kInsufficientStorage, "full")); });
    disk.unsynced.push_back({std::move(entries), hard});
    const Time pause = world_.dice().between(kMs, 4 * kMs) + slow_sync;
    disk_free_at_ = std::max(disk_free_at_, world_.now()) + pause;
    numbers_.push_back(number);
    later(disk_free_at_ - world_.now(), [this] {
      if (std::exchange(disk.sync_fails, false))
        return member_->failed(Error(ErrorCode::kInternal, "sync: I/O error"));
      disk.sync_one();
      const uint64_t synced =
          numbers_.front();  // of that write: after a pause, events are not in their order
      numbers_.pop_front();
      member_->synced(synced);
    });
  }
  Result<std::string> payload(uint64_t index) const override { return journal_->payload(index); }
  Result<void> reserve(uint64_t bytes) override { return journal_->reserve(bytes); }
  void trim(uint64_t index) override { (void)journal_->trim(index); }

  void apply(std::vector<AgreedEntry> entries) override {
    later(world_.dice().between(kMs / 2, 2 * kMs) + slow_apply, [this, entries = std::move(entries)] {
      for (const AgreedEntry& entry : entries) put(entry, entry.payload);
      commit(entries.back().index);
    });
  }

  void send(MemberId to, bool bulk, std::string frame) override { world_.transmit(id_, to, bulk, frame); }

  CopyOffer offer_copy(MemberId) override { return {database_.index, database_.term, database_.conf}; }
  void copy_ended(MemberId) override {}
  void fetch_copy(const CopyRequest& request) override {
    if (std::exchange(fetching_, true)) return;
    later(world_.dice().between(20 * kMs, 80 * kMs), [this, from = request.from] { finish_copy(from); });
  }
  void abstains(const std::string& why, Abstention kind) override {
    abstained = why;
    if (kind == Abstention::kForgot) forgot = true;
  }
  void must_end(const Error&) override {
    later(0, [this] {
      crash();
      world_.after(300 * kMs, [this] { start(); });
    });
  }

  /// Forgets in the journal what the database holds for good.
  void trim_now() {
    if (alive() && !stopped()) member_->trim(durable_.index);
  }
  void receive(const std::string& frame) {
    if (alive()) member_->receive(frame);
  }
  uint64_t life() const { return life_; }
  void live(uint64_t life, const std::function<void()>& what) {
    if (life != life_ || !alive()) return;
    if (stopped()) return world_.at(paused_until, [this, life, what] { live(life, what); });
    what();
    if (alive()) look();
  }

  MemoryDisk disk;
  Time slow_sync = 0, slow_apply = 0;
  Time paused_until = 0;
  bool gone = false;  // removed: never started again
  std::string abstained;
  bool forgot = false;  // less is left than it promised

 private:
  std::map<MemberId, bool> others() const {
    std::map<MemberId, bool> out;
    for (const MemberId other : database_.members)
      if (other != id_) out[other] = world_.options().observers.contains(other);
    return out;
  }
  void schedule_tick() {
    later(10 * kMs * 100 / rate_, [this] {
      schedule_tick();
      member_->tick();
      if (++ticks_ % 20 == 0) met_ = member_->met();
    });
  }
  void forget(const std::string& why) {
    abstained = why;
    forgot = true;
  }
  void look() {
    if (member_->view().role == Role::kLeader) world_.note_leader(id_, *this);
  }
  void note_log(const Entry& entry) {
    uint64_t previous = member_ ? member_->term_at(entry.index - 1) : 0;
    if (member_ && previous != 0) world_.note_log(entry, previous);
  }
  void put(const AgreedEntry& entry, const std::string& payload) {
    if (entry.index != database_.index + 1)
      world_.fail(fmt::format("member {} applies {} after {}", id_, entry.index, database_.index));
    database_.index = entry.index;
    database_.term = entry.term;
    const std::string all = fmt::format("{}:{}:{}:{}:{}", database_.digest.hex(), entry.index, entry.term,
                                        payload, entry.kind == EntryKind::kChange ? entry.conf : "");
    database_.digest = hash128(all);
    if (entry.kind == EntryKind::kChange) {
      database_.conf = entry.conf;
      put_change(entry.change);
    }
    world_.note_agreed(id_, entry, payload, database_.digest);
  }
  void put_change(const MemberChange& change) {
    if (change.kind == ChangeKind::kRemove) {
      database_.members.erase(change.id);
      if (change.context == kReturns) database_.left_to_come.insert(change.id);
    }
    if (change.kind != ChangeKind::kAddLearner) return;
    database_.members.insert(change.id);
    if (change.context.empty()) return;
    const MemberId was = std::stoull(change.context);
    database_.left_to_come.erase(was);
    database_.back[was] = change.id;
  }
  /// The last commit may be lost in a crash, those before it are synced.
  void commit(uint64_t index) {
    durable_ = before_;
    before_ = database_;
    member_->applied(index);
    if (alive()) member_->set_others(others());
  }
  void settle(const std::string& payload, Outcome outcome) {
    if (outcome.fate == Outcome::Fate::kRefused && !payload.empty()) world_.note_refused(payload);
    if (outcome.fate != Outcome::Fate::kAgreed) {
      waiting_ = false;
      return;
    }
    later(world_.dice().between(kMs / 2, kMs), [this, payload, entry = std::move(outcome.entry)] {
      waiting_ = false;
      put(entry, payload);
      commit(entry.index);
      if (payload.empty()) ++world_.changes_done;
      world_.note_acknowledged(entry.index, payload);
    });
  }
  void finish_copy(MemberId from) {
    fetching_ = false;
    Process* source = world_.processes_.contains(from) ? &world_.process(from) : nullptr;
    const bool reachable = source != nullptr && source->alive() && !source->stopped() &&
                           !world_.cuts_.contains({from, id_}) && source->database_.index > database_.index;
    if (!reachable) return member_->tell_copied(from, false);
    ++world_.copies;
    const WorldDatabase copy = source->database_;
    crash();
    durable_ = before_ = copy;
    MemoryJournal journal(disk);
    if (!journal.begin_at(copy.index, copy.term).ok()) world_.fail("a copy is older than the journal");
    start();
    if (alive()) member_->tell_copied(from, true);
  }

  World& world_;
  const MemberId id_;
  Time rate_ = 100;
  uint64_t life_ = 0;
  WorldDatabase database_, durable_, before_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Member> member_;
  Time disk_free_at_ = 0;
  uint64_t restored_ = 0, ticks_ = 0;
  std::map<MemberId, Standing> met_;  // as it was written last
  std::deque<uint64_t> numbers_;      // of the writes that the disk has not synced
  bool waiting_ = false, fetching_ = false;
};

inline World::Process& World::add_process(MemberId id, const WorldDatabase& database) {
  auto& process = processes_[id] = std::make_unique<Process>(*this, id, database);
  process->start();
  return *process;
}

inline void World::transmit(MemberId from, MemberId to, bool bulk, const std::string& frame) {
  if (half_cuts_.contains({from, to, bulk})) return;
  if (cuts_.contains({from, to}) || !processes_.contains(to) || dice_.chance(loss_percent)) return;
  const int times = loss_percent > 0 && dice_.chance(3) ? 2 : 1;
  for (int i = 0; i < times; ++i) {
    Time delay = dice_.between(kMs / 2, slowest_line) + (late.contains(to) ? late.at(to) : 0);
    if (loss_percent > 0 && dice_.chance(3)) delay += dice_.between(0, 400 * kMs);
    after(delay, [this, to, frame] {
      Process& process = *processes_.at(to);
      process.live(process.life(), [&process, frame] { process.receive(frame); });
    });
  }
}

inline void World::note_agreed(MemberId id, const AgreedEntry& entry, const std::string& payload,
                               const Digest& digest) {
  if (!payload.empty() && refused_.contains(payload)) fail(payload + " was refused and is agreed");
  agreed_payloads_.insert(payload);
  const auto [found, fresh] = agreed_.try_emplace(entry.index, Agreed{entry.term, payload, digest});
  const Agreed& known = found->second;
  if (known.term != entry.term || known.payload != payload || !(known.digest == digest)) {
    fail(fmt::format("member {} applies {} of term {} at {}, where {} of term {} was agreed", id, payload,
                     entry.term, entry.index, known.payload, known.term));
  }
}

inline void World::note_log(const Entry& entry, uint64_t previous_term) {
  const std::pair<Digest, uint64_t> facts(entry.tag.hash, previous_term);
  const auto [found, fresh] = logs_.try_emplace({entry.index, entry.term}, facts);
  if (found->second != facts) fail(fmt::format("two logs differ at {} of term {}", entry.index, entry.term));
}

inline void World::note_leader(MemberId id, Process& process) {
  const uint64_t term = process->view().term;
  const auto [found, fresh] = leaders_.try_emplace(term, id);
  if (found->second != id) fail(fmt::format("members {} and {} lead in term {}", found->second, id, term));
  if (!fresh) return;
  const uint64_t base = process.disk.synced.base_index;
  for (const auto& [index, agreed] : agreed_) {
    if (index > base && agreed.term < term && process->term_at(index) != agreed.term)
      fail(fmt::format("member {} leads in term {} without the agreed entry {}", id, term, index));
  }
}

inline void World::note_acknowledged(uint64_t index, const std::string& payload) {
  if (!payload.empty() && agreed_.at(index).payload != payload)
    fail(
        fmt::format("{} was acknowledged and {} is agreed at {}", payload, agreed_.at(index).payload, index));
  acknowledged_to_ = std::max(acknowledged_to_, index);
  ++acknowledged_count_;
}

/// Whoever may read knows everything that was acknowledged, and nobody else may.
inline void World::check_readers() {
  MemberId reader = 0;
  for (const auto& [id, process] : processes_) {
    if (!process->alive() || process->stopped() || !(*process)->may_read()) continue;
    if (reader != 0) fail(fmt::format("members {} and {} may read", reader, id));
    reader = id;
    if (process->database().index < acknowledged_to_)
      fail(fmt::format("member {} may read at {}, and {} was acknowledged", id, process->database().index,
                       acknowledged_to_));
  }
}

inline World::Process* World::active() {
  for (const auto& [id, process] : processes_) {
    if (process->alive() && !process->stopped() && (*process)->view().active && (*process)->may_read())
      return process.get();
  }
  return nullptr;
}

}  // namespace mullion::cluster
