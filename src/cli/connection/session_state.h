// What the files behind Session share.
#pragma once

#include <boost/json.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "cli/connection/server_trust.h"
#include "cli/connection/session.h"
#include "cli/connection/token_cache.h"
#include "cli/documents/sealing.h"
#include "client/login.h"
#include "env/launch.h"
#include "env/runtime.h"

namespace mullion::cli {

namespace asio = boost::asio;

constexpr uint64_t kLargestAnswer = 2ULL * 1024 * 1024 * 1024;
constexpr env::Duration kPatience = std::chrono::minutes(2);  // for an answer to begin

struct Session::State {
  State(Terminal& given_terminal, const Options& given_options)
      : terminal(given_terminal), options(given_options) {}
  ~State() {
    server.client.reset();  // waits for its tasks, which need the runtime
    runtime.stop();
  }

  std::string target_of(const Call& call, bool through_proxy) const {
    std::string prefix;
    if (through_proxy && !options.url_proxy.empty()) prefix = "/" + options.url_proxy;
    return prefix + call.request.target();
  }

  net::ClientRequest request_of(const Call& call, bool through_proxy) const;
  /// `begun` becomes true before anything is sent.
  Result<net::TextResponse> exchange(const Call& call, bool through_proxy, bool* begun = nullptr) {
    return env::run(runtime, [&] { return exchanged(call, through_proxy, begun); });
  }
  env::Task<Result<net::TextResponse>> exchanged(Call call, bool through_proxy, bool* begun);
  Result<void> connect(const std::string& url);
  Result<void> log_in();
  std::string basic() const { return client::basic(options.username, options.password); }
  /// A token of the user; for the server's own time when `ttl` is "".
  env::Task<Result<std::string>> fetch_token(std::string ttl, std::string authorization);
  Result<std::string> take_token(const std::string& ttl, const std::string& authorization) {
    return env::run(runtime, [&] { return fetch_token(ttl, authorization); });
  }
  /// Whether there is another login in place of `stale`, which is not good any more.
  bool renew_login(const std::string& stale) {
    return env::run(runtime, [&] { return login.renew(stale); });
  }
  /// The event socket, with a login that is good.
  Result<std::shared_ptr<net::WebSocket>> open_events();
  TokenOwner token_owner() const { return {server.address, server.fingerprint, options.username}; }
  /// Behind RS_LOCAL_PROXY nobody knows which server would see a token.
  bool keeps_tokens() const { return !options.no_token && !server.address.empty(); }
  void report(const Call& call, std::string_view outcome) const;

  Terminal& terminal;
  const Options& options;
  env::Runtime runtime{1};
  ServerTrust trust{terminal, options, runtime};
  TokenCache tokens{options.token_cache};
  ServerTrust::Server server;
  client::Login login{"", [this]() -> env::Task<Result<std::string>> {
                        if (!options.token.empty() || options.no_token)
                          co_return Error(ErrorCode::kUnauthorized, "there is no login to renew");
                        co_return co_await fetch_token("", basic());
                      }};
  bool started = false;
};

}  // namespace mullion::cli
