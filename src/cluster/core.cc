#include "cluster/core.h"

#include <array>

#include "cluster/internal/log.h"
#include "cluster/raft_core/raft_core.h"

namespace mullion::cluster {
namespace {

/// Lines of the crate; most of what it calls information is for those who look for a fault in it.
void write_line(void*, int level, const char* text, size_t size) {
  constexpr std::array kLevels = {LogLevel::kError, LogLevel::kWarn, LogLevel::kDebug};
  const auto at = static_cast<size_t>(level);
  if (at < kLevels.size()) kLog.write(kLevels[at], std::string_view(text, size));
}

raft_core_bytes to_c(std::string_view bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}
raft_core_tag to_c(const Tag& tag) { return {tag.size, tag.hash.low, tag.hash.high}; }
raft_core_hard to_c(const HardState& hard) { return {hard.term, hard.vote, hard.commit}; }
raft_core_entry to_c(const Entry& entry) {
  return {entry.index, entry.term, static_cast<int>(entry.kind), to_c(entry.tag), to_c(entry.change)};
}

std::string from_c(const raft_core_bytes& bytes) {
  return bytes.size == 0 ? std::string() : std::string(reinterpret_cast<const char*>(bytes.data), bytes.size);
}
HardState from_c(const raft_core_hard& hard) { return {hard.term, hard.vote, hard.commit}; }
Entry from_c(const raft_core_entry& entry) {
  return {entry.index,
          entry.term,
          static_cast<EntryKind>(entry.kind),
          {entry.tag.size, {entry.tag.hash_low, entry.tag.hash_high}},
          from_c(entry.change)};
}
CoreMessage from_c(const raft_core_message& message) {
  return {message.to, message.bulk != 0, from_c(message.bytes), message.first, message.last};
}

template <typename To, typename From>
std::vector<To> all_from_c(const From* items, size_t count) {
  std::vector<To> out;
  out.reserve(count);
  for (size_t i = 0; i < count; ++i) out.push_back(from_c(items[i]));
  return out;
}

raft_core_options to_c(const CoreOptions& options) {
  return {options.id,
          options.seed,
          options.heartbeat_ticks,
          options.election_ticks,
          options.margin_ticks,
          options.rank,
          options.rank_ticks,
          options.late_ticks,
          options.max_append_bytes,
          options.max_inflight,
          options.max_apply_entries,
          options.planted_bugs};
}

CoreStatus status(int code) { return static_cast<CoreStatus>(code); }

}  // namespace

struct Core::Handle {
  explicit Handle(raft_core_node* opened) : node(opened) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { raft_core_close(node); }
  raft_core_node* node;
};

Core::Core(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
Core::Core(Core&&) noexcept = default;
Core& Core::operator=(Core&&) noexcept = default;
Core::~Core() = default;

Result<Core> Core::open(const CoreOptions& options, const CoreStart& start) {
  std::vector<raft_core_entry> entries;
  entries.reserve(start.entries.size());
  for (const Entry& entry : start.entries) entries.push_back(to_c(entry));
  const raft_core_options c_options = to_c(options);
  const raft_core_start c_start = {to_c(start.hard), to_c(start.conf), start.base_index, start.base_term,
                                   start.applied,    entries.data(),   entries.size()};
  std::array<char, 512> error{};
  raft_core_node* node =
      raft_core_open(&c_options, &c_start, write_line, nullptr, error.data(), error.size());
  if (node == nullptr) return Error(ErrorCode::kCorrupt, std::string("consensus core: ") + error.data());
  return Core(std::make_unique<Handle>(node));
}

CoreActions Core::take() {
  raft_core_actions taken{};
  raft_core_take(handle_->node, &taken);
  CoreActions out;
  out.number = taken.number;
  out.has_hard = taken.has_hard != 0;
  out.hard = from_c(taken.hard);
  out.entries = all_from_c<Entry>(taken.entries, taken.entry_count);
  out.messages = all_from_c<CoreMessage>(taken.messages, taken.message_count);
  out.agreed = all_from_c<Entry>(taken.agreed, taken.agreed_count);
  out.rounds.assign(taken.rounds, taken.rounds + taken.round_count);
  out.role = static_cast<Role>(taken.role);
  out.leader = taken.leader;
  out.term = taken.term;
  out.commit = taken.commit;
  out.lease_void = taken.lease_void != 0;
  out.copy_for = taken.copy_for;
  return out;
}

void Core::tick() { raft_core_tick(handle_->node); }

CoreStatus Core::step(std::string_view message, const std::vector<Tag>& payloads, CopyRequest& copy) {
  std::vector<raft_core_tag> tags;
  tags.reserve(payloads.size());
  for (const Tag& tag : payloads) tags.push_back(to_c(tag));
  raft_core_copy asked{};
  const CoreStatus out =
      status(raft_core_step(handle_->node, to_c(message), tags.data(), tags.size(), &asked));
  if (out == CoreStatus::kCopy) copy = {asked.from, asked.index, asked.term, from_c(asked.conf)};
  return out;
}

CoreStatus Core::propose(const Tag& tag, Place& place) {
  return status(raft_core_propose(handle_->node, to_c(tag), &place.index, &place.term));
}

CoreStatus Core::change(ChangeKind kind, MemberId id, std::string_view context, Place& place) {
  return status(
      raft_core_change(handle_->node, static_cast<int>(kind), id, to_c(context), &place.index, &place.term));
}

bool Core::read_change(std::string_view change, MemberChange& out) const {
  int kind = 0;
  raft_core_bytes context{};
  if (raft_core_read_change(handle_->node, to_c(change), &kind, &out.id, &context) == 0) return false;
  out.kind = static_cast<ChangeKind>(kind);
  out.context = from_c(context);
  return true;
}

std::string Core::apply_change(std::string_view change) {
  return from_c(raft_core_apply_change(handle_->node, to_c(change)));
}

void Core::persisted(uint64_t number) { raft_core_persisted(handle_->node, number); }
void Core::applied(uint64_t index) { raft_core_applied(handle_->node, index); }
void Core::compact(uint64_t index) { raft_core_compact(handle_->node, index); }
CoreStatus Core::probe(uint64_t round) { return status(raft_core_probe(handle_->node, round)); }
CoreStatus Core::transfer(MemberId to) { return status(raft_core_transfer(handle_->node, to)); }
void Core::step_down() { raft_core_step_down(handle_->node); }
void Core::may_lead(bool yes) { raft_core_may_lead(handle_->node, yes ? 1 : 0); }
void Core::unreachable(MemberId id) { raft_core_unreachable(handle_->node, id); }

void Core::copy_offer(uint64_t index, uint64_t term, std::string_view conf) {
  raft_core_copy_offer(handle_->node, index, term, to_c(conf));
}
void Core::copied(MemberId id, bool ok) { raft_core_copied(handle_->node, id, ok ? 1 : 0); }

bool Core::member(MemberId id, MemberProgress& out) const {
  raft_core_member_state state{};
  if (raft_core_member(handle_->node, id, &state) == 0) return false;
  out = {state.matched, state.next, static_cast<MemberProgress::State>(state.state), state.active != 0,
         state.voter != 0};
  return true;
}

uint64_t Core::term_at(uint64_t index) const { return raft_core_term_at(handle_->node, index); }
uint64_t Core::digest() const { return raft_core_digest(handle_->node); }

std::string encode_conf(const std::vector<MemberId>& voters, const std::vector<MemberId>& learners) {
  std::string out;
  const auto encode = [&] {
    return raft_core_encode_conf(voters.data(), voters.size(), learners.data(), learners.size(),
                                 reinterpret_cast<uint8_t*>(out.data()), out.size());
  };
  out.resize(encode());
  (void)encode();
  return out;
}

}  // namespace mullion::cluster
