// Clients that reach their server through a proxy.
#include <thread>

#include "base/mutex.h"
#include "net/net_testing.h"
#include "net/web.h"

namespace mullion::net {
namespace {

using namespace testing;

/// Leads each connection to the loopback port that its request line names, or refuses it with `refusal`.
class TestProxy {
 public:
  explicit TestProxy(std::string refusal = "") : refusal_(std::move(refusal)) {}
  std::string url() const { return server_.url(); }
  /// The first line of each request that asked for a way.
  std::vector<std::string> asked() {
    Lock lock(mutex_);
    return asked_;
  }

 private:
  bool serve_one(tcp::socket client) {
    boost::system::error_code failure;
    std::string head = LoopbackServer::read_head(client);
    const std::string line = head.substr(0, head.find("\r\n"));
    {
      Lock lock(mutex_);
      asked_.push_back(line);
    }
    if (refusal_.empty()) {
      lead(client, line, std::move(head));
    } else {
      asio::write(client, asio::buffer(refusal_), failure);
    }
    return true;
  }

  static void lead(tcp::socket& client, const std::string& line, std::string head) {
    const bool tunnel = line.starts_with("CONNECT ");
    const std::string_view scheme = "http://";
    const size_t authority = line.find(' ') + 1 + (tunnel ? 0 : scheme.size());
    const size_t colon = line.find(':', authority);
    asio::io_context context;
    tcp::socket server(context);
    server.connect(
        {asio::ip::address_v4::loopback(), static_cast<uint16_t>(std::stoi(line.substr(colon + 1)))});
    boost::system::error_code failure;
    if (tunnel) {
      asio::write(client, asio::buffer(std::string("HTTP/1.1 200 Connection established\r\n\r\n")), failure);
    } else {
      const size_t begin = authority - scheme.size();
      asio::write(server, asio::buffer(head.erase(begin, line.find('/', authority) - begin)), failure);
    }
    std::thread back([&] { relay(server, client); });
    relay(client, server);
    back.join();
  }

  static void relay(tcp::socket& from, tcp::socket& to) {
    std::array<char, 16384> bytes{};
    boost::system::error_code failure;
    while (true) {
      const size_t got = from.read_some(asio::buffer(bytes), failure);
      if (got > 0) asio::write(to, asio::buffer(bytes.data(), got), failure);
      if (failure) break;
    }
    from.shutdown(tcp::socket::shutdown_both, failure);
    to.shutdown(tcp::socket::shutdown_both, failure);
  }

  const std::string refusal_;
  Mutex mutex_;
  std::vector<std::string> asked_ GUARDED_BY(mutex_);
  LoopbackServer server_{[this](tcp::socket client) { return serve_one(std::move(client)); }};
};

Result<TextResponse> get(env::Runtime& runtime, const ClientOptions& options) {
  Result<std::unique_ptr<Client>> client = make_client(runtime, options);
  if (!client) return client.error();
  return run(runtime, [&client]() -> Task<Result<TextResponse>> {
    ClientRequest request;
    request.target = "/who";
    Result<TextResponse> response = co_await fetch(**client, std::move(request));
    co_return response;
  });
}

TEST(Proxy, HttpsGoesThroughATunnelAndIsVerifiedBehindIt) {
  Fixture fixture({.tls = true});
  TestProxy proxy;
  ClientOptions options;
  options.base_url = "https://localhost:" + std::to_string(fixture.server->port());
  options.proxy = proxy.url();
  options.trust.ca_file = shared_certificate().files().certificate_file;
  const Result<TextResponse> answer = get(fixture.runtime, options);
  ASSERT_TRUE(answer.ok()) << answer.error().text();
  EXPECT_NE(answer->body.find("|tls"), std::string::npos) << answer->body;
  EXPECT_EQ(proxy.asked(), std::vector<std::string>{
                               "CONNECT localhost:" + std::to_string(fixture.server->port()) + " HTTP/1.1"});
  const Certificate other;
  options.trust.ca_file = other.files().certificate_file;
  EXPECT_FALSE(get(fixture.runtime, options).ok());
}

TEST(Proxy, HttpRequestsSayWhomTheyAreFor) {
  Fixture fixture;
  TestProxy proxy;
  const std::string url = "http://127.0.0.1:" + std::to_string(fixture.server->port());
  const Result<std::string> body = run(fixture.runtime, [&]() -> Task<Result<std::string>> {
    UrlOptions options;
    options.proxy = proxy.url();
    Result<UrlAnswer> answer = co_await open_url(fixture.runtime, url + "/sized?bytes=3", options);
    if (!answer) co_return answer.error();
    Result<std::string> text = co_await read_all(*answer->body, 100);
    co_return text;
  });
  EXPECT_EQ(proxy.asked(), std::vector<std::string>{"GET " + url + "/sized?bytes=3 HTTP/1.1"});
  ASSERT_TRUE(body.ok()) << body.error().text();
  EXPECT_EQ(*body, "xxx");
}

TEST(Proxy, SaysWhyThereIsNoWay) {
  env::Runtime runtime(1);
  ClientOptions options;
  options.base_url = "https://nowhere.invalid";  // never looked up here
  const std::pair<std::string, std::string> cases[] = {
      {"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 3\r\n\r\nno!", "HTTP status 407"},
      {"HTTP/1.1 200 OK\r\n\r\nSSH-2.0", "it talks on behind its answer"},
      {"nonsense\r\n\r\n", "broken answer"},
      {"HTTP/1.1 20", "it closed the connection"},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n", "broken answer"}};
  for (const auto& [refusal, reason] : cases) {
    TestProxy proxy(refusal);
    options.proxy = proxy.url();
    const Result<TextResponse> answer = get(runtime, options);
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().code, ErrorCode::kUnreachable);
    EXPECT_NE(answer.error().text().find("the proxy leads to no nowhere.invalid:443: "), std::string::npos);
    EXPECT_NE(answer.error().text().find(reason), std::string::npos) << answer.error().text();
  }
  for (const char* proxy : {"https://127.0.0.1:1", "127.0.0.1:1", "http://user:pw@127.0.0.1:1"}) {
    options.proxy = proxy;
    EXPECT_EQ(get(runtime, options).error().code, ErrorCode::kInvalid) << proxy;
  }
  options.proxy = "http://127.0.0.1:1";
  options.unix_path = "/socket";
  EXPECT_EQ(get(runtime, options).error().code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace mullion::net
