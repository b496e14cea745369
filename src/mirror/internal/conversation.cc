#include "mirror/internal/conversation.h"

#include <fmt/format.h>

#include <algorithm>

#include "store/failed_reads.h"

namespace mullion::mirror {
namespace {

constexpr auto kOpenTime = std::chrono::seconds(5);
/// Other words of the endpoint that may come before it acknowledges the registration.
constexpr int kMostBeforeAcknowledged = 10'000;
constexpr std::string_view kEverything = "*.*.*";

}  // namespace

Conversation::Conversation(replication::SinkOptions options, replication::SavedPosition saved, Limits limits,
                           Known known)
    : options_(std::move(options)),
      limits_(limits),
      known_(std::move(known)),
      replica_(options_, std::move(saved)),
      troubles_(known_.shortcomings.troubles, limits_.walk_every),
      told_(known_.shortcomings) {
  // Whatever was held up when the connection before ended, or this process.
  for (const auto& [owner, collections] : replica_.position().held_up) {
    for (const auto& [prefix, held_up] : collections) unread_.insert(prefix);
  }
}

env::Task<Result<void>> Conversation::open(std::shared_ptr<net::Link> link, Authorization authorization) {
  begun_ = options_.clock.steady();
  {
    Lock lock(mutex_);
    api_ = std::make_shared<Api>(std::move(link), std::move(authorization),
                                 std::max<size_t>(limits_.at_once, 2), options_.clock, options_.timers);
    if (over_) api_->stop();
  }
  Result<std::shared_ptr<net::WebSocket>> opened =
      co_await api_->link().stream(client::get_ws().target(), api_->login());
  if (!opened) co_return opened.error();
  {
    Lock lock(mutex_);
    socket_ = std::move(*opened);
    if (over_) socket_->abort();
  }
  std::optional<Result<void>> registered =
      co_await env::within(options_.timers, kOpenTime, register_for_all());
  if (registered) co_return std::move(*registered);
  co_return Error(ErrorCode::kTimeout, "its websocket does not acknowledge registrations");
}

env::Task<Result<void>> Conversation::register_for_all() {
  Result<void> sent = co_await command("register", std::string(kEverything));
  if (!sent) co_return sent;
  for (int i = 0; i < kMostBeforeAcknowledged; ++i) {
    Result<net::WebSocket::Message> message = co_await socket_->read();
    if (!message) co_return message.error();
    const Result<bool> acknowledged = take_event(message->data);
    if (!acknowledged) co_return acknowledged.error();
    if (*acknowledged) co_return Result<void>{};
  }
  co_return Error(ErrorCode::kUnreachable, "its websocket does not acknowledge registrations");
}

env::Task<Result<void>> Conversation::command(std::string word, std::string pattern) {
  std::string text = fmt::format("{} {}", word, pattern);
  {
    Lock lock(mutex_);
    awaited_ = {std::move(word), std::move(pattern)};
    ++commands_;
  }
  co_return co_await socket_->write(std::move(text), false);
}

void Conversation::subscribe(std::vector<std::string> owners) {
  replica_.want(std::move(owners));
  wake_.notify_all();
}

bool Conversation::follows(std::string_view owner) const { return !over_ && replica_.follows(owner); }

void Conversation::abort() {
  over_ = true;
  replica_.close();
  Lock lock(mutex_);
  if (socket_) socket_->abort();
  if (api_) api_->stop();
  wake_.notify_all();
  hinted_.notify_all();
  settled_.notify_all();
  acknowledgement_.notify_all();
  wake_probe_.notify_all();
  closing_.notify_all();
}

env::Task<Error> Conversation::run() {
  replica_.on_failure([weak = weak_from_this()] {
    if (const std::shared_ptr<Conversation> self = weak.lock())
      self->end(Error(ErrorCode::kUnreachable, "its replica could not be written"));
  });
  options_.tasks.spawn("events of endpoint", [self = shared_from_this()] { return self->read_events(); });
  options_.tasks.spawn("probes of endpoint", [self = shared_from_this()] { return self->probe(); });
  options_.tasks.spawn("rights at endpoint", [self = shared_from_this()] { return self->look_at_rights(); });
  for (size_t i = 1; i < std::max<size_t>(limits_.at_once, 2); ++i)
    options_.tasks.spawn("objects of endpoint",
                         [self = shared_from_this()] { return self->fetch_objects(); });
  const Error walked = co_await store::failed_reads_returned(walk());
  end(walked);
  const Result<void> drained = co_await replica_.drain();
  Lock lock(mutex_);
  co_return drained ? *reason_ : drained.error();
}

void Conversation::end(Error why) {
  {
    Lock lock(mutex_);
    if (!reason_) reason_ = std::move(why);
  }
  abort();
}

std::optional<Error> Conversation::ended() const {
  Lock lock(mutex_);
  if (reason_) return reason_;
  return over_ ? std::optional(Error(ErrorCode::kCancelled, "stopped")) : std::nullopt;
}

Collection Conversation::collection(const std::string& prefix) const {
  return {prefix, options_.store.types().find(prefix)};
}

void Conversation::add_hint(const std::string& prefix, std::string key) {
  {
    Lock lock(mutex_);
    hints_.add(prefix, std::move(key));
  }
  hinted_.notify_all();
}

env::Task<Result<Answer>> Conversation::repeated(client::Request request) {
  for (int attempt = 1;; ++attempt) {
    Result<Answer> answer = co_await api_->ask(request);
    if (over_) co_return Error(ErrorCode::kCancelled, "stopped");
    if (answer) unanswered_ = 0;
    const bool busy = answer && (answer->status == 429 || answer->status == 503);
    const bool cut = !answer && (answer.error().code == ErrorCode::kUnreachable ||
                                 answer.error().code == ErrorCode::kTimeout);
    if ((!busy && !cut) || attempt == kMostAttempts) co_return answer;
  }
}

bool Conversation::is_final(const Error& error) {
  if (error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kCancelled) return true;
  if (error.code == ErrorCode::kForbidden) return true;
  const bool unanswering = error.code == ErrorCode::kUnreachable || error.code == ErrorCode::kTimeout;
  return unanswering && ++unanswered_ >= kMostAttempts;
}

Error Conversation::no_longer_readable(std::string_view prefix) {
  return Error(ErrorCode::kForbidden,
               fmt::format("login refused: this account may not read {} any more", prefix));
}

Error Conversation::failed(std::string_view what, int status) {
  return Error(ErrorCode::kInternal, fmt::format("{} answers {}", what, status));
}

}  // namespace mullion::mirror
