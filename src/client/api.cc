#include "client/api.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "base/error_object.h"
#include "base/json.h"
#include "base/percent.h"
#include "model/members.h"
#include "model/object.h"

namespace mullion::client {
namespace {

namespace json = boost::json;

constexpr auto kLeastPatience = std::chrono::seconds(60);
constexpr uint64_t kWorkedThrough = uint64_t{20}
                                    << 20;  // bytes a second that a slow server hashes and stores
constexpr size_t kLongestReason = 500;
constexpr size_t kMostShown = 2000;  // of a body that no server of ours wrote

ErrorCode code_of(int status) {
  for (const ErrorCode code :
       {ErrorCode::kBadRequest, ErrorCode::kUnauthorized, ErrorCode::kForbidden, ErrorCode::kNotFound,
        ErrorCode::kConflict, ErrorCode::kTooLarge, ErrorCode::kInvalid, ErrorCode::kLocked,
        ErrorCode::kTooManyRequests, ErrorCode::kInsufficientStorage}) {
    if (http_status(code) == status) return code;
  }
  // 502 to 504 come from managers in between, or from a server that is going down.
  return status >= 502 && status <= 504 ? ErrorCode::kUnavailable : ErrorCode::kInternal;
}

}  // namespace

bool is_broken(const Error& error) {
  return error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kUnreachable ||
         error.code == ErrorCode::kTimeout || error.code == ErrorCode::kCancelled ||
         error.code == ErrorCode::kUnauthorized;  // our login is being renewed
}

std::string reason_of(const Error& error) {
  const std::string text = error.messages.empty() ? error.text() : error.messages.front();
  return text.substr(0, kLongestReason);
}

std::string refusal_texts(std::string_view body) {
  const std::optional<Error> told = read_error_object(body);
  return told ? fmt::format("{}", fmt::join(told->messages, "; ")) : "";
}

Error error_of(int status, std::string_view body, const net::Headers& headers) {
  std::optional<Error> told = read_error_object(body);
  if (!told) {
    const auto reason = body.empty() ? headers.get("X-Mullion-Error") : std::nullopt;
    told =
        Error(ErrorCode::kInternal, reason ? std::string(*reason) : std::string(body.substr(0, kMostShown)));
    if (!reason) told->type = kClientError;
    if (body.empty() && !reason) told->messages = {fmt::format("HTTP status {}", status)};
  }
  told->status_override = status;
  return std::move(*told);
}

Error refusal_of(const Request& request, const Answer& answer) {
  const std::string_view shown = request.shown();
  const std::string path = percent_decode(shown.substr(0, shown.find('?')));
  Error error(code_of(answer.status),
              fmt::format("{} {}: {} {}", request.method(), path, answer.status, refusal_texts(answer.body)));
  error.status_override = answer.status;
  return error;
}

env::Duration patience_for(uint64_t bytes) {
  return kLeastPatience + std::chrono::seconds(bytes / kWorkedThrough);
}

net::ClientRequest bare_request(const Request& request) {
  net::ClientRequest out;
  out.method = request.method();
  out.target = request.target();
  return out;
}

net::ClientRequest get_request(const Request& request) {
  net::ClientRequest out = bare_request(request);
  out.headers.set("Accept", "application/json");
  return out;
}

net::ClientRequest json_request(const Request& request, const json::value& body) {
  net::ClientRequest out = bare_request(request);
  out.headers.set("Content-Type", "application/json");
  out.headers.set("Accept", "application/json");
  out.body = json::serialize(body);
  return out;
}

env::Task<Result<Answer>> ask(Api& api, Request request, net::ClientRequest sent) {
  Result<Answer> answer = co_await api.send(std::move(sent));
  if (answer && answer->status >= 400) co_return refusal_of(request, *answer);
  co_return answer;
}

env::Task<Result<Answer>> ask(Api& api, Request request) {
  net::ClientRequest sent = get_request(request);
  return ask(api, std::move(request), std::move(sent));
}

env::Task<Result<Answer>> ask(Api& api, Request request, const json::value& body) {
  net::ClientRequest sent = json_request(request, body);
  return ask(api, std::move(request), std::move(sent));
}

env::Task<Result<std::optional<json::value>>> look_up(Api& api, Request request) {
  Result<Answer> answer = co_await ask(api, request);
  if (!answer && answer.error().status_override == http_status(ErrorCode::kNotFound))
    co_return std::optional<json::value>();
  if (!answer) co_return answer.error();
  Result<json::value> parsed = parse_json(answer->body, 256);
  if (!parsed)
    co_return Error(ErrorCode::kInternal, fmt::format("GET {}: the answer is no JSON", request.target()));
  co_return std::optional<json::value>(std::move(*parsed));
}

}  // namespace mullion::client
