#include "api/internal/websocket.h"

#include <charconv>

#include "api/internal/answers.h"
#include "api/internal/event_reader.h"
#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/live_rights.h"
#include "api/internal/log.h"
#include "api/internal/view_look.h"
#include "net/target.h"

namespace mullion::api {
namespace {

constexpr uint16_t kNormal = 1000;
constexpr uint16_t kGoingAway = 1001;
constexpr std::string_view kLoginEnded = "The login ended";
constexpr std::string_view kTooSlow = "events wait for a reader that is too slow; connect again";

constexpr std::string_view kWatch = "watch ";
constexpr std::string_view kUnwatch = "unwatch ";

using SocketPtr = std::shared_ptr<net::WebSocket>;

/// What an event conversation needs after its request is gone.
struct Conversation {
  Services& services;
  EventReader reader;
  std::shared_ptr<events::EventQueue> queue;
  env::Caller caller;
  SocketPtr socket;
  std::shared_ptr<ViewWatches> views;  // since the first one was watched
};

/// Views are looked at again soon after rights change, also those of others: that may be what one is counted
/// by.
env::Task<void> look_again_when_rights_change(env::Signal changes, std::weak_ptr<ViewWatches> watched) {
  constexpr env::Duration kLook = std::chrono::seconds(30);
  while (!watched.expired()) {
    const uint64_t seen = changes.version();
    const bool changed = co_await changes.wait(seen, kLook);
    if (!changed) continue;
    if (const std::shared_ptr<ViewWatches> views = watched.lock()) views->look_again();
    const bool slept = co_await env::sleep_for(ViewPace::kShortest);
    if (!slept) co_return;
  }
}

ViewWatches& views_of(Conversation& conversation) {
  if (conversation.views) return *conversation.views;
  Services& services = conversation.services;
  const auto tell = [queue = conversation.queue](std::string_view action, const std::string& name,
                                                 const std::string& object) {
    queue->tell("view", action, name, object);
  };
  conversation.views =
      ViewWatches::make({services.views, services.clock, services.timers,
                         make_view_look(services, conversation.reader.rights(), conversation.caller), tell});
  services.tasks.spawn("views", [views = conversation.views] { return views->run(); });
  services.tasks.spawn("rights of views", [changes = services.authenticator.changes(),
                                           views = std::weak_ptr(conversation.views)] {
    return look_again_when_rights_change(changes, views);
  });
  return *conversation.views;
}

void obey(Conversation& conversation, const std::string& text) {
  constexpr std::string_view kRegister = "register ";
  constexpr std::string_view kDeregister = "deregister ";
  if (text.starts_with(kRegister)) {
    conversation.queue->register_pattern(text.substr(kRegister.size()));
  } else if (text.starts_with(kDeregister)) {
    conversation.queue->deregister_pattern(text.substr(kDeregister.size()));
  } else if (text.starts_with("resume ") || text.starts_with("resume\n")) {
    conversation.queue->resume(text.substr(std::string_view("resume").size()));
  } else if (text == "cursor") {
    conversation.queue->tell_place();
  } else if (text.starts_with(kWatch)) {
    views_of(conversation).watch(std::string_view(text).substr(kWatch.size()));
  } else if (text.starts_with(kUnwatch)) {
    views_of(conversation).unwatch(std::string_view(text).substr(kUnwatch.size()));
  } else {
    conversation.queue->acknowledge_error(text,
                                          "Expected: register PATTERN, deregister PATTERN, resume CURSOR "
                                          "with a PATTERN in each line behind it, "
                                          "cursor, watch NAME COLLECTION?QUERY or unwatch NAME");
  }
}

env::Task<void> send_events(std::shared_ptr<Conversation> conversation) {
  while (true) {
    std::vector<events::EventPtr> events = co_await conversation->queue->take();
    if (events.empty()) break;
    bool sent = true;
    for (const events::EventPtr& event : events) {
      if (!conversation->reader.renew()) {
        co_await conversation->socket->close(kPolicyViolation, std::string(kLoginEnded));
        co_return;
      }
      if (!conversation->reader.may_see(*event)) continue;
      sent = (co_await conversation->socket->write(conversation->queue->text_of(*event), false)).ok();
      if (!sent) break;
    }
    if (!sent) break;
  }
  if (conversation->queue->overflowed()) {
    kLog.warn("websocket dropped: it does not read principal={}", conversation->reader.name());
    co_return;
  }
  co_await conversation->socket->close(kGoingAway, "");
}

env::Task<void> converse(std::shared_ptr<Conversation> conversation) {
  ++conversation->services.websockets;
  conversation->services.tasks.spawn("events", [conversation] { return send_events(conversation); });
  while (true) {
    Result<net::WebSocket::Message> message = co_await conversation->socket->read();
    if (!message) break;
    obey(*conversation, message->data);
  }
  if (conversation->views) conversation->views->close();
  conversation->queue->close();
  --conversation->services.websockets;
}

/// Tells a slow reader why it is disconnected. It may never read that: close() gives up in time and cuts.
env::Task<void> disconnect_slow(std::weak_ptr<net::WebSocket> far) {
  const SocketPtr socket = far.lock();
  if (socket) co_await socket->close(kPolicyViolation, std::string(kTooSlow));
}

/// What clients say here are commands. Everybody with a login may open as many as there are connections, and
/// messages are held until they are whole.
constexpr uint64_t kLongestCommand = uint64_t{1} << 20;

void watch_rights(Services& services, LiveRights rights, const SocketPtr& socket) {
  services.tasks.spawn("rights",
                       [changes = services.authenticator.changes(), rights = std::move(rights),
                        far = std::weak_ptr(socket)] { return close_when_rights_end(changes, rights, far); });
}

/// Views are counted with the rights of a login, and the far end knows that of this server alone.
bool asks_for_view(std::string_view command) {
  return command.starts_with(kWatch) || command.starts_with(kUnwatch);
}

/// `commands`: what is read are those of an event connection.
env::Task<void> pump(SocketPtr from, SocketPtr to, bool commands = false) {
  while (true) {
    Result<net::WebSocket::Message> message = co_await from->read();
    if (!message) break;
    if (commands && asks_for_view(message->data)) continue;
    Result<void> sent = co_await to->write(std::move(message->data), message->binary);
    if (!sent) break;
  }
  co_await to->close(kNormal, "");
  from->abort();
}

/// The far end, `endpoint`, knows this server alone and sends everything: the reader's rights are applied
/// here.
env::Task<void> pump_events(SocketPtr from, SocketPtr to, std::shared_ptr<EventReader> reader,
                            std::string endpoint) {
  uint16_t reason = kNormal;
  while (true) {
    Result<net::WebSocket::Message> message = co_await from->read();
    if (!message) break;
    if (!reader->renew()) {
      reason = kPolicyViolation;
      break;
    }
    if (!reader->may_see(message->data, endpoint)) continue;
    Result<void> sent = co_await to->write(std::move(message->data), message->binary);
    if (!sent) break;
  }
  std::string text;  // not chosen inside the call: GCC 12 destroys such temporaries of an awaited call twice
  if (reason == kPolicyViolation) text = kLoginEnded;
  co_await to->close(reason, std::move(text));
  from->abort();
}

}  // namespace

env::Task<Result<net::Response>> forward_websocket(Call& call, std::string owner, std::string target,
                                                   std::optional<std::string> events_of) {
  Services& services = call.services;
  Result<SocketPtr> upstream =
      co_await services.manager->forward_websocket(std::move(owner), std::move(target), call.principal);
  if (!upstream) co_return upstream.error();
  net::Response response;
  response.status = 101;
  std::shared_ptr<EventReader> reader;
  if (events_of) reader = std::make_shared<EventReader>(live_rights(call));
  response.upgrade = [&services, reader, events_of, rights = live_rights(call),
                      far = std::move(*upstream)](SocketPtr near) -> env::Task<void> {
    near->limit_messages(kLongestCommand);
    watch_rights(services, rights, near);
    services.tasks.spawn("websocket", [far, near, reader, events_of] {
      return reader ? pump_events(far, near, reader, *events_of) : pump(far, near);
    });
    return pump(near, far, reader != nullptr);
  };
  co_return response;
}

namespace handlers {

env::Task<Result<net::Response>> open_websocket(Call& call) {
  auto conversation = std::make_shared<Conversation>(Conversation{
      call.services, EventReader(live_rights(call)),
      call.services.events.open(call.services.limits.websocket_queue), caller_of(call), nullptr, nullptr});
  net::Response response;
  response.status = 101;
  response.upgrade = [conversation](SocketPtr socket) -> env::Task<void> {
    socket->limit_messages(kLongestCommand);
    watch_rights(conversation->services, conversation->reader.rights(), socket);
    conversation->socket = std::move(socket);
    conversation->queue->on_overflow(
        [&services = conversation->services, far = std::weak_ptr(conversation->socket)] {
          services.tasks.spawn("slow reader", [far] { return disconnect_slow(far); });
        });
    return converse(conversation);
  };
  co_return response;
}

env::Task<Result<net::Response>> open_owner_websocket(Call& call) {
  Segments owners = call.path.subspan(call.id_at);
  while (!owners.empty() && owners.front() == call.services.facts.id) owners = owners.subspan(1);
  if (owners.empty()) co_return co_await open_websocket(call);
  std::vector<std::string> target{"api", "v3", "ws"};
  target.insert(target.end(), owners.begin() + 1, owners.end());
  co_return co_await forward_websocket(call, owners.front(), net::encode_path(target), owners.back());
}

env::Task<Result<net::Response>> open_replication_stream(Call& call) {
  store::Cursor resume;
  const auto number = [&call](std::string_view name, int base, uint64_t& out) {
    const auto text = call.request.query_value(name);
    if (!text || text->empty()) return true;
    const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), out, base);
    return failure == std::errc{} && end == text->data() + text->size();
  };
  if (!number("epoch", 16, resume.epoch)) {
    co_return Error(ErrorCode::kBadRequest, "epoch: expected a hexadecimal number");
  }
  if (!number("seq", 10, resume.seq)) co_return Error(ErrorCode::kBadRequest, "seq: expected a number");
  if (!call.request.headers.get("Upgrade")) {
    co_return Error(ErrorCode::kBadRequest, "This route is a websocket: an Upgrade header is needed");
  }
  net::Response response;
  response.status = 101;
  response.upgrade = [&services = call.services, rights = live_rights(call),
                      resume](SocketPtr socket) -> env::Task<void> {
    watch_rights(services, rights, socket);
    return services.manager->serve_stream(std::move(socket), resume);
  };
  co_return response;
}

}  // namespace handlers
}  // namespace mullion::api
