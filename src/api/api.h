// The HTTP API: every request of the API port and of the static file ports is answered here.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apply/configurator.h"
#include "auth/auth.h"
#include "base/latency.h"
#include "bulk/bulks.h"
#include "catalog/catalog.h"
#include "cluster/cluster.h"
#include "env/clock.h"
#include "env/file.h"
#include "env/runtime.h"
#include "env/timers.h"
#include "events/event_bus.h"
#include "files/archive.h"
#include "files/blobs.h"
#include "joblogs/job_logs.h"
#include "manager/manager.h"
#include "model/messages.h"
#include "net/http.h"
#include "packs/layers.h"
#include "plugins/providers.h"
#include "prefs/preferences.h"
#include "store/store.h"

namespace mullion::rollout {
class Rollouts;
}

namespace mullion::api {

using env::Task;

/// What this process is, as GET /info shows it. Fixed after start.
struct Facts {
  std::string id;        // what owners are called: HaId, else DRP id
  std::string local_id;  // DRP id of this process
  std::string version;   // semver with a leading v
  std::string address;   // empty: the first address of this machine that is not loopback
  std::string hostname;
  uint16_t api_port = 0;
  uint16_t static_port = 0;
  uint16_t static_secure_port = 0;
  std::vector<std::string> trusted_keys;  // Ed25519 keys of licence bundles
  std::vector<std::string> start_errors;  // shown in info.errors
  env::Path backups;                      // where copies of the database go
  env::Path installs;                     // what isos unpack to: OS/[ARCH/]install
  files::ExplodeLimits unpacking;         // of isos
};

/// The certificates of the listening ports. Thread-safe; blocks on the disk.
class Certificates {
 public:
  enum class Port { kApi, kStatic };
  virtual ~Certificates() = default;
  /// PEM of the certificate, without its key.
  virtual Result<std::string> certificate(Port port) const = 0;
  /// SHA-256 of the certificate that new connections of the port are met with, lower-case hex; "" before the
  /// port listens. Does not block.
  virtual std::string fingerprint(Port port) const = 0;
  /// Checks that both belong together, stores them so that a crash leaves one whole pair, and uses them for
  /// new connections from now on. kInvalid says what is wrong with the pair.
  virtual Result<void> replace(Port port, const std::string& certificate_pem, const std::string& key_pem) = 0;
};

/// What is asked for with a package.
struct UpgradeWish {
  bool force = false;         // also for the same or an older version
  bool skip_offline = false;  // members of a cluster that are not there are left out
  std::string member;         // of a cluster: this one alone, by its ConsensusID
  std::string principal;
};

/// Replacing the program of this server, or those of all members of its cluster (docs/operations.md,
/// docs/high-availability.md). Thread-safe.
class Upgrades {
 public:
  virtual ~Upgrades() = default;
  /// Takes a package whole, checks it, and answers its size when the restart into it is about to begin.
  /// Without `force` only newer versions. kConflict while an upgrade is under way; kInvalid, kTooLarge,
  /// kInsufficientStorage: then nothing has changed. In a cluster all members have their turn afterwards.
  virtual Task<Result<uint64_t>> upgrade(net::BodySource& package, UpgradeWish wish) = 0;
  /// Blocks on the disk.
  virtual model::UpgradeStatus status() const = 0;
  /// Forgets how the last one ended; one of a cluster that is under way ends after the member whose turn it
  /// is.
  virtual void forget() = 0;
  /// Why the last one was rolled back; "" when it was not. Shown in info.errors.
  virtual std::string failure() const = 0;
  /// Whether this program has yet to show that it serves: until then only the system's own logins are served,
  /// so that nothing is promised by a program that may be taken back.
  virtual bool on_trial() const = 0;
  /// Takes a package whole, checks it as upgrade() does, and keeps it in the place of the one that is kept.
  /// Without `force` no older version. Answers its size.
  virtual Task<Result<uint64_t>> stage(net::BodySource& package, bool force) = 0;
  /// Forgets the package that is kept, if there is one. kConflict while an upgrade is under way.
  virtual Task<Result<void>> unstage() = 0;
  /// upgrade() with the package that is kept, which is gone then. False: its program is the one that runs,
  /// and nothing happens. kNotFound: none is kept.
  virtual Task<Result<bool>> upgrade_to_staged(std::string principal) = 0;
};

/// How long one route's requests took; errors are answers with status >= 500.
struct RouteLatency {
  std::string method, route;
  Latency latency;
};

/// Largest sizes of what clients send.
struct Limits {
  uint64_t body_bytes = uint64_t{16} << 20;    // JSON bodies, unless the route says otherwise
  uint64_t upload_bytes = uint64_t{64} << 30;  // files and isos
  size_t json_depth = 64;
  events::EventQueueLimit websocket_queue;  // what one event connection may make wait and register
  env::Duration longest_poll = std::chrono::minutes(10);
  env::Duration plugin_start = std::chrono::seconds(10);  // how long a write waits for a plugin that starts
};

/// What names a server in a cluster, made from its DRP id: a UUID.
std::string consensus_id(std::string_view local_id);
/// Features listed by GET /info.
std::vector<std::string> feature_list();

struct Dependencies {
  env::Runtime& runtime;
  store::Store& store;
  auth::Authenticator& authenticator;
  packs::Layers& layers;
  prefs::Preferences& preferences;
  files::Blobs& blobs;
  joblogs::JobLogs& job_logs;
  Certificates& certificates;
  plugins::Providers& providers;
  Upgrades& upgrades;
  catalog::Catalog& catalog;
  cluster::Cluster& cluster;
  /// The web interface that is built into the program, see docs/ux.md; must outlive the API.
  std::string_view ux_pack = {};
  /// JSON of the metrics with these names, of all without any. kBadRequest for a name that there is none of,
  /// kUnavailable while the server starts. May block.
  std::function<Result<std::string>(const std::vector<std::string>& names)> metrics = {};
  Facts facts;
  Limits limits;
  const env::Clock& clock;
  const env::Timers& timers;
  manager::Manager& manager;
  /// What plans, carries out and rolls out; absent where nothing is configured.
  apply::Configurator* configurator = nullptr;
  rollout::Rollouts* rollouts = nullptr;
};

/// Thread-safe.
class Api : public bulk::UserRequests {
 public:
  /// To be called before the first request. Given late because bulks make their requests here.
  virtual void set_bulks(bulk::Bulks& bulks) = 0;
  /// Ports become known when they are bound.
  virtual void set_ports(uint16_t api, uint16_t static_plain, uint16_t static_secure) = 0;

  /// "https://ADDRESS:PORT" of the API port, as clients elsewhere reach it.
  virtual std::string api_url() const = 0;
  /// "http://ADDRESS:PORT" of the static file port, as clients elsewhere reach it.
  virtual std::string static_url() const = 0;

  /// One request of the API port. Never throws; failures become the contract's error objects.
  virtual Task<net::Response> handle(net::Request& request) = 0;
  /// One request of a static file port: files/ and isos/, read only, no login.
  virtual Task<net::Response> handle_static(net::Request& request) = 0;

  /// An event that a plugin made. kBadRequest.
  virtual Result<void> publish_event(std::string event_json, std::string principal) = 0;
  /// JSON array of the local objects of a collection. kNotFound.
  virtual Result<std::string> local_objects(const std::string& prefix) = 0;

  /// What this server tells managers besides objects. No secrets.
  virtual model::EndpointState endpoint_state() const = 0;

  /// Unpacks this iso, or every one (""), for the boot environments that name it, where what is unpacked is
  /// not of the iso that is here: another server of the cluster may have done it, or been given it.
  virtual void unpack_missing(std::string iso) = 0;

  /// How queries of a collection see parameters: with those of profiles, where the collection has any. Empty:
  /// own ones only.
  virtual store::ParamResolver param_resolver(std::string_view prefix,
                                              std::shared_ptr<const store::Snapshot> snapshot) const = 0;
  /// Latencies by route since start, for the metrics page.
  virtual std::vector<RouteLatency> route_latencies() const = 0;
  /// Open event websockets, and how many were dropped because they did not read.
  virtual size_t websockets() const = 0;
  virtual uint64_t dropped_websockets() const = 0;

  /// Ends event websockets, long polls and followers of the store.
  virtual Task<void> stop() = 0;
};
std::unique_ptr<Api> make_api(Dependencies dependencies);

/// Where others reach this machine, as far as it can tell: its first IPv4 address that is not loopback.
std::string outside_address();
/// An address as the host part of a URL: one with colons in brackets.
std::string host_in_url(const std::string& address);

}  // namespace mullion::api
