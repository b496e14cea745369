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

struct RouteMatch {
  const Route* route = nullptr;
  size_t number = 0;
  Arguments arguments;
  const model::ObjectType* type = nullptr;  // of {prefix} or Route::collection
};

/// Knows collections: nullptr for an unknown prefix.
using FindType = std::function<const model::ObjectType*(std::string_view prefix)>;
/// First route that fits method and decoded path, or absent.
std::optional<RouteMatch> match_route(std::string_view method, std::string_view path,
                                      const FindType& find_type);

/// Owner prefix of a path: "/A/B/api/v3/x" gives {"A","B"} and "/api/v3/x". No owners: the path itself.
struct OwnerPath {
  std::vector<std::string> owners;
  std::string_view rest;
};
OwnerPath split_owner_path(std::string_view path);

}  // namespace mullion::api
