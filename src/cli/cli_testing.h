// What the tests of this room share: a terminal of strings, a server that records what it is asked.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "cli/cli.h"
#include "net/net_testing.h"

namespace mullion::cli::testing {

namespace json = boost::json;

/// A terminal whose output can be read, in a home directory of its own.
struct FakeTerminal {
  FakeTerminal() {
    home = std::filesystem::temp_directory_path() / ("mullion-cli-" + env::random_uuid());
    std::filesystem::create_directories(home);
    terminal.variables["HOME"] = home;
  }
  ~FakeTerminal() {
    std::error_code ignored;
    std::filesystem::remove_all(home, ignored);
  }
  FakeTerminal(const FakeTerminal&) = delete;
  FakeTerminal& operator=(const FakeTerminal&) = delete;

  /// Runs one command line on fresh output.
  int run(const std::vector<std::string>& arguments) {
    out.str("");
    err.str("");
    return run_in(terminal, arguments);
  }

  std::filesystem::path home;
  std::ostringstream out;
  std::ostringstream err;
  std::istringstream in;
  Terminal terminal{out, err, in, {}};
};

/// One request as the server saw it.
struct Seen {
  std::string line;  // "GET /api/v3/machines?limit=1"
  std::string body;
  std::string authorization;
  std::string range;
  std::string condition;  // If-None-Match
};

/// Answers "METHOD /path" from a table; everything else with 404 in the API's shape.
class FakeServer {
 public:
  struct Answer {
    int status = 200;
    std::string body = "{}";
    std::vector<std::pair<std::string, std::string>> headers;
    bool cut_once = false;  // the connection breaks inside the first answer
  };

  explicit FakeServer(bool tls = false)
      : tls_(tls),
        fixture_(net::testing::Fixture::Setup{
            .tls = tls, .handler = [this](net::Request& request) { return handle(request); }}) {
    answers_["GET /api/v3/users/rocketskates/token"] = {200, R"({"Token":"tok"})", {}};
  }

  void answer(const std::string& line, Answer answer) {
    const Lock lock(mutex_);
    answers_[line] = std::move(answer);
  }
  /// What the event socket says behind its first acknowledgement.
  void set_events(std::vector<std::string> events) {
    const Lock lock(mutex_);
    events_ = std::move(events);
  }

  std::string url() const {
    return (tls_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(fixture_.server->port());
  }
  /// Everything, the login included.
  std::vector<Seen> all_seen() {
    const Lock lock(mutex_);
    return seen_;
  }

  /// Requests so far without those of the login.
  std::vector<Seen> seen() {
    const Lock lock(mutex_);
    std::vector<Seen> kept;
    for (const Seen& entry : seen_) {
      if (entry.line.find("/token") == std::string::npos) kept.push_back(entry);
    }
    return kept;
  }
  Seen last() {
    const std::vector<Seen> all = seen();
    return all.empty() ? Seen{} : all.back();
  }

  /// The next `times` event sockets are closed behind their events, as by a server that restarts.
  void close_after_events(size_t times) {
    const Lock lock(mutex_);
    to_close_ = times;
  }
  void close_sockets() {
    const Lock lock(mutex_);
    for (const std::weak_ptr<net::WebSocket>& weak : sockets_) {
      if (const std::shared_ptr<net::WebSocket> socket = weak.lock()) socket->abort();
    }
  }

 private:
  /// Promises what does not come.
  class BrokenBody final : public net::BodySource {
   public:
    net::Task<Result<std::string_view>> next() override { co_return Error(ErrorCode::kUnreachable, "cut"); }
    std::optional<uint64_t> size() const override { return 100; }
  };

  net::Task<net::Response> handle(net::Request& request) {
    Result<std::string> body = co_await net::read_all(*request.body, 1024 * 1024);
    Answer answer{
        404, R"({"Model":"machines","Key":"x","Type":"GET","Messages":["Not Found"],"Code":404})", {}};
    {
      const Lock lock(mutex_);
      std::string line = request.method + " " + request.target;
      const auto header = [&](std::string_view name) {
        return std::string(request.headers.get(name).value_or(""));
      };
      seen_.push_back(
          {line, body ? *body : "", header("Authorization"), header("Range"), header("If-None-Match")});
      const auto found = answers_.find(request.method + " " + request.path);
      if (found != answers_.end()) answer = found->second;
      if (found != answers_.end()) found->second.cut_once = false;
    }
    net::Response response;
    if (request.path.starts_with("/api/v3/ws")) {
      response.upgrade = [this](std::shared_ptr<net::WebSocket> socket) { return converse(socket); };
      co_return response;
    }
    response.status = answer.status;
    response.headers.set("Content-Type", "application/json");
    for (const auto& [name, value] : answer.headers) response.headers.set(name, value);
    if (request.method != "HEAD") response.body = answer.body;
    if (answer.cut_once) response.body = std::make_unique<BrokenBody>();
    co_return response;
  }

  net::Task<void> converse(std::shared_ptr<net::WebSocket> socket) {
    {
      const Lock lock(mutex_);
      sockets_.push_back(socket);
    }
    bool first = true;
    while (true) {
      Result<net::WebSocket::Message> message = co_await socket->read();
      if (!message) co_return;
      std::vector<std::string> events;
      {
        const Lock lock(mutex_);
        seen_.push_back({message->data, "", "", "", ""});
        if (first) events = events_;
      }
      first = false;
      Result<void> sent =
          co_await socket->write(R"({"Type":"websocket","Action":"register","Object":""})", false);
      for (size_t i = 0; sent && i < events.size(); ++i) sent = co_await socket->write(events[i], false);
      if (!sent) co_return;
      if (!closes_now()) continue;
      co_await socket->close(1001, "restart");
      co_return;
    }
  }
  bool closes_now() {
    const Lock lock(mutex_);
    if (to_close_ == 0) return false;
    --to_close_;
    return true;
  }

  Mutex mutex_;
  std::map<std::string, Answer> answers_ GUARDED_BY(mutex_);
  std::vector<std::string> events_ GUARDED_BY(mutex_);
  std::vector<Seen> seen_ GUARDED_BY(mutex_);
  /// They end with the runtime of fixture_.
  std::vector<std::weak_ptr<net::WebSocket>> sockets_ GUARDED_BY(mutex_);
  size_t to_close_ GUARDED_BY(mutex_) = 0;
  const bool tls_;
  net::testing::Fixture fixture_;
};

/// Whole commands against a FakeServer.
class CommandTest : public ::testing::Test {
 protected:
  CommandTest() { fake_.terminal.variables["RS_ENDPOINT"] = server_.url(); }

  int run(const std::vector<std::string>& arguments) { return fake_.run(arguments); }
  std::string out() const { return fake_.out.str(); }
  std::string err() const { return fake_.err.str(); }
  void answer(const std::string& line, std::string body, int status = 200,
              std::vector<std::pair<std::string, std::string>> headers = {}) {
    server_.answer(line, {status, std::move(body), std::move(headers)});
  }
  /// A file in the home directory; its path.
  std::string write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = fake_.home / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }
  std::string read(const std::string& name) {
    std::ifstream file(fake_.home / name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  std::string last_line() { return server_.last().line; }
  json::value last_body() { return json::parse(server_.last().body); }

  FakeServer server_;
  FakeTerminal fake_;
};

}  // namespace mullion::cli::testing
