#include "mirror/internal/api.h"

#include "base/error_object.h"
#include "base/mutex.h"
#include "client/api.h"
#include "model/members.h"

namespace mullion::mirror {
namespace {

/// Until the headers are there, and for the rest.
constexpr env::Duration kPatience = std::chrono::seconds(30);
constexpr env::Duration kBodyTime = std::chrono::minutes(2);

}  // namespace

/// Beyond it the next request of the same kind waits.
class Api::Turn {
 public:
  explicit Turn(Api& api) : api_(api) {}
  ~Turn() { api_.end_turn(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  Api& api_;
};

Api::Api(std::shared_ptr<net::Link> link, Authorization authorization, size_t at_once,
         const env::Clock& clock, const env::Timers& timers)
    : link_(std::move(link)),
      authorization_(std::move(authorization)),
      at_once_(std::max<size_t>(at_once, 1)),
      clock_(clock),
      timers_(timers) {}

net::Headers Api::login() const {
  net::Headers out;
  out.add("Authorization", authorization_());
  return out;
}

bool Api::is_failing() const {
  Lock lock(mutex_);
  return pace_.is_failing();
}

env::Task<bool> Api::wait_for_turn() {
  while (!stopped_) {
    const uint64_t seen = turn_ended_.version();
    {
      Lock lock(mutex_);
      if (under_way_ < at_once_) {
        ++under_way_;
        co_return true;
      }
    }
    co_await timers_.wait(turn_ended_, seen, kPatience + kBodyTime);
  }
  co_return false;
}

void Api::end_turn() {
  {
    Lock lock(mutex_);
    --under_way_;
  }
  turn_ended_.notify_all();
}

void Api::stop() {
  stopped_ = true;
  turn_ended_.notify_all();
  stopping_.notify_all();
}

env::Task<bool> Api::wait_for_pace() {
  while (!stopped_) {
    const uint64_t seen = stopping_.version();
    env::Duration wait{};
    {
      Lock lock(mutex_);
      wait = pace_.not_before() - clock_.steady();
    }
    if (wait <= env::Duration::zero()) co_return true;
    co_await timers_.wait(stopping_, seen, wait);
  }
  co_return false;
}

env::Task<Result<Answer>> Api::ask(client::Request request) {
  const bool has_turn = co_await wait_for_turn();
  if (!has_turn) co_return Error(ErrorCode::kCancelled, "stopped");
  const Turn turn(*this);
  const bool may_ask = co_await wait_for_pace();
  if (!may_ask) co_return Error(ErrorCode::kCancelled, "stopped");
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
    pace_.answered(response->status, asked_pause(response->headers), clock_.steady());
  }
  Answer out;
  out.status = response->status;
  out.body = std::move(*body);
  out.matching = number_in(response->headers, "X-DRP-LIST-FILTER-COUNT");
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
