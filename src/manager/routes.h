// Which way leads to which owner: a pure function of what the attached endpoints announce.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "replication/wire.h"

namespace mullion::manager {

/// An attached endpoint as far as routes depend on it.
struct Neighbour {
  std::string id;
  bool connected = false;
  bool single_pane = true;                           // its objects are replicated
  std::vector<replication::Announcement> announced;  // itself included; when not connected: as last heard
};

struct Route {
  std::string owner;
  std::string next_hop;
  std::vector<std::string> via;  // from the owner outwards, the next hop last; empty when that is the owner
  bool followed = true;          // its objects are replicated
  std::vector<std::string> stand_by;  // other neighbours that announce it, best first
  std::string certificate;            // of the owner, see replication::Announcement; empty: unknown
  bool operator==(const Route&) const = default;
};

/// An announcement that is not used, and why.
struct Refusal {
  std::string neighbour, owner, reason;
  bool operator==(const Refusal&) const = default;
};

struct Plan {
  std::map<std::string, Route, std::less<>> routes;
  std::vector<Refusal> refused;
  /// The owners to follow through one neighbour, sorted.
  std::vector<std::string> subscriptions(std::string_view neighbour) const;
};

/// Each owner gets one way: through a connected neighbour that is in touch with it, if there is one; among
/// those the shortest; among equals the one in use, then by name. Ways through this server itself are
/// refused, and ways to another certificate than the owner is known by: the one that is seen here when the
/// owner is attached here, else the one that the way in use leads to, which alone may tell of a new one; it
/// is forgotten when no way leads to it any more. Ways whose certificate nobody tells are taken.
Plan plan_routes(std::string_view own_id, const std::vector<Neighbour>& neighbours, const Plan& current);

}  // namespace mullion::manager
