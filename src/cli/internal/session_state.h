// What the files behind Session share.
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/json.hpp>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "cli/sealing.h"
#include "cli/session.h"
#include "env/runtime.h"

namespace mullion::cli {

namespace asio = boost::asio;

constexpr uint64_t kLargestAnswer = 2ULL * 1024 * 1024 * 1024;
constexpr env::Duration kPatience = std::chrono::minutes(2);  // without any progress

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

struct Session::State {
  State(Terminal& given_terminal, const Options& given_options)
      : terminal(given_terminal), options(given_options) {}
  ~State() {
    if (client) client->close();
    client.reset();
    runtime.stop();
  }

  std::string basic() const { return "Basic " + base64_text(options.username + ":" + options.password); }
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

}  // namespace mullion::cli
