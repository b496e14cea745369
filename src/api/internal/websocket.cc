#include "api/internal/websocket.h"

#include <charconv>

#include "api/internal/answers.h"
#include "api/internal/event_reader.h"
#include "api/internal/handlers.h"
#include "base/log.h"

namespace mullion::api {
namespace {

constexpr Logger kLog("api");
constexpr uint16_t kNormal = 1000;
constexpr uint16_t kGoingAway = 1001;
constexpr uint16_t kPolicyViolation = 1008;
constexpr auto kRightsAreSeen = std::chrono::seconds(1);  // how soon a stream ends when its login does
constexpr std::string_view kTooSlow = "events wait for a reader that is too slow; connect again";

using SocketPtr = std::shared_ptr<net::WebSocket>;

/// What an event conversation needs after its request is gone.
struct Conversation {
  Services& services;
  EventReader reader;
  std::shared_ptr<EventQueue> queue;
  SocketPtr socket;
};

void obey(Conversation& conversation, const std::string& text) {
  constexpr std::string_view kRegister = "register ";
  constexpr std::string_view kDeregister = "deregister ";
  if (text.starts_with(kRegister)) {
    conversation.queue->register_pattern(text.substr(kRegister.size()));
  } else if (text.starts_with(kDeregister)) {
    conversation.queue->deregister_pattern(text.substr(kDeregister.size()));
  } else {
    conversation.queue->acknowledge_error(text, "Expected: register PATTERN or deregister PATTERN");
  }
}

env::Task<void> send_events(std::shared_ptr<Conversation> conversation) {
  while (true) {
    std::vector<EventPtr> events = co_await conversation->queue->take();
    if (events.empty()) break;
    bool sent = true;
    for (const EventPtr& event : events) {
      if (!conversation->reader.renew()) {
        kLog.info("websocket closed: the login ended principal={}", conversation->reader.name());
        co_await conversation->socket->close(kPolicyViolation, "The login ended");
        co_return;
      }
      if (!conversation->reader.may_see(*event)) continue;
      sent = (co_await conversation->socket->write(*event->json(), false)).ok();
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
  conversation->queue->close();
  --conversation->services.websockets;
}

/// Tells a slow reader why it is sent away. It may never read that: close() gives up in time and cuts.
env::Task<void> send_away(std::weak_ptr<net::WebSocket> far) {
  const SocketPtr socket = far.lock();
  if (socket) co_await socket->close(kPolicyViolation, std::string(kTooSlow));
}

env::Task<void> pump(SocketPtr from, SocketPtr to) {
  while (true) {
    Result<net::WebSocket::Message> message = co_await from->read();
    if (!message) break;
    Result<void> sent = co_await to->write(std::move(message->data), message->binary);
    if (!sent) break;
  }
  co_await to->close(kNormal, "");
  from->abort();
}

/// The far end knows this server alone and sends everything: the reader's rights are applied here.
env::Task<void> pump_events(SocketPtr from, SocketPtr to, std::shared_ptr<EventReader> reader) {
  uint16_t reason = kNormal;
  while (true) {
    Result<net::WebSocket::Message> message = co_await from->read();
    if (!message) break;
    if (!reader->renew()) {
      reason = kPolicyViolation;
      break;
    }
    if (!reader->may_see(message->data)) continue;
    Result<void> sent = co_await to->write(std::move(message->data), message->binary);
    if (!sent) break;
  }
  co_await to->close(reason, reason == kPolicyViolation ? "The login ended" : "");
  from->abort();
}

/// Ends a replication stream when its login no longer may have one: nothing that is sent asks for rights.
env::Task<void> watch_rights(Services& services, auth::Principal principal,
                             std::weak_ptr<net::WebSocket> stream) {
  while (co_await env::sleep_for(kRightsAreSeen)) {
    const SocketPtr socket = stream.lock();
    if (!socket) co_return;
    if (services.authenticator.generation() == principal.generation) continue;
    Result<auth::Principal> now = services.authenticator.renew(principal);
    if (now && auth::covers(now->claims, {"system", "replicate", ""})) {
      principal = std::move(*now);
      continue;
    }
    kLog.info("replication stream closed: the login ended principal={}", principal.audit_name());
    co_await socket->close(kPolicyViolation, "The login ended");
    co_return;
  }
}

}  // namespace

env::Task<Result<net::Response>> forward_websocket(Call& call, std::string owner, std::string target,
                                                   bool events) {
  Services& services = call.services;
  Result<SocketPtr> upstream =
      co_await services.manager->forward_websocket(std::move(owner), std::move(target), call.principal);
  if (!upstream) co_return upstream.error();
  net::Response response;
  response.status = 101;
  std::shared_ptr<EventReader> reader;
  if (events) reader = std::make_shared<EventReader>(services, call.principal);
  response.upgrade = [&services, reader, far = std::move(*upstream)](SocketPtr near) -> env::Task<void> {
    services.tasks.spawn("websocket", [far, near, reader] {
      return reader ? pump_events(far, near, reader) : pump(far, near);
    });
    return pump(near, far);
  };
  co_return response;
}

namespace handlers {

env::Task<Result<net::Response>> open_websocket(Call& call) {
  auto conversation = std::make_shared<Conversation>(
      Conversation{call.services, EventReader(call.services, call.principal),
                   call.services.events.open(call.services.limits.websocket_queue), nullptr});
  net::Response response;
  response.status = 101;
  response.upgrade = [conversation](SocketPtr socket) -> env::Task<void> {
    conversation->socket = std::move(socket);
    conversation->queue->on_overflow(
        [&services = conversation->services, far = std::weak_ptr(conversation->socket)] {
          services.tasks.spawn("slow reader", [far] { return send_away(far); });
        });
    return converse(conversation);
  };
  co_return response;
}

env::Task<Result<net::Response>> open_owner_websocket(Call& call) {
  std::string owners = call.argument("rest");
  const std::string own = call.services.facts.id;
  while (owners.starts_with(own + "/")) owners.erase(0, own.size() + 1);
  if (owners == own) co_return co_await open_websocket(call);
  const size_t slash = owners.find('/');
  std::string target = "/api/v3/ws";
  if (slash != std::string::npos) target += owners.substr(slash);
  co_return co_await forward_websocket(call, owners.substr(0, slash), std::move(target), true);
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
  Services& services = call.services;
  response.upgrade = [&services, resume, principal = call.principal](SocketPtr socket) -> env::Task<void> {
    services.tasks.spawn("rights of a stream", [&services, principal, stream = std::weak_ptr(socket)] {
      return watch_rights(services, principal, stream);
    });
    return services.manager->serve_stream(std::move(socket), resume);
  };
  co_return response;
}

}  // namespace handlers
}  // namespace mullion::api
