// The event socket.
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <optional>

#include "base/json.h"
#include "base/mutex.h"
#include "cli/connection/session_state.h"
#include "cli/documents/document.h"
#include "model/object.h"

namespace mullion::cli {
namespace {

using WatchEnd = Session::WatchEnd;

/// A registered event socket.
struct Watch {
  std::shared_ptr<net::WebSocket> socket;
  std::vector<json::value> early;  // events that came between the acknowledgements
};

/// Reads until an event of Type `websocket` answers a registration; `early` keeps what came before.
net::Task<Result<void>> read_acknowledgement(net::WebSocket& socket, std::vector<json::value>& early) {
  while (true) {
    Result<net::WebSocket::Message> message = co_await socket.read();
    if (!message) co_return message.error();
    Result<json::value> event = parse_json(message->data);
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

/// What ends a watch from outside, SIGINT, SIGTERM and the end of `limit`, through every connection that it
/// has. It breaks off whatever the watch waits for.
class WatchEnds {
 public:
  WatchEnds(env::Runtime& runtime, net::Client& client, env::Duration limit)
      : state_(std::make_shared<State>()),
        signals_(runtime.executor(), SIGINT, SIGTERM),
        timer_(runtime.executor()) {
    state_->client = &client;
    signals_.async_wait([state = state_](boost::system::error_code failure, int) {
      if (!failure) state->end(WatchEnd::kInterrupted);
    });
    if (limit.count() <= 0) return;
    timer_.expires_after(limit);
    timer_.async_wait([state = state_](boost::system::error_code failure) {
      if (!failure) state->end(WatchEnd::kTimeout);
    });
  }
  ~WatchEnds() {
    const Lock lock(state_->mutex);
    state_->client = nullptr;
  }
  WatchEnds(const WatchEnds&) = delete;
  WatchEnds& operator=(const WatchEnds&) = delete;

  std::optional<WatchEnd> ended() const {
    const Lock lock(state_->mutex);
    return state_->ended;
  }
  /// Returns early at the end.
  net::Task<bool> pause(env::Duration duration) const {
    const std::shared_ptr<State> state = state_;
    co_return co_await state->changed.wait(0, duration);
  }

 private:
  struct State {
    Mutex mutex;
    std::optional<WatchEnd> ended GUARDED_BY(mutex);
    net::Client* client GUARDED_BY(mutex) = nullptr;  // while the watch goes on
    env::Signal changed;

    void end(WatchEnd how) {
      {
        const Lock lock(mutex);
        if (ended || client == nullptr) return;
        ended = how;
        client->close();
      }
      changed.notify_all();
    }
  };

  std::shared_ptr<State> state_;
  asio::signal_set signals_;
  asio::steady_timer timer_;
};

}  // namespace

Result<std::shared_ptr<net::WebSocket>> Session::State::open_events() {
  const client::Request events =
      options.url_proxy.empty() ? client::get_ws() : client::get_ws(options.url_proxy);
  const std::string& target = events.target();
  const std::string shown = login.authorization();
  const auto connect = [&]() {
    net::Headers headers;
    headers.set("Authorization", login.authorization());
    return env::run(runtime, [&]() { return server.client->connect_websocket(target, headers); });
  };
  Result<std::shared_ptr<net::WebSocket>> socket = connect();
  const bool refused = !socket && socket.error().status() == 401;
  return refused && renew_login(shown) ? connect() : socket;
}

Result<void> Session::follow(const std::vector<std::string>& patterns, const WatchSteps& steps,
                             Reconnection& connection) {
  State& state = *state_;
  Result<std::shared_ptr<net::WebSocket>> socket = state.open_events();
  if (!socket) return socket.error();
  Watch watch{*socket, {}};
  Result<void> registered = env::run(state.runtime, [&]() { return register_patterns(watch, patterns); });
  if (!registered) return registered.error();
  connection.found();
  Result<bool> go_on = steps.ready();
  for (size_t i = 0; i < watch.early.size() && go_on && *go_on; ++i) go_on = steps.on_event(watch.early[i]);
  while (go_on && *go_on) {
    Result<net::WebSocket::Message> message = env::run(state.runtime, [&]() { return watch.socket->read(); });
    if (!message) return message.error();
    Result<json::value> event = parse_json(message->data);
    if (event) go_on = steps.on_event(*event);
    if (!state.terminal.out) return Error(ErrorCode::kInternal, "the output cannot be written");
  }
  if (!go_on) return go_on.error();
  env::run(state.runtime, [&]() -> net::Task<bool> {
    co_await watch.socket->close(1000, "");
    co_return true;
  });
  return {};
}

Result<Session::WatchEnd> Session::watch(std::vector<std::string> patterns, env::Duration limit,
                                         const std::function<Result<bool>()>& ready,
                                         const std::function<Result<bool>(const json::value&)>& on_event) {
  Result<void> begun = start();
  if (!begun) return begun.error();
  State& state = *state_;
  say_notes(state.terminal);  // it may go on for days
  const WatchEnds ends(state.runtime, *state.server.client, limit);
  Reconnection connection(state.terminal, state.server.url);
  bool was_ready = false;
  const auto mark_ready = [&]() {
    was_ready = true;
    return ready();
  };
  while (true) {
    const Result<void> over = follow(patterns, {mark_ready, on_event}, connection);
    if (over) return WatchEnd::kStopped;
    if (const std::optional<WatchEnd> end = ends.ended()) return *end;
    // A server that was never there is no server that restarts.
    if (!was_ready || !may_come_back(over.error())) return over.error();
    const env::Duration pause = connection.lost(over.error());
    env::run(state.runtime, [&]() { return ends.pause(pause); });
    if (const std::optional<WatchEnd> end = ends.ended()) return *end;
  }
}

}  // namespace mullion::cli
