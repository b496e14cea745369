#include "cluster/recovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <tuple>

#include "cluster/core.h"
#include "cluster/group.h"
#include "cluster/internal/log.h"
#include "cluster/internal/own_members.h"
#include "cluster/journal.h"
#include "store/lmdb_file.h"
#include "store/store.h"

namespace mullion::cluster {
namespace {

constexpr uint64_t kLargestJournal = uint64_t{4} << 30;

auto order_of(const MemberRemains& member) { return std::tuple(member.last.term, member.last.index); }

/// The end of the log, or why there is none.
void read_log(const Places& places, MemberRemains& out) {
  const Result<std::unique_ptr<Journal>> journal =
      open_journal(places.journal(), {.max_bytes = kLargestJournal});
  if (!journal.ok()) {
    out.damage = journal.error().text();
    return;
  }
  const Journal::Contents contents = (*journal)->contents();
  out.term = std::max(out.term, contents.hard.term);
  const Place last = contents.entries.empty()
                         ? Place{contents.base_index, contents.base_term}
                         : Place{contents.entries.back().index, contents.entries.back().term};
  if (last.index < out.database.index) {
    out.damage = fmt::format("its journal ends at entry {}, before its database", last.index);
  } else if (contents.base_index > out.database.index) {
    out.damage = fmt::format("its journal begins after entry {}, behind its database", contents.base_index);
  } else {
    out.last = last;
  }
}

/// What the log holds beyond the database, into the database. Answers how many changes of members were passed
/// over.
Result<uint64_t> apply_log(const Places& places, const MemberRemains& remains, store::Store& store) {
  if (!remains.damage.empty()) return uint64_t{0};
  Result<std::unique_ptr<Journal>> journal = open_journal(places.journal(), {.max_bytes = kLargestJournal});
  if (!journal.ok()) return journal.error();
  uint64_t changes = 0;
  for (const Entry& entry : (*journal)->contents().entries) {
    if (entry.index <= remains.database.index) continue;
    if (entry.kind == EntryKind::kChange) ++changes;
    if (entry.kind != EntryKind::kData) continue;
    const Result<std::string> payload = (*journal)->payload(entry.index);
    if (!payload.ok()) return payload.error();
    const Result<std::vector<store::Command>> group = decode_group(*payload);
    if (!group.ok()) return group.error();
    const Result<void> applied = store.apply(*group, store::AgreedStep{{entry.index, entry.term}, {}, {}});
    if (!applied.ok()) return applied.error();
  }
  return changes;
}

Result<std::unique_ptr<store::Store>> open_database(const env::Path& directory) {
  store::Options options;
  options.directory = directory;
  return store::open_store(options);
}

std::string named(const MemberRemains& member) {
  return fmt::format("member {} ({}) in {}", member.number, member.id, member.base_root.string());
}

}  // namespace

Result<MemberRemains> inspect_member(const Places& places) {
  const Result<bool> enrolled = is_enrolled(places);
  if (!enrolled.ok()) return enrolled.error();
  if (!*enrolled)
    return Error(ErrorCode::kNotFound, places.base_root.string() + " belongs to no member of a cluster");
  const Result<OwnMembers> own = read_members(places);
  if (!own.ok()) return own.error();
  if (Result<void> sound = store::check_pages(places.data() / "data.mdb"); !sound.ok()) return sound.error();
  const Result<store::AgreedState> state = store::read_agreed(places.data());
  if (!state.ok()) return state.error();
  const Result<Roster> roster = decode_roster(state->members);
  if (!roster.ok()) return roster.error();
  MemberRemains out;
  out.base_root = places.base_root;
  out.number = own->number;
  out.roster = *roster;
  const RosterMember* self = roster->find(own->number);
  if (self == nullptr)
    return Error(ErrorCode::kConflict,
                 places.base_root.string() + " was removed from its cluster: recover another one");
  out.id = self->id;
  out.database = {state->place.index, state->place.term};
  out.last = out.database;
  out.term = out.database.term;
  read_log(places, out);
  return out;
}

Result<RecoveryPlan> plan_recovery(const std::vector<MemberRemains>& members) {
  RecoveryPlan plan;
  std::set<MemberId> readable;
  for (size_t i = 0; i < members.size(); ++i) {
    if (members[i].roster.ha_id != members.front().roster.ha_id)
      return Error(ErrorCode::kConflict, fmt::format("{} belongs to another cluster", named(members[i])));
    if (!readable.insert(members[i].number).second)
      return Error(ErrorCode::kConflict, fmt::format("{} is given twice", named(members[i])));
    if (order_of(members[i]) > order_of(members[plan.longest])) plan.longest = i;
  }
  // A damaged log may have held what nobody can read any more: it counts as lost.
  for (const MemberRemains& member : members) {
    if (!member.damage.empty()) readable.erase(member.number);
  }
  for (const RosterMember& member : members[plan.longest].roster.members) {
    if (!member.voter) continue;
    ++plan.voters;
    if (!readable.contains(member.number)) ++plan.lost;
  }
  plan.complete = plan.lost < plan.voters / 2 + 1;
  return plan;
}

std::vector<std::string> describe(const std::vector<MemberRemains>& members, const RecoveryPlan& plan) {
  std::vector<std::string> out;
  for (size_t i = 0; i < members.size(); ++i) {
    const MemberRemains& member = members[i];
    out.push_back(fmt::format("{}: its log ends at entry {} of term {}{}", named(member), member.last.index,
                              member.last.term,
                              i == plan.longest && members.size() > 1 ? ", the longest" : ""));
    if (!member.damage.empty()) out.push_back(fmt::format("  its journal cannot be used: {}", member.damage));
  }
  const MemberRemains& kept = members[plan.longest];
  out.push_back(fmt::format("the cluster {} had {} votes; the disks of {} of them cannot be read here",
                            kept.roster.ha_id, plan.voters, plan.lost));
  if (plan.complete) {
    out.emplace_back(
        "no majority is without these disks: everything that was ever acknowledged is in the longest log");
  } else if (!kept.damage.empty()) {
    out.push_back(fmt::format(
        "what was acknowledged after entry {}, and only the damaged journal or the others hold, is lost",
        kept.last.index));
  } else {
    out.push_back(
        fmt::format("what the others acknowledged without this member, after entry {}, is lost; everything "
                    "that this member itself "
                    "has acknowledged is here",
                    kept.last.index));
  }
  out.push_back(fmt::format(
      "{} becomes the only member, with a new epoch: parent managers read everything anew", named(kept)));
  out.emplace_back(
      "the other members are refused from then on, until they are enrolled again; do not start two of them "
      "where they cannot reach this one");
  return out;
}

Roster alone(const Roster& roster, MemberId own, uint64_t unseen_changes) {
  Roster out = roster;
  out.next += unseen_changes;
  out.members.clear();
  for (RosterMember member : roster.members) {
    if (member.number != own) {
      remember_former(out, member);
      continue;
    }
    member.voter = true;
    member.observer = false;
    out.members.push_back(std::move(member));
  }
  return out;
}

Result<void> recover_alone(const Places& places, const MemberRemains& remains) {
  for (const env::Path& old : {places.fetched(), places.returning()}) {
    if (Result<void> removed = env::remove_tree(old); !removed.ok()) return removed;
  }
  {
    const Result<std::unique_ptr<store::Store>> old = open_database(places.data());
    if (!old.ok()) return old.error();
    // A copy with an epoch of its own: whoever followed the cluster may have seen what is lost.
    if (Result<void> copied = (*old)->backup(places.fetched()); !copied.ok()) return copied;
  }
  OwnMembers own{remains.number, {}};
  {
    const Result<std::unique_ptr<store::Store>> fresh = open_database(places.fetched());
    if (!fresh.ok()) return fresh.error();
    const Result<uint64_t> unseen = apply_log(places, remains, **fresh);
    if (!unseen.ok()) return unseen.error();
    own.roster = alone(remains.roster, remains.number, *unseen);
    const store::AgreedStep step{{remains.last.index + 1, remains.term + 1},
                                 encode_conf({remains.number}, {}),
                                 encode_roster(own.roster)};
    if (Result<void> done = (*fresh)->step([&]() -> Result<store::AgreedStep> { return step; }); !done.ok())
      return done;
  }
  std::error_code failure;
  if (!remains.damage.empty()) {
    const env::Path kept = places.own() / "journal.damaged";
    if (Result<void> removed = env::remove_tree(kept); !removed.ok()) return removed;
    std::filesystem::rename(places.journal(), kept, failure);
    if (failure)
      return Error(ErrorCode::kInternal, "the damaged journal cannot be set aside: " + failure.message());
  }
  if (Result<void> done = env::write_file_atomic(places.fetched() / kCompleteMark, "", 0600); !done.ok())
    return done;
  if (Result<void> done = env::write_file_atomic(places.set_aside(), "", 0600); !done.ok()) return done;
  return write_members(places, own);
}

}  // namespace mullion::cluster
