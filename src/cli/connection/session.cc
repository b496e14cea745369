#include "cli/connection/session.h"

#include <fmt/format.h>

#include <ostream>
#include <thread>

#include "base/json.h"
#include "base/text.h"
#include "cli/connection/session_state.h"
#include "cli/documents/document.h"
#include "client/api.h"
#include "model/object.h"

namespace mullion::cli {

namespace {

/// Between the tries of a request whose connection broke.
constexpr std::chrono::seconds kPauses[] = {std::chrono::seconds(1), std::chrono::seconds(1),
                                            std::chrono::seconds(2), std::chrono::seconds(3),
                                            std::chrono::seconds(5)};

}  // namespace

bool may_come_back(const Error& error) {
  if (const int status = error.status_override; status != 0)
    return status == 502 || status == 503 || status == 504;
  // kCancelled: a server that stops says good-bye to its websockets.
  return error.code == ErrorCode::kUnreachable || error.code == ErrorCode::kUnavailable ||
         error.code == ErrorCode::kTimeout || error.code == ErrorCode::kCancelled;
}

env::Duration Reconnection::lost(const Error& error) {
  constexpr env::Duration kFirst = std::chrono::milliseconds(500), kLongest = std::chrono::seconds(15);
  if (pause_.count() == 0) {
    terminal_.err << fmt::format("lost touch with {}: {}; trying again\n", escaped(server_),
                                 escaped(error.messages.empty() ? error.text() : error.messages.front()))
                  << std::flush;
  }
  pause_ = pause_.count() == 0 ? kFirst : std::min(pause_ * 2, kLongest);
  return pause_;
}

void Reconnection::found() {
  if (pause_.count() == 0) return;
  pause_ = env::Duration(0);
  terminal_.err << fmt::format("in touch with {} again\n", escaped(server_)) << std::flush;
}

net::ClientRequest Session::State::request_of(const Call& call, bool through_proxy) const {
  net::ClientRequest request;
  request.method = call.request.method();
  request.target = target_of(call, through_proxy);
  request.headers.set("Authorization", login.authorization());
  request.headers.set("Accept", "application/json");
  request.headers.set("Cache-Control", "no-store");
  const std::string& method = request.method;
  if (!call.body.empty() || method == "POST" || method == "PUT" || method == "PATCH") {
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
  terminal.err << fmt::format("{} {}{} -> {}\n", call.request.method(), server.url, call.request.target(),
                              escaped(outcome));
}

env::Task<Result<net::TextResponse>> Session::State::exchanged(Call call, bool through_proxy, bool* begun) {
  net::ClientRequest request = request_of(call, through_proxy);
  request.begun = begun;
  Result<net::TextResponse> answer = co_await net::fetch(*server.client, std::move(request), kLargestAnswer);
  if (!answer) {
    report(call, answer.error().text());
    co_return answer;
  }
  report(call, std::to_string(answer->status));
  if (answer->status >= 400) co_return client::error_of(answer->status, answer->body, answer->headers);
  co_return answer;
}

Result<void> Session::State::connect(const std::string& wanted) {
  Result<ServerTrust::Server> found = trust.connect(wanted);
  if (!found) return found.error();
  server = std::move(*found);
  return {};
}

env::Task<Result<std::string>> Session::State::fetch_token(std::string ttl, std::string authorization) {
  Call call{client::get_users_token(options.username)};
  if (!ttl.empty()) call.request = call.request.with("ttl", ttl);
  call.headers.emplace_back("Authorization", std::move(authorization));
  const Result<net::TextResponse> answer = co_await exchanged(std::move(call), false, nullptr);
  if (!answer) co_return answer.error();
  std::string token = client::token_in(answer->body);
  if (token.empty()) co_return Error(ErrorCode::kInternal, "the server's answer holds no token");
  co_return token;
}

Result<void> Session::State::log_in() {
  if (!options.token.empty()) {
    login.show(client::bearer(options.token));
    return {};
  }
  if (keeps_tokens()) {
    const std::string cached = tokens.find(token_owner());
    login.show(client::bearer(cached));
    if (!cached.empty() && exchange({client::get_info()}, false)) return {};
  }
  login.show(basic());
  const Result<std::string> token = take_token("", basic());
  // Where nobody serves a cluster no token is made, but its members still take orders about the cluster.
  const bool only_choice = options.endpoints.size() == 1;
  if (!token && only_choice && token.error().status_override == 503) return {};
  if (!token) return token.error();
  if (options.no_token) return {};
  login.show(client::bearer(*token));
  if (!keeps_tokens()) return {};
  if (const Result<std::string> lasting = take_token("7200", client::bearer(*token)))
    tokens.keep(token_owner(), *lasting);
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
    // Another server in its place is no reason to go on quietly with the next one.
    if (last.code == ErrorCode::kForbidden && last.status_override == 0) break;
    if (last.code == ErrorCode::kUnreachable || last.code == ErrorCode::kTimeout)
      last.messages[0] += " (" + url + ")";
  }
  if (last.messages.empty()) last.messages.emplace_back();
  const std::string_view prefix = "Error creating Session: ";
  if (last.type.empty() && last.model.empty()) {
    last.messages[0].insert(0, prefix);
  } else {
    last.type.insert(0, prefix);
  }
  return last;
}

Result<std::string> Session::accept_server(const std::string& url, const std::string& fingerprint) {
  return state_->trust.accept(url, fingerprint);
}

Result<net::TextResponse> Session::send(Call call) {
  Result<void> ready = start();
  if (!ready) return ready.error();
  const bool harmless = call.request.method() == "GET" || call.request.method() == "HEAD";
  const std::string shown = state_->login.authorization();
  bool begun = false;
  Result<net::TextResponse> answer = state_->exchange(call, true, &begun);
  for (const std::chrono::seconds pause : kPauses) {
    // What has its own time limit is not asked again, nor what the server answered.
    const bool broken =
        !answer && answer.error().code == ErrorCode::kUnreachable && answer.error().status_override == 0;
    if (!broken || call.wait > env::Duration(0)) break;
    if (begun && !harmless) break;  // it may have been carried out
    std::this_thread::sleep_for(pause);
    begun = false;
    answer = state_->exchange(call, true, &begun);
  }
  // Whoever waits for days outlives tokens. What was refused was not carried out.
  const bool refused = !answer && answer.error().status_override == 401;
  if (refused && state_->renew_login(shown)) return state_->exchange(call, true);
  return answer;
}

Result<json::value> Session::send_json(Call call) {
  Result<net::TextResponse> answer = send(std::move(call));
  if (!answer) return answer.error();
  if (answer->body.find_first_not_of(" \r\n\t") == std::string::npos) return json::value(nullptr);
  return parse_json(answer->body);
}

Result<json::value> Session::get(client::Request request) { return send_json({std::move(request)}); }

Result<json::value> Session::send_value(client::Request request, const json::value& body) {
  return send_json({std::move(request), json::serialize(body)});
}

}  // namespace mullion::cli
