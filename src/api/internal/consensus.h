// The cluster as clients are shown it, and what they may ask of it.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/api.h"
#include "cluster/cluster.h"

namespace mullion::api {

/// The members of Info that tell of the cluster.
void add_cluster(const cluster::ClusterView& cluster, const Facts& facts, boost::json::object& info);
/// What is wrong with it, for Info.
std::vector<std::string> cluster_errors(const cluster::ClusterView& cluster);
/// ClusterState of Info. Without token and keys.
boost::json::object cluster_state(const cluster::ClusterView& cluster);

/// GET /system/consensus/WHAT; kNotFound for what there is not. Digests, which count, are shown of
/// collections of which the caller may read all.
Result<boost::json::value> consensus_fact(const cluster::Cluster& cluster, const store::Store& store,
                                          const auth::Principal& caller, std::string_view what);
boost::json::object node_json(const cluster::NodeView& node);
/// GET /healthz/WHAT. `serves`: requests are answered or passed on.
net::Response health(const cluster::ClusterView& cluster, bool serves, std::string_view what);

/// POST /system/consensus/enroll and admit: `body` as it came.
env::Task<Result<net::Response>> enroll(cluster::Cluster& cluster, std::string body);
env::Task<Result<net::Response>> admit(cluster::Cluster& cluster, std::string body);
/// Sends a body to the same route of the member that serves.
using AskServing = std::function<env::Task<Result<net::Response>>(std::string body)>;
/// PUT /system/consensus/state: what may change of it, see cluster::Cluster::move_to() and change_address().
/// `ask_serving`: at a member that does not serve.
env::Task<Result<net::Response>> change_state(cluster::Cluster& cluster, std::string body,
                                              AskServing ask_serving);

}  // namespace mullion::api
