#include "api/openapi.h"

#include <boost/json.hpp>

#include "api/internal/routes.h"
#include "model/object_type.h"

namespace mullion::api {
namespace {

namespace json = boost::json;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

json::array path_parameters(std::string_view path) {
  json::array out;
  while (true) {
    const size_t open = path.find('{');
    if (open == std::string_view::npos) return out;
    const size_t close = path.find('}', open);
    json::object parameter;
    parameter["name"] = path.substr(open + 1, close - open - 1);
    parameter["in"] = "path";
    parameter["required"] = true;
    parameter["schema"] = json::object{{"type", "string"}};
    out.push_back(std::move(parameter));
    path.remove_prefix(close + 1);
  }
}

json::object operation(const Route& route, const std::string& path) {
  json::object out;
  out["summary"] = route.summary;
  json::array parameters = path_parameters(path);
  if (!parameters.empty()) out["parameters"] = std::move(parameters);
  if (route.access == Access::kRight) {
    out["x-right"] = fmt::format("{} {} {}", route.scope, route.action, route.specific);
  }
  json::object answers;
  answers["200"] = json::object{{"description", "Done"}};
  answers["default"] = json::object{{"description", "Refused"}};
  out["responses"] = std::move(answers);
  return out;
}

/// Path relative to /api/v3, the server of the document; absent for what lies outside.
std::optional<std::string> shown_path(std::string_view pattern) {
  constexpr std::string_view kBase = "/api/v3";
  if (!pattern.starts_with(kBase)) return std::nullopt;
  std::string path(pattern.substr(kBase.size()));
  const size_t rest = path.find("...}");
  if (rest != std::string::npos) path.erase(rest, 3);
  return path;
}

void add_route(json::object& paths, const Route& route) {
  const std::optional<std::string> path = shown_path(route.pattern);
  if (!path) return;
  json::value& entry = paths[*path];
  if (!entry.is_object()) entry = json::object();
  std::string_view methods = route.methods;
  while (!methods.empty()) {
    const size_t blank = methods.find(' ');
    const std::string_view method = methods.substr(0, blank);
    const std::string name = lower(method);
    if (!entry.get_object().contains(name)) entry.get_object()[name] = operation(route, *path);
    if (blank == std::string_view::npos) return;
    methods.remove_prefix(blank + 1);
  }
}

}  // namespace

std::string openapi_text() {
  boost::system::error_code failure;
  json::value document = json::parse(model::openapi_json(), failure);
  if (failure || !document.is_object()) document = json::object();
  json::value& paths = document.get_object()["paths"];
  if (!paths.is_object()) paths = json::object();
  for (const Route& route : route_table()) {
    // The routes of collections are described by the model, once per collection.
    if (route.pattern.find("{prefix}") == std::string_view::npos) add_route(paths.get_object(), route);
  }
  return json::serialize(document);
}

}  // namespace mullion::api
