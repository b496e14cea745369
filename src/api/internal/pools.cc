// Pools as they are read. Moving machines between them comes with workflows.
#include <map>

#include "api/internal/answers.h"
#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/objects.h"
#include "api/internal/rights.h"
#include "model/index_value.h"

namespace mullion::api {
namespace {

constexpr std::string_view kOperations[] = {"addMachines", "removeMachines", "allocateMachines",
                                            "releaseMachines"};

store::Query machines_in(const Call& call, const std::string& pool) {
  store::Query query;
  query.type = "machines";
  query.own_id = call.services.facts.id;
  query.filters.push_back({"Pool", store::Operator::kEq, {pool}});
  return query;
}

bool may_see_machine(const Call& call, std::string_view key, std::string_view body) {
  return may(call, *model::find_object_type("machines"), "get", key, body);
}

/// Calls `visit(ref, body)` for each machine of the pool that the caller may see, until it returns false.
template <typename Visit>
Result<void> visit_pool(const Call& call, const store::Snapshot& snapshot, const std::string& pool,
                        Visit visit) {
  const Result<store::QueryResult> found = snapshot.query(machines_in(call, pool));
  if (!found) return found.error();
  for (const store::ObjectRef& ref : found->refs) {
    const Result<std::string> body = snapshot.get({"machines", ref.owner, ref.key});
    if (!body || !may_see_machine(call, ref.key, *body)) continue;
    if (!visit(ref, *body)) return {};
  }
  return {};
}

std::string text_member(std::string_view body, std::string_view field) {
  boost::system::error_code failure;
  const json::value value = json::parse(json::string_view(model::raw_member(body, field)), failure);
  return failure || !value.is_string() ? std::string() : std::string(value.get_string());
}

json::object pool_result(const store::ObjectRef& ref, std::string_view body, const std::string& status) {
  json::object result;
  result["Name"] = text_member(body, "Name");
  result["Uuid"] = ref.key;
  result["Allocated"] = model::raw_member(body, "PoolAllocated") == "true";
  result["Status"] = status;
  return result;
}

/// The next pool after `previous`, in order, that some machine is in; absent behind the last one.
Result<std::optional<std::string>> next_pool(const Call& call, const store::Snapshot& snapshot,
                                             const std::optional<std::string>& previous) {
  store::Query query;
  query.type = "machines";
  query.own_id = call.services.facts.id;
  query.sort = "Pool";
  query.limit = 1;
  if (previous) query.filters.push_back({"Pool", store::Operator::kGt, {*previous}});
  const Result<store::QueryResult> found = snapshot.query(query);
  if (!found) return found.error();
  if (found->refs.empty()) return std::optional<std::string>();
  const store::ObjectRef& ref = found->refs.front();
  const Result<std::string> body = snapshot.get({"machines", ref.owner, ref.key});
  if (!body) return body.error();
  return std::optional<std::string>(text_member(*body, "Pool"));
}

/// Whether the caller may see the pool and one of its machines.
Result<bool> is_shown(const Call& call, const store::Snapshot& snapshot, const std::string& pool) {
  if (pool.empty() || !may(call, *call.type, "get", pool, "")) return false;
  bool seen = false;
  const Result<void> visited = visit_pool(
      call, snapshot, pool, [&seen](const store::ObjectRef&, std::string_view) { return !(seen = true); });
  if (!visited) return visited.error();
  return seen;
}

Result<json::array> active_pools(const Call& call) {
  const std::shared_ptr<const store::Snapshot> snapshot = call.services.store.snapshot();
  json::array active;
  std::optional<std::string> pool;
  while (true) {
    Result<std::optional<std::string>> next = next_pool(call, *snapshot, pool);
    if (!next) return next.error();
    if (!*next) return active;
    pool = std::move(*next);
    const Result<bool> shown = is_shown(call, *snapshot, *pool);
    if (!shown) return shown.error();
    if (*shown) active.emplace_back(*pool);
  }
}

Result<json::object> pool_status(const Call& call) {
  std::map<std::string, json::array> by_status;
  const Result<void> visited = visit_pool(call, *call.snapshot, call.target.key,
                                          [&](const store::ObjectRef& ref, std::string_view body) {
                                            const std::string status = text_member(body, "PoolStatus");
                                            by_status[status].push_back(pool_result(ref, body, status));
                                            return true;
                                          });
  if (!visited) return visited.error();
  json::object out;
  for (auto& [status, machines] : by_status) out[status] = std::move(machines);
  return out;
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> list_active_pools(Call& call) {
  Result<json::array> pools = co_await heavy(call, env::Pool::kProcessor, [&] { return active_pools(call); });
  if (!pools) co_return pools.error();
  co_return json_response(200, json::value(std::move(*pools)));
}

env::Task<Result<net::Response>> show_pool_status(Call& call) {
  Result<json::object> status =
      co_await heavy(call, env::Pool::kProcessor, [&] { return pool_status(call); });
  if (!status) co_return status.error();
  co_return json_response(200, json::value(std::move(*status)));
}

env::Task<Result<net::Response>> refuse_pool_operation(Call& call) {
  const std::string& command = call.argument("command");
  const bool known = command.empty() || std::find(std::begin(kOperations), std::end(kOperations), command) !=
                                            std::end(kOperations);
  if (!known) co_return Error(ErrorCode::kNotFound, call.request.method, call.request.path, "", {"No route"});
  co_return object_error(call, ErrorCode::kInvalid,
                         {"This version does not move machines between pools; change their field Pool"});
}

}  // namespace handlers
}  // namespace mullion::api
