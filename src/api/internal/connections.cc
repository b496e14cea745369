// How endpoints are reached at present. These facts change all the time and are not stored: what is, are the
// states that they lead to (ConnectionState of Endpoint objects).
#include <set>

#include "api/internal/answers.h"
#include "api/internal/finder.h"
#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/objects.h"

namespace mullion::api {
namespace {

json::array hop_names(const std::vector<std::string>& list) { return json::array(list.begin(), list.end()); }

/// By collection, as old as answers about it say.
json::object shown_held_up(const manager::OwnerFreshness& freshness) {
  json::object out;
  for (const auto& [collection, held_up] : freshness.held_up)
    out[collection] = json::object{{"Age", held_up.age_seconds}, {"Reason", held_up.reason}};
  return out;
}

json::object shown_connection(const manager::OwnerConnection& connection) {
  json::object out;
  out["Endpoint"] = connection.freshness.owner;
  out["InTouch"] = connection.freshness.in_touch;
  out["Reason"] = connection.freshness.reason;
  out["Age"] = connection.freshness.age_seconds;
  if (!connection.freshness.untold_by.empty()) out["AgeUntoldBy"] = connection.freshness.untold_by;
  if (!connection.freshness.held_up.empty()) out["HeldUp"] = shown_held_up(connection.freshness);
  out["Resolution"] = connection.freshness.resolution_seconds;
  out["NextHop"] = connection.freshness.next_hop;
  out["Hops"] = hop_names(connection.hops);
  out["StandBy"] = hop_names(connection.stand_by);
  if (connection.lag) out["Lag"] = *connection.lag;
  if (connection.clock_ahead) out["ClockAhead"] = *connection.clock_ahead;
  out["Forwards"] = connection.forwards;
  out["ForwardSeconds"] = connection.forward_seconds;
  return out;
}

/// The ids of the Endpoint objects that the query finds within the caller's rights, each once.
Result<std::vector<std::string>> found_ids(const Call& call) {
  Result<store::Query> query = store::parse_query(call.type->prefix, call.request.query);
  if (!query) return query.error();
  Result<store::QueryResult> found = find_all(call, *call.services.store.snapshot(), std::move(*query));
  if (!found) return found.error();
  std::vector<std::string> ids;
  std::set<std::string_view> seen;  // several managers may have an object of one id
  for (const store::ObjectRef& ref : found->refs) {
    if (seen.insert(ref.key).second) ids.push_back(ref.key);
  }
  return ids;
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> list_connections(Call& call) {
  json::array out;
  const Result<void> done = co_await heavy(call, env::Pool::kProcessor, [&]() -> Result<void> {
    const Result<std::vector<std::string>> ids = found_ids(call);
    if (!ids) return ids.error();
    if (call.services.manager == nullptr) return {};
    for (const manager::OwnerConnection& connection : call.services.manager->connections(*ids))
      out.push_back(shown_connection(connection));
    return {};
  });
  if (!done) co_return done.error();
  co_return json_response(200, json::value(std::move(out)));
}

}  // namespace handlers
}  // namespace mullion::api
