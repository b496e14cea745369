// What collections exist, their indexes, preferences, logs, events, front page.
#include "api/internal/answers.h"
#include "api/internal/handlers.h"
#include "api/internal/objects.h"
#include "api/internal/plugin_providers.h"
#include "api/internal/ux.h"
#include "events/posted_event.h"

namespace mullion::api {
namespace {

json::object index_object(const model::Index& index) {
  json::object out;
  out["Type"] = index.type_text;
  out["Unique"] = index.unique;
  out["Unordered"] = index.unordered;
  out["Regex"] = index.regex;
  return out;
}

json::object indexes_of(const model::ObjectType& type) {
  json::object out;
  for (const model::Index& index : type.indexes) out[index.name] = index_object(index);
  return out;
}

json::object no_index() {
  const model::Index none{};
  return index_object(none);
}

/// Collections that GET /objects leaves out by contract.
bool listed_as_object(std::string_view prefix) {
  return prefix != "interfaces" && prefix != "plugin_providers";
}

json::object preferences_object(const Services& services) {
  json::object out;
  for (const auto& [name, value] : services.preferences.all()) out[name] = value;
  return out;
}

/// People compare it with what their browser shows, and managers are attached with it, before anybody logs
/// in.
constexpr std::string_view kFingerprintHeader = "X-Mullion-Certificate-SHA256";
constexpr std::string_view kFrontPage = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Mullion</title></head>
<body><h1>Mullion</h1><p>An endpoint and manager of Digital Rebar Provision.</p>
<ul><li><a href="/swagger.json">API description</a> (the API is below <code>/api/v3</code>)</li></ul></body></html>
)";

}  // namespace

Result<void> publish_posted(Services& services, json::value posted, std::string principal) {
  const Result<events::PostedEvent> event = events::posted_event(posted, principal, services.clock.wall());
  if (!event) return event.error();
  services.events.publish_text(event->type, event->action, event->key, event->json);
  return {};
}

namespace handlers {

env::Task<Result<net::Response>> list_collections(Call& call) {
  std::vector<std::string> prefixes;
  for (const model::ObjectType& type : model::object_types()) {
    if (listed_as_object(type.prefix)) prefixes.emplace_back(type.prefix);
  }
  const store::Store& store = call.services.store;
  for (const model::ObjectType* type : store.types().declared()) prefixes.emplace_back(type->prefix);
  for (const std::string& stored : store.snapshot()->types()) {
    if (store.types().find(stored) == nullptr) prefixes.push_back(stored);
  }
  std::sort(prefixes.begin(), prefixes.end());
  json::array out;
  for (const std::string& prefix : prefixes) out.emplace_back(prefix);
  co_return json_response(200, json::value(std::move(out)));
}

env::Task<Result<net::Response>> list_indexes(Call& call) {
  if (!call.arguments.has("collection")) {
    json::object all;
    for (const model::ObjectType& type : model::object_types()) all[type.prefix] = indexes_of(type);
    for (const model::ObjectType* type : call.services.store.types().declared())
      all[type->prefix] = indexes_of(*type);
    co_return json_response(200, json::value(std::move(all)));
  }
  const model::ObjectType* type = call.services.find_type(call.argument("collection"));
  if (type == nullptr) co_return json_response(200, json::value(json::object()));  // nothing is indexed
  if (!call.arguments.has("name")) co_return json_response(200, json::value(indexes_of(*type)));
  const model::Index* index = type->find_index(call.argument("name"));
  co_return json_response(200, json::value(index == nullptr ? no_index() : index_object(*index)));
}

env::Task<Result<net::Response>> list_preferences(Call& call) {
  co_return json_response(200, json::value(preferences_object(call.services)));
}

env::Task<Result<net::Response>> set_preferences(Call& call) {
  Result<json::value> body = parse_body(call);
  if (!body) co_return body.error();
  if (!body->is_object())
    co_return Error(ErrorCode::kBadRequest, "", "prefs", "", {"The body is not a JSON object"});
  std::vector<std::pair<std::string, std::string>> values;
  for (const auto& [name, value] : body->get_object()) {
    if (!value.is_string()) {
      co_return Error(ErrorCode::kBadRequest, "", "prefs", "",
                      {fmt::format("{}: expected a string", std::string_view(name))});
    }
    values.emplace_back(name, value.get_string());
  }
  Result<void> changed =
      co_await call.services.preferences.set(std::move(values), call.principal.audit_name());
  if (!changed) {
    Error error = changed.error();
    if (error.model.empty() && error.code != ErrorCode::kForbidden) error.model = "prefs";
    co_return error;
  }
  co_return json_response(201, json::value(preferences_object(call.services)));
}

env::Task<Result<net::Response>> post_event(Call& call) {
  Result<json::value> body = parse_body(call);
  if (!body) co_return body.error();
  Result<void> published = publish_posted(call.services, std::move(*body), call.principal.audit_name());
  if (!published) co_return published.error();
  co_return json_response(204, std::string());
}

env::Task<Result<net::Response>> front_page(Call& call) {
  bool installed = false;
  co_await env::run_blocking([&] { installed = is_ux_installed(call.services.blobs); });
  const bool built_in = !call.services.ux_pack.empty() && navigates(call.request.headers);
  net::Response response;
  if (installed || built_in) {
    response.status = 302;
    response.headers.set("Location", "/ux/");
  }
  response.headers.set("Content-Type", "text/html; charset=utf-8");
  const std::string fingerprint = call.services.certificates.fingerprint(Certificates::Port::kApi);
  if (!fingerprint.empty()) response.headers.set(kFingerprintHeader, fingerprint);
  response.body = std::string(kFrontPage);
  co_return response;
}

env::Task<Result<net::Response>> redirect_home(Call&) {
  net::Response response;
  response.status = 302;
  response.headers.set("Location", "/");
  response.headers.set("Content-Type", "text/html; charset=utf-8");
  co_return response;
}

env::Task<Result<net::Response>> show_openapi(Call&) { co_return json_response(200, model::openapi_json()); }

}  // namespace handlers
}  // namespace mullion::api
