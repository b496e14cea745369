// Routes of clients for what this version does not do: they are told so, not that the route is unknown.
#include <array>

#include "api/internal/answers.h"
#include "api/internal/handlers.h"
#include "api/internal/objects.h"

namespace mullion::api {
namespace {

struct Refusal {
  std::string_view path_end;  // of the route's pattern
  ErrorCode code;
  std::string_view reason;
};

constexpr std::array kRefusals{
    Refusal{"/actions", ErrorCode::kInvalid,
            "This version does not run tasks, so a job has no rendered actions"},
    Refusal{"/archive", ErrorCode::kNotFound, "The log is not archived: it is at jobs/ID/log"},
};

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> refuse_unserved(Call& call) {
  for (const Refusal& refusal : kRefusals) {
    if (!call.route->pattern.ends_with(refusal.path_end)) continue;
    const std::string reason(refusal.reason);
    if (call.type != nullptr) co_return object_error(call, refusal.code, {reason});
    co_return Error(refusal.code, call.request.method, "system", "", {reason});
  }
  co_return Error(ErrorCode::kNotFound, call.request.method, call.request.path, "", {"No route"});
}

/// There are no work orders here: an agent that asks has nothing to do.
env::Task<Result<net::Response>> pick_work(Call&) { co_return json_response(204, std::string()); }

}  // namespace handlers
}  // namespace mullion::api
