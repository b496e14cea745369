// Rates of the net room over TLS on loopback: small keep-alive GETs and large streamed bodies.
//   net_bench                 server and client in this process (both cost CPU)
//   net_bench serve [PORT]    server alone, for:  wrk -t1 -c32 -d5 https://127.0.0.1:PORT/   (and /large)
#include <fmt/format.h>

#include <atomic>
#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>
#include <filesystem>
#include <thread>

#include "env/random.h"
#include "env/runtime.h"
#include "net/http.h"

namespace mullion {
namespace {

using env::Task;
constexpr uint64_t kLargeBytes = 256ull * 1024 * 1024;
constexpr int kClients = 32;
constexpr auto kDuration = std::chrono::seconds(3);

class LargeBody final : public net::BodySource {
 public:
  Task<Result<std::string_view>> next() override {
    const size_t size = static_cast<size_t>(std::min<uint64_t>(left_, piece_.size()));
    left_ -= size;
    co_return std::string_view(piece_).substr(0, size);
  }

 private:
  std::string piece_ = std::string(256 * 1024, 'x');
  uint64_t left_ = kLargeBytes;
};

Task<net::Response> handle(net::Request& request) {
  net::Response response;
  if (request.path == "/large") {
    response.body = std::make_unique<LargeBody>();
  } else {
    response.headers.add("Content-Type", "application/json");
    response.body = "{\"hello\":\"world\"}";
  }
  co_return response;
}

Task<void> hammer(net::Client& client, std::atomic<bool>& stop, std::atomic<uint64_t>& count) {
  while (!stop) {
    net::ClientRequest request;
    request.target = "/";
    Result<net::TextResponse> response = co_await net::fetch(client, std::move(request));
    if (response) ++count;
  }
}

Task<void> download(net::Client& client, std::atomic<uint64_t>& bytes, std::atomic<bool>& done) {
  net::ClientRequest request;
  request.target = "/large";
  Result<net::ClientResponse> response = co_await client.send(std::move(request));
  while (response) {
    Result<std::string_view> piece = co_await response->body->next();
    if (!piece || piece->empty()) break;
    bytes += piece->size();
  }
  done = true;
}

void measure(env::Runtime& runtime, net::Client& client) {
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> count{0};
  env::TaskGroup group(runtime.executor(), "bench");
  for (int i = 0; i < kClients; ++i) group.spawn("hammer", [&] { return hammer(client, stop, count); });
  std::this_thread::sleep_for(kDuration);
  fmt::print("small TLS GETs, {} connections: {} /s\n", kClients, count / kDuration.count());
  stop = true;
  group.stop();

  env::TaskGroup transfer(runtime.executor(), "bench");
  std::atomic<uint64_t> bytes{0};
  std::atomic<bool> done{false};
  const auto begin = std::chrono::steady_clock::now();
  transfer.spawn("download", [&] { return download(client, bytes, done); });
  while (!done) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  fmt::print("one streamed TLS body: {:.0f} MB/s\n", static_cast<double>(bytes) / seconds / 1e6);
  transfer.stop();
}

int run(int argc, char** argv) {
  const std::filesystem::path directory =
      std::filesystem::temp_directory_path() / ("net-bench-" + env::random_uuid());
  const net::TlsFiles files{directory / "key.pem", directory / "cert.pem"};
  const Result<void> certificate = net::ensure_certificate(files);
  env::Runtime runtime(2);
  net::ListenOptions options;
  options.address = "127.0.0.1";
  options.port = argc > 2 ? static_cast<uint16_t>(std::stoi(argv[2])) : 0;
  options.tls = files;
  Result<std::unique_ptr<net::Server>> server = net::listen(runtime, options, handle);
  std::filesystem::remove_all(directory);
  if (!certificate || !server) {
    fmt::print("cannot listen: {}\n", server ? certificate.error().text() : server.error().text());
    return 1;
  }
  if (argc > 1) {
    fmt::print("https://127.0.0.1:{}/\n", (*server)->port());
    std::fflush(stdout);
    while (true) std::this_thread::sleep_for(std::chrono::hours(1));
  }
  net::ClientOptions client_options;
  client_options.base_url = fmt::format("https://127.0.0.1:{}", (*server)->port());
  client_options.max_idle_connections = kClients;
  Result<std::unique_ptr<net::Client>> client = net::make_client(runtime, client_options);
  if (!client) return 1;
  measure(runtime, **client);
  return 0;
}

}  // namespace
}  // namespace mullion

int main(int argc, char** argv) { return mullion::run(argc, argv); }
