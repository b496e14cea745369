// Attached endpoints, routing of requests to owners, freshness of replicas.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/auth.h"
#include "base/latency.h"
#include "base/result.h"
#include "manager/follower.h"
#include "manager/link.h"
#include "model/messages.h"
#include "packs/layers.h"
#include "prefs/preferences.h"
#include "store/store.h"

namespace mullion::manager {

using env::Task;

/// Which part of an owner's replica something was made of. Whoever asks how old that is has to say it,
/// because collections may be older than the replica of their owner.
class ReadFrom {
 public:
  /// Objects of these.
  static ReadFrom collections(std::vector<std::string> prefixes) { return {false, std::move(prefixes)}; }
  /// Any that there are.
  static ReadFrom everything() { return {true, {}}; }
  /// What an endpoint reports of itself (model::EndpointState) stays as it was where it cannot be read.
  static ReadFrom reported_state();
  /// None: the way to the owner is meant.
  static ReadFrom no_objects() { return {false, {}}; }

  bool includes(std::string_view prefix) const;

 private:
  ReadFrom(bool all, std::vector<std::string> prefixes) : all_(all), prefixes_(std::move(prefixes)) {}

  bool all_;
  std::vector<std::string> prefixes_;
};

/// How old what was read of one owner is.
struct OwnerFreshness {
  std::string owner;
  /// The replica holds everything that its owner had committed this long ago, and perhaps more. Never 0, as
  /// word of the owner takes its time.
  double age_seconds = 0;
  /// While all is well the age stays below this: the smallest that may be counted on.
  double resolution_seconds = 0;
  bool in_touch = false;
  std::string next_hop;
  std::string reason;  // why not in touch
  /// The manager on the way that does not tell how old its own copy of the owner is: `age_seconds` counts
  /// from what it shows, and the truth may be older. Empty: the age is true.
  std::string untold_by = {};
  /// Collections that the endpoint does not let be read, with what holds for them instead.
  struct HeldUp {
    double age_seconds = 0;
    std::string reason;
  };
  std::map<std::string, HeldUp, std::less<>> held_up = {};
  /// The one that was read and whose age this is; "" when none of those that were read is held up.
  std::string held_up_in = {};
};

/// How requests reach an owner at present, and what is known of the way.
struct OwnerConnection {
  OwnerFreshness freshness;           // of the replica; collections that are older stand in `held_up`
  std::vector<std::string> hops;      // managers in between, the nearest first
  std::vector<std::string> stand_by;  // other neighbours that lead there, best first
  std::optional<uint64_t> lag;        // commits not yet received; only where it is attached here
  std::optional<double> clock_ahead;  // seconds that its clock is ahead of ours; the same
  uint64_t forwards = 0;              // requests sent through the next hop since this process began
  double forward_seconds = 0;         // how long they took, on average
};

struct Identity {
  std::string id;       // HaId, else DRP id: what owners are called
  std::string version;  // server version
};

/// Numbers of one attached endpoint since start.
struct EndpointStatistics {
  std::string id;
  uint64_t lag = 0;  // commits of the endpoint not yet received
  uint64_t bytes = 0, commits = 0, snapshots = 0, mismatches = 0, corrections = 0, connects = 0;
  Latency forwards;
};

/// What this server tells managers besides objects (record `state` of the stream).
using StateProvider = std::function<model::EndpointState()>;

struct Dependencies {
  env::Runtime& runtime;
  store::Store& store;
  packs::Layers& layers;
  prefs::Preferences& preferences;
  Identity identity;
  StateProvider state;
  std::vector<std::string> own_urls;  // to recognise addEndpoint of itself
  std::vector<std::string> features;
  std::function<bool()> licensed;  // whether the licence allows managing; asked now and then
  const env::Clock& clock;
  const env::Timers& timers;
  std::function<double()> chance;  // in [0, 1): by how much pauses of sessions differ
  Dial dial;                       // how attached endpoints are reached
  MakeFollower make_follower = follow_endpoint;
  /// The term in which this member of a cluster serves; absent: it does not, and asks nobody for anything.
  /// Null: there is no cluster.
  std::function<std::optional<uint64_t>()> lead_term = {};
  env::Path authorities = {};  // folder of the files that `manager/ca-file` may name
};

/// Thread-safe. Sessions run while preference `manager` is true and the licence allows it.
class Manager {
 public:
  virtual ~Manager() = default;
  virtual void start() = 0;
  virtual Task<void> stop() = 0;
  virtual bool active() const = 0;

  /// Action addEndpoint of the pseudo plugin `manager`; answers the Endpoint object's JSON. Errors: see
  /// manager.md section 5 and docs/manager.md: wrong URL, wrong login, not a DRP endpoint, own address,
  /// already known, fingerprint changed. Never leaves a half-made Endpoint.
  virtual Task<Result<std::string>> add_endpoint(std::string params_json,
                                                 const auth::Principal& principal) = 0;

  /// Sends `request` to `owner` (any depth): as /OWNER/api/v3/... through the next hop, or directly when
  /// attached. `api_target` starts with "/api/v3/" and is already encoded, query included. The answer passes
  /// through unchanged; before it returns, the replica has reached the owner's commit (2 s, else
  /// X-Mullion-Pending). kNotFound for an unknown owner (naming the known); kUnavailable at once when it is
  /// unreachable (owner, next hop, reason, last contact), when the next hop refuses the login of this server
  /// (the client's own was good), and while this server does not know its routes yet.
  virtual Task<Result<net::Response>> forward(std::string owner, net::Request& request,
                                              std::string api_target, const auth::Principal& principal) = 0;
  /// WebSocket of an owner at any depth.
  virtual Task<Result<std::shared_ptr<net::WebSocket>>> forward_websocket(
      std::string owner, std::string api_target, const auth::Principal& principal) = 0;

  /// Whether the owner, or the attached endpoint that leads to it, is a server of another make: by its last
  /// words it does not offer the replication stream.
  virtual bool is_foreign(const std::string& owner) const = 0;
  /// A request of this server itself, as the account that the endpoint was attached with: to an attached
  /// endpoint, or to one at any depth through the next hop. `request.target` begins with "/api/v3/" and is
  /// encoded. Errors as forward().
  virtual Task<Result<net::ClientResponse>> call(std::string owner, net::ClientRequest request) = 0;
  /// What an attached endpoint last told of itself; never null, and empty before its first word.
  virtual std::shared_ptr<const model::EndpointState> endpoint_state(const std::string& id) const = 0;
  /// `id` told something new of itself, came or went. On any thread; be short. To be set before start().
  virtual void on_endpoint_change(std::function<void(const std::string& id)> listener) = 0;
  /// What this server tells of itself changed beside the store (files, lease): parent managers hear of it.
  virtual void state_changed() = 0;

  /// Freshness of what was read of the named owners (all when empty): as old as the oldest part of it.
  std::vector<OwnerFreshness> freshness(const std::vector<std::string>& owners, const ReadFrom& read) const;
  virtual std::vector<std::string> known_owners() const = 0;
  /// Of those of `owners` that something is known of, in that order.
  virtual std::vector<OwnerConnection> connections(const std::vector<std::string>&) const { return {}; }
  virtual std::vector<EndpointStatistics> statistics() const = 0;

  /// Serves GET /replication/stream (source side); the caller has checked `system replicate`.
  virtual Task<void> serve_stream(std::shared_ptr<net::WebSocket> socket, store::Cursor resume) = 0;

 protected:
  /// The same of the replicas, whatever is held up in them.
  virtual std::vector<OwnerFreshness> replicas(const std::vector<std::string>& owners) const = 0;
};
/// Blocks: seals what an earlier version stored in clear (seal_stored_passwords).
std::unique_ptr<Manager> make_manager(Dependencies dependencies);

}  // namespace mullion::manager
