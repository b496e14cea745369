// How a server gets into a cluster: what both sides check and do.
#pragma once

#include <string>
#include <string_view>

#include "cluster/cluster.h"
#include "cluster/node.h"
#include "cluster/roster.h"
#include "cluster/virtual_address.h"
#include "net/peer_key.h"
#include "store/store.h"

namespace mullion::cluster {

/// Remembers a token, by its hash, until it is used or too old; of too many the oldest is forgotten. Blocks.
Result<void> remember_token(store::Store& store, std::string_view token, env::WallTime now);
/// kForbidden when it was never given, was used, or is too old.
Result<void> check_token(const store::Snapshot& snapshot, std::string_view token, env::WallTime now);
/// The same, and it is used from then on. Blocks.
Result<void> use_token(store::Store& store, std::string_view token, env::WallTime now);

/// Whether a candidate could be added: kInvalid, kConflict. `lost`: the ConsensusID of a member that nobody
/// hears any more, or "": a candidate of that id takes its place.
Result<void> check_candidate(const Candidate& candidate, const Roster& roster, std::string_view lost = {});
/// Whether this process could listen at "IP:port": kInvalid. Blocks, not on a thread of the runtime.
Result<void> check_port_is_free(env::Runtime& runtime, const std::string& address);
struct JoinRequest {
  Places places;
  std::string consensus_id;
  std::string api_url;
  std::string hostname;
  std::string listens_on = {};  // the ConsensusAddr that this process has already
  HaSettings settings = {};
};
/// What a state that is to be enrolled with must say, and this machine must have for it: kInvalid names the
/// field.
Result<void> check_wanted(const HaState& wanted, const JoinRequest& request);

/// What this machine says of it.
AddressFacts facts_of_machine(const HaState& wanted, bool listens_everywhere);

/// Asks the cluster that `wanted` introduces for admission and leaves everything so that the next start is
/// that of a member. What fails before the cluster answered changes nothing here.
env::Task<Result<HaState>> join(env::Runtime& runtime, JoinRequest request, HaState wanted);

/// The last part of join(): what lies below the base root afterwards. Blocks.
Result<HaState> settle(const JoinRequest& request, const net::PeerKey& key, const Admission& admitted,
                       HaState wanted);

/// Makes a cluster of the one server whose store this is; the same.
Result<HaState> found(const JoinRequest& request, store::Store& store, HaState wanted);

}  // namespace mullion::cluster
