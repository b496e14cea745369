// The event socket.
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>

#include "cli/document.h"
#include "cli/internal/session_state.h"
#include "model/object.h"

namespace mullion::cli {
namespace {

/// A registered event socket, and what ends its watch from outside. Lives until the conversation is over.
struct Watch {
  std::shared_ptr<net::WebSocket> socket;
  std::vector<json::value> early;  // events that came between the acknowledgements
  std::atomic<bool> timeout{false};
  std::atomic<bool> interrupted{false};
};

/// Reads until an event of Type `websocket` answers a registration; `early` keeps what came before.
net::Task<Result<void>> read_acknowledgement(net::WebSocket& socket, std::vector<json::value>& early) {
  while (true) {
    Result<net::WebSocket::Message> message = co_await socket.read();
    if (!message) co_return message.error();
    Result<json::value> event = model::parse_json(message->data);
    if (!event) co_return event.error();
    if (text_member(*event, "Type") != "websocket") {
      early.push_back(std::move(*event));
      continue;
    }
    if (text_member(*event, "Action") != "error") co_return Result<void>();
    co_return Error(ErrorCode::kBadRequest, "registration refused: " + text_member(*event, "Object"));
  }
}

net::Task<Result<void>> register_patterns(Watch& watch, const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    Result<void> done = co_await watch.socket->write("register " + pattern, false);
    if (done) done = co_await read_acknowledgement(*watch.socket, watch.early);
    if (!done) co_return done;
  }
  co_return Result<void>();
}

/// SIGINT, SIGTERM and the end of `limit` cut the socket, which ends the read that waits there.
class WatchEnds {
 public:
  WatchEnds(env::Runtime& runtime, const std::shared_ptr<Watch>& watch, env::Duration limit)
      : signals_(runtime.executor(), SIGINT, SIGTERM), timer_(runtime.executor()) {
    signals_.async_wait([watch](boost::system::error_code failure, int) {
      if (failure) return;
      watch->interrupted = true;
      watch->socket->abort();
    });
    if (limit.count() <= 0) return;
    timer_.expires_after(limit);
    timer_.async_wait([watch](boost::system::error_code failure) {
      if (failure) return;
      watch->timeout = true;
      watch->socket->abort();
    });
  }

 private:
  asio::signal_set signals_;
  asio::steady_timer timer_;
};

}  // namespace

Result<Session::WatchEnd> Session::watch(std::vector<std::string> patterns, env::Duration limit,
                                         const std::function<Result<bool>()>& ready,
                                         const std::function<Result<bool>(const json::value&)>& on_event) {
  Result<void> begun = start();
  if (!begun) return begun.error();
  State& state = *state_;
  std::string target = "/api/v3/ws";
  if (!state.options.url_proxy.empty()) target += "/" + state.options.url_proxy;
  net::Headers headers;
  headers.set("Authorization", state.authorization);
  Result<std::shared_ptr<net::WebSocket>> socket =
      wait_for(state.runtime, [&]() { return state.server.client->connect_websocket(target, headers); });
  if (!socket) return socket.error();
  auto watch = std::make_shared<Watch>();
  watch->socket = *socket;
  Result<void> registered = wait_for(state.runtime, [&]() { return register_patterns(*watch, patterns); });
  if (!registered) return registered.error();

  say_notes(state.terminal);  // it may go on for days
  const WatchEnds ends(state.runtime, watch, limit);
  Result<bool> go_on = ready();
  for (size_t i = 0; i < watch->early.size() && go_on && *go_on; ++i) go_on = on_event(watch->early[i]);
  while (go_on && *go_on) {
    Result<net::WebSocket::Message> message =
        wait_for(state.runtime, [&]() { return watch->socket->read(); });
    if (watch->interrupted) return WatchEnd::kInterrupted;
    if (watch->timeout) return WatchEnd::kTimeout;
    if (!message) return message.error();
    Result<json::value> event = model::parse_json(message->data);
    if (event) go_on = on_event(*event);
    if (!state.terminal.out) return Error(ErrorCode::kInternal, "the output cannot be written");
  }
  wait_for(state.runtime, [&]() -> net::Task<bool> {
    co_await watch->socket->close(1000, "");
    co_return true;
  });
  if (!go_on) return go_on.error();
  return WatchEnd::kStopped;
}

}  // namespace mullion::cli
