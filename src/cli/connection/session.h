// A conversation with one server: login, token cache, requests one after another.
#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/terminal.h"
#include "cli/tree/options.h"
#include "client/routes.h"
#include "net/http.h"

namespace mullion::cli {

namespace json = boost::json;

struct Call {
  client::Request request;
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  env::Duration wait{0};  // added to the time-out: long polls
};

/// Whether the same may work soon: the server, or the one behind it, is not there now.
bool may_come_back(const Error& error);

/// For commands that wait through a restart of the server: pauses that grow, and a word on stderr when touch
/// is lost and when it is there again.
class Reconnection {
 public:
  Reconnection(Terminal& terminal, std::string server) : terminal_(terminal), server_(std::move(server)) {}
  /// How long to wait before the next try.
  env::Duration lost(const Error& error);
  void found();

 private:
  Terminal& terminal_;
  const std::string server_;
  env::Duration pause_{0};  // zero: in touch
};

/// Logs in at the first request. One thread.
class Session {
 public:
  Session(Terminal& terminal, const Options& options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// A whole answer with status < 400; anything else is an Error with the server's own words. Asks again when
  /// the connection breaks, but not for what the server may have carried out.
  Result<net::TextResponse> send(Call call);
  /// The JSON value of the answer; null for an empty body.
  Result<json::value> send_json(Call call);
  Result<json::value> get(client::Request request);
  Result<json::value> send_value(client::Request request, const json::value& body);

  /// What begins a body that streams.
  struct Arrival {
    int status = 200;  // 200, or 206 for the rest of something
    net::Headers headers;
    uint64_t size = 0;  // of what follows; 0: unknown
  };
  using Begin = std::function<Result<void>(const Arrival&)>;
  using Sink = std::function<Result<void>(std::string_view piece)>;
  /// Streams the body of a GET into `sink`. True: there was a body; false: 304.
  Result<bool> download(Call call, const Begin& begin, const Sink& sink);
  /// Streams `body` as octets; the JSON answer.
  Result<json::value> upload(client::Request request, net::BodySourcePtr body);
  /// The body behind an http(s) URL anywhere, for download and upload alike, through the proxy of the
  /// options; follows up to five redirects. Carries no login. Must not outlive the session. Who answers is
  /// judged by `demanded`, or as servers are by the options. kNotFound, kUnreachable ... naming the URL.
  Result<net::BodySourcePtr> open_url(const std::string& url,
                                      const std::optional<net::TrustPolicy>& demanded = std::nullopt);
  /// The same for a URL of the server's static files, which no proxy is asked for.
  Result<net::BodySourcePtr> open_static(const std::string& url);
  /// The body of a GET at the server, with login. Must not outlive the session.
  Result<net::BodySourcePtr> open(Call call);
  /// All of `body`; kTooLarge beyond `limit` bytes.
  Result<std::string> read_body(net::BodySource& body, uint64_t limit);
  /// The next piece of `body`; "" is the end.
  Result<std::string_view> next_piece(net::BodySource& body);
  /// Runs until SIGINT or SIGTERM: serves the Unix socket at `path` and passes everything on to the server.
  Result<void> serve_proxy(const std::string& path);
  /// The server that took the login; valid after start().
  const std::string& url() const;

  /// Registers `patterns` on the event socket, then hands every event to `on_event` until it returns false,
  /// `limit` passes (zero: never) or SIGINT arrives. `ready` runs after each registration: a server that goes
  /// away is waited for, which is said on stderr, and what happened meanwhile is in no event.
  enum class WatchEnd { kStopped, kTimeout, kInterrupted };
  Result<WatchEnd> watch(std::vector<std::string> patterns, env::Duration limit,
                         const std::function<Result<bool>()>& ready,
                         const std::function<Result<bool>(const json::value& event)>& on_event);

  /// Logs in if that has not happened yet.
  Result<void> start();
  /// As ServerTrust::accept(); talks to no server that needs no look.
  Result<std::string> accept_server(const std::string& url, const std::string& fingerprint);

 private:
  struct State;
  struct WatchSteps {
    std::function<Result<bool>()> ready;
    std::function<Result<bool>(const json::value& event)> on_event;
  };

  /// One connection of a watch, until nobody wants more; its error when it breaks.
  Result<void> follow(const std::vector<std::string>& patterns, const WatchSteps& steps,
                      Reconnection& connection);

  std::unique_ptr<State> state_;
};

}  // namespace mullion::cli
