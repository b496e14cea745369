#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "base/log.h"
#include "env/file.h"
#include "net/net_testing.h"
#include "net/peer_certificate.h"

namespace mullion::net {
namespace {

using namespace testing;

/// Answers every accepted connection with the next of the given texts and closes it.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::vector<std::string> answers, bool keep_open = false)
      : answers_(std::move(answers)), keep_open_(keep_open) {}
  std::string url() const { return server_.url(); }
  int requests() const { return requests_; }

 private:
  bool answer_next(tcp::socket socket) {
    if (LoopbackServer::read_head(socket).find("\r\n\r\n") != std::string::npos) ++requests_;
    boost::system::error_code failure;
    asio::write(socket, asio::buffer(answers_[next_++]), failure);
    if (keep_open_) server_.keep_open(std::move(socket));
    return next_ < answers_.size();
  }

  const std::vector<std::string> answers_;
  const bool keep_open_;
  std::atomic<int> requests_{0};
  size_t next_ = 0;
  LoopbackServer server_{[this](tcp::socket socket) { return answer_next(std::move(socket)); }};
};

std::unique_ptr<Client> client_of(env::Runtime& runtime, ClientOptions options) {
  Result<std::unique_ptr<Client>> made = make_client(runtime, std::move(options));
  EXPECT_TRUE(made.ok()) << (made ? "" : made.error().text());
  return made ? std::move(*made) : nullptr;
}

Result<TextResponse> request(env::Runtime& runtime, Client& client, std::string method = "GET",
                             std::optional<env::Duration> timeout = std::nullopt) {
  return run(runtime, [&client, method, timeout]() -> Task<Result<TextResponse>> {
    ClientRequest wanted;
    wanted.method = method;
    wanted.target = "/";
    wanted.timeout = timeout;
    Result<TextResponse> response = co_await fetch(client, std::move(wanted));
    co_return response;
  });
}

TEST(Client, StreamsUploadsOfKnownAndUnknownSize) {
  Fixture fixture({.tls = true});
  for (bool sized : {true, false}) {
    const Result<TextResponse> counted = run(fixture.runtime, [&, sized]() -> Task<Result<TextResponse>> {
      ClientRequest upload;
      upload.method = "PUT";
      upload.target = "/count";
      upload.body = std::make_unique<PatternBody>(5'000'000, sized);
      Result<TextResponse> response = co_await fetch(*fixture.client, std::move(upload));
      co_return response;
    });
    ASSERT_TRUE(counted.ok()) << counted.error().text();
    EXPECT_EQ(counted->body, "5000000");
  }
  EXPECT_EQ(fixture.server->connections(), 1u);
}

TEST(Client, MovesHundredMegabytesInConstantMemory) {
  Fixture fixture({.tls = true});
  constexpr uint64_t kBytes = 100'000'000;
  const auto peak = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  ASSERT_EQ(fixture.get("/")->body, "hello");
  const long before = peak();
  const Result<uint64_t> down = run(fixture.runtime, [&]() -> Task<Result<uint64_t>> {
    ClientRequest wanted;
    wanted.target = "/stream?bytes=" + std::to_string(kBytes);
    Result<ClientResponse> response = co_await fixture.client->send(std::move(wanted));
    Result<uint64_t> counted = co_await count_bytes(*response->body);
    co_return counted;
  });
  EXPECT_EQ(*down, kBytes);
  const Result<TextResponse> up = run(fixture.runtime, [&]() -> Task<Result<TextResponse>> {
    ClientRequest upload;
    upload.method = "POST";
    upload.target = "/count";
    upload.body = std::make_unique<PatternBody>(kBytes, false);
    Result<TextResponse> response = co_await fetch(*fixture.client, std::move(upload));
    co_return response;
  });
  EXPECT_EQ(up->body, std::to_string(kBytes));
  EXPECT_LT(peak() - before, 20'000);  // KiB
}

TEST(Client, ReusesConnectionsUpToItsLimit) {
  ClientOptions options;
  options.max_idle_connections = 2;
  Fixture fixture({.client = options});
  std::vector<std::future<bool>> results;
  for (int i = 0; i < 6; ++i) {
    results.push_back(launch(fixture.runtime, [&]() -> Task<bool> {
      ClientRequest wanted;
      wanted.target = "/sleep?ms=100";
      Result<TextResponse> response = co_await fetch(*fixture.client, std::move(wanted));
      co_return response.ok();
    }));
  }
  for (auto& result : results) EXPECT_TRUE(result.get());
  EXPECT_TRUE(eventually([&] { return fixture.server->connections() == 2; }));
}

TEST(Client, ClosesTheConnectionWhenABodyIsDropped) {
  Fixture fixture;
  run(fixture.runtime, [&]() -> Task<void> {
    ClientRequest wanted;
    wanted.target = "/stream?bytes=50000000";
    Result<ClientResponse> response = co_await fixture.client->send(std::move(wanted));
    Result<std::string_view> piece = co_await response->body->next();
    EXPECT_TRUE(piece.ok());
  });
  EXPECT_TRUE(eventually([&] { return fixture.server->connections() == 0; }));
  EXPECT_EQ(fixture.get("/")->body, "hello");
}

TEST(Client, KnowsThePeerAndResumesSessions) {
  Fixture fixture({.tls = true});
  EXPECT_EQ(fixture.client->peer_fingerprint(), "");
  EXPECT_EQ(fixture.get("/")->body, "hello");
  const Result<std::string> expected = certificate_fingerprint(shared_certificate().files().certificate_file);
  EXPECT_EQ(fixture.client->peer_fingerprint(), *expected);
  EXPECT_EQ(expected->size(), 64u);
}

TEST(Client, AcceptsThePinnedCertificateOnly) {
  std::atomic<int> handled{0};
  Fixture fixture({.tls = true, .handler = [&](Request&) -> Task<Response> {
                     ++handled;
                     co_return text_response("secret");
                   }});
  ClientOptions options;
  options.base_url = "https://127.0.0.1:" + std::to_string(fixture.server->port());
  options.trust.pinned_fingerprint = *certificate_fingerprint(shared_certificate().files().certificate_file);
  auto good = client_of(fixture.runtime, options);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(request(fixture.runtime, *good)->body, "secret");
  const int before = handled;
  options.trust.pinned_fingerprint = std::string(64, '0');
  auto bad = client_of(fixture.runtime, options);
  for (int i = 0; i < 2; ++i) {
    const Result<TextResponse> refused = request(fixture.runtime, *bad);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::kForbidden);
    EXPECT_NE(refused.error().text().find("certificate fingerprint changed"), std::string::npos);
  }
  EXPECT_EQ(handled, before);
  EXPECT_FALSE(bad->peer_fingerprint().empty());
}

TEST(Client, SeesTheCertificateWithoutAsking) {
  std::atomic<int> handled{0};
  Fixture fixture({.tls = true, .handler = [&](Request&) -> Task<Response> {
                     ++handled;
                     co_return text_response("");
                   }});
  const auto seen = [&](ClientOptions options) {
    return run(fixture.runtime, [&]() { return peer_certificate(fixture.runtime, options); });
  };
  ClientOptions options;
  options.base_url = "https://127.0.0.1:" + std::to_string(fixture.server->port());
  const Result<PeerCertificate> shown = seen(options);
  ASSERT_TRUE(shown.ok());
  EXPECT_EQ(shown->fingerprint, *certificate_fingerprint(shared_certificate().files().certificate_file));
  EXPECT_TRUE(shown->self_made);
  options.trust.system_authorities = true;
  const Result<PeerCertificate> refused = seen(options);
  EXPECT_FALSE(refused.ok());
  EXPECT_EQ(handled, 0);
  options.base_url = "http://127.0.0.1:" + std::to_string(fixture.server->port());
  EXPECT_EQ(seen(options).error().code, ErrorCode::kInvalid);
}

TEST(Client, HasNoTaskLeftOnceItIsGone) {
  const auto greet = [](std::shared_ptr<WebSocket> socket) -> Task<void> {
    for (int i = 0; i < 3; ++i) (void)co_await socket->write("x", false);
    co_await socket->close(1000, "");
  };
  Fixture fixture({.handler = [greet](Request&) -> Task<Response> {
    Response response;
    response.upgrade = greet;
    co_return response;
  }});
  std::atomic<int> left_running{0};
  const LogListener listener([&left_running](const LogLine& line) {
    if (line.text.find("running tasks") != std::string::npos) ++left_running;
  });
  for (int round = 0; round < 50; ++round) {
    env::Runtime runtime(1);
    ClientOptions options;
    options.base_url = "http://127.0.0.1:" + std::to_string(fixture.server->port());
    std::unique_ptr<Client> client = client_of(runtime, options);
    run(runtime, [&]() -> Task<bool> {
      auto socket = co_await client->connect_websocket("/", Headers());
      for (bool open = socket.ok(); open;) open = (co_await (*socket)->read()).ok();
      co_return true;
    });
    client.reset();
    runtime.stop();
  }
  EXPECT_EQ(left_running, 0);
}

TEST(Client, VerifiesChainAndName) {
  Fixture fixture({.tls = true});
  ClientOptions options;
  options.trust.ca_file = shared_certificate().files().certificate_file;
  for (const char* host : {"localhost", "127.0.0.1"}) {
    options.base_url = std::string("https://") + host + ":" + std::to_string(fixture.server->port());
    auto client = client_of(fixture.runtime, options);
    const Result<TextResponse> answer = request(fixture.runtime, *client);
    EXPECT_TRUE(answer.ok()) << answer.error().text();
  }
  const Certificate other;
  options.base_url = "https://localhost:" + std::to_string(fixture.server->port());
  options.trust.ca_file = other.files().certificate_file;
  auto stranger = client_of(fixture.runtime, options);
  const Result<TextResponse> refused = request(fixture.runtime, *stranger);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnreachable);
  EXPECT_NE(refused.error().text().find("certificate verification failed"), std::string::npos)
      << refused.error().text();
  options.trust.ca_file = "/does/not/exist.pem";
  EXPECT_FALSE(make_client(fixture.runtime, options).ok());
}

/// Signs itself for other.example and 192.0.2.1, until 2126.
constexpr const char* kOtherKey =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgJHU7sYAgESLDs1HW\n"
    "+HlOOXiwyWz0cNr28hQaeKhlkUuhRANCAARo/RFzqRSreg6GyIKmcEv5KgW2YSYn\n"
    "ger9ieNpS8tDTUwkLpe3OOqIYmBssh8o3PoClX30NxTfl2g1LEQq8IEo\n"
    "-----END PRIVATE KEY-----\n";
constexpr const char* kOtherCertificate =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBqDCCAU2gAwIBAgIUFcKEwvGVavnDkHaQa/6tcbdnNigwCgYIKoZIzj0EAwIw\n"
    "GDEWMBQGA1UEAwwNb3RoZXIuZXhhbXBsZTAgFw0yNjExMzAwNDE3MDhaGA8yMTI2\n"
    "MTEwNjA0MTcwOFowGDEWMBQGA1UEAwwNb3RoZXIuZXhhbXBsZTBZMBMGByqGSM49\n"
    "AgEGCCqGSM49AwEHA0IABGj9EXOpFKt6DobIgqZwS/kqBbZhJieB6v2J42lLy0NN\n"
    "TCQul7c46ohiYGyyHyjc+gKVffQ3FN+XaDUsRCrwgSijczBxMB0GA1UdDgQWBBRx\n"
    "bCfClgXUkwuRWn82BlnRqap4FTAfBgNVHSMEGDAWgBRxbCfClgXUkwuRWn82BlnR\n"
    "qap4FTAPBgNVHRMBAf8EBTADAQH/MB4GA1UdEQQXMBWCDW90aGVyLmV4YW1wbGWH\n"
    "BMAAAgEwCgYIKoZIzj0EAwIDSQAwRgIhAIqE57NolEeowO9K58THl3ds2IoqNavL\n"
    "f24lT/HoKadlAiEAyKyX412MiKalzhWmVR4R/f8xsG2REQxL9TKqK9/KdO8=\n"
    "-----END CERTIFICATE-----\n";

TEST(Client, RefusesTheRightAuthorityForTheWrongHost) {
  Fixture fixture({.tls = true});
  const Certificate place;
  ASSERT_TRUE(replace_certificate(place.files(), kOtherCertificate, kOtherKey));
  ASSERT_TRUE(fixture.server->use_certificate(place.files()));
  for (const char* host : {"localhost", "127.0.0.1"}) {
    ClientOptions options;
    options.trust.ca_file = place.files().certificate_file;
    options.base_url = fmt::format("https://{}:{}", host, fixture.server->port());
    const auto client = client_of(fixture.runtime, options);
    const Result<TextResponse> refused = request(fixture.runtime, *client);
    ASSERT_FALSE(refused.ok()) << host;
    EXPECT_NE(refused.error().text().find("certificate verification failed"), std::string::npos)
        << refused.error().text();
    options.trust = {};
    const auto trusting = client_of(fixture.runtime, options);
    EXPECT_TRUE(request(fixture.runtime, *trusting).ok()) << "all else is in order";
  }
}

TEST(Client, SaysWhyAPeerIsUnreachable) {
  env::Runtime runtime(1);
  tcp::endpoint free_port;
  {
    asio::io_context context;
    free_port = tcp::acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)).local_endpoint();
  }
  auto client = client_of(runtime, {.base_url = "http://127.0.0.1:" + std::to_string(free_port.port())});
  const Result<TextResponse> refused = request(runtime, *client);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnreachable);
  EXPECT_NE(refused.error().text().find("Connection refused"), std::string::npos) << refused.error().text();
  EXPECT_NE(refused.error().text().find(std::to_string(free_port.port())), std::string::npos);
  Fixture plain;
  auto confused =
      client_of(runtime, {.base_url = "https://127.0.0.1:" + std::to_string(plain.server->port())});
  EXPECT_EQ(request(runtime, *confused).error().code, ErrorCode::kUnreachable);
}

TEST(Client, RefusesBadAddresses) {
  env::Runtime runtime(1);
  for (const char* url : {"", "localhost:80", "ftp://host", "http://", "http://host/path", "http://user@host",
                          "http://host?x=1", "http://host:0", "http://host:99999", "http://[::1"}) {
    const auto made = make_client(runtime, {.base_url = url});
    ASSERT_FALSE(made.ok()) << url;
    EXPECT_EQ(made.error().code, ErrorCode::kInvalid) << url;
  }
  EXPECT_TRUE(make_client(runtime, {.base_url = "http://[::1]:8092/"}).ok());
}

TEST(Client, RefusesRequestsThatWouldBeSplit) {
  Fixture fixture;
  for (const char* target : {"", "no-slash", "/a b", "/a\r\nX: y"}) {
    EXPECT_EQ(fixture.get(target).error().code, ErrorCode::kInvalid) << target;
  }
}

TEST(Client, RepeatsOnlyGetAndHeadAndOnlyOnPooledConnections) {
  const std::string good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  env::Runtime runtime(2);
  {
    // A fresh connection that closes without an answer is an answer.
    ScriptedServer server({"", good});
    auto client = client_of(runtime, {.base_url = server.url()});
    EXPECT_EQ(request(runtime, *client).error().code, ErrorCode::kUnreachable);
    EXPECT_EQ(server.requests(), 1);
  }
  ServerLimits limits;
  limits.idle_timeout = 100ms;
  Fixture fixture({.limits = limits});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(fixture.get("/")->body, "hello");
    EXPECT_TRUE(eventually([&] { return fixture.server->connections() == 0; }));
    EXPECT_EQ(fixture.post("/echo", "x")->body,
              "POST:x");  // a closed pooled connection is noticed beforehand
    EXPECT_TRUE(eventually([&] { return fixture.server->connections() == 0; }));
  }
}

TEST(Client, TimesOutOnSilence) {
  env::Runtime runtime(2);
  ScriptedServer silent({"", "", ""}, true);
  auto client = client_of(runtime, {.base_url = silent.url(), .idle_timeout = 200ms});
  EXPECT_EQ(request(runtime, *client).error().code, ErrorCode::kTimeout);
  EXPECT_EQ(request(runtime, *client, "GET", 50ms).error().code, ErrorCode::kTimeout);
}

TEST(Client, TimesOutWhenTheHandshakeStalls) {
  env::Runtime runtime(2);
  asio::io_context context;
  tcp::acceptor deaf(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  auto client =
      client_of(runtime, {.base_url = "https://127.0.0.1:" + std::to_string(deaf.local_endpoint().port()),
                          .connect_timeout = 200ms});
  const Result<TextResponse> late = request(runtime, *client);
  EXPECT_EQ(late.error().code, ErrorCode::kTimeout);
}

TEST(Client, ReportsBrokenAnswers) {
  env::Runtime runtime(2);
  for (const std::string& answer :
       {std::string("garbage\r\n\r\n"), std::string("HTTP/1.1 200 OK\r\nContent-Len"),
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab")}) {
    ScriptedServer server({answer});
    auto client = client_of(runtime, {.base_url = server.url()});
    EXPECT_EQ(request(runtime, *client).error().code, ErrorCode::kUnreachable) << answer;
  }
}

TEST(Client, UnderstandsInterimAnswersAndBodiesWithoutLength) {
  env::Runtime runtime(2);
  ScriptedServer server({"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nuntil the end"});
  auto client = client_of(runtime, {.base_url = server.url()});
  EXPECT_EQ(request(runtime, *client)->body, "until the end");
}

TEST(Client, ReadsTheAnswerToAnUploadThatWasCutShort) {
  Fixture fixture({.handler = [](Request&) -> Task<Response> {
    Response response = text_response("too much");
    response.status = 413;
    co_return response;
  }});
  const Result<TextResponse> answer = run(fixture.runtime, [&]() -> Task<Result<TextResponse>> {
    ClientRequest upload;
    upload.method = "POST";
    upload.target = "/";
    upload.body = std::make_unique<PatternBody>(20'000'000, true);
    Result<TextResponse> response = co_await fetch(*fixture.client, std::move(upload));
    co_return response;
  });
  ASSERT_TRUE(answer.ok()) << answer.error().text();
  EXPECT_EQ(answer->status, 413);
}

TEST(Client, CloseEndsRunningRequests) {
  Fixture fixture;
  auto running = launch(fixture.runtime, [&]() -> Task<Result<TextResponse>> {
    ClientRequest wanted;
    wanted.target = "/sleep?ms=30000";
    Result<TextResponse> response = co_await fetch(*fixture.client, std::move(wanted));
    co_return response;
  });
  std::this_thread::sleep_for(100ms);
  fixture.client->close();
  EXPECT_EQ(running.get().error().code, ErrorCode::kCancelled);
  EXPECT_EQ(fixture.get("/").error().code, ErrorCode::kCancelled);
}

TEST(Client, RequestsEndWhenTheirTaskIsCancelled) {
  Fixture fixture({.tls = true});
  env::TaskGroup group(fixture.runtime.executor(), "test");
  for (int i = 0; i < 10; ++i) {
    group.spawn("request", [&]() -> Task<void> {
      while (true) {
        ClientRequest wanted;
        wanted.target = "/stream?bytes=100000000";
        Result<ClientResponse> response = co_await fixture.client->send(std::move(wanted));
        if (!response) co_return;
        (void)co_await count_bytes(*response->body);
      }
    });
  }
  std::this_thread::sleep_for(200ms);
  group.stop();
  EXPECT_EQ(fixture.get("/")->body, "hello");
}

TEST(Certificate, IsMadeOnceWithPrivateModes) {
  const Certificate certificate;
  const TlsFiles& files = certificate.files();
  const Result<std::string> first = certificate_fingerprint(files.certificate_file);
  ASSERT_TRUE(first.ok());
  struct stat status {};
  ASSERT_EQ(::stat(files.key_file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  ASSERT_TRUE(ensure_certificate(files));
  EXPECT_EQ(*certificate_fingerprint(files.certificate_file), *first);
  std::filesystem::remove(files.key_file);
  ASSERT_TRUE(ensure_certificate(files));
  EXPECT_NE(*certificate_fingerprint(files.certificate_file), *first);
}

TEST(Certificate, NamesTheFileThatIsBroken) {
  const Certificate certificate;
  std::ofstream(certificate.files().certificate_file) << "not a certificate";
  const Result<std::string> fingerprint = certificate_fingerprint(certificate.files().certificate_file);
  ASSERT_FALSE(fingerprint.ok());
  EXPECT_NE(fingerprint.error().text().find("cert.pem"), std::string::npos);
  env::Runtime runtime(1);
  ListenOptions options;
  options.tls = certificate.files();
  EXPECT_FALSE(listen(runtime, options, demo_handler).ok());
}

}  // namespace
}  // namespace mullion::net
