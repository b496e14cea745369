// What the tests of this room share: a runtime, a certificate, raw sockets and a way to wait for coroutines.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <functional>
#include <future>
#include <string>
#include <thread>

#include "env/launch.h"
#include "env/random.h"
#include "env/runtime.h"
#include "env/waiting_testing.h"
#include "net/port.h"

namespace mullion::net::testing {

namespace asio = boost::asio;
using asio::ip::tcp;
using env::eventually;
using env::launch;
using env::run;
using namespace std::chrono_literals;

/// A key and certificate in a directory that is removed at the end.
class Certificate {
 public:
  Certificate() {
    directory_ = std::filesystem::temp_directory_path() / ("mullion-net-" + env::random_uuid());
    std::filesystem::create_directories(directory_);
    files_.key_file = directory_ / "key.pem";
    files_.certificate_file = directory_ / "cert.pem";
    const Result<void> made = ensure_certificate(files_);
    if (!made) ADD_FAILURE() << made.error().text();
  }
  ~Certificate() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;
  const TlsFiles& files() const { return files_; }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  std::filesystem::path directory_;
  TlsFiles files_;
};

inline const Certificate& shared_certificate() {
  static const Certificate certificate;
  return certificate;
}

/// A blocking plain connection that sends exactly what a test says.
class RawConnection {
 public:
  explicit RawConnection(uint16_t port) : socket_(context_) {
    socket_.connect(tcp::endpoint(asio::ip::address_v4::loopback(), port));
  }
  void send(std::string_view text) {
    boost::system::error_code ignored;
    asio::write(socket_, asio::buffer(text.data(), text.size()), ignored);
  }
  /// Everything until the server closes.
  std::string read_to_end() {
    std::string text;
    boost::system::error_code failure;
    asio::read(socket_, asio::dynamic_buffer(text), failure);
    return text;
  }
  std::string read_until(std::string_view end) {
    std::string text;
    char byte = 0;
    boost::system::error_code failure;
    while (text.find(end) == std::string::npos) {
      socket_.read_some(asio::buffer(&byte, 1), failure);
      if (failure) break;
      text += byte;
    }
    return text;
  }
  tcp::socket& socket() { return socket_; }

 private:
  asio::io_context context_;
  tcp::socket socket_;
};

/// Serves connections one after another on a thread of its own: with `serve_one` until it returns false, then
/// by closing them at once.
class LoopbackServer {
 public:
  using ServeOne = std::function<bool(tcp::socket)>;
  explicit LoopbackServer(ServeOne serve_one)
      : acceptor_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
        thread_([this, serve_one = std::move(serve_one)] { serve(serve_one); }) {}
  ~LoopbackServer() {
    stop_ = true;
    boost::system::error_code ignored;
    tcp::socket last(context_);
    last.connect(acceptor_.local_endpoint(), ignored);
    thread_.join();
  }
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;
  std::string url() const { return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }

  /// From `serve_one`: the connection stays until the end of this server.
  void keep_open(tcp::socket socket) { kept_.push_back(std::move(socket)); }
  /// The head of a request, or what came of it before the end.
  static std::string read_head(tcp::socket& socket) {
    boost::system::error_code failure;
    std::string head;
    asio::read_until(socket, asio::dynamic_buffer(head), "\r\n\r\n", failure);
    return head;
  }

 private:
  void serve(const ServeOne& serve_one) {
    bool serving = true;
    while (true) {
      boost::system::error_code failure;
      tcp::socket socket = acceptor_.accept(failure);
      if (stop_) return;
      if (serving && !failure) serving = serve_one(std::move(socket));
    }
  }

  asio::io_context context_;
  tcp::acceptor acceptor_;
  std::vector<tcp::socket> kept_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

/// Yields `total` bytes of a pattern without holding them.
class PatternBody final : public BodySource {
 public:
  PatternBody(uint64_t total, bool sized)
      : left_(total), total_(total), sized_(sized), piece_(100'000, 'x') {}
  Task<Result<std::string_view>> next() override {
    const size_t size = static_cast<size_t>(std::min<uint64_t>(left_, piece_.size()));
    left_ -= size;
    co_return std::string_view(piece_).substr(0, size);
  }
  std::optional<uint64_t> size() const override {
    return sized_ ? std::optional<uint64_t>(total_) : std::nullopt;
  }

 private:
  uint64_t left_;
  uint64_t total_;
  bool sized_;
  std::string piece_;
};

/// Counts the bytes of a body without keeping them.
inline Task<Result<uint64_t>> count_bytes(BodySource& body) {
  uint64_t total = 0;
  while (true) {
    Result<std::string_view> piece = co_await body.next();
    if (!piece) co_return piece.error();
    if (piece->empty()) break;
    total += piece->size();
  }
  co_return total;
}

inline Response text_response(std::string text) {
  Response response;
  response.headers.add("Content-Type", "text/plain");
  response.body = std::move(text);
  return response;
}

/// How many requests for /sleep have begun, of every fixture: what a test waits for before it disturbs one.
inline std::atomic<int>& sleepers() {
  static std::atomic<int> count{0};
  return count;
}

/// Answers by path: what every test needs of a server.
inline Task<Response> demo_handler(Request& request) {
  if (request.path == "/echo") {
    Result<std::string> body = co_await read_all(*request.body, 300 * 1024 * 1024);
    if (!body) {
      Response response = text_response(body.error().text());
      response.status = body.error().status();
      co_return response;
    }
    co_return text_response(request.method + ":" + *body);
  }
  if (request.path == "/count") {
    Result<uint64_t> total = co_await count_bytes(*request.body);
    co_return text_response(total ? std::to_string(*total) : total.error().text());
  }
  if (request.path == "/throw") throw std::runtime_error("handler bug");
  if (request.path == "/ignore-body") co_return text_response("ignored");
  if (request.path == "/sleep") {
    ++sleepers();
    co_await env::sleep_for(std::chrono::milliseconds(std::stoi(std::string(*request.query_value("ms")))));
    co_return text_response("slept");
  }
  if (request.path == "/stream" || request.path == "/sized") {
    Response response;
    const uint64_t bytes = std::stoull(std::string(*request.query_value("bytes")));
    response.body = std::make_unique<PatternBody>(bytes, request.path == "/sized");
    co_return response;
  }
  if (request.path == "/status") {
    Response response = text_response("");
    response.status = std::stoi(std::string(*request.query_value("code")));
    co_return response;
  }
  if (request.path == "/who") {
    co_return text_response(request.id + "|" + request.peer_address + "|" +
                            (request.peer_is_loopback ? "loop" : "far") + "|" +
                            (request.tls ? "tls" : "plain"));
  }
  co_return text_response("hello");
}

/// A runtime, a server with demo_handler (or another) and a client of it.
class Fixture {
 public:
  struct Setup {
    bool tls = false;
    ServerLimits limits = {};
    PeerLimits peers = {};
    Handler handler = demo_handler;
    ClientOptions client = {};
  };
  Fixture() : Fixture(Setup{}) {}
  explicit Fixture(Setup setup) : runtime(2) {
    ListenOptions options;
    options.address = "127.0.0.1";
    options.limits = setup.limits;
    options.flag = "--test-port";
    if (setup.tls) options.tls = shared_certificate().files();
    Result<std::unique_ptr<Port>> made = listen(runtime, options, setup.peers, setup.handler);
    if (!made) throw std::runtime_error(made.error().text());
    server = std::move(*made);
    setup.client.base_url =
        (setup.tls ? "https://localhost:" : "http://127.0.0.1:") + std::to_string(server->port());
    Result<std::unique_ptr<Client>> connected = make_client(runtime, setup.client);
    if (!connected) throw std::runtime_error(connected.error().text());
    client = std::move(*connected);
  }
  ~Fixture() {
    client.reset();
    server.reset();
    runtime.stop();
  }

  Result<TextResponse> get(std::string target, std::string method = "GET") {
    return run(runtime, [this, target, method]() -> Task<Result<TextResponse>> {
      ClientRequest request;
      request.method = method;
      request.target = target;
      Result<TextResponse> response = co_await fetch(*client, std::move(request));
      co_return response;
    });
  }
  Result<TextResponse> post(std::string target, std::string body) {
    return run(runtime, [this, target, body]() -> Task<Result<TextResponse>> {
      ClientRequest request;
      request.method = "POST";
      request.target = target;
      request.body = body;
      Result<TextResponse> response = co_await fetch(*client, std::move(request));
      co_return response;
    });
  }
  RawConnection raw() { return RawConnection(server->port()); }

  env::Runtime runtime;
  std::unique_ptr<Port> server;
  std::unique_ptr<Client> client;
};

}  // namespace mullion::net::testing
