// The consensus core, typed: raft_core.h without pointers.
#pragma once

#include <memory>

#include "base/result.h"
#include "cluster/types.h"

namespace mullion::cluster {

/// Times are in ticks. A member campaigns election + margin + rank * rank_ticks + late ticks, and a little
/// that the seed draws, after it last heard of a leader.
struct CoreOptions {
  MemberId id = 0;
  uint64_t seed = 0;
  uint32_t heartbeat_ticks = 10;
  uint32_t election_ticks = 50;
  uint32_t margin_ticks = 2;
  uint32_t rank = 0;  // different for every member, so that two seldom campaign at once
  uint32_t rank_ticks = 8;
  uint32_t late_ticks = 0;  // of observers: they win only when nobody else can
  uint64_t max_append_bytes = 1 << 20;
  uint64_t max_inflight = 64;
  uint64_t max_apply_entries = 1024;
  uint32_t planted_bugs = 0;  // tests only
};

/// What was durable when the process ended.
struct CoreStart {
  HardState hard;
  std::string conf;  // configuration as of `applied`
  uint64_t base_index = 0;
  uint64_t base_term = 0;
  uint64_t applied = 0;
  std::vector<Entry> entries;  // from base_index + 1 on
};

struct CoreMessage {
  MemberId to = 0;
  bool bulk = false;  // on the connection for entries: must not delay a heartbeat
  std::string bytes;
  uint64_t first = 0, last = 0;  // data entries in this range have their payloads sent along; 0: none
};

/// What is to be done, in this order: append and sync (then persisted()), send, apply (then applied()).
struct CoreActions {
  uint64_t number = 0;  // 0: nothing to sync
  bool has_hard = false;
  HardState hard;  // written in the sync of the entries, or in the next one when there is nothing to sync
  std::vector<Entry> entries;  // an index that exists cuts the rest
  std::vector<CoreMessage> messages;
  std::vector<Entry> agreed;
  std::vector<uint64_t> rounds;  // confirmed probes
  Role role = Role::kFollower;
  MemberId leader = 0;
  uint64_t term = 0;
  uint64_t commit = 0;
  bool lease_void = false;  // no lease in this term any more
  MemberId copy_for = 0;    // needs a copy: copy_offer() or copied(.., false)
};

enum class CoreStatus {
  kOk,
  kNotLeader,
  kBusy,     // a hand-over or a change is pending, or nothing of this term is agreed yet
  kRefused,  // a change or hand-over that must not be
  kDropped,  // a message that is not for us, or must not be heard now
  kGarbled,  // a message that cannot be read, or came without its payloads
  kAmnesia,  // a leader counts on entries that are not here
  kCopy,     // fetch a copy
};

/// Progress of a member as its leader sees it.
struct MemberProgress {
  uint64_t matched = 0;  // synced there up to here
  uint64_t next = 0;
  enum class State : uint8_t { kProbing, kReplicating, kWaitingForCopy } state = State::kProbing;
  bool active = false;
  bool voter = false;
};

/// A copy that this member is to fetch.
struct CopyRequest {
  MemberId from = 0;
  uint64_t index = 0;
  uint64_t term = 0;
  std::string conf;
};

/// A place in the order that is not agreed yet.
struct Place {
  uint64_t index = 0;
  uint64_t term = 0;
  bool operator==(const Place&) const = default;
};

/// A change of members, and what was given along with it.
struct MemberChange {
  ChangeKind kind = ChangeKind::kAddLearner;
  MemberId id = 0;
  std::string context;
};

/// One member's state machine. Pure: no I/O, no clock, no chance but the seed. One thread makes all calls;
/// different cores are independent. A broken invariant is logged and ends the process.
class Core {
 public:
  /// kCorrupt when the start is not what this core could have left behind.
  static Result<Core> open(const CoreOptions& options, const CoreStart& start);
  Core(Core&&) noexcept;
  Core& operator=(Core&&) noexcept;
  ~Core();

  /// Everything since the last call. Call again while it returns agreed entries.
  CoreActions take();
  void tick();
  /// `payloads`: of what came along, computed from the bytes, in the order of the message's data entries.
  /// `copy` is filled when the answer is kCopy.
  CoreStatus step(std::string_view message, const std::vector<Tag>& payloads, CopyRequest& copy);
  CoreStatus propose(const Tag& tag, Place& place);
  /// Of one that is what it is to become already, `context` is what changes, and must not be empty.
  CoreStatus change(ChangeKind kind, MemberId id, std::string_view context, Place& place);
  /// What the change of an entry is about. False: it cannot be read, and has no effect.
  bool read_change(std::string_view change, MemberChange& out) const;
  /// The configuration from now on, to be stored with what the change belongs to.
  std::string apply_change(std::string_view change);
  void persisted(uint64_t number);
  void applied(uint64_t index);
  /// The journal's new base: not above what is applied, nor above a copy that is under way.
  void compact(uint64_t index);
  /// Asks a majority whether we lead; rounds count up. Read the clock before.
  CoreStatus probe(uint64_t round);
  CoreStatus transfer(MemberId to);
  void step_down();
  void may_lead(bool yes);
  void unreachable(MemberId id);
  void copy_offer(uint64_t index, uint64_t term, std::string_view conf);
  void copied(MemberId id, bool ok);
  /// False: no such member.
  bool member(MemberId id, MemberProgress& out) const;
  /// 0: not in the log.
  uint64_t term_at(uint64_t index) const;
  /// Of the whole state, for exploration.
  uint64_t digest() const;

 private:
  struct Handle;
  explicit Core(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

/// A configuration as the core stores it.
std::string encode_conf(const std::vector<MemberId>& voters, const std::vector<MemberId>& learners);

}  // namespace mullion::cluster
