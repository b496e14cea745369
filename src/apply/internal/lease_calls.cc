#include "apply/internal/lease_calls.h"

#include <fmt/format.h>

#include "apply/internal/log.h"
#include "client/routes.h"
#include "mirror/lease_marker.h"
#include "model/members.h"

namespace mullion::apply {

namespace json = boost::json;
namespace {

using mirror::kLeaseHolder;
using mirror::kLeaseMarker;
using mirror::kLeaseUntil;

/// Clocks of managers differ: a lease that ran out by ours may be held by another one's.
constexpr std::chrono::seconds kClocksDiffer{30};

constexpr std::string_view kProfiles = "profiles";

struct Marker {
  std::string holder, until;
};

/// Absent: there is none.
Task<Result<std::optional<Marker>>> read_marker(manager::EndpointCalls& calls) {
  const Result<std::optional<json::value>> found =
      co_await client::look_up(calls, client::get_object(kProfiles, kLeaseMarker));
  if (!found) co_return found.error();
  if (!*found || !(*found)->is_object()) co_return std::optional<Marker>();
  const json::object& params = model::object_member((*found)->get_object(), "Params");
  co_return std::optional(
      Marker{model::text_member(params, kLeaseHolder), model::text_member(params, kLeaseUntil)});
}

/// How long the marker's lease lasts; 0 when it has run out, or does not say.
std::chrono::seconds left_of(const Marker& marker, env::WallTime now) {
  env::WallTime until;
  if (marker.holder.empty() || !env::parse_rfc3339(marker.until, until)) return std::chrono::seconds(0);
  const auto left = std::chrono::ceil<std::chrono::seconds>(until + kClocksDiffer - now);
  // Nobody takes it for longer: the other clock is wrong, or ours.
  return std::clamp<std::chrono::seconds>(left, std::chrono::seconds(0), kLeaseTime + 2 * kClocksDiffer);
}

json::object marker_params(const std::string& holder, env::WallTime now) {
  return {{kLeaseHolder, holder}, {kLeaseUntil, env::format_rfc3339(now + kLeaseTime)}};
}

bool is_refused_right(const Error& error) {
  return error.status_override == 401 || error.status_override == 403;
}

Task<Result<void>> make_marker(manager::EndpointCalls& calls, std::string holder, env::WallTime now) {
  const json::object marker{{"Name", kLeaseMarker},
                            {"Description", fmt::format("Configured by the Mullion manager {}", holder)},
                            {"Params", marker_params(holder, now)}};
  const Result<client::Answer> made = co_await client::ask(calls, client::post_collection(kProfiles), marker);
  if (made) co_return Result<void>{};
  if (!is_refused_right(made.error())) co_return made.error();
  kApplyLog.info("who configures an endpoint cannot be said there reason={}",
                 client::reason_of(made.error()));
  co_return Result<void>{};
}

/// Only if nobody changed it meanwhile.
Task<Result<void>> renew_marker(manager::EndpointCalls& calls, Marker before, std::string holder,
                                env::WallTime now) {
  const json::array patch{
      json::object{{"op", "test"}, {"path", "/Params/mullion~1configured-by"}, {"value", before.holder}},
      json::object{{"op", "test"}, {"path", "/Params/mullion~1configured-until"}, {"value", before.until}},
      json::object{{"op", "replace"}, {"path", "/Params"}, {"value", marker_params(holder, now)}}};
  const Result<client::Answer> renewed =
      co_await client::ask(calls, client::patch_object(kProfiles, kLeaseMarker), patch);
  if (renewed || is_refused_right(renewed.error())) co_return Result<void>{};
  co_return renewed.error();
}

Error held_by_another(const std::string& holder) {
  Error error(ErrorCode::kConflict, "configured by " + holder);
  error.status_override = http_status(ErrorCode::kConflict);
  return error;
}

Task<Result<void>> take_marker(manager::EndpointCalls& calls, std::string holder, env::WallTime now) {
  const Result<std::optional<Marker>> marker = co_await read_marker(calls);
  if (!marker && is_refused_right(marker.error())) co_return Result<void>{};
  if (!marker) co_return marker.error();
  if (!*marker) co_return co_await make_marker(calls, std::move(holder), now);
  if ((*marker)->holder != holder && left_of(**marker, now) > std::chrono::seconds(0))
    co_return held_by_another((*marker)->holder);
  co_return co_await renew_marker(calls, **marker, std::move(holder), now);
}

}  // namespace

Task<Result<void>> take_lease_there(manager::EndpointCalls& calls, std::string holder,
                                    const env::Clock& clock) {
  if (calls.is_foreign()) co_return co_await take_marker(calls, std::move(holder), clock.wall());
  const json::object wanted{{"holder", holder}, {"seconds", kLeaseTime.count()}};
  const Result<client::Answer> answer =
      co_await client::ask(calls, client::post_configuration_lease(), wanted);
  if (!answer) co_return answer.error();
  co_return Result<void>{};
}

Task<Result<LeaseThere>> lease_there(manager::EndpointCalls& calls, const env::Clock& clock) {
  if (calls.is_foreign()) {
    const Result<std::optional<Marker>> marker = co_await read_marker(calls);
    if (!marker) co_return marker.error();
    if (!*marker) co_return LeaseThere{};
    co_return LeaseThere{(*marker)->holder, left_of(**marker, clock.wall()).count()};
  }
  const Result<client::Answer> answer = co_await client::ask(calls, client::get_configuration_lease());
  if (!answer) co_return answer.error();
  const json::object shown = model::parse_object(answer->body);
  LeaseThere out{model::text_member(shown, "holder"), std::nullopt};
  const json::value* seconds = shown.if_contains("seconds");
  if (seconds != nullptr && seconds->is_int64()) out.seconds = seconds->get_int64();
  co_return out;
}

Task<Result<void>> release_lease_there(manager::EndpointCalls& calls, std::string holder) {
  client::Request request = client::delete_configuration_lease().with("holder", holder);
  if (calls.is_foreign()) {
    const Result<std::optional<Marker>> marker = co_await read_marker(calls);
    if (!marker) co_return marker.error();
    if (!*marker || (*marker)->holder != holder) co_return Result<void>{};
    request = client::delete_object(kProfiles, kLeaseMarker);
  }
  net::ClientRequest sent = client::bare_request(request);
  const Result<client::Answer> answer = co_await client::ask(calls, std::move(request), std::move(sent));
  if (!answer) co_return answer.error();
  co_return Result<void>{};
}

}  // namespace mullion::apply
