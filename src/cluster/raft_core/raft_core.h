/* The consensus core as C sees it. For C++ there is cluster/core.h; nobody else includes this.
 *
 * One thread makes all calls on a node; nodes are independent. No I/O, no clock and no chance but `seed`.
 * Arguments are read during the call only; results belong to the node until the next call on it. A broken
 * invariant is logged and ends the process; nothing unwinds. What the rules are for: docs/cluster.md. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct raft_core_node raft_core_node;

typedef struct {
  const uint8_t* data;
  size_t size;
} raft_core_bytes;

enum raft_core_status {
  RAFT_CORE_OK,
  RAFT_CORE_NOT_LEADER,
  RAFT_CORE_BUSY,    /* a hand-over or a change is pending, or nothing of this term is agreed yet */
  RAFT_CORE_REFUSED, /* a change or a hand-over that must not be */
  RAFT_CORE_DROPPED, /* a message that is not for us, or must not be heard now */
  RAFT_CORE_GARBLED, /* a message that cannot be read, or came without its payloads */
  RAFT_CORE_AMNESIA, /* a leader counts on entries that are not here: abstain, ask for a copy */
  RAFT_CORE_COPY     /* fetch a copy */
};
enum raft_core_role { RAFT_CORE_FOLLOWER, RAFT_CORE_PRECANDIDATE, RAFT_CORE_CANDIDATE, RAFT_CORE_LEADER };
enum raft_core_kind { RAFT_CORE_DATA, RAFT_CORE_CHANGE, RAFT_CORE_EMPTY };
enum raft_core_change_kind { RAFT_CORE_ADD_LEARNER, RAFT_CORE_PROMOTE, RAFT_CORE_REMOVE };

/* Stands for a payload: its length and its XXH3-128. */
typedef struct {
  uint64_t size, hash_low, hash_high;
} raft_core_tag;

typedef struct {
  uint64_t index, term;
  int kind;
  raft_core_tag tag;      /* of RAFT_CORE_DATA */
  raft_core_bytes change; /* of RAFT_CORE_CHANGE: the encoded change with its context */
} raft_core_entry;

typedef struct {
  uint64_t term, vote, commit;
} raft_core_hard;

/* Times in ticks. A member campaigns election + margin + rank * rank_ticks + late ticks, and a little drawn
 * by the seed, after it heard the last of a leader. */
typedef struct {
  uint64_t id, seed;
  uint32_t heartbeat_ticks, election_ticks, margin_ticks, rank, rank_ticks, late_ticks;
  uint64_t max_append_bytes, max_inflight, max_apply_entries;
  uint32_t planted_bugs; /* tests only, else 0 */
} raft_core_options;

typedef struct {
  raft_core_hard hard;
  raft_core_bytes conf; /* as of `applied` */
  uint64_t base_index, base_term, applied;
  const raft_core_entry* entries; /* base_index + 1 and on */
  size_t count;
} raft_core_start;

typedef struct {
  uint64_t to;
  uint8_t bulk;
  raft_core_bytes bytes;
  uint64_t first, last; /* data entries from first to last have their payloads sent along; 0: none */
} raft_core_message;

typedef struct {
  uint64_t number; /* sync entries and hard, then call raft_core_persisted(number); 0: nothing to sync */
  uint8_t has_hard;
  raft_core_hard hard;            /* written with the entries in the same sync, or with those of the next */
  const raft_core_entry* entries; /* append in order; an index that exists cuts the rest */
  size_t entry_count;
  const raft_core_message* messages; /* may leave now */
  size_t message_count;
  const raft_core_entry*
      agreed; /* apply in order, then call raft_core_applied; take again until there are none */
  size_t agreed_count;
  const uint64_t* rounds; /* confirmed rounds of raft_core_probe */
  size_t round_count;
  int role;
  uint64_t leader, term, commit;
  uint8_t lease_void; /* no lease in this term any more */
  uint64_t
      copy_for; /* leader: this member needs a copy; answer raft_core_copy_offer or raft_core_copied(.., 0) */
} raft_core_actions;

typedef struct {
  uint64_t matched, next;
  uint8_t state; /* 0 probing, 1 replicating, 2 waiting for a copy */
  uint8_t active, voter;
} raft_core_member_state;

typedef struct {
  uint64_t from, index, term;
  raft_core_bytes conf;
} raft_core_copy;

/* Any call may log and must not be called back. Levels: 0 error, 1 warning, 2 information. */
typedef void (*raft_core_log)(void* context, int level, const char* text, size_t size);

/* Null: a bad start, and why in `error`. */
raft_core_node* raft_core_open(const raft_core_options*, const raft_core_start*, raft_core_log, void* context,
                               char* error, size_t error_size);
void raft_core_close(raft_core_node*);
/* Everything since the last take. */
void raft_core_take(raft_core_node*, raft_core_actions*);
/* Step messages that wait first. */
void raft_core_tick(raft_core_node*);
/* `payloads`: what came along, in the order of the message's data entries; their hashes were computed from
 * the bytes. */
int raft_core_step(raft_core_node*, raft_core_bytes, const raft_core_tag* payloads, size_t payload_count,
                   raft_core_copy*);
int raft_core_propose(raft_core_node*, raft_core_tag, uint64_t* index, uint64_t* term);
int raft_core_change(raft_core_node*, int kind, uint64_t id, raft_core_bytes context, uint64_t* index,
                     uint64_t* term);
/* What the change of an entry is about; 0: it cannot be read. */
int raft_core_read_change(raft_core_node*, raft_core_bytes change, int* kind, uint64_t* id,
                          raft_core_bytes* context);
/* The configuration from now on, to be stored with what the change belongs to. */
raft_core_bytes raft_core_apply_change(raft_core_node*, raft_core_bytes change);
void raft_core_persisted(raft_core_node*, uint64_t number);
void raft_core_applied(raft_core_node*, uint64_t index);
/* The journal's new base: not above what is applied, nor above a copy that is under way. */
void raft_core_compact(raft_core_node*, uint64_t index);
/* Asks a majority whether we lead; rounds count up. Read the clock before. */
int raft_core_probe(raft_core_node*, uint64_t round);
int raft_core_transfer(raft_core_node*, uint64_t to);
void raft_core_step_down(raft_core_node*);
void raft_core_may_lead(raft_core_node*, int yes);
void raft_core_unreachable(raft_core_node*, uint64_t id);
void raft_core_copy_offer(raft_core_node*, uint64_t index, uint64_t term, raft_core_bytes conf);
void raft_core_copied(raft_core_node*, uint64_t id, int ok);
/* 0: no such member. */
int raft_core_member(raft_core_node*, uint64_t id, raft_core_member_state*);
/* 0: not in the log. */
uint64_t raft_core_term_at(raft_core_node*, uint64_t index);
/* The length; nothing is written when it is above `size`. */
size_t raft_core_encode_conf(const uint64_t* voters, size_t voter_count, const uint64_t* learners,
                             size_t learner_count, uint8_t* out, size_t size);
/* Of the whole state, for exploration. */
uint64_t raft_core_digest(raft_core_node*);

#ifdef __cplusplus
}
#endif
