// On the disk of a member that comes back as another one.
#pragma once

#include <string>

#include "cluster/cluster.h"
#include "cluster/node.h"

namespace mullion::cluster {

/// In `set-aside` of such a member: the database is dropped once a copy has come, not kept.
inline constexpr const char* kDropped = "dropped";

/// Whether this member has asked to come back: from then on it is the one that it was no more.
bool is_returning(const Places& places);
/// The public half of the key that it comes back with, which stays the same until it is back.
Result<std::string> prepare_return(const Places& places);
/// It was admitted: after this, the next start is that of another member.
Result<void> settle_return(const Places& places, const Admission& admitted);
/// Puts in place what settle_return() has made, if there is something; a crash within it is gone on from.
Result<void> finish_return(const Places& places);

}  // namespace mullion::cluster
