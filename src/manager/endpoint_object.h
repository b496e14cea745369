// What the manager reads from Endpoint objects and writes into them.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "env/runtime.h"
#include "store/store.h"

namespace mullion::manager {

inline constexpr std::string_view kEndpoints = "endpoints";
inline constexpr std::string_view kUrl = "manager/url";
inline constexpr std::string_view kUsername = "manager/username";
inline constexpr std::string_view kPassword = "manager/password";
/// SHA-256 of the certificate that was there at registration, lower-case hex.
inline constexpr std::string_view kFingerprint = "manager/fingerprint";
/// A PEM file of authorities to verify the certificate with, instead of the fingerprint.
inline constexpr std::string_view kAuthorities = "manager/ca-file";

/// In Meta of an Endpoint object: who holds its configuration lease.
inline constexpr std::string_view kConfiguredBy = "mullion/configured-by";

/// How to reach an endpoint.
struct Connection {
  std::string url;  // "https://host:port"
  std::string username;
  std::string password;  // clear; never logged
  std::string fingerprint;
  std::string ca_file;
  bool single_pane = true;
  bool operator==(const Connection&) const = default;
};

/// Checks and trims a URL to "https://host[:port]"; kInvalid says what is wrong.
Result<std::string> checked_url(std::string_view url);
/// The connection parameters among `params`; kInvalid names the one that is missing or malformed. The
/// password may be sealed for the Endpoint object `id`.
Result<Connection> read_connection(store::Store& store, std::string_view id,
                                   const boost::json::object& params);
/// Same from a stored Endpoint object.
Result<Connection> read_connection(store::Store& store, std::string_view id, std::string_view body);

/// Puts what an endpoint told of itself (record `state`) into its object.
void apply_state(const boost::json::object& state, boost::json::object& endpoint);

/// Changes an own Endpoint object; again when somebody else changed it in between. Success when it is gone.
env::Task<Result<void>> change_endpoint(store::Store& store, std::string id,
                                        std::function<void(boost::json::object&)> change);

}  // namespace mullion::manager
