// One member at work: core, journal, lease and what was proposed, on time that is given.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "cluster/acquaintance.h"
#include "cluster/core.h"
#include "cluster/in_step.h"
#include "cluster/journal.h"
#include "env/clock.h"

namespace mullion::cluster {

/// Faults that tests plant into the driver, one bit each; the table of them is in docs/cluster.md.
enum MemberBug : uint32_t {
  kSyncedBeforeSync = 1 << 0,        // tells the core before the disk did
  kLeaseFromConfirmation = 1 << 1,   // the lease starts when a round is confirmed, not when it was asked
  kLeaseOutlivesLead = 1 << 2,       // kept when the role or the term changes
  kAgreedWithoutTerm = 1 << 3,       // another entry at the index counts as the proposed one
  kLostCountsAsAgreed = 1 << 4,      // answers a write whose lead was lost
  kApplyUnagreed = 1 << 5,           // applies what is appended
  kVoteForgotten = 1 << 6,           // a sync without entries is left out: term and vote are not stored
  kAmnesiaIgnored = 1 << 7,          // goes on voting after it was told that it forgot
  kServesBeforeApplied = 1 << 8,     // active as soon as it leads
  kRefusesTooLate = 1 << 9,          // looks for space after it has proposed
  kMetForgotten = 1 << 10,           // what others had shown is not known after a restart
  kReturnsUnderItsNumber = 1 << 11,  // who forgot goes on as who it was (by whoever runs the member)
};

struct MemberOptions {
  CoreOptions core;
  bool observer = false;  // votes and stores, never serves
  env::Duration tick = std::chrono::milliseconds(10);
  env::Duration lease = std::chrono::milliseconds(400);
  uint32_t probe_ticks = 10;
  uint32_t hello_ticks = 10;
  uint32_t copy_silence_ticks = 6000;
  uint32_t full_disk_ticks = 100;  // pause between looks whether there is space again
  /// Not 0: the lead is switched by hand. The one voter answers when the members in step have what it
  /// answers, leaves one behind after so long, and waits so long after its start to hear of all members.
  uint64_t in_step_ticks = 0;
  uint64_t apply_bytes = 4 << 20;         // given to the applier at once, more or less
  uint64_t nonce = 1;                     // drawn at random for each process
  std::map<MemberId, Standing> met = {};  // Member::met() of the process before this one
  uint32_t planted_bugs = 0;              // MemberBug, tests only
};

/// An agreed entry on its way into the database.
struct AgreedEntry {
  uint64_t index = 0;
  uint64_t term = 0;
  EntryKind kind = EntryKind::kEmpty;
  std::string payload;  // of kData
  MemberChange change;  // of kChange, with the configuration that results: stored in the same transaction
  std::string conf;
};

/// Puts agreed entries into the database.
class Applier {
 public:
  virtual ~Applier() = default;
  /// In one transaction, in order, together with the place of the last one; then Member::applied() with its
  /// index. One call at a time: the next one comes after that answer.
  virtual void apply(std::vector<AgreedEntry> entries) = 0;
};

/// The lines to other members. Frames may be lost, doubled and overtake each other.
class Link {
 public:
  virtual ~Link() = default;
  /// `bulk`: on the connection for what is large.
  virtual void send(MemberId to, bool bulk, std::string frame) = 0;
};

/// The journal behind a thread of its own.
class JournalWriter {
 public:
  virtual ~JournalWriter() = default;
  /// Appends in the order of calls; then Member::synced(number). An error that appending gave is
  /// Member::failed().
  virtual void append(std::vector<JournalEntry> entries, HardState hard, uint64_t number) = 0;
  virtual Result<std::string> payload(uint64_t index) const = 0;
  virtual Result<void> reserve(uint64_t bytes) = 0;
  virtual void trim(uint64_t index) = 0;
};

/// Why a member takes no part.
enum class Abstention {
  kForgot,   // less is left of it than others have seen
  kRemoved,  // it is no member any more
};

/// What a member asks of, and tells, the process around it.
class Host {
 public:
  struct CopyOffer {
    uint64_t index = 0;  // 0: no copy can be given now
    uint64_t term = 0;
    std::string conf;
  };
  virtual ~Host() = default;
  /// The database as it is, to be copied by `to`: it must go on answering for entries above until ended.
  virtual CopyOffer offer_copy(MemberId to) = 0;
  virtual void copy_ended(MemberId to) = 0;
  /// Fetch a copy, restart from it. Asked again while it is under way.
  virtual void fetch_copy(const CopyRequest& request) = 0;
  /// Neither votes nor stores from now on.
  virtual void abstains(const std::string& why, Abstention kind) = 0;
  /// The state of the disk is not known: the process must end and verify what is there.
  virtual void must_end(const Error& why) = 0;
};

/// How a proposal ended.
struct Outcome {
  enum class Fate {
    kAgreed,   // commit what was proposed, then Member::applied()
    kRefused,  // nothing has left this process; `error` says why
    kLost,     // the lead was lost: it may be agreed yet, and comes as anybody's entry then
  } fate = Fate::kRefused;
  Error error;
  AgreedEntry entry;  // of kAgreed
};

/// One thread (the cluster thread) makes all calls but may_read(). Calls back from within calls; what is
/// called back must not destroy the member.
class Member {
 public:
  struct Surroundings {
    const env::Clock* clock = nullptr;  // goes on while the machine is suspended
    JournalWriter* journal = nullptr;
    Applier* applier = nullptr;
    Link* link = nullptr;
    Host* host = nullptr;
  };
  /// Where the database stands when the process starts.
  struct Database {
    uint64_t index = 0;
    std::string conf;
  };
  struct View {
    Role role = Role::kFollower;
    MemberId leader = 0;
    uint64_t term = 0;
    uint64_t commit = 0;
    uint64_t applied = 0;
    bool active = false;   // leads, has applied its term's first entry, and may serve
    std::string abstains;  // why; empty when it does not
    std::set<MemberId> in_step = {}, waited_for = {};  // see InStep; where the lead is switched by hand
  };
  using Done = std::function<void(Outcome)>;

  /// `others`: whether each other member is an observer. An error: what was stored does not fit together; the
  /// member must not take part.
  static Result<std::unique_ptr<Member>> open(const MemberOptions& options, const Journal::Contents& journal,
                                              const Database& database,
                                              const std::map<MemberId, bool>& others,
                                              const Surroundings& surroundings);
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;
  ~Member() = default;

  /// Every tick of options.tick, by the clock; frames that wait go first.
  void tick();
  void receive(std::string_view frame);
  void synced(uint64_t number);
  void failed(const Error& why);
  void applied(uint64_t index);

  /// One proposal at a time; the database's transaction stays open meanwhile.
  void propose(std::string payload, Done done);
  void change(ChangeKind kind, MemberId id, std::string_view context, Done done);
  /// The lead to another voter. Nothing is served from now on; within an election timeout either it leads or
  /// nobody does.
  CoreStatus hand_over(MemberId to);
  /// False: does not campaign, and gives the lead away (draining, a full disk).
  void may_lead(bool yes);
  /// Of one that was removed at `index`, before this process began: it is told when it is heard.
  void remember_removed(MemberId id, uint64_t index) { removed_[id] = index; }
  /// After the list of members changed.
  void set_others(const std::map<MemberId, bool>& others);
  void unreachable(MemberId id);
  /// Forgets entries that the database holds durably up to `index` and nobody is about to fetch.
  void trim(uint64_t index);
  /// The copy that this process gives to `to` is on its way.
  void copy_goes_on(MemberId to) {
    if (copying_ == to) copying_since_ = ticks_;
  }
  /// A copy that was asked for was fetched, or failed; this process has it before it opens.
  void tell_copied(MemberId leader, bool ok);

  View view() const;
  bool member(MemberId id, MemberProgress& out) const { return core_ && core_->member(id, out); }
  /// The most that each other member has shown of itself: whoever shows less later has lost its memory.
  const std::map<MemberId, Standing>& met() const { return acquaintances_.seen(); }
  uint64_t term_at(uint64_t index) const { return core_ ? core_->term_at(index) : 0; }
  /// Whether what was read from a snapshot that was taken before this call may be answered: nobody else can
  /// have agreed on anything before the snapshot. Thread-safe.
  bool may_read() const;

 private:
  struct Pending {
    Place place;
    Done done;
  };
  struct InFlight {
    uint64_t index = 0;
    MemberId removed = 0;
  };
  struct Unsynced {
    uint64_t number = 0;
    std::string payload;
  };

  Member(const MemberOptions& options, const Surroundings& surroundings, Standing standing);
  bool planted(MemberBug bug) const { return (options_.planted_bugs & bug) != 0; }

  void drain();
  bool take_once();
  void append(const CoreActions& actions);
  std::string arrived(const Entry& entry);
  void send_message(const CoreMessage& message);
  bool attach_payloads(const CoreMessage& message, Frame& frame) const;
  Result<std::string> payload_of(uint64_t index) const;
  void send(MemberId to, bool bulk, Frame frame);
  void note_role(const CoreActions& actions);
  void confirm(const std::vector<uint64_t>& rounds, bool lease_void);
  bool serves() const;
  bool hears_first() const;
  std::map<MemberId, PassiveSight> passives() const;
  void look_at_passives();
  bool waits_for_passives();
  void end_lease() {
    if (!planted(kLeaseOutlivesLead)) lease_until_ = 0;
  }
  void serve_copy(MemberId to);
  void end_copy(bool ok);
  bool apply_next();
  bool settle_pending();
  void apply_batch();
  AgreedEntry agreed_entry(const Entry& entry, std::string payload);
  void lose_pending();
  bool may_begin(const Done& done) const;
  void begin(CoreStatus status, const Place& place, Done done);
  void abstain(const std::string& why, Abstention kind);
  void stop();

  void tell_removed(MemberId to, uint64_t index);
  void receive_hello(const Frame& frame);
  void receive_welcome(const Frame& frame);
  void receive_message(const Frame& frame);
  bool make_room(const Frame& frame);
  void say_hello(MemberId to);
  void say_hellos();
  void probe();
  void look_for_successor();
  void look_for_space();
  void set_full(bool full);

  const MemberOptions options_;
  const Surroundings around_;
  Standing standing_;  // of what is synced
  std::optional<Core> core_;
  std::string abstains_;
  std::map<MemberId, bool> others_;
  Acquaintances acquaintances_;
  std::map<MemberId, bool> welcome_;  // who said that nothing was forgotten

  std::deque<Entry> log_;  // heads of what the core holds, from log_base_ + 1 on
  uint64_t log_base_ = 0;
  std::map<uint64_t, Unsynced> unsynced_;                         // payloads by index
  std::map<uint64_t, Standing> promised_;                         // what is synced once the number is
  std::map<std::pair<uint64_t, uint64_t>, std::string> arrived_;  // payloads of the call at hand, by hash

  Role role_ = Role::kFollower;
  MemberId leader_ = 0;
  uint64_t term_ = 0, commit_ = 0, applied_ = 0;
  uint64_t lead_from_ = 0;  // index of the first entry of the term that is led
  bool handing_over_ = false, may_lead_ = true, full_ = false;
  std::deque<Entry> agreed_;
  std::optional<InFlight> in_flight_;
  std::optional<Pending> pending_;
  std::map<MemberId, uint64_t> removed_;

  uint64_t ticks_ = 0;
  uint64_t round_ = 0;
  std::map<uint64_t, env::SteadyTime> asked_;  // rounds of this term
  std::atomic<int64_t> lease_until_{0};
  MemberId copying_ = 0;
  uint64_t copying_since_ = 0;
  std::optional<std::pair<MemberId, bool>> copied_;  // to be told
  uint64_t unwilling_since_ = 0;
  InStep in_step_;
  bool draining_ = false;
};

}  // namespace mullion::cluster
