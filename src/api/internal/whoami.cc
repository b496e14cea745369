// Which machine is asking?
#include <charconv>

#include "api/internal/answers.h"
#include "api/internal/finder.h"
#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/objects.h"
#include "api/internal/whoami_score.h"
#include "base/json.h"
#include "model/index_value.h"

namespace mullion::api {
namespace {

constexpr size_t kMostTexts = 4096;  // of one list in the question

struct Match {
  int score = 0;
  std::string uuid;
};

Error whoami_refused(std::string message) {
  return Error(ErrorCode::kBadRequest, "", "whoami", "", {std::move(message)});
}

Result<void> check_length(const json::object& object, std::string_view field) {
  if (object.at(field).get_array().size() <= kMostTexts) return {};
  return whoami_refused(fmt::format("{}: at most {} entries", field, kMostTexts));
}

/// The question with every member that it may have.
Result<json::object> question(json::value body) {
  if (!body.is_object()) return whoami_refused("The body is not a JSON object");
  Result<json::object> asked = model::normalise_nested("Whoami", std::move(body));
  if (!asked) return whoami_refused(asked.error().messages.front());
  Result<void> fits = check_length(*asked, "MacAddrs");
  if (fits) fits = check_length(asked->at("Fingerprint").get_object(), "MemoryIds");
  if (!fits) return fits.error();
  return asked;
}

/// Only what the score looks at is parsed.
json::object scored_part(std::string_view key, std::string_view body) {
  json::object machine;
  for (const std::string_view field : {"Fingerprint", "HardwareAddrs"}) {
    const std::string_view raw = model::raw_member(body, field);
    if (Result<json::value> value = parse_json(raw)) machine[field] = std::move(*value);
  }
  machine["Uuid"] = key;
  return machine;
}

/// The best of this endpoint's machines that exist for the caller; of equal ones the first by key.
Match best_match(const Call& call, const json::object& asked) {
  Match best;
  const auto visit = [&](std::string_view key, std::string_view body) {
    const int score = whoami_score(scored_part(key, body), asked);
    if (score > best.score) best = {score, std::string(key)};
    return true;
  };
  const model::ObjectType& machines = *model::find_object_type("machines");
  visit_own(call, *call.services.store.snapshot(), machines, visit);
  return best;
}

env::Duration token_lifetime(const Services& services) {
  const std::string text = services.preferences.get("knownTokenTimeout");
  int64_t seconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return std::chrono::seconds(seconds > 0 ? seconds : 3600);
}

/// The token of a machine that a tenant's user asked about is bound to that tenant.
std::string grantor_for(const auth::Principal& principal) {
  return principal.tenant == nullptr || principal.user.empty() ? "system" : principal.user;
}

Result<json::object> result_of(const Call& call, const Match& match) {
  const Services& services = call.services;
  json::object result;
  if (match.score == 0) return result;
  auth::TokenRequest wanted;
  wanted.machine = match.uuid;
  wanted.grantor = grantor_for(call.principal);
  wanted.ttl = token_lifetime(services);
  const LogScope scope(call.log);
  Result<std::string> token = services.authenticator.make_token(wanted);
  if (!token) return token.error();
  result["Score"] = match.score;
  result["Uuid"] = match.uuid;
  result["Token"] = *token;
  return result;
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> who_am_i(Call& call) {
  Result<json::value> body = parse_body(call);
  if (!body) co_return body.error();
  Result<json::object> asked = question(std::move(*body));
  if (!asked) co_return asked.error();
  Result<Match> match =
      co_await heavy(call, env::Pool::kProcessor, [&] { return Result<Match>(best_match(call, *asked)); });
  if (!match) co_return match.error();
  Result<json::object> result = result_of(call, *match);
  if (!result) co_return result.error();
  (*asked)["Result"] = std::move(*result);
  co_return json_response(200, json::value(std::move(*asked)));
}

}  // namespace handlers
}  // namespace mullion::api
