#include "mirror/internal/api.h"

#include <charconv>

#include "base/error_object.h"
#include "base/mutex.h"
#include "client/api.h"
#include "model/members.h"

namespace mullion::mirror {
namespace {

/// Until the headers are there, and for the rest.
constexpr env::Duration kPatience = std::chrono::seconds(30);
constexpr env::Duration kBodyTime = std::chrono::minutes(2);

std::optional<uint64_t> number_of(const net::Headers& headers, std::string_view name) {
  const auto text = headers.get(name);
  uint64_t out = 0;
  if (!text || text->empty()) return std::nullopt;
  const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), out);
  return failure == std::errc() && end == text->data() + text->size() ? std::optional(out) : std::nullopt;
}

/// Seconds; dates are not understood, and need not be: the pause grows by itself.
std::optional<env::Duration> retry_after(const net::Headers& headers) {
  const std::optional<uint64_t> seconds = number_of(headers, "Retry-After");
  if (!seconds) return std::nullopt;
  return std::chrono::seconds(std::min<uint64_t>(*seconds, 3600));
}

}  // namespace

Api::Api(std::shared_ptr<net::Link> link, Authorization authorization, const env::Clock& clock,
         const env::Timers& timers)
    : link_(std::move(link)), authorization_(std::move(authorization)), clock_(clock), timers_(timers) {}

net::Headers Api::login() const {
  net::Headers out;
  out.add("Authorization", authorization_());
  return out;
}

bool Api::is_failing() const {
  Lock lock(mutex_);
  return pace_.is_failing();
}

env::Task<Result<Answer>> Api::ask(client::Request request) {
  while (true) {
    env::Duration wait{};
    {
      Lock lock(mutex_);
      wait = pace_.not_before() - clock_.steady();
    }
    if (wait <= env::Duration::zero()) break;
    const bool slept = co_await timers_.sleep_for(wait);
    if (!slept) co_return Error(ErrorCode::kCancelled, "stopped");
  }
  ++requests_;
  Result<Answer> answer = co_await send(std::move(request));
  if (answer && answer->status == 401)
    co_return Error(ErrorCode::kUnavailable, "it does not take its token any more");
  if (answer) co_return answer;
  Lock lock(mutex_);
  if (answer.error().code != ErrorCode::kTooLarge) pace_.failed(clock_.steady());
  co_return answer;
}

env::Task<Result<Answer>> Api::send(client::Request asked) {
  net::ClientRequest request = client::bare_request(asked);
  request.headers = login();
  request.headers.add("Accept", "application/json");
  request.timeout = kPatience;
  request.body_time = kBodyTime;
  Result<net::ClientResponse> response = co_await link_->request(std::move(request));
  if (!response) co_return response.error();
  Result<std::string> body = std::string();
  if (response->body) body = co_await net::read_all(*response->body, kLongestAnswer);
  if (!body) co_return body.error();
  bytes_ += body->size();
  {
    Lock lock(mutex_);
    pace_.answered(response->status, retry_after(response->headers), clock_.steady());
  }
  Answer out;
  out.status = response->status;
  out.body = std::move(*body);
  out.matching = number_of(response->headers, "X-DRP-LIST-FILTER-COUNT");
  out.sha256 = std::string(response->headers.get("X-DRP-SHA256SUM").value_or(""));
  co_return out;
}

bool says_not_found(const Answer& answer) {
  if (answer.status != 404) return false;
  const std::optional<Error> error = read_error_object(answer.body);
  return error && std::ranges::none_of(error->messages, [](const std::string& message) {
           return message.find("No route") != std::string::npos;
         });
}

}  // namespace mullion::mirror
