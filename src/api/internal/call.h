// One request on its way through the API, and the services a handler may use.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "api/api.h"
#include "api/internal/iso_queue.h"
#include "api/internal/job_log_keeper.h"
#include "api/internal/job_log_news.h"
#include "api/internal/large_work.h"
#include "api/internal/lead_terms.h"
#include "api/internal/routes.h"
#include "api/internal/ux.h"
#include "api/internal/ux_pack.h"
#include "api/internal/view_hub.h"
#include "apply/configurator.h"
#include "apply/lease.h"
#include "base/mutex.h"
#include "events/event_bus.h"
#include "events/log_feed.h"
#include "model/object.h"
#include "net/held_bodies.h"
#include "objects/context.h"
#include "objects/stored.h"

namespace mullion::rollout {
class Rollouts;
}

namespace mullion::api {

using objects::Target;

/// Everything handlers work with; lives as long as the API.
struct Services : objects::WriteContext {
  explicit Services(Dependencies dependencies);

  env::Runtime& runtime;
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
  manager::Manager* manager = nullptr;
  apply::Configurator* configurator = nullptr;
  rollout::Rollouts* rollouts = nullptr;
  bulk::Bulks* bulks = nullptr;
  Facts facts;
  Limits limits;
  const env::Clock& clock;
  const env::Timers& timers;
  std::atomic<bool> manager_on{false};  // preference `manager`
  events::EventBus events;
  ViewHub views;
  std::vector<LatencyHistogram> statistics;  // by route number; the last one: no route
  env::TaskGroup tasks;
  events::LogFeed log_feed;
  JobLogKeeper job_log_keeper;
  JobLogNews job_log_news;
  apply::LeaseKeeper lease;
  LeadTerms lead_terms;
  IsoQueue isos_to_unpack;
  UxVersion ux_version;
  UxPack ux_pack;
  const std::function<Result<std::string>(const std::vector<std::string>&)> metrics;
  std::atomic<uint64_t> websockets{0};
  std::atomic<uint64_t> own_requests{0};  // that this server made in the name of users
  LargeWork large;

  /// What an object of `owner` shows as its Endpoint (design section 5).
  std::string endpoint_name(std::string_view owner) const;
  /// The descriptor of a collection; collections known only from newer peers get a bare one.
  const model::ObjectType* find_type(std::string_view prefix);

 private:
  Mutex foreign_mutex_;
  std::vector<std::unique_ptr<model::ObjectType>> foreign_types_ GUARDED_BY(foreign_mutex_);
  std::vector<std::unique_ptr<std::string>> foreign_names_ GUARDED_BY(foreign_mutex_);
};

/// One request. Lives in the dispatcher's frame until its answer is made: for as long as the client takes, so
/// it holds no view of the database.
struct Call {
  Services& services;
  net::Request& request;
  const Route* route = nullptr;
  size_t route_number = 0;
  Arguments arguments;
  const model::ObjectType* type = nullptr;
  auth::Principal principal;
  std::string uri;                       // path and query, for refusals
  Segments path;                         // below the owners, begins with "api", "v3" on routes of the API
  std::string owner;                     // whom the path names: an endpoint id, kOwn for this server
  size_t id_at = 0, id_count = 0;        // see RouteMatch
  std::optional<auth::Subject> subject;  // of routes with `object: true`: what the right is about
  bool right_covered = true;  // false with Denied::kFilter/kFields: the handler decides piece by piece
  Target target;              // of routes with `object: true`
  std::string body;           // of routes with `body: json`
  net::HeldShares held;       // what `body`, or another text that was read, takes of memory
  LogOrigin log;              // of the lines that are written for this request

  const std::string& argument(std::string_view name) const { return arguments.get(name); }
  /// What the client wrote as the object's id.
  const std::string& requested_id() const {
    return arguments.has("id") ? arguments.get("id") : arguments.get("rest");
  }
  bool flag(std::string_view name) const;
  /// "" when it is not there.
  std::string query_text(std::string_view name) const {
    return std::string(request.query_value(name).value_or(""));
  }
  /// Whether the client wants a websocket and the route is one.
  bool is_websocket() const;
  /// The call is about a route from here on.
  void take(RouteMatch match);
};

/// An error about the collection and id of this request; Type is the method.
Error object_error(const Call& call, ErrorCode code, std::vector<std::string> messages);

}  // namespace mullion::api
