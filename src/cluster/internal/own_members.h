// Which member this server is, beside the database.
#pragma once

#include "cluster/node.h"
#include "cluster/roster.h"

namespace mullion::cluster {

/// In the folder of a database that was made to take the place of the one that is there: it is whole.
inline constexpr const char* kCompleteMark = "complete";

/// `cluster/members.json`.
struct OwnMembers {
  MemberId number = 0;
  Roster roster;
};
Result<void> write_members(const Places& places, const OwnMembers& own);
std::string encode_members(const OwnMembers& own);
/// kNotFound, kCorrupt.
Result<OwnMembers> read_members(const Places& places);

}  // namespace mullion::cluster
