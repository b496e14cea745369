#include "cluster/roster.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/json.h"

namespace mullion::cluster {
namespace {

namespace json = boost::json;

json::object to_json(const RosterMember& member) {
  json::object out{{"number", member.number},   {"id", member.id},           {"key", member.key},
                   {"address", member.address}, {"api_url", member.api_url}, {"observer", member.observer},
                   {"voter", member.voter}};
  if (member.returns) out["returns"] = true;
  return out;
}

/// Throws what boost throws when a member is absent or of another kind.
RosterMember member_of(const json::object& object) {
  const auto text = [&object](std::string_view name) { return std::string(object.at(name).as_string()); };
  return {object.at("number").to_number<MemberId>(),
          text("id"),
          text("key"),
          text("address"),
          text("api_url"),
          object.at("observer").as_bool(),
          object.at("voter").as_bool(),
          object.contains("returns")};
}

constexpr std::string_view kWhat = "the list of members";

/// Where a member is to be found, and nothing else of it.
void take_places(RosterMember& member, std::string_view context) {
  const Result<RosterMember> told = decode_roster_member(context);
  if (!told.ok()) return;
  member.address = told->address;
  member.api_url = told->api_url;
}

}  // namespace

const RosterMember* Roster::find(MemberId number) const {
  const auto found = std::ranges::find(members, number, &RosterMember::number);
  return found == members.end() ? nullptr : &*found;
}

const RosterMember* Roster::find_id(std::string_view id) const {
  const auto found = std::ranges::find(members, id, &RosterMember::id);
  return found == members.end() ? nullptr : &*found;
}

std::map<MemberId, bool> Roster::others(MemberId own) const {
  std::map<MemberId, bool> out;
  for (const RosterMember& member : members) {
    if (member.number != own) out[member.number] = member.observer;
  }
  return out;
}

std::string encode_roster(const Roster& roster) {
  const auto listed = [](const std::vector<RosterMember>& members) {
    json::array out;
    for (const RosterMember& member : members) out.push_back(to_json(member));
    return out;
  };
  json::object out{{"ha_id", roster.ha_id}, {"next", roster.next}, {"members", listed(roster.members)}};
  if (roster.by_hand) out["by_hand"] = true;
  if (!roster.former.empty()) out["former"] = listed(roster.former);
  return json::serialize(out);
}

Result<Roster> decode_roster(std::string_view text) {
  return read_json(text, kWhat, [](const json::object& object) {
    Roster out;
    out.ha_id = std::string(object.at("ha_id").as_string());
    out.next = object.at("next").to_number<MemberId>();
    out.by_hand = object.contains("by_hand");
    for (const json::value& member : object.at("members").as_array())
      out.members.push_back(member_of(member.as_object()));
    if (const json::value* former = object.if_contains("former")) {
      for (const json::value& member : former->as_array())
        out.former.push_back(member_of(member.as_object()));
    }
    return out;
  });
}

std::string encode_roster_member(const RosterMember& member) { return json::serialize(to_json(member)); }

Result<RosterMember> decode_roster_member(std::string_view text) { return read_json(text, kWhat, member_of); }

void remember_former(Roster& roster, RosterMember member) {
  constexpr size_t kMostFormer = 64;
  roster.former.push_back(std::move(member));
  if (roster.former.size() > kMostFormer) roster.former.erase(roster.former.begin());
}

Roster changed(Roster roster, const MemberChange& change) {
  const auto known = std::ranges::find(roster.members, change.id, &RosterMember::number);
  switch (change.kind) {
    case ChangeKind::kAddLearner: {
      if (known != roster.members.end()) {
        known->voter = false;
        take_places(*known, change.context);
        return roster;
      }
      Result<RosterMember> added = decode_roster_member(change.context);
      if (!added.ok()) return roster;
      added->number = change.id;
      added->voter = added->returns = false;
      for (RosterMember& former : roster.former) former.returns = former.returns && former.id != added->id;
      roster.members.push_back(std::move(*added));
      roster.next = std::max(roster.next, change.id + 1);
      return roster;
    }
    case ChangeKind::kPromote:
      if (known == roster.members.end()) return roster;
      known->voter = true;
      take_places(*known, change.context);
      return roster;
    case ChangeKind::kRemove:
      if (known == roster.members.end()) return roster;
      known->returns = change.context == kReturns;
      remember_former(roster, *known);
      roster.members.erase(known);
      return roster;
  }
  return roster;
}

}  // namespace mullion::cluster
