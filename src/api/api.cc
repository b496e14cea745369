#include "api/api.h"

#include "api/internal/answers.h"
#include "api/internal/blobs.h"
#include "api/internal/bulk_requests.h"
#include "api/internal/call.h"
#include "api/internal/dispatcher.h"
#include "api/internal/endpoint_state.h"
#include "api/internal/info.h"
#include "api/internal/interfaces.h"
#include "api/internal/iso_installs.h"
#include "api/internal/job_state_keeper.h"
#include "api/internal/log.h"
#include "api/internal/plugin_providers.h"
#include "api/internal/request_rules.h"
#include "api/internal/rights.h"
#include "api/internal/secure_upgrade.h"
#include "base/json.h"
#include "events/log_feed.h"
#include "objects/availability_updater.h"
#include "objects/params.h"

namespace mullion::api {
namespace {

/// The object by which clients find the actions of the manager; it lies below the writable layer like what
/// plugin providers bring.
constexpr std::string_view kManagerPluginBody =
    R"({"Name":"manager","Provider":"manager","Description":"Attaches endpoints to this manager and builds its catalog"})";

std::optional<std::string> manager_plugin(const model::ObjectType& plugins) {
  Result<boost::json::value> wanted = parse_json(kManagerPluginBody);
  if (!wanted) return std::nullopt;
  Result<boost::json::object> plugin = model::normalise(plugins, std::move(*wanted), nullptr);
  if (!plugin) return std::nullopt;
  (*plugin)["ReadOnly"] = true;
  (*plugin)["Validated"] = true;
  (*plugin)["Available"] = true;
  return model::canonical_body(plugins, *plugin);
}

class ApiServer final : public Api {
 public:
  explicit ApiServer(Dependencies dependencies)
      : services_(std::move(dependencies)),
        availability_updater_(services_, services_.runtime, services_.tasks),
        job_state_keeper_(services_) {
    (void)env::remove_tree(services_.facts.installs / ".unpacking");  // what a crash left half done
    if (services_.facts.address.empty()) services_.facts.address = outside_address();
    services_.preferences.on_change([this](std::string_view name, std::string_view value) {
      if (name != "manager") return;
      services_.manager_on = value == "true";
      services_.tasks.spawn("manager plugin", [this] { return offer_manager_plugin(); });
    });
    services_.ux_version.read(services_.blobs);
    services_.blobs.on_change([this](const std::vector<std::string>& names) {
      if (std::ranges::any_of(names, is_ux_file)) services_.ux_version.read(services_.blobs);
    });
    services_.layers.on_change([this](std::string_view action, std::string_view name,
                                      std::string_view principal) {
      const Result<std::string> summary = services_.layers.summary(name);  // gone after a removal
      services_.events.publish("contents", action, name, std::string(principal), summary ? *summary : "null");
      services_.tasks.spawn("manager plugin", [this] { return offer_manager_plugin(); });
    });
    services_.tasks.spawn("configuration lease", [this] {
      return services_.lease.watch([this] { services_.manager->state_changed(); });
    });
    services_.tasks.spawn("manager plugin", [this] { return offer_manager_plugin(); });
    services_.tasks.spawn("clear values", [this] { return seal_what_was_left(); });
    // Plugins hear of own objects only: nothing happens twice because a manager sees it too. And not of log
    // lines and what grows logs of jobs: one that logs what it hears would never end.
    services_.events.tap([this] { return services_.providers.wants_events(); },
                         [this](const events::EventPtr& event) {
                           if (event->type() == events::kLogEvents || event->type() == kJobLogEvents) return;
                           services_.providers.tell_event([event] { return event->json(); });
                         });
  }

  void set_bulks(bulk::Bulks& bulks) override { services_.bulks = &bulks; }

  Result<std::vector<store::ObjectRef>> select(const auth::Principal& principal, std::string_view type,
                                               const std::string& filter, uint64_t most) const override {
    return select_for(services_, principal, type, filter, most);
  }
  bool allows(const auth::Principal& principal, std::string_view type, std::string_view action,
              const store::ObjectRef& object, std::string_view body) const override {
    const model::ObjectType* known = services_.store.types().find(type);
    return known != nullptr && may(principal, *known, action, object, body);
  }
  Task<bulk::Answer> perform(auth::Principal principal, std::string method, std::string target,
                             std::string body) override {
    bulk::Answer answer = co_await perform_as(services_, std::move(principal), std::move(method),
                                              std::move(target), std::move(body));
    co_return answer;
  }

  void set_ports(uint16_t api, uint16_t static_plain, uint16_t static_secure) override {
    services_.facts.api_port = api;
    services_.facts.static_port = static_plain;
    services_.facts.static_secure_port = static_secure;
  }

  std::string api_url() const override {
    return fmt::format("https://{}:{}", host_in_url(services_.facts.address), services_.facts.api_port);
  }
  std::string static_url() const override {
    return fmt::format("http://{}:{}", host_in_url(services_.facts.address), services_.facts.static_port);
  }

  Task<net::Response> handle(net::Request& request) override { return dispatch(services_, request); }
  void unpack_missing(std::string iso) override { api::unpack_missing(services_, std::move(iso)); }

  Task<net::Response> handle_static(net::Request& request) override {
    std::string_view path = request.path;
    while (path.starts_with('/')) path.remove_prefix(1);
    const size_t slash = path.find('/');
    const std::string bucket(path.substr(0, slash));
    const bool blob = bucket == "files" || bucket == "isos";
    const bool known = slash != std::string_view::npos && !path.starts_with('.');
    if (request.method != "GET" && request.method != "HEAD") {
      co_return error_response(Error(ErrorCode::kForbidden, request.method, request.path, "", {"Read only"}),
                               request.method);
    }
    if (!known) {
      co_return error_response(
          Error(ErrorCode::kNotFound, request.method, request.path, "", {"Not a regular file"}),
          request.method);
    }
    std::string name(blob ? path.substr(slash + 1) : path);  // else OS/install/...
    std::string from = blob ? bucket : "installs";
    Result<net::Response> answer =
        co_await serve_blob(services_.blobs, request, std::move(from), std::move(name), ServeAs::kMediaType);
    if (!answer) co_return error_response(answer.error(), request.method);
    co_return std::move(*answer);
  }

  Result<void> publish_event(std::string event_json, std::string principal) override {
    Result<boost::json::value> event = parse_json(event_json, services_.limits.json_depth);
    if (!event) return event.error();
    return publish_posted(services_, std::move(*event), std::move(principal));
  }

  Result<std::string> local_objects(const std::string& prefix) override {
    return api::local_objects(services_, prefix);
  }

  model::EndpointState endpoint_state() const override { return api::endpoint_state(services_); }

  store::ParamResolver param_resolver(std::string_view prefix,
                                      std::shared_ptr<const store::Snapshot> snapshot) const override {
    if (!request_rules(prefix).aggregates_params) return {};
    return objects::aggregate_resolver(std::move(snapshot));
  }

  std::vector<RouteLatency> route_latencies() const override {
    std::vector<RouteLatency> out;
    for (size_t i = 0; i < services_.statistics.size(); ++i) {
      RouteLatency entry;
      entry.latency = services_.statistics[i].read();
      if (entry.latency.count == 0) continue;
      const bool routed = i < route_table().size();
      entry.route = routed ? std::string(route_table()[i].pattern) : "other";
      entry.method =
          routed ? std::string(route_table()[i].methods.substr(0, route_table()[i].methods.find(' '))) : "";
      out.push_back(std::move(entry));
    }
    return out;
  }

  size_t websockets() const override { return services_.websockets; }
  uint64_t dropped_websockets() const override { return services_.events.dropped(); }

  Task<void> stop() override {
    services_.isos_to_unpack.stop();
    availability_updater_.stop();
    job_state_keeper_.stop();
    services_.events.stop();
    services_.views.stop();
    services_.job_log_keeper.stop();
    co_await services_.tasks.async_stop();
  }

 private:
  /// A server may end between a parameter's becoming secure and the sealing of its values.
  Task<void> seal_what_was_left() {
    const Result<void> sealed = co_await seal_clear_values(services_);
    if (!sealed) kLog.error("values of secure parameters lie clear reason={}", sealed.error().text());
  }

  /// It is there where its actions can be used: at managers.
  Task<void> offer_manager_plugin() {
    const model::ObjectType* plugins = model::find_object_type("plugins");
    if (plugins == nullptr) co_return;
    const bool wanted_here = services_.manager_on;
    const std::optional<store::StoredObject> known =
        services_.store.snapshot()->get_local("plugins", "manager");
    if (known && known->id.owner == store::kOwn) co_return;
    if (known.has_value() == wanted_here) co_return;
    store::Batch batch;
    store::Change change;
    change.id = {"plugins", std::string(store::kLayered), "manager"};
    if (wanted_here) {
      std::optional<std::string> body = manager_plugin(*plugins);
      if (!body) co_return;
      change.body = std::move(*body);
    }
    batch.changes.push_back(std::move(change));
    batch.principal = "system";
    services_.store.commit(std::move(batch), [](const Result<store::Committed>& done) {
      if (!done) kLog.warn("the plugin `manager` could not be offered reason={}", done.error().text());
    });
  }

  Services services_;
  objects::AvailabilityUpdater availability_updater_;
  JobStateKeeper job_state_keeper_;
};

}  // namespace

std::unique_ptr<Api> make_api(Dependencies dependencies) {
  return std::make_unique<ApiServer>(std::move(dependencies));
}

}  // namespace mullion::api
