#include "net/net_testing.h"

namespace mullion::net {
namespace {

using namespace testing;

/// Gives a little again and again.
class DrippingBody final : public BodySource {
 public:
  Task<Result<std::string_view>> next() override {
    co_await env::sleep_for(std::chrono::milliseconds(20));
    co_return std::string_view("x");
  }
  std::optional<uint64_t> size() const override { return std::nullopt; }
};

Result<TextResponse> send(env::Runtime& runtime, ClientOptions options, bool& begun) {
  auto client = make_client(runtime, std::move(options));
  if (!client) return client.error();
  return run(runtime, [&client, &begun]() -> Task<Result<TextResponse>> {
    ClientRequest request;
    request.method = "POST";
    request.target = "/";
    request.begun = &begun;
    Result<TextResponse> answer = co_await fetch(**client, std::move(request));
    co_return answer;
  });
}

std::string url_of(const Fixture& fixture) {
  return "http://127.0.0.1:" + std::to_string(fixture.server->port());
}

// What always makes a little progress would never end otherwise.
TEST(Client, HasADeadlineForEverythingTogether) {
  Fixture fixture({.handler = [](Request&) -> Task<Response> {
    Response response;
    response.body = std::make_unique<DrippingBody>();
    co_return response;
  }});
  ClientOptions options{.base_url = url_of(fixture)};
  options.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  bool begun = false;
  EXPECT_EQ(send(fixture.runtime, std::move(options), begun).error().code, ErrorCode::kTimeout);
}

TEST(Client, TellsWhetherARequestWasBegun) {
  Fixture fixture({.handler = [](Request&) -> Task<Response> { co_return text_response("done"); }});
  bool begun = false;
  EXPECT_FALSE(send(fixture.runtime, {.base_url = "http://127.0.0.1:1"}, begun));
  EXPECT_FALSE(begun);
  EXPECT_TRUE(send(fixture.runtime, {.base_url = url_of(fixture)}, begun));
  EXPECT_TRUE(begun);
}

TEST(Client, GivesUpABodyThatTrickles) {
  Fixture fixture({.handler = [](Request&) -> Task<Response> {
    Response response;
    response.body = std::make_unique<DrippingBody>();
    co_return response;
  }});
  ClientOptions options{.base_url = url_of(fixture)};
  EXPECT_EQ(options.least_rate, PeerLimits().least_rate) << "what servers ask of clients";
  options.least_rate = 10'000;
  options.rate_window = std::chrono::milliseconds(200);
  bool begun = false;
  const Error error = send(fixture.runtime, std::move(options), begun).error();
  EXPECT_EQ(error.code, ErrorCode::kTimeout);
  EXPECT_EQ(error.text(), "timeout: the peer sends less than 10000 bytes per second");
}

TEST(Client, GivesABodyTheTimeThatItsRequestSays) {
  Fixture fixture({.handler = [](Request&) -> Task<Response> {
    Response response;
    response.body = std::make_unique<DrippingBody>();
    co_return response;
  }});
  Result<TextResponse> answer = run(fixture.runtime, [&]() -> Task<Result<TextResponse>> {
    ClientRequest request;
    request.target = "/";
    request.body_time = std::chrono::milliseconds(100);
    co_return co_await fetch(*fixture.client, std::move(request));
  });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kTimeout);
}

/// Remembers how long the bodies of the answers to its requests may take.
class RememberingClient final : public Client {
 public:
  std::vector<std::optional<env::Duration>> times;
  Task<Result<ClientResponse>> send(ClientRequest request) override {
    times.push_back(request.body_time);
    co_return ClientResponse{};
  }
  Task<Result<std::shared_ptr<WebSocket>>> connect_websocket(std::string, Headers) override {
    co_return Error(ErrorCode::kUnavailable, "no websocket in this test");
  }
  std::string peer_fingerprint() const override { return ""; }
  void close() override {}
};

TEST(Fetch, HasATimeForTheWholeAnswer) {
  env::Runtime runtime(1);
  RememberingClient client;
  for (const std::optional<env::Duration> time :
       {std::optional<env::Duration>(), std::optional<env::Duration>(5s)}) {
    ClientRequest request;
    request.body_time = time;
    EXPECT_TRUE(run(runtime, fetch(client, std::move(request))));
  }
  EXPECT_EQ(client.times, (std::vector<std::optional<env::Duration>>{kLongestFetch, 5s}));
}

TEST(Client, GivesUpAServerThatTakesARequestTooSlowly) {
  std::atomic<bool> over{false};
  LoopbackServer server([&over](tcp::socket socket) {
    boost::system::error_code failure;
    socket.set_option(asio::socket_base::receive_buffer_size(4096), failure);
    std::array<char, 512> some;
    while (!failure && !over) {
      socket.read_some(asio::buffer(some), failure);
      std::this_thread::sleep_for(10ms);
    }
    return false;
  });
  env::Runtime runtime(1);
  ClientOptions options{.base_url = server.url()};
  options.least_rate = 10'000'000;
  options.rate_window = std::chrono::milliseconds(200);
  auto client = make_client(runtime, std::move(options));
  ASSERT_TRUE(client);
  Result<TextResponse> answer = run(runtime, [&]() -> Task<Result<TextResponse>> {
    ClientRequest request;
    request.method = "POST";
    request.target = "/";
    request.timeout = std::chrono::milliseconds(50);
    request.body = std::string(64 << 20, 'x');
    co_return co_await fetch(**client, std::move(request));
  });
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().text(), "timeout: the peer takes less than 10000000 bytes per second");
  over = true;
  client->reset();
  runtime.stop();
}

}  // namespace
}  // namespace mullion::net
