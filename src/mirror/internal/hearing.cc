#include <fmt/format.h>

#include "base/text.h"
#include "mirror/internal/conversation.h"
#include "model/members.h"
#include "model/object.h"

namespace mullion::mirror {
namespace {

/// How long a probe may stay without an answer.
constexpr auto kSilence = std::chrono::seconds(5);
constexpr size_t kMostUploads = 10'000;
/// Nothing is ever called so: registering for it asks for an acknowledgement and for nothing else.
std::string nothing(uint64_t number) { return fmt::format("mullion-probe.none.{}", number); }

struct Event {
  std::string type, action, key;
};
std::optional<Event> read_event(std::string_view text) {
  const std::optional<boost::json::object> event = model::read_object(text);
  if (!event) return std::nullopt;
  return Event{model::text_member(*event, "Type"), model::text_member(*event, "Action"),
               model::text_member(*event, "Key")};
}

bool is_empty_list(const Answer& answer) { return answer.status == 200 && trimmed(answer.body) == "[]"; }

}  // namespace

env::Task<void> Conversation::read_events() {
  while (!over_) {
    Result<net::WebSocket::Message> message = co_await socket_->read();
    if (!message) co_return end(message.error());
    options_.counters.bytes += message->data.size();
    const Result<bool> taken = take_event(message->data);
    if (!taken) co_return end(taken.error());
  }
}

Result<bool> Conversation::take_event(std::string_view text) {
  const std::optional<Event> event = read_event(text);
  if (!event) return Error(ErrorCode::kCorrupt, "its websocket sends what is no event");
  if (event->type == "websocket") {
    const Result<void> taken = take_acknowledgement(event->action, event->key);
    return taken ? Result<bool>(true) : Result<bool>(taken.error());
  }
  hint(event->type, event->key);
  if (event->type == "endpoints") owners_changed_ = true;
  if (is_reported(event->type, event->key)) state_changed_ = true;
  if (is_upload(event->type, event->key)) note_upload(event->type + "/" + event->key);
  if (tells_of_rights(event->type, event->key, known_.account)) emptied_ = true;
  if (owners_changed_ || state_changed_ || emptied_) wake_.notify_all();
  return false;
}

/// Servers may call acknowledgements as they like. From one that repeats the command the first time only
/// those count that do so: one that comes twice, or unasked, would else stand for a probe that is not
/// answered.
Result<void> Conversation::take_acknowledgement(std::string_view action, std::string_view key) {
  {
    Lock lock(mutex_);
    const bool repeats = action == awaited_.word && key == awaited_.pattern;
    if (acknowledged_ == 0 && action == "error")
      return Error(ErrorCode::kForbidden, "it does not let this account register for events");
    if (acknowledged_ == 0) acks_tell_what_ = repeats;
    if (acks_tell_what_ && !repeats) return {};
    if (acknowledged_ < commands_) ++acknowledged_;
  }
  acknowledgement_.notify_all();
  return {};
}

void Conversation::note_upload(std::string path) {
  Lock lock(mutex_);
  if (uploads_changed_.size() >= kMostUploads) return;
  uploads_changed_.insert(std::move(path));
  state_changed_ = true;
}

void Conversation::hint(const std::string& prefix, const std::string& key) {
  {
    // Others tell of log lines, and asking for those would be logged.
    Lock lock(mutex_);
    if (!listed_.contains(prefix)) return;
  }
  add_hint(prefix, replica_key(collection(prefix), key));
  Lock lock(mutex_);
  if (hints_.overflows()) wake_.notify_all();
}

env::Task<void> Conversation::probe() {
  for (uint64_t turn = 0; !over_; ++turn) {
    const uint64_t seen = wake_probe_.version();
    const env::SteadyTime asked = options_.clock.steady();
    std::string word = turn % 2 == 0 ? "register" : "deregister";
    const Result<void> sent = co_await command(std::move(word), nothing(turn / 2));
    if (!sent) co_return end(sent.error());
    const std::optional<bool> answered =
        co_await env::within(options_.timers, kSilence, is_acknowledged(commands_));
    if (over_) co_return;
    if (!answered) co_return end(Error(ErrorCode::kTimeout, "no word on its websocket for 5 seconds"));
    {
      Lock lock(mutex_);
      proofs_.push_back({asked, hints_.now()});
    }
    settle();
    co_await options_.timers.wait(wake_probe_, seen, limits_.probe_every);
  }
}

env::Task<bool> Conversation::is_acknowledged(uint64_t number) {
  while (!over_) {
    const uint64_t seen = acknowledgement_.version();
    if (acknowledged_ >= number) co_return true;
    co_await options_.timers.wait(acknowledgement_, seen, kIdle);
  }
  co_return false;
}

env::Task<void> Conversation::look_at_rights() {
  for (size_t turn = 0; !over_; ++turn) {
    co_await options_.timers.wait(closing_, 0, limits_.rights_every);
    if (over_) co_return;
    const std::vector<std::string> held = held_collections();
    if (held.empty()) continue;
    const std::string& prefix = held[turn % held.size()];
    const Result<Answer> answer = co_await api_->ask(client::get_collection(prefix).with("limit", "1"));
    if (answer && answer->status == 403) co_return end(no_longer_readable(prefix));
    if (!answer && answer.error().code == ErrorCode::kUnavailable) co_return end(answer.error());
    if (!answer || !is_empty_list(*answer) || !replica_.holds(prefix)) continue;
    emptied_ = true;
    wake_.notify_all();
  }
}

std::vector<std::string> Conversation::held_collections() {
  std::vector<std::string> out;
  Lock lock(mutex_);
  for (const std::string& prefix : listed_) {
    if (replica_.holds(prefix)) out.push_back(prefix);
  }
  return out;
}

void Conversation::settle() {
  std::optional<env::SteadyTime> proven;
  {
    Lock lock(mutex_);
    while (!proofs_.empty() && hints_.settled(proofs_.front().mark)) {
      proven = proofs_.front().asked;
      proofs_.pop_front();
    }
    options_.counters.lag = hints_.size();
    if (proven) proven_at_ = *proven;
    // Of what it does not show any more it may just not tell.
    if (!emptying_.empty()) proven.reset();
  }
  if (proven) replica_.prove(*proven);
  settled_.notify_all();
}

env::Task<bool> Conversation::told_everything() {
  const env::SteadyTime now = options_.clock.steady();
  wake_probe_.notify_all();
  co_await until_settled([this, &now]() REQUIRES(mutex_) { return proven_at_ && *proven_at_ >= now; });
  co_return !over_;
}

}  // namespace mullion::mirror
