// Which manager configures this server.
#include "api/internal/answers.h"
#include "api/internal/handlers.h"
#include "api/internal/objects.h"

namespace mullion::api {
namespace {

constexpr int64_t kUsualSeconds = 60;

/// `seconds` is what is left of it, for readers whose clock is another one.
json::value shown_lease(const std::optional<apply::Lease>& lease, const env::Clock& clock) {
  json::object out{{"holder", ""}, {"until", ""}, {"seconds", 0}};
  if (!lease) return out;
  out["holder"] = lease->holder;
  out["until"] = env::format_rfc3339(lease->until);
  out["seconds"] = std::chrono::ceil<std::chrono::seconds>(lease->until - clock.wall()).count();
  return out;
}

Error invalid(std::string message) {
  return Error(ErrorCode::kInvalid, "", "configuration_lease", "", {std::move(message)});
}

Result<int64_t> lease_seconds(const json::object& wanted) {
  const json::value* seconds = wanted.if_contains("seconds");
  if (seconds == nullptr) return kUsualSeconds;
  boost::system::error_code failure;
  const auto number = seconds->to_number<int64_t>(failure);
  if (failure) return invalid("seconds: expected a whole number");
  return number;
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> show_configuration_lease(Call& call) {
  co_return json_response(200, shown_lease(call.services.lease.current(), call.services.clock));
}

env::Task<Result<net::Response>> take_configuration_lease(Call& call) {
  Result<json::value> body = parse_body(call);
  if (!body) co_return body.error();
  if (!body->is_object()) co_return invalid(R"(expected {"holder":"ID","seconds":60})");
  const json::value* holder = body->get_object().if_contains("holder");
  if (holder == nullptr || !holder->is_string()) co_return invalid("holder: expected the id of a manager");
  const Result<int64_t> seconds = lease_seconds(body->get_object());
  if (!seconds) co_return seconds.error();
  Result<apply::Lease> lease = co_await call.services.lease.take(std::string(holder->get_string()), *seconds);
  if (!lease) co_return lease.error();
  co_return json_response(200, shown_lease(*lease, call.services.clock));
}

env::Task<Result<net::Response>> release_configuration_lease(Call& call) {
  const std::optional<std::string_view> holder = call.request.query_value("holder");
  if (!holder || holder->empty()) co_return invalid("holder: expected the id of a manager");
  Result<void> released = co_await call.services.lease.release(std::string(*holder));
  if (!released) co_return released.error();
  co_return json_response(204, std::string());
}

}  // namespace handlers
}  // namespace mullion::api
