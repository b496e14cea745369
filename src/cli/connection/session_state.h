// What the files behind Session share.
#pragma once

#include <boost/json.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/base64.h"
#include "cli/connection/server_trust.h"
#include "cli/connection/session.h"
#include "cli/connection/token_cache.h"
#include "cli/documents/sealing.h"
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

  std::string basic() const { return "Basic " + base64_encode(options.username + ":" + options.password); }
  std::string target_of(const Call& call, bool through_proxy) const {
    std::string prefix;
    if (through_proxy && !options.url_proxy.empty()) prefix = "/" + options.url_proxy;
    return prefix + "/api/v3/" + call.target;
  }

  net::ClientRequest request_of(const Call& call, bool through_proxy) const;
  /// `begun` becomes true before anything is sent.
  Result<net::TextResponse> exchange(const Call& call, bool through_proxy, bool* begun = nullptr);
  Result<void> connect(const std::string& url);
  Result<void> log_in();
  Result<void> take_token(const std::string& ttl, std::string& token);
  /// A new token in place of one that is not good any more, by name and password.
  Result<void> renew_login();
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
  std::string authorization;
  bool started = false;
};

}  // namespace mullion::cli
