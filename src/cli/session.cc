#include "cli/session.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>

#include "env/file.h"
#include "model/object.h"

namespace mullion::cli {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr uint64_t kLargestAnswer = 2ULL * 1024 * 1024 * 1024;
constexpr env::Duration kPatience = 2min;  // without any progress

std::string base64(std::string_view text) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < text.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0U);
    }
    for (size_t k = 0; k < 4; ++k) {
      out += i + k <= text.size() ? kAlphabet[group >> (18 - 6 * k) & 63U] : '=';
    }
  }
  return out;
}

/// Runs a coroutine on `runtime` and waits for its result.
template <typename Function>
auto wait_for(env::Runtime& runtime, Function function) {
  using Value = typename decltype(function())::value_type;
  auto promise = std::make_shared<std::promise<Value>>();
  auto future = promise->get_future();
  asio::co_spawn(
      asio::make_strand(runtime.executor()),
      [&function, promise]() -> net::Task<void> {
        Value value = co_await function();
        promise->set_value(std::move(value));
      },
      [promise](const std::exception_ptr& failure) {
        if (failure) promise->set_exception(failure);
      });
  return future.get();
}

std::string json_text(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

struct Session::State {
  State(Terminal& given_terminal, const Options& given_options)
      : terminal(given_terminal), options(given_options) {}
  ~State() {
    if (client) client->close();
    client.reset();
    runtime.stop();
  }

  std::string basic() const { return "Basic " + base64(options.username + ":" + options.password); }
  std::string target_of(const Call& call, bool through_proxy) const {
    std::string prefix;
    if (through_proxy && !options.url_proxy.empty()) prefix = "/" + options.url_proxy;
    return prefix + "/api/v3/" + call.target;
  }

  net::ClientRequest request_of(const Call& call, bool through_proxy) const;
  Result<net::TextResponse> exchange(const Call& call, bool through_proxy);
  Result<void> connect(const std::string& url);
  Result<void> log_in();
  Result<void> take_token(const std::string& ttl, std::string& token);
  std::string cache_file() const;
  std::string cached_token() const;
  void keep_token(const std::string& token) const;
  void report(const Call& call, std::string_view outcome) const;

  Terminal& terminal;
  const Options& options;
  env::Runtime runtime{1};
  std::unique_ptr<net::Client> client;
  std::string url;
  std::string authorization;
  bool started = false;
};

net::ClientRequest Session::State::request_of(const Call& call, bool through_proxy) const {
  net::ClientRequest request;
  request.method = call.method;
  request.target = target_of(call, through_proxy);
  request.headers.set("Authorization", authorization);
  request.headers.set("Accept", "application/json");
  request.headers.set("Cache-Control", "no-store");
  if (!call.body.empty() || call.method == "POST" || call.method == "PUT" || call.method == "PATCH") {
    request.headers.set("Content-Type", "application/json");
  }
  if (!options.trace.empty()) {
    request.headers.set("X-Log-Request", options.trace);
    request.headers.set("X-Log-Token", options.trace_token);
  }
  for (const auto& [name, value] : call.headers) request.headers.set(name, value);
  request.body = call.body;
  request.timeout = kPatience + call.wait;
  return request;
}

void Session::State::report(const Call& call, std::string_view outcome) const {
  if (!options.debug) return;
  terminal.err << fmt::format("{} {}/api/v3/{} -> {}\n", call.method, url, call.target, outcome);
}

Result<net::TextResponse> Session::State::exchange(const Call& call, bool through_proxy) {
  net::ClientRequest request = request_of(call, through_proxy);
  Result<net::TextResponse> answer =
      wait_for(runtime, [&]() { return net::fetch(*client, std::move(request), kLargestAnswer); });
  if (!answer) {
    report(call, answer.error().text());
    return answer;
  }
  report(call, std::to_string(answer->status));
  if (answer->status >= 400) return error_from_answer(answer->status, answer->body);
  return answer;
}

Result<void> Session::State::connect(const std::string& wanted) {
  net::ClientOptions client_options;
  client_options.base_url = wanted.find("://") == std::string::npos ? "https://" + wanted : wanted;
  while (client_options.base_url.ends_with('/')) client_options.base_url.pop_back();
  client_options.idle_timeout = kPatience;
  Result<std::unique_ptr<net::Client>> made = net::make_client(runtime, client_options);
  if (!made) return made.error();
  client = std::move(*made);
  url = client_options.base_url;
  return {};
}

Result<void> Session::State::take_token(const std::string& ttl, std::string& token) {
  Call call;
  call.target = api_path({"users", options.username, "token"}) + (ttl.empty() ? "" : "?ttl=" + ttl);
  Result<net::TextResponse> answer = exchange(call, false);
  if (!answer) return answer.error();
  Result<json::value> parsed = model::parse_json(answer->body);
  if (!parsed) return parsed.error();
  const json::object* object = parsed->if_object();
  if (object == nullptr || json_text(*object, "Token").empty()) {
    return Error(ErrorCode::kInternal, "the server's answer holds no token");
  }
  token = json_text(*object, "Token");
  return {};
}

std::string Session::State::cache_file() const {
  if (options.token_cache.empty() || options.username.find('/') != std::string::npos) return {};
  return options.token_cache + "/." + options.username + ".token";
}

std::string Session::State::cached_token() const {
  std::ifstream file(cache_file());
  std::string token;
  std::getline(file, token);
  return token;
}

void Session::State::keep_token(const std::string& token) const {
  const std::string path = cache_file();
  if (path.empty()) return;
  // A cache that cannot be written costs a login at the next command, nothing else.
  if (!env::make_directories(options.token_cache, 0700)) return;
  (void)env::write_file_atomic(path, token, 0600);
}

Result<void> Session::State::log_in() {
  if (!options.token.empty()) {
    authorization = "Bearer " + options.token;
    return {};
  }
  if (!options.no_token) {
    const std::string cached = cached_token();
    authorization = "Bearer " + cached;
    if (!cached.empty() && exchange({"GET", "info", "", {}, {}}, false)) return {};
  }
  authorization = basic();
  std::string token;
  Result<void> taken = take_token("", token);
  if (!taken || options.no_token) return taken;
  authorization = "Bearer " + token;
  std::string lasting;
  if (take_token("7200", lasting)) keep_token(lasting);
  return {};
}

Session::Session(Terminal& terminal, const Options& options)
    : state_(std::make_unique<State>(terminal, options)) {}
Session::~Session() = default;

Result<void> Session::start() {
  if (state_->started) return {};
  Error last(ErrorCode::kUnreachable, "no endpoint is given");
  for (const std::string& url : state_->options.endpoints) {
    Result<void> ready = state_->connect(url);
    if (ready) ready = state_->log_in();
    if (ready) {
      state_->started = true;
      return {};
    }
    last = ready.error();
    if (last.code == ErrorCode::kUnreachable || last.code == ErrorCode::kTimeout)
      last.messages[0] += " (" + url + ")";
  }
  if (last.messages.empty()) last.messages.emplace_back();
  const std::string_view prefix = "Error creating Session: ";
  if (last.type.empty()) {
    last.messages[0].insert(0, prefix);
  } else {
    last.type.insert(0, prefix);
  }
  return last;
}

Result<net::TextResponse> Session::send(Call call) {
  Result<void> ready = start();
  if (!ready) return ready.error();
  return state_->exchange(call, true);
}

Result<json::value> Session::send_json(Call call) {
  Result<net::TextResponse> answer = send(std::move(call));
  if (!answer) return answer.error();
  if (answer->body.find_first_not_of(" \r\n\t") == std::string::npos) return json::value(nullptr);
  return model::parse_json(answer->body);
}

Result<json::value> Session::get(std::string target) {
  return send_json({"GET", std::move(target), "", {}, {}});
}

Result<json::value> Session::send_value(std::string method, std::string target, const json::value& body) {
  return send_json({std::move(method), std::move(target), json::serialize(body), {}, {}});
}

Result<bool> Session::download(Call call, const std::function<void(uint64_t)>& begin, const Sink& sink) {
  Result<void> ready = start();
  if (!ready) return ready.error();
  net::ClientRequest request = state_->request_of(call, true);
  request.headers.add("Accept", "application/octet-stream");
  return wait_for(state_->runtime, [&]() -> net::Task<Result<bool>> {
    Result<net::ClientResponse> answer = co_await state_->client->send(std::move(request));
    if (!answer) co_return answer.error();
    state_->report(call, std::to_string(answer->status));
    if (answer->status >= 400) {
      Result<std::string> text = co_await net::read_all(*answer->body, 1024 * 1024);
      co_return error_from_answer(answer->status, text ? *text : std::string());
    }
    if (answer->status == 304) co_return false;
    begin(answer->body->size().value_or(0));
    while (true) {
      Result<std::string_view> piece = co_await answer->body->next();
      if (!piece) co_return piece.error();
      if (piece->empty()) co_return true;
      Result<void> written = sink(*piece);
      if (!written) co_return written.error();
    }
  });
}

Result<json::value> Session::upload(std::string method, std::string target, net::BodySourcePtr body) {
  Result<void> ready = start();
  if (!ready) return ready.error();
  Call call{std::move(method), std::move(target), "", {{"Content-Type", "application/octet-stream"}}, {}};
  net::ClientRequest request = state_->request_of(call, true);
  request.body = std::move(body);
  request.timeout = env::Duration(24h);  // the answer comes behind the last byte
  Result<net::TextResponse> answer = wait_for(
      state_->runtime, [&]() { return net::fetch(*state_->client, std::move(request), kLargestAnswer); });
  if (!answer) return answer.error();
  state_->report(call, std::to_string(answer->status));
  if (answer->status >= 400) return error_from_answer(answer->status, answer->body);
  if (answer->body.empty()) return json::value(nullptr);
  return model::parse_json(answer->body);
}

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
    const json::object* object = event->if_object();
    if (object == nullptr || json_text(*object, "Type") != "websocket") {
      early.push_back(std::move(*event));
      continue;
    }
    if (json_text(*object, "Action") != "error") co_return Result<void>();
    co_return Error(ErrorCode::kBadRequest, "registration refused: " + json_text(*object, "Object"));
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
      wait_for(state.runtime, [&]() { return state.client->connect_websocket(target, headers); });
  if (!socket) return socket.error();
  auto watch = std::make_shared<Watch>();
  watch->socket = *socket;
  Result<void> registered = wait_for(state.runtime, [&]() { return register_patterns(*watch, patterns); });
  if (!registered) return registered.error();

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
  }
  wait_for(state.runtime, [&]() -> net::Task<bool> {
    co_await watch->socket->close(1000, "");
    co_return true;
  });
  if (!go_on) return go_on.error();
  return WatchEnd::kStopped;
}

}  // namespace mullion::cli
