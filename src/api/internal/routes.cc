#include "api/internal/routes.h"

#include <array>

#include "api/internal/handlers.h"

namespace mullion::api {
namespace {

constexpr Route kRoutes[] = {
#include "api/routes.inc"
};

/// A pattern cut at its slashes, once.
struct CompiledRoute {
  const Route* route;
  std::vector<std::string_view> methods;
  std::vector<std::string_view> segments;
  bool rest = false;  // the last segment takes all that remains
};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    if (end != 0 && !text.empty()) parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::vector<CompiledRoute> compile() {
  std::vector<CompiledRoute> compiled;
  for (const Route& route : kRoutes) {
    CompiledRoute entry{&route, split(route.methods, ' '), split(route.pattern, '/')};
    entry.rest = route.pattern.ends_with("...}");
    compiled.push_back(std::move(entry));
  }
  return compiled;
}

const std::vector<CompiledRoute>& compiled_routes() {
  static const std::vector<CompiledRoute> routes = compile();
  return routes;
}

bool is_argument(std::string_view segment) { return segment.starts_with('{'); }

std::string_view argument_name(std::string_view segment) {
  segment = segment.substr(1, segment.size() - 2);
  if (segment.ends_with("...")) segment.remove_suffix(3);
  return segment;
}

/// Segments of a path with the place where each begins, so that a rest keeps its slashes.
struct PathParts {
  std::string_view path;
  std::vector<std::string_view> segments;

  std::string rest_from(size_t index) const {
    return std::string(path.substr(static_cast<size_t>(segments[index].data() - path.data())));
  }
};

bool fits(const CompiledRoute& candidate, const PathParts& parts, Arguments& arguments) {
  const size_t count = candidate.segments.size();
  if (candidate.rest ? parts.segments.size() < count : parts.segments.size() != count) return false;
  for (size_t i = 0; i < count; ++i) {
    if (!is_argument(candidate.segments[i]) && candidate.segments[i] != parts.segments[i]) return false;
  }
  for (size_t i = 0; i < count; ++i) {
    if (!is_argument(candidate.segments[i])) continue;
    const bool takes_rest = candidate.rest && i + 1 == count;
    arguments.set(argument_name(candidate.segments[i]),
                  takes_rest ? parts.rest_from(i) : std::string(parts.segments[i]));
  }
  return true;
}

bool satisfies(const model::ObjectType& type, Needs needs) {
  const model::Traits& traits = type.traits;
  switch (needs) {
    case Needs::kNothing:
      return true;
    case Needs::kMeta:
      return traits.has_meta;
    case Needs::kParams:
      return traits.has_params;
    case Needs::kActions:
      return traits.can_have_actions && traits.actions_path == "actions";
    case Needs::kPluginActions:
      return traits.can_have_actions && traits.actions_path == "plugin_actions";
    case Needs::kCreate:
      return traits.client_create;
    case Needs::kUpdate:
      return traits.client_update;
    case Needs::kDelete:
      return traits.client_delete;
  }
  return false;
}

bool answers(const CompiledRoute& candidate, std::string_view method) {
  return std::find(candidate.methods.begin(), candidate.methods.end(), method) != candidate.methods.end();
}

}  // namespace

std::span<const Route> route_table() { return kRoutes; }

void Arguments::set(std::string_view name, std::string value) {
  for (auto& [known, old] : items_) {
    if (known != name) continue;
    old = std::move(value);
    return;
  }
  items_.emplace_back(name, std::move(value));
}

const std::string& Arguments::get(std::string_view name) const {
  static const std::string empty;
  for (const auto& [known, value] : items_) {
    if (known == name) return value;
  }
  return empty;
}

bool Arguments::has(std::string_view name) const {
  return std::any_of(items_.begin(), items_.end(), [name](const auto& item) { return item.first == name; });
}

std::string Arguments::expand(std::string_view text) const {
  std::string out;
  while (true) {
    const size_t open = text.find('{');
    out += text.substr(0, open);
    if (open == std::string_view::npos) return out;
    const size_t close = text.find('}', open);
    out += get(text.substr(open + 1, close - open - 1));
    text.remove_prefix(close + 1);
  }
}

std::optional<RouteMatch> match_route(std::string_view method, std::string_view path,
                                      const FindType& find_type) {
  const PathParts parts{path, split(path, '/')};
  const std::vector<CompiledRoute>& routes = compiled_routes();
  for (size_t i = 0; i < routes.size(); ++i) {
    if (!answers(routes[i], method)) continue;
    RouteMatch match{routes[i].route, i, {}, nullptr};
    if (!fits(routes[i], parts, match.arguments)) continue;
    if (!match.route->collection.empty()) match.type = find_type(match.route->collection);
    if (match.arguments.has("prefix")) {
      match.type = find_type(match.arguments.get("prefix"));
      if (match.type == nullptr || !satisfies(*match.type, routes[i].route->needs)) continue;
    }
    return match;
  }
  return std::nullopt;
}

OwnerPath split_owner_path(std::string_view path) {
  constexpr std::string_view kBase = "/api/v3";
  size_t found = path.find(kBase);
  while (found != std::string_view::npos && found + kBase.size() < path.size() &&
         path[found + kBase.size()] != '/') {
    found = path.find(kBase, found + 1);
  }
  OwnerPath result{{}, path};
  if (found == std::string_view::npos || found == 0) return result;
  for (const std::string_view owner : split(path.substr(0, found), '/')) result.owners.emplace_back(owner);
  result.rest = path.substr(found);
  return result;
}

}  // namespace mullion::api
