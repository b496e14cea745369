#include "manager/endpoint_calls.h"

#include <fmt/format.h>

#include "base/text.h"
#include "model/members.h"
#include "model/object.h"

namespace mullion::manager {
namespace {

constexpr uint64_t kLongestAnswer = uint64_t{64} << 20;
constexpr auto kLeastPatience = std::chrono::seconds(60);
constexpr uint64_t kWorkedThrough = uint64_t{20}
                                    << 20;  // bytes a second that a slow endpoint hashes and stores
constexpr size_t kLongestReason = 500;
constexpr std::string_view kApiPrefix = "/api/v3/";

class ManagerCalls final : public EndpointCalls {
 public:
  ManagerCalls(Manager& manager, std::string endpoint) : manager_(manager), endpoint_(std::move(endpoint)) {}

  Task<Result<Answer>> send(net::ClientRequest request) override {
    if (!request.timeout) request.timeout = kLeastPatience;
    Result<net::ClientResponse> response = co_await manager_.call(endpoint_, std::move(request));
    if (!response) co_return response.error();
    Answer answer{response->status, std::move(response->headers), {}};
    Result<std::string> body = co_await net::read_all(*response->body, kLongestAnswer);
    if (!body) co_return body.error();
    answer.body = std::move(*body);
    co_return answer;
  }

  bool is_foreign() const override { return manager_.is_foreign(endpoint_); }

 private:
  Manager& manager_;
  const std::string endpoint_;
};

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

std::unique_ptr<EndpointCalls> calls_through(Manager& manager, std::string endpoint) {
  return std::make_unique<ManagerCalls>(manager, std::move(endpoint));
}

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
  const json::object refusal = model::parse_object(body);
  return fmt::format("{}", fmt::join(model::texts_member(refusal, "Messages"), "; "));
}

Error refusal_of(const net::ClientRequest& request, const Answer& answer) {
  std::string_view path = request.target;
  if (path.starts_with(kApiPrefix)) path.remove_prefix(kApiPrefix.size());
  path = path.substr(0, path.find('?'));
  Error error(code_of(answer.status), fmt::format("{} {}: {} {}", request.method, net::percent_decode(path),
                                                  answer.status, refusal_texts(answer.body)));
  error.status_override = answer.status;
  return error;
}

env::Duration patience_for(uint64_t bytes) {
  return kLeastPatience + std::chrono::seconds(bytes / kWorkedThrough);
}

net::ClientRequest get_request(std::string target) {
  net::ClientRequest request;
  request.target = std::move(target);
  request.headers.set("Accept", "application/json");
  return request;
}

net::ClientRequest json_request(std::string method, std::string target, const json::value& body) {
  net::ClientRequest request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.headers.set("Content-Type", "application/json");
  request.headers.set("Accept", "application/json");
  request.body = json::serialize(body);
  return request;
}

std::string target_of(std::string_view path) {
  std::string target = "/api/v3";
  for (const std::string& part : split_list(path, '/')) target += "/" + net::percent_encode(part);
  return target;
}

Task<Result<Answer>> ask(EndpointCalls& calls, net::ClientRequest request) {
  net::ClientRequest asked;  // for the words of a refusal; the body may be gone by then
  asked.method = request.method;
  asked.target = request.target;
  Result<Answer> answer = co_await calls.send(std::move(request));
  if (answer && answer->status >= 400) co_return refusal_of(asked, *answer);
  co_return answer;
}

Task<Result<std::optional<json::value>>> look_up(EndpointCalls& calls, std::string target) {
  Result<Answer> answer = co_await ask(calls, get_request(target));
  if (!answer && answer.error().status_override == http_status(ErrorCode::kNotFound))
    co_return std::optional<json::value>();
  if (!answer) co_return answer.error();
  Result<json::value> parsed = model::parse_json(answer->body, 256);
  if (!parsed) co_return Error(ErrorCode::kInternal, fmt::format("GET {}: the answer is no JSON", target));
  co_return std::optional<json::value>(std::move(*parsed));
}

}  // namespace mullion::manager
