#include "api/internal/call.h"

#include "api/internal/handlers.h"
#include "api/internal/hooks.h"
#include "api/internal/log.h"
#include "base/mutex.h"

namespace mullion::api {

Services::Services(Dependencies dependencies)
    : objects::WriteContext(dependencies.store, dependencies.facts.id, dependencies.authenticator.tenants()),
      runtime(dependencies.runtime),
      authenticator(dependencies.authenticator),
      layers(dependencies.layers),
      preferences(dependencies.preferences),
      blobs(dependencies.blobs),
      job_logs(dependencies.job_logs),
      certificates(dependencies.certificates),
      providers(dependencies.providers),
      upgrades(dependencies.upgrades),
      catalog(dependencies.catalog),
      cluster(dependencies.cluster),
      manager(&dependencies.manager),
      configurator(dependencies.configurator),
      rollouts(dependencies.rollouts),
      facts(std::move(dependencies.facts)),
      limits(dependencies.limits),
      clock(dependencies.clock),
      timers(dependencies.timers),
      manager_on(dependencies.preferences.get("manager") == "true"),
      events(
          dependencies.store, dependencies.runtime,
          [this](std::string_view owner) { return endpoint_name(owner); }, dependencies.clock),
      views(dependencies.store, dependencies.runtime),
      statistics(route_table().size() + 1),
      tasks(dependencies.runtime.executor(), "api"),
      log_feed(events, tasks),
      job_log_keeper(store, runtime, job_logs, tasks),
      job_log_news(events, job_logs, tasks, timers),
      lease(store, dependencies.clock, timers),
      metrics(std::move(dependencies.metrics)) {
  hooks = type_hooks(*this);
  held_read_only = [this](std::string_view type, const std::string& key) {
    return layers.read_only_layer(type, key).has_value();
  };
  shown_endpoint = [this](std::string_view owner) { return endpoint_name(owner); };
  Result<UxPack> pack = UxPack::read(dependencies.ux_pack);
  if (pack) {
    ux_pack = std::move(*pack);
    return;
  }
  // A server without its interface is still a server.
  const std::string& why = pack.error().messages.front();
  kLog.error("no web interface reason={}", why);
  facts.start_errors.push_back(why);
}

std::string Services::endpoint_name(std::string_view owner) const {
  if (store::is_remote(owner)) return std::string(owner);
  return manager_on ? facts.id : std::string();
}

const model::ObjectType* Services::find_type(std::string_view prefix) {
  if (const model::ObjectType* known = store.types().find(prefix)) return known;
  Lock lock(foreign_mutex_);
  for (const std::unique_ptr<model::ObjectType>& type : foreign_types_) {
    if (type->prefix == prefix) return type.get();
  }
  const std::vector<std::string> stored = store.snapshot()->types();
  if (std::find(stored.begin(), stored.end(), prefix) == stored.end()) return nullptr;
  foreign_names_.push_back(std::make_unique<std::string>(prefix));
  auto type = std::make_unique<model::ObjectType>();
  type->prefix = *foreign_names_.back();
  type->type = type->prefix;
  type->traits.has_endpoint = true;
  type->traits.client_update = true;  // forwarded to the owner, who knows the type
  type->traits.client_delete = true;
  foreign_types_.push_back(std::move(type));
  return foreign_types_.back().get();
}

void Call::take(RouteMatch match) {
  route = match.route;
  route_number = match.number;
  type = match.type;
  id_at = match.id_at;
  id_count = match.id_count;
  arguments = std::move(match.arguments);
}

bool Call::is_websocket() const {
  if (route == nullptr || !request.headers.get("Upgrade")) return false;
  return route->handler == &handlers::open_websocket || route->handler == &handlers::open_owner_websocket ||
         route->handler == &handlers::open_replication_stream;
}

bool Call::flag(std::string_view name) const {
  const auto value = request.query_value(name);
  return value && (*value == "true" || *value == "1" || value->empty());
}

Error object_error(const Call& call, ErrorCode code, std::vector<std::string> messages) {
  if (call.type == nullptr) return Error(code, "", "", call.requested_id(), std::move(messages));
  // Addresses are told in hex, everything else as the client wrote it.
  const bool address = call.type->key_kind == "hex-address";
  std::string key = address ? model::canonical_key(*call.type, call.requested_id()) : call.requested_id();
  return Error(code, "", std::string(call.type->prefix), std::move(key), std::move(messages));
}

}  // namespace mullion::api
