// The route table (schema/routes.yaml) and how a request finds its route.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "env/runtime.h"
#include "model/object_type.h"
#include "net/http.h"

namespace mullion::api {

struct Call;

enum class Access { kPublic, kAuthenticated, kRight };
/// What happens when the right is missing; see schema/routes.yaml.
enum class Denied { kForbidden, kAlways, kNotFound, kFilter, kFields, kCreated };
/// What a collection must allow for a route to exist there.
enum class Needs { kNothing, kMeta, kParams, kActions, kPluginActions, kCreate, kUpdate, kDelete };
enum class Remote { kLocal, kForward, kForwardDecode };
enum class BodyKind { kNone, kJson, kStream };

using HandlerFunction = env::Task<Result<net::Response>> (*)(Call&);

/// One entry of the table.
struct Route {
  std::string_view methods;  // separated by blanks
  std::string_view pattern;
  std::string_view collection;  // the collection when the pattern names it in plain words, or empty
  std::string_view name;
  Access access;
  std::string_view scope, action, specific;  // words or arguments in braces
  Denied denied;
  Needs needs;
  bool object;
  bool mixed;
  bool whole;
  std::string_view asks;  // rights beyond its own, separated by semicolons
  Remote remote;
  BodyKind body;
  uint64_t body_limit;  // 0: the setting
  std::string_view summary, since;
  HandlerFunction handler;
};

std::span<const Route> route_table();

/// Arguments taken from a path: name -> text.
class Arguments {
 public:
  /// `name` must outlive this; a second value replaces the first.
  void set(std::string_view name, std::string value);
  /// Empty when absent.
  const std::string& get(std::string_view name) const;
  bool has(std::string_view name) const;
  /// `text` with each {name} replaced.
  std::string expand(std::string_view text) const;

 private:
  std::vector<std::pair<std::string_view, std::string>> items_;
};

using Segments = std::span<const std::string>;

struct RouteMatch {
  const Route* route = nullptr;
  size_t number = 0;
  Arguments arguments;
  const model::ObjectType* type = nullptr;  // of {prefix} or Route::collection
  size_t id_at = 0, id_count = 0;  // the segments that the client wrote as the object's id; maybe none
};

/// Knows collections: nullptr for an unknown prefix.
using FindType = std::function<const model::ObjectType*(std::string_view prefix)>;
/// First route that fits method and path, or absent.
std::optional<RouteMatch> match_route(std::string_view method, Segments path, const FindType& find_type);

/// Owner prefix of a path: "/A/B/api/v3/x" has the owners A and B and the rest "/api/v3/x". Owners are the
/// segments before the first "api" that "v3" follows; without one the whole path is the rest.
struct OwnerPath {
  Segments owners;
  Segments rest;
};
OwnerPath split_owner_path(Segments path);

/// The path to send to an owner for a request that was matched and authorised here: the segments of `path`,
/// with `key` as one segment in place of the `id_count` segments that the client wrote as the object's id.
/// Without `key` as they are.
std::vector<std::string> path_for_owner(Segments path, size_t id_at, size_t id_count,
                                        const std::optional<std::string>& key);

}  // namespace mullion::api
