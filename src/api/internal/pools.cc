// Pools as they are read. Moving machines between them comes with workflows.
#include <map>

#include "api/internal/answers.h"
#include "api/internal/finder.h"
#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/objects.h"
#include "api/internal/rights.h"
#include "model/index_value.h"

namespace mullion::api {
namespace {

constexpr std::string_view kOperations[] = {"addMachines", "removeMachines", "allocateMachines",
                                            "releaseMachines"};

/// Calls `visit(ref, body)` for each machine that the caller may see, of the pools that `filter` says.
template <typename Visit>
Result<store::QueryResult> visit_machines(const Call& call, const store::Snapshot& snapshot,
                                          store::Filter filter, Visit visit) {
  store::Query query;
  query.sort = "Pool";
  query.filters.push_back(std::move(filter));
  return visit_matching(call, snapshot, *model::find_object_type("machines"), std::move(query), "get", visit);
}

json::object pool_result(const store::ObjectRef& ref, std::string_view body, const std::string& status) {
  json::object result;
  result["Name"] = text_in(body, "Name");
  result["Uuid"] = ref.key;
  result["Allocated"] = model::raw_member(body, "PoolAllocated") == "true";
  result["Status"] = status;
  return result;
}

/// What is said of pools, and the machines that say it.
template <typename Json>
struct PoolAnswer {
  Json shown;
  store::QueryResult machines;
};

/// The pools that some machine is in, as far as the caller may see both.
Result<PoolAnswer<json::array>> active_pools(const Call& call) {
  const std::shared_ptr<const store::Snapshot> snapshot = call.services.store.snapshot();
  json::array active;
  std::string last;
  const auto visit = [&](const store::ObjectRef&, std::string_view body) {
    std::string pool = text_in(body, "Pool");
    if (pool == last) return true;
    last = std::move(pool);
    if (may(call, *call.type, "get", {last, std::string(store::kOwn)}, "")) active.emplace_back(last);
    return true;
  };
  Result<store::QueryResult> visited =
      visit_machines(call, *snapshot, {"Pool", store::Operator::kNe, {""}}, visit);
  if (!visited) return visited.error();
  return PoolAnswer<json::array>{std::move(active), std::move(*visited)};
}

Result<PoolAnswer<json::object>> pool_status(const Call& call) {
  std::map<std::string, json::array> by_status;
  Result<store::QueryResult> visited =
      visit_machines(call, *call.services.store.snapshot(), {"Pool", store::Operator::kEq, {call.target.key}},
                     [&](const store::ObjectRef& ref, std::string_view body) {
                       const std::string status = text_in(body, "PoolStatus");
                       by_status[status].push_back(pool_result(ref, body, status));
                       return true;
                     });
  if (!visited) return visited.error();
  json::object out;
  for (auto& [status, machines] : by_status) out[status] = std::move(machines);
  return PoolAnswer<json::object>{std::move(out), std::move(*visited)};
}

/// As old as what is known of the machines.
template <typename Json>
Result<net::Response> pools_response(const Call& call, Result<PoolAnswer<Json>> answer) {
  if (!answer) return answer.error();
  net::Response response = json_response(200, json::value(std::move(answer->shown)));
  const store::QueryResult& machines = answer->machines;
  const Result<void> fresh = apply_freshness(call, machines.owners, machines.collections, response);
  if (!fresh) return fresh.error();
  return response;
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> list_active_pools(Call& call) {
  co_return pools_response(call,
                           co_await heavy(call, env::Pool::kProcessor, [&] { return active_pools(call); }));
}

env::Task<Result<net::Response>> show_pool_status(Call& call) {
  co_return pools_response(call,
                           co_await heavy(call, env::Pool::kProcessor, [&] { return pool_status(call); }));
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
