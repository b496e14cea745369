// GET /info.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "api/internal/call.h"

namespace mullion::api {

/// The whole Info object; its counts are of what exists for the caller.
boost::json::object info_object(const Services& services, const auth::Principal& principal);
/// How many machines, subnets and contexts exist for the caller: of all owners, or of one.
boost::json::array statistics(const Services& services, const auth::Principal& principal,
                              const std::string& owner = "");
/// What does not change while the process runs, except the manager flag, the cluster, and what is wrong.
boost::json::object identity(const Services& services);
/// The same for a member of a cluster that does not serve.
boost::json::object identity(const Facts& facts, const cluster::ClusterView& cluster, bool manager,
                             const std::vector<std::string>& errors);
/// The licence bundle in force.
boost::json::value licence_of(const Services& services);

}  // namespace mullion::api
