// Small worlds: cores, journals and lines as a state that is changed one event at a time, and a search
// through all orders of events. Nothing here has time: a member may be as slow or as fast as it likes.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <unordered_set>

#include "cluster/core.h"
#include "cluster/world_testing.h"

namespace mullion::cluster {

/// Cores on lines without order. What is agreed is applied at once, but by slow members, and is durable.
class SmallWorld {
 public:
  struct Packet {
    MemberId from = 0, to = 0;
    std::string bytes;
    std::vector<Tag> tags;
    bool bulk = false;
  };
  struct Write {
    uint64_t number = 0;
    std::vector<Entry> entries;
    HardState hard;
  };
  struct Node {
    std::optional<Core> core;
    std::vector<Entry> synced;  // from 1 on
    HardState hard;
    std::deque<Write> unsynced;
    std::vector<Entry> log;  // as the core has it
    uint64_t applied = 0;
    std::string conf;
    uint64_t frozen_applied = 0;  // the database lost what came after
    bool slow = false;            // what is agreed waits for apply_waiting()
    std::vector<Entry> waiting;
    std::string frozen_conf;
    Role role = Role::kFollower;
    uint64_t term = 0;
    bool lease_void = false;
  };

  CoreOptions options;
  std::map<MemberId, Node> nodes;
  std::vector<Packet> lines;
  uint64_t values = 0;

  SmallWorld(const std::vector<MemberId>& voters, const std::vector<MemberId>& learners,
             const CoreOptions& base)
      : options(base) {
    birth_ = encode_conf(voters, learners);
    for (const MemberId id : voters) add(id);
    for (const MemberId id : learners) add(id);
  }
  void add(MemberId id) {
    nodes[id].conf = birth_;
    nodes[id].frozen_conf = birth_;
    start(id);
  }
  [[noreturn]] static void fail(const std::string& what) { throw Violation(what); }

  void start(MemberId id) {
    Node& node = nodes.at(id);
    CoreOptions own = options;
    own.id = id;
    Result<Core> opened = Core::open(own, {node.hard, node.conf, 0, 0, node.applied, node.synced});
    if (!opened.ok()) fail(opened.error().text());
    node.core.emplace(std::move(opened).value());
    node.log = node.synced;
    collect(id);
  }
  /// Loses what is not synced; the database may fall back to where it was frozen.
  void crash(MemberId id, bool database_falls_back = false) {
    Node& node = nodes.at(id);
    node.core.reset();
    node.unsynced.clear();
    if (database_falls_back) {
      node.applied = node.frozen_applied;
      node.conf = node.frozen_conf;
    }
  }
  void freeze_database(MemberId id) {
    nodes.at(id).frozen_applied = nodes.at(id).applied;
    nodes.at(id).frozen_conf = nodes.at(id).conf;
  }
  void apply_waiting(MemberId id) {
    Node& node = nodes.at(id);
    for (const Entry& entry : std::exchange(node.waiting, {})) apply(id, node, entry);
    collect(id);
  }
  void tick(MemberId id, int times = 1) {
    for (int i = 0; i < times; ++i) {
      nodes.at(id).core->tick();
      collect(id);
    }
  }
  void sync(MemberId id) {
    Node& node = nodes.at(id);
    const Write write = std::move(node.unsynced.front());
    node.unsynced.pop_front();
    for (const Entry& entry : write.entries) {
      node.synced.resize(std::min<size_t>(node.synced.size(), entry.index - 1));
      node.synced.push_back(entry);
    }
    node.hard = write.hard;
    node.core->persisted(write.number);
    collect(id);
  }
  CoreStatus deliver(size_t at, bool keep = false) {
    const Packet packet = lines.at(at);
    if (!keep) lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(at));
    return step(packet);
  }
  CoreStatus step(const Packet& packet) {
    Node& node = nodes.at(packet.to);
    if (!node.core) return CoreStatus::kDropped;
    CopyRequest copy;
    const CoreStatus out = node.core->step(packet.bytes, packet.tags, copy);
    collect(packet.to);
    return out;
  }
  CoreStatus propose(MemberId id) {
    Place place;
    const CoreStatus out = nodes.at(id).core->propose(tag_of(fmt::format("v{}", ++values)), place);
    collect(id);
    return out;
  }
  CoreStatus change(MemberId id, ChangeKind kind, MemberId whom) {
    Place place;
    const CoreStatus out = nodes.at(id).core->change(kind, whom, "", place);
    collect(id);
    return out;
  }

  /// Syncs and delivers among `allowed` until nothing is left; the rest is lost.
  void run(const std::set<MemberId>& allowed) {
    for (int round = 0; round < 1000; ++round) {
      bool moved = false;
      for (const MemberId id : allowed) {
        while (nodes.at(id).core && !nodes.at(id).unsynced.empty()) sync(id), moved = true;
      }
      std::vector<Packet> now = std::exchange(lines, {});
      for (const Packet& packet : now) {
        if (allowed.contains(packet.from) && allowed.contains(packet.to)) (void)step(packet), moved = true;
      }
      if (!moved) return;
    }
  }
  /// Time passes for the others: not so much that they campaign, but enough that they answer requests for
  /// votes.
  void forget_leaders(MemberId id, const std::set<MemberId>& allowed) {
    for (const MemberId other : allowed) {
      if (other != id && nodes.at(other).core) tick(other, static_cast<int>(options.election_ticks) + 1);
    }
  }
  void elect(MemberId id, const std::set<MemberId>& allowed) {
    forget_leaders(id, allowed);
    for (int i = 0; i < 400 && nodes.at(id).role != Role::kLeader; ++i) {
      tick(id);
      run(allowed);
    }
    if (nodes.at(id).role != Role::kLeader) fail(fmt::format("member {} does not win", id));
  }

  uint64_t digest() const {
    uint64_t out = values;
    const auto mix = [&](uint64_t number) {
      out = (out ^ number) * 0x9e3779b97f4a7c15;
      out ^= out >> 29;
    };
    for (const auto& [id, node] : nodes) {
      mix(node.core ? node.core->digest() : 0);
      for (const Entry& entry : node.synced) mix(entry.term * 1000 + entry.index);
      mix(node.hard.term * 64 + node.hard.vote);
      mix(node.hard.commit);
      mix(node.applied);
      for (const Write& write : node.unsynced)
        mix(write.entries.size() * 1000 + write.hard.term * 8 + write.hard.vote);
    }
    uint64_t packets = 0;  // their order means nothing
    for (const Packet& packet : lines) {
      const Digest hash = hash128(packet.bytes);
      packets += hash.low ^ packet.to;
    }
    mix(packets);
    return out;
  }
  uint64_t agreed_to() const { return agreed_.empty() ? 0 : agreed_.rbegin()->first; }

 private:
  void collect(MemberId id) {
    Node& node = nodes.at(id);
    bool more = true;
    while (more) {
      CoreActions actions = node.core->take();
      more = !actions.agreed.empty();
      for (const Entry& entry : actions.entries) keep(node, entry);
      if (actions.number != 0) node.unsynced.push_back({actions.number, actions.entries, actions.hard});
      for (const CoreMessage& message : actions.messages) lines.push_back(pack(id, node, message));
      note_role(id, node, actions);
      for (const Entry& entry : actions.agreed)
        node.slow ? node.waiting.push_back(entry) : apply(id, node, entry);
    }
  }
  void keep(Node& node, const Entry& entry) {
    node.log.resize(std::min<size_t>(node.log.size(), entry.index - 1));
    const uint64_t previous = node.log.empty() ? 0 : node.log.back().term;
    node.log.push_back(entry);
    const std::pair<Digest, uint64_t> facts(entry.tag.hash, previous);
    if (logs_.try_emplace({entry.index, entry.term}, facts).first->second != facts)
      fail(fmt::format("two logs differ at {} of term {}", entry.index, entry.term));
  }
  Packet pack(MemberId id, const Node& node, const CoreMessage& message) {
    Packet out{id, message.to, message.bytes, {}, message.bulk};
    for (uint64_t index = message.first; index != 0 && index <= message.last && index <= node.log.size();
         ++index)
      if (node.log[index - 1].kind == EntryKind::kData) out.tags.push_back(node.log[index - 1].tag);
    return out;
  }
  void note_role(MemberId id, Node& node, const CoreActions& actions) {
    node.role = actions.role;
    node.term = actions.term;
    node.lease_void = actions.lease_void;
    if (actions.role != Role::kLeader) return;
    const auto [found, fresh] = leaders_.try_emplace(actions.term, id);
    if (found->second != id)
      fail(fmt::format("members {} and {} lead in term {}", found->second, id, actions.term));
    if (!fresh) return;
    for (const auto& [index, entry] : agreed_) {
      if (entry.term < actions.term && (index > node.log.size() || node.log[index - 1].term != entry.term))
        fail(fmt::format("member {} leads in term {} without the agreed entry {}", id, actions.term, index));
    }
  }
  void apply(MemberId id, Node& node, const Entry& entry) {
    if (entry.index != node.applied + 1)
      fail(fmt::format("member {} applies {} after {}", id, entry.index, node.applied));
    const Entry& known = agreed_.try_emplace(entry.index, entry).first->second;
    if (!(known == entry)) fail(fmt::format("member {} applies another entry at {}", id, entry.index));
    if (entry.kind == EntryKind::kChange) node.conf = node.core->apply_change(entry.change);
    node.applied = entry.index;
    node.core->applied(entry.index);
  }

  std::string birth_;
  std::map<uint64_t, Entry> agreed_;
  std::map<uint64_t, MemberId> leaders_;
  std::map<std::pair<uint64_t, uint64_t>, std::pair<Digest, uint64_t>> logs_;
};

struct SmallWorldOptions {
  std::vector<MemberId> voters{1, 2, 3};
  std::vector<MemberId> outside;  // may become members
  uint32_t core_bugs = 0;
  size_t max_states = 4000;  // every order up to so many states
  size_t walks = 1500;       // then deep ones by chance, which end where somebody was before
  size_t walk_length = 60;
  int crashes = 2, proposals = 2, duplicates = 2, timeouts = 6;
  size_t max_packets = 8;
  uint64_t seed = 1;
};

struct SmallWorldSum {
  size_t states = 0, events = 0, deepest = 0;
  uint64_t agreed = 0;
};

/// One order of events, and what may come next.
class SmallWorldPath {
 public:
  explicit SmallWorldPath(const SmallWorldOptions& options) : options_(options), world_(make(options)) {
    for (const MemberId id : options.outside) world_.add(id);
  }
  /// Takes choice `at` of those that are possible now, counted round. False: nothing is.
  bool go(size_t at) {
    const std::vector<Choice> choices = possible();
    if (choices.empty()) return false;
    carry_out(choices[at % choices.size()]);
    return true;
  }
  size_t count() const { return possible().size(); }
  uint64_t digest() const {
    return world_.digest() * 31 + static_cast<uint64_t>(crashes_ * 1000 + timeouts_ * 100 + duplicates_ * 10);
  }
  uint64_t agreed_to() const { return world_.agreed_to(); }

 private:
  enum class What { kDeliver, kDrop, kDuplicate, kSync, kCrash, kTimeout, kPropose, kAdd, kPromote, kRemove };
  struct Choice {
    What what;
    uint64_t whom;
  };

  static SmallWorld make(const SmallWorldOptions& options) {
    CoreOptions core;
    core.heartbeat_ticks = 1;
    core.election_ticks = 3;
    core.margin_ticks = 0;
    core.rank_ticks = 0;
    core.planted_bugs = options.core_bugs;
    return {options.voters, {}, core};
  }

  std::vector<Choice> possible() const {
    std::vector<Choice> out;
    for (size_t at = 0; at < world_.lines.size(); ++at) {
      out.push_back({What::kDeliver, at});
      if (world_.lines.size() > options_.max_packets) out.push_back({What::kDrop, at});
      if (duplicates_ < options_.duplicates) out.push_back({What::kDuplicate, at});
    }
    for (const auto& [id, node] : world_.nodes) {
      if (!node.unsynced.empty()) out.push_back({What::kSync, id});
      if (crashes_ < options_.crashes) out.push_back({What::kCrash, id});
      if (timeouts_ < options_.timeouts && world_.lines.size() <= options_.max_packets)
        out.push_back({What::kTimeout, id});
      if (node.role != Role::kLeader) continue;
      if (proposed_ < options_.proposals) out.push_back({What::kPropose, id});
      for (const MemberId other : options_.outside) {
        MemberProgress progress;
        if (!node.core->member(other, progress))
          out.push_back({What::kAdd, other});
        else
          out.push_back({progress.voter ? What::kRemove : What::kPromote, other});
      }
    }
    return out;
  }
  void carry_out(const Choice& choice) {
    switch (choice.what) {
      case What::kDeliver:
        return (void)world_.deliver(choice.whom);
      case What::kDrop:
        return (void)world_.lines.erase(world_.lines.begin() + static_cast<std::ptrdiff_t>(choice.whom));
      case What::kDuplicate:
        ++duplicates_;
        return (void)world_.deliver(choice.whom, true);
      case What::kSync:
        return world_.sync(choice.whom);
      case What::kCrash:
        ++crashes_;
        world_.crash(choice.whom);
        return world_.start(choice.whom);
      case What::kTimeout:
        ++timeouts_;
        return time_passes(choice.whom);
      case What::kPropose:
        ++proposed_;
        return (void)world_.propose(choice.whom);
      case What::kAdd:
        return on_leaders(ChangeKind::kAddLearner, choice.whom);
      case What::kPromote:
        return on_leaders(ChangeKind::kPromote, choice.whom);
      case What::kRemove:
        return on_leaders(ChangeKind::kRemove, choice.whom);
    }
  }
  void on_leaders(ChangeKind kind, MemberId whom) {
    for (auto& [id, node] : world_.nodes)
      if (node.role == Role::kLeader) (void)world_.change(id, kind, whom);
  }
  /// Until the member says something.
  void time_passes(MemberId id) {
    const size_t before = world_.lines.size();
    for (int i = 0; i < 8 && world_.lines.size() == before; ++i) {
      world_.tick(id);
      if (!world_.nodes.at(id).unsynced.empty()) return;
    }
  }

  const SmallWorldOptions options_;
  SmallWorld world_;
  int crashes_ = 0, proposed_ = 0, duplicates_ = 0, timeouts_ = 0;
};

/// Every order of events, nearest first, then deep ones; states that were seen are not followed again. A core
/// cannot be copied: paths are taken again from the beginning. Throws Violation with the path.
inline SmallWorldSum explore(const SmallWorldOptions& options) {
  SmallWorldSum sum;
  std::unordered_set<uint64_t> seen;
  std::deque<std::vector<uint8_t>> frontier{{}};
  const auto play = [&](const std::vector<uint8_t>& path) {
    SmallWorldPath world(options);
    try {
      for (const uint8_t at : path) world.go(at);
    } catch (const Violation& violation) {
      throw Violation(fmt::format("{} (path {})", violation.what(), fmt::join(path, ",")));
    }
    sum.events += path.size();
    sum.deepest = std::max(sum.deepest, path.size());
    sum.agreed = std::max(sum.agreed, world.agreed_to());
    return world;
  };
  while (!frontier.empty() && seen.size() < options.max_states) {
    const std::vector<uint8_t> path = std::move(frontier.front());
    frontier.pop_front();
    const SmallWorldPath world = play(path);
    if (!seen.insert(world.digest()).second) continue;
    for (size_t at = 0; at < world.count(); ++at) {
      frontier.push_back(path);
      frontier.back().push_back(static_cast<uint8_t>(at));
    }
  }
  env::Dice dice(options.seed);
  for (size_t walk = 0; walk < options.walks; ++walk) {
    SmallWorldPath world(options);
    std::vector<uint8_t> path;
    try {
      for (size_t i = 0; i < options.walk_length; ++i) {
        path.push_back(static_cast<uint8_t>(dice.below(200)));
        ++sum.events;
        if (!world.go(path.back())) break;
        seen.insert(world.digest());
      }
    } catch (const Violation& violation) {
      throw Violation(fmt::format("{} (path {})", violation.what(), fmt::join(path, ",")));
    }
    sum.deepest = std::max(sum.deepest, path.size());
    sum.agreed = std::max(sum.agreed, world.agreed_to());
  }
  sum.states = seen.size();
  return sum;
}

}  // namespace mullion::cluster
