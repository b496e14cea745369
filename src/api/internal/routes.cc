#include "api/internal/routes.h"

#include <fmt/ranges.h>

#include <unordered_map>

#include "api/internal/handlers.h"

namespace mullion::api {
namespace {

constexpr Route kRoutes[] = {
#include "api/routes.inc"
};

/// A pattern cut at its slashes, once.
struct CompiledRoute {
  const Route* route;
  size_t number;  // in the table
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

bool is_argument(std::string_view segment) { return segment.starts_with('{'); }

std::vector<CompiledRoute> compile() {
  std::vector<CompiledRoute> compiled;
  for (const Route& route : kRoutes) {
    CompiledRoute entry{&route, compiled.size(), split(route.methods, ' '), split(route.pattern, '/')};
    entry.rest = route.pattern.ends_with("...}");
    compiled.push_back(std::move(entry));
  }
  return compiled;
}

using Candidates = std::vector<const CompiledRoute*>;  // in the order of the table

/// The routes of a method by the word behind /api/v3: hundreds of routes have one there, and a request has
/// one.
class RouteIndex {
 public:
  RouteIndex() : routes_(compile()) {
    for (const CompiledRoute& route : routes_) {
      for (const std::string_view method : route.methods) add(methods_[method], route);
    }
  }
  const Candidates& find(std::string_view method, Segments path) const {
    static const Candidates none;
    const auto of_method = methods_.find(method);
    if (of_method == methods_.end()) return none;
    const auto found = path.size() > kWordAt ? of_method->second.by_word.find(path[kWordAt])
                                             : of_method->second.by_word.end();
    return found == of_method->second.by_word.end() ? of_method->second.of_any_word : found->second;
  }

 private:
  static constexpr size_t kWordAt = 2;
  struct OfMethod {
    std::unordered_map<std::string_view, Candidates> by_word;  // each with those of any word
    Candidates of_any_word;
  };
  static void add(OfMethod& method, const CompiledRoute& route) {
    const bool has_word = route.segments.size() > kWordAt && !is_argument(route.segments[kWordAt]);
    if (has_word) {
      method.by_word.try_emplace(route.segments[kWordAt], method.of_any_word).first->second.push_back(&route);
      return;
    }
    for (auto& [word, candidates] : method.by_word) candidates.push_back(&route);
    method.of_any_word.push_back(&route);
  }

  const std::vector<CompiledRoute> routes_;
  std::unordered_map<std::string_view, OfMethod> methods_;
};

std::string_view argument_name(std::string_view segment) {
  segment = segment.substr(1, segment.size() - 2);
  if (segment.ends_with("...")) segment.remove_suffix(3);
  return segment;
}

bool fits(const CompiledRoute& candidate, Segments path) {
  const size_t count = candidate.segments.size();
  if (candidate.rest ? path.size() < count : path.size() != count) return false;
  for (size_t i = 0; i < count; ++i) {
    if (!is_argument(candidate.segments[i]) && candidate.segments[i] != path[i]) return false;
  }
  return true;
}

void take_arguments(const CompiledRoute& candidate, Segments path, RouteMatch& match) {
  for (size_t i = 0; i < candidate.segments.size(); ++i) {
    if (!is_argument(candidate.segments[i])) continue;
    const bool takes_rest = candidate.rest && i + 1 == candidate.segments.size();
    const Segments taken = path.subspan(i, takes_rest ? path.size() - i : 1);
    const std::string_view name = argument_name(candidate.segments[i]);
    match.arguments.set(name, fmt::format("{}", fmt::join(taken, "/")));
    if (name != "id" && (name != "rest" || match.arguments.has("id"))) continue;
    match.id_at = i;
    match.id_count = taken.size();
  }
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

std::optional<RouteMatch> match_route(std::string_view method, Segments path, const FindType& find_type) {
  static const RouteIndex index;
  for (const CompiledRoute* candidate : index.find(method, path)) {
    if (!fits(*candidate, path)) continue;
    RouteMatch match{candidate->route, candidate->number};
    take_arguments(*candidate, path, match);
    if (!match.route->collection.empty()) match.type = find_type(match.route->collection);
    if (match.arguments.has("prefix")) {
      match.type = find_type(match.arguments.get("prefix"));
      if (match.type == nullptr || !satisfies(*match.type, match.route->needs)) continue;
    }
    return match;
  }
  return std::nullopt;
}

OwnerPath split_owner_path(Segments path) {
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    if (path[i] == "api" && path[i + 1] == "v3") return {path.first(i), path.subspan(i)};
  }
  return {path.first(0), path};
}

std::vector<std::string> path_for_owner(Segments path, size_t id_at, size_t id_count,
                                        const std::optional<std::string>& key) {
  std::vector<std::string> out(path.begin(), path.end());
  if (!key || id_count == 0) return out;
  const auto id = out.begin() + static_cast<ptrdiff_t>(id_at);
  out.erase(id + 1, id + static_cast<ptrdiff_t>(id_count));
  *id = *key;
  return out;
}

}  // namespace mullion::api
