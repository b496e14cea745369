// The owners behind an endpoint that is a manager, from its Endpoint objects.
#pragma once

#include <string>
#include <vector>

#include "replication/wire.h"

namespace mullion::mirror {

/// What an Endpoint object that the endpoint shows says of the owner `id`.
struct Attached {
  std::string id;
  std::string holder;  // the manager that it is attached to: the owner of the Endpoint object
  std::string status;  // ConnectionStatus
};

/// The endpoint itself and every owner behind it with its way, sorted. Owners without a way to `source` are
/// left out: a chain of managers that ends nowhere or goes in a circle. Pure.
std::vector<replication::Announcement> announced_owners(const std::string& source,
                                                        const std::vector<Attached>& attached);

/// Those of `before` that `now` does not hold. Pure.
std::vector<replication::Announcement> no_longer_announced(
    const std::vector<replication::Announcement>& before, const std::vector<replication::Announcement>& now);

}  // namespace mullion::mirror
