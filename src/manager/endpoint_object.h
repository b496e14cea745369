// What the manager reads from Endpoint objects and writes into them.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "env/file.h"
#include "env/runtime.h"
#include "mirror/limits.h"
#include "mirror/shortcomings.h"
#include "model/messages.h"
#include "model/secure_params.h"
#include "store/store.h"

namespace mullion::manager {

inline constexpr std::string_view kEndpoints = "endpoints";
inline constexpr std::string_view kUrl = "manager/url";
inline constexpr std::string_view kUsername = "manager/username";
inline constexpr std::string_view kPassword = model::kEndpointPassword;
/// SHA-256 of the certificate that was there at registration, lower-case hex.
inline constexpr std::string_view kFingerprint = "manager/fingerprint";
/// Name of a PEM file of authorities in the manager's folder of authorities: they verify the certificate,
/// instead of the fingerprint.
inline constexpr std::string_view kAuthorities = "manager/ca-file";

/// How often an endpoint that is followed by its public API is gone through as a whole, and how many requests
/// may be under way there; numbers, in seconds and requests.
inline constexpr std::string_view kWalkInterval = "manager/walk-interval";
inline constexpr std::string_view kRequestsAtOnce = "manager/requests-at-once";
/// "events": followed by its public API even if it offers the stream.
inline constexpr std::string_view kFollow = "manager/follow";

/// In Meta of an Endpoint object: "stream" or "events", since when, and the age in seconds that replicas stay
/// below that way while all is well.
inline constexpr std::string_view kFollowedBy = "mullion/followed";
inline constexpr std::string_view kFollowedSince = "mullion/followed-since";
inline constexpr std::string_view kFollowedResolution = "mullion/followed-resolution";
/// In Meta of an Endpoint object that is followed by its public API, while there is something to say: the
/// collections that cannot be read, since when and why; why rights that are cut there may look like
/// deletions.
inline constexpr std::string_view kFollowedTroubles = "mullion/followed-troubles";
inline constexpr std::string_view kFollowedRights = "mullion/followed-rights";
/// In Meta of an Endpoint object: where the members of the cluster that it is are reached, separated by
/// commas.
inline constexpr std::string_view kMembers = "mullion/members";
/// In Meta of an Endpoint object: who holds its configuration lease.
inline constexpr std::string_view kConfiguredBy = "mullion/configured-by";

/// How to reach an endpoint.
struct Connection {
  std::string url;  // "https://host:port"
  std::string username;
  std::string password;  // clear; never logged
  std::string fingerprint;
  std::string ca_file;    // as given
  env::Path authorities;  // the file that it names; empty: none
  bool single_pane = true;
  bool by_events = false;  // although it may offer the stream
  mirror::Limits limits;   // what following it by its public API may cost it
  /// Where the members of the cluster that it is are reached, as it told; see other_ways().
  std::vector<std::string> members = {};
  bool operator==(const Connection&) const = default;
};

/// Checks and trims a URL to "https://host:port"; kInvalid says what is wrong and repeats nothing of it.
Result<std::string> checked_url(std::string_view url);
/// Brings the value of a connection parameter to the one spelling that is stored; others stay. Pure.
void spell_connection_param(std::string_view parameter, boost::json::value& value);
/// Whether a password would go to a server that need not be the one it was given for: another certificate is
/// accepted, or another address without one that is. Whether a password is there does not matter: sealed ones
/// are shown, and can be put back. Both are Endpoint objects. Pure.
bool moves_login(const boost::json::object& before, const boost::json::object& after);
/// The file that `manager/ca-file` names: a plain name inside `folder`, or the whole path of such a file.
/// kInvalid for everything else, without looking at the disk. Pure.
Result<env::Path> authorities_file(const env::Path& folder, std::string_view name);

/// Where connection parameters are opened and resolved.
struct ConnectionPlaces {
  store::Store& store;
  const env::Path& authorities;  // the folder that `manager/ca-file` names files of
};
/// The connection parameters among `params`; kInvalid names the one that is missing or malformed. The
/// password may be sealed for the Endpoint object `id`.
Result<Connection> read_connection(const ConnectionPlaces& places, std::string_view id,
                                   const boost::json::object& params);
/// Same from a stored Endpoint object.
Result<Connection> read_connection(const ConnectionPlaces& places, std::string_view id,
                                   std::string_view body);
/// Adds what `connection` says about following to the parameters of an Endpoint object, unless it is the
/// default. Pure.
void add_following(const Connection& connection, boost::json::object& params);

/// Seals the passwords, and cuts the logins out of the URLs, that an earlier version stored in own Endpoint
/// objects. Blocks until durable: at start, before anybody reads.
Result<void> seal_stored_passwords(store::Store& store);

/// The addresses to be tried when `connection.url` does not answer: those of other members, as long as the
/// certificate that all of them show is known, so that the login goes to nobody else. Pure.
std::vector<std::string> other_ways(const Connection& connection);
/// The addresses of members in what an endpoint told of itself; those that are none are left out. Pure.
std::vector<std::string> told_members(const model::EndpointState& state);

/// Puts what an endpoint told of itself (record `state`) into its object.
void apply_state(const model::EndpointState& state, boost::json::object& endpoint);

/// Writes how it stands with the connection: ConnectionStatus, and its parts ConnectionState (the word in
/// front of the colon) and ConnectionReason. ConnectionSince becomes `now` when the word is another one.
void tell_connection(std::string_view status, env::WallTime now, boost::json::object& endpoint);

/// Says by what the replicas are kept up to date, and how fresh that can be; since `now`, when it was another
/// way before.
void tell_way(std::string_view followed_by, env::Duration resolution, env::WallTime now,
              boost::json::object& endpoint);

/// Says what the endpoint keeps from whoever follows it, and nothing of it when it keeps nothing.
void tell_shortcomings(const mirror::Shortcomings& shortcomings, boost::json::object& endpoint);

/// Changes an own Endpoint object; again when somebody else changed it in between. Success when it is gone.
env::Task<Result<void>> change_endpoint(store::Store& store, std::string id,
                                        std::function<void(boost::json::object&)> change);

}  // namespace mullion::manager
