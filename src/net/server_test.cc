#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>

#include "net/net_testing.h"
#include "net/range.h"

namespace mullion::net {
namespace {

using namespace testing;

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(Server, AnswersOverPlainAndTls) {
  for (bool tls : {false, true}) {
    Fixture fixture({.tls = tls});
    const Result<TextResponse> hello = fixture.get("/");
    ASSERT_TRUE(hello.ok()) << hello.error().text();
    EXPECT_EQ(hello->status, 200);
    EXPECT_EQ(hello->body, "hello");
    EXPECT_EQ(hello->headers.get("content-length"), "5");
    EXPECT_EQ(fixture.get("/who")->body.find("|127.0.0.1|loop|" + std::string(tls ? "tls" : "plain")), 16u);
  }
}

TEST(Server, AnswersAreDatedByItsClock) {
  Fixture fixture;
  const env::WallTime before = std::chrono::floor<std::chrono::seconds>(env::system_clock().wall());
  const Result<TextResponse> hello = fixture.get("/");
  ASSERT_EQ(hello->headers.get_all("Date").size(), 1U);
  env::WallTime told;
  ASSERT_TRUE(parse_http_date(*hello->headers.get("Date"), told)) << *hello->headers.get("Date");
  EXPECT_GE(told, before);
  EXPECT_LE(told, env::system_clock().wall());
}

TEST(Server, KeepsAConnectionAlive) {
  Fixture fixture({.tls = true});
  for (int i = 0; i < 20; ++i) ASSERT_EQ(fixture.get("/")->body, "hello");
  EXPECT_EQ(fixture.server->connections(), 1u);
}

TEST(Server, ServesPipelinedRequestsInOrder) {
  Fixture fixture;
  RawConnection raw = fixture.raw();
  raw.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ntw\r\n1\r\no\r\n0\r\n\r\n"
      "GET /ignored HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string text = raw.read_to_end();
  const size_t one = text.find("POST:one");
  const size_t two = text.find("POST:two");
  const size_t three = text.find("hello");
  EXPECT_LT(one, two);
  EXPECT_LT(two, three);
  EXPECT_NE(three, std::string::npos) << text;
}

TEST(Server, HeadHasTheLengthButNoBody) {
  Fixture fixture;
  RawConnection raw = fixture.raw();
  raw.send("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string text = raw.read_to_end();
  EXPECT_TRUE(contains(text, "Content-Length: 5\r\n"));
  EXPECT_TRUE(text.ends_with("\r\n\r\n"));
  const Result<TextResponse> head = fixture.get("/sized?bytes=1000", "HEAD");
  EXPECT_EQ(head->body, "");
  EXPECT_EQ(head->headers.get("Content-Length"), "1000");
}

TEST(Server, EmptyBodiesSayContentLengthZero) {
  Fixture fixture;
  EXPECT_EQ(fixture.get("/status?code=200")->headers.get("Content-Length"), "0");
  EXPECT_EQ(fixture.get("/status?code=204")->headers.get("Content-Length"), "0");
  EXPECT_EQ(fixture.get("/status?code=304")->headers.get("Content-Length"), std::nullopt);
  EXPECT_EQ(fixture.get("/")->body, "hello");
  EXPECT_EQ(fixture.server->connections(), 1u);
}

TEST(Server, StreamsChunkedAndSizedBodies) {
  Fixture fixture({.tls = true});
  const Result<TextResponse> chunked = fixture.get("/stream?bytes=1000000");
  EXPECT_EQ(chunked->body.size(), 1000000u);
  EXPECT_EQ(chunked->headers.get("Transfer-Encoding"), "chunked");
  const Result<TextResponse> sized = fixture.get("/sized?bytes=1000000");
  EXPECT_EQ(sized->body.size(), 1000000u);
  EXPECT_EQ(sized->headers.get("Content-Length"), "1000000");
}

TEST(Server, SpeaksWithOldClients) {
  Fixture fixture;
  RawConnection raw = fixture.raw();
  raw.send("GET /stream?bytes=1000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const std::string text = raw.read_to_end();
  EXPECT_FALSE(contains(text, "chunked"));
  EXPECT_TRUE(text.ends_with(std::string(1000, 'x')));
  RawConnection kept = fixture.raw();
  kept.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(contains(kept.read_until("hello"), "Connection: keep-alive\r\n"));
  kept.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(contains(kept.read_to_end(), "hello"));
}

TEST(Server, AsksForTheBodyOnlyWhenTheHandlerWantsIt) {
  Fixture fixture;
  RawConnection raw = fixture.raw();
  raw.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: "
      "close\r\n\r\n");
  EXPECT_EQ(raw.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  raw.send("body");
  EXPECT_TRUE(contains(raw.read_to_end(), "POST:body"));
  RawConnection refused = fixture.raw();
  refused.send("POST /ignore-body HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  const std::string text = refused.read_to_end();
  EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK")) << text;
  EXPECT_TRUE(contains(text, "Connection: close"));
}

TEST(Server, DrainsSmallUnreadBodiesAndGivesUpOnLargeOnes) {
  Fixture fixture;
  EXPECT_EQ(fixture.post("/ignore-body", std::string(100'000, 'b'))->body, "ignored");
  EXPECT_EQ(fixture.post("/echo", "next")->body, "POST:next");
  EXPECT_EQ(fixture.server->connections(), 1u);
  RawConnection raw = fixture.raw();
  raw.send("POST /ignore-body HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n");
  raw.send(std::string(600'000, 'b'));
  EXPECT_TRUE(contains(raw.read_until("ignored"), "200 OK"));
  EXPECT_EQ(raw.read_to_end(), "");
}

TEST(Server, AnswersHandlerExceptionsInTheContractsShape) {
  Fixture fixture;
  const Result<TextResponse> broken = fixture.get("/throw");
  EXPECT_EQ(broken->status, 500);
  EXPECT_EQ(broken->headers.get("Content-Type"), "application/json");
  EXPECT_TRUE(
      broken->body.starts_with(R"({"Model":"/throw","Key":"","Type":"GET","Messages":["internal error)"))
      << broken->body;
  EXPECT_TRUE(broken->body.ends_with(R"(],"Code":500})"));
  EXPECT_FALSE(contains(broken->body, "handler bug"));
}

TEST(Server, RefusesGarbage) {
  Fixture fixture;
  const std::vector<std::string> broken{
      "\x16\x03\x01\x02\x01\x01\x00\x00\xfc\x03\x03 TLS at a plain port\r\n\r\n",
      "GARBAGE\r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      "GET / HTTP/1.1\r\nbad header line\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: -4\r\n\r\n",
      "POST / HTTP/1.1\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
      "POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nGET / HTTP/1.1\r\n\r\n",
  };
  for (const std::string& text : broken) {
    RawConnection raw = fixture.raw();
    raw.send(text);
    const std::string answer = raw.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << text << answer;
    EXPECT_TRUE(contains(answer, R"("Messages":["malformed HTTP request)")) << answer;
    EXPECT_TRUE(answer.ends_with(R"("Code":400})")) << answer;
  }
  EXPECT_EQ(fixture.get("/")->body, "hello");
}

TEST(Server, EveryRequestSaysOnceWhomItIsFor) {
  Fixture fixture;
  for (const auto& [head, wanted] : std::vector<std::pair<std::string, std::string>>{
           {"GET / HTTP/1.1\r\n", R"(["Host: the header is missing, which HTTP/1.1 requires"])"},
           {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", R"(["Host: expected one header of that name"])"},
           {"GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n", R"(["Host: expected one header of that name"])"},
           {"GET http://a/ HTTP/1.1\r\n", R"(["Host: the header is missing, which HTTP/1.1 requires"])"}}) {
    RawConnection raw = fixture.raw();
    raw.send(head + "Connection: close\r\n\r\n");
    const std::string answer = raw.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << head << answer;
    EXPECT_TRUE(contains(answer, wanted)) << answer;
  }
  for (const std::string& head :
       std::vector<std::string>{"GET / HTTP/1.1\r\nHost:\r\n", "GET / HTTP/1.0\r\n"}) {
    RawConnection raw = fixture.raw();
    raw.send(head + "Connection: close\r\n\r\n");
    EXPECT_TRUE(contains(raw.read_to_end(), "hello")) << head;
  }
}

/// What is below the chunks would be taken for the body.
TEST(Server, KnowsNoCodingBesideChunks) {
  Fixture fixture;
  const std::string rest = "\r\n\r\n3\r\none\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const std::string& codings :
       std::vector<std::string>{"gzip, chunked", "identity, chunked", "gzip\r\nTransfer-Encoding: chunked"}) {
    RawConnection raw = fixture.raw();
    raw.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + codings + rest);
    const std::string answer = raw.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 501 Not Implemented\r\n")) << codings << answer;
    EXPECT_TRUE(contains(answer, " is not known, chunked alone is")) << answer;
    EXPECT_FALSE(contains(answer, "hello")) << "nothing behind it is read";
  }
  for (const std::string& codings : std::vector<std::string>{
           "chunked, chunked", "chunked\r\nTransfer-Encoding: chunked", "chunked, gzip"}) {
    RawConnection raw = fixture.raw();
    raw.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + codings + rest);
    EXPECT_TRUE(raw.read_to_end().starts_with("HTTP/1.1 400 ")) << codings;
  }
  RawConnection plain = fixture.raw();
  plain.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: "
      "Chunked\r\n\r\n3\r\none\r\n0\r\n\r\n");
  EXPECT_TRUE(contains(plain.read_to_end(), "POST:one"));
}

TEST(Server, RefusesBrokenChunks) {
  Fixture fixture;
  RawConnection raw = fixture.raw();
  raw.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  EXPECT_TRUE(raw.read_to_end().starts_with("HTTP/1.1 400 "));
  RawConnection endless = fixture.raw();
  endless.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;" +
               std::string(300'000, 'e'));
  EXPECT_TRUE(endless.read_to_end().starts_with("HTTP/1.1 400 "));
}

TEST(Server, LimitsHeaders) {
  ServerLimits limits;
  limits.max_header_bytes = 4096;
  Fixture fixture({.limits = limits});
  const std::string large(10'000, 'h');
  for (const std::string& text :
       {"GET / HTTP/1.1\r\nX-Large: " + large + "\r\n\r\n", "GET /" + large + " HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nX-Endless: " + large}) {
    RawConnection raw = fixture.raw();
    raw.send(text);
    const std::string answer = raw.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 431 ")) << answer;
    EXPECT_TRUE(contains(answer, "larger than 4096 bytes"));
  }
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 500; ++i) many += "X-Header-" + std::to_string(i) + ": v\r\n";
  RawConnection raw = fixture.raw();
  raw.send(many + "\r\n");
  EXPECT_TRUE(raw.read_to_end().starts_with("HTTP/1.1 431 "));
}

TEST(Server, DecodesPathAndQuery) {
  Fixture fixture({.handler = [](Request& request) -> Task<Response> {
    std::string text = request.method + " " + request.path;
    for (const std::string& segment : request.segments) text += " <" + segment + ">";
    for (const auto& [name, value] : request.query) text += " [" + name + "=" + value + "]";
    co_return text_response(text);
  }});
  EXPECT_EQ(fixture.get("/a%2Fb%20c?x=1+2&y=%41&flag")->body, "GET /a/b c <a/b c> [x=1 2] [y=A] [flag=]");
  RawConnection raw = fixture.raw();
  raw.send("GET http://host:80/abs?z=1 HTTP/1.1\r\nHost: host\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(contains(raw.read_to_end(), "GET /abs <abs> [z=1]"));
}

TEST(Server, TakesSaneRequestIdsOnly) {
  Fixture fixture;
  const auto id_for = [&](const std::string& given) {
    RawConnection raw = fixture.raw();
    raw.send("GET /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Request-Id: " + given + "\r\n\r\n");
    const std::string text = raw.read_to_end();
    const size_t start = text.find("\r\n\r\n") + 4;
    return text.substr(start, text.find('|', start) - start);
  };
  EXPECT_EQ(id_for("abc-1.2_Z"), "abc-1.2_Z");
  EXPECT_EQ(id_for("with blank").size(), 16u);
  EXPECT_EQ(id_for(std::string(65, 'a')).size(), 16u);
  EXPECT_NE(id_for(""), id_for(""));
}

TEST(Server, HeadersCannotBeSplit) {
  Fixture fixture({.handler = [](Request&) -> Task<Response> {
    Response response = text_response("x");
    response.headers.add("X-Evil", "a\r\nInjected: yes");
    response.headers.add("Content-Length", "77");
    response.headers.add("Transfer-Encoding", "chunked");
    co_return response;
  }});
  const Result<TextResponse> answer = fixture.get("/");
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->headers.get("Injected"), std::nullopt);
  EXPECT_EQ(answer->body, "x");
}

TEST(Server, CutsSlowHeaders) {
  ServerLimits limits;
  limits.header_timeout = 300ms;
  for (bool tls : {false, true}) {
    Fixture fixture({.tls = tls, .limits = limits});
    RawConnection raw = fixture.raw();
    raw.send("GET / HT");  // at the TLS port: garbage instead of a handshake
    EXPECT_EQ(raw.read_to_end().find("200"), std::string::npos);
    EXPECT_TRUE(eventually([&] { return fixture.server->connections() == 0; }));
  }
}

TEST(Server, CutsDribbledHeaders) {
  ServerLimits limits;
  limits.header_timeout = 400ms;
  Fixture fixture({.limits = limits});
  RawConnection raw = fixture.raw();
  raw.send("GET / HTTP/1.1\r\n");
  std::atomic<bool> cut = false;
  std::thread dribble([&] {  // never silent for as long as the limit
    while (!cut) {
      raw.send("X: y\r\n");
      std::this_thread::sleep_for(50ms);
    }
  });
  EXPECT_TRUE(eventually([&] { return fixture.server->connections() == 0; }));
  cut = true;
  dribble.join();
}

TEST(Server, CutsAnIdleConnectionAndAStalledHandshake) {
  ServerLimits limits;
  limits.idle_timeout = 200ms;
  limits.header_timeout = 200ms;
  Fixture plain({.limits = limits});
  RawConnection raw = plain.raw();
  EXPECT_EQ(raw.read_to_end(), "");
  Fixture tls({.tls = true, .limits = limits});
  RawConnection silent = tls.raw();
  EXPECT_EQ(silent.read_to_end(), "");
}

TEST(Server, AnswersAStalledBodyWithATimeout) {
  ServerLimits limits;
  limits.body_timeout = 200ms;
  Fixture fixture({.limits = limits});
  RawConnection raw = fixture.raw();
  raw.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(raw.read_to_end().starts_with("HTTP/1.1 504 "));
}

TEST(Server, CutsAPeerThatStopsReading) {
  ServerLimits limits;
  limits.body_timeout = 300ms;
  for (bool tls : {false, true}) {
    Fixture fixture({.tls = tls, .limits = limits});
    run(fixture.runtime, [&]() -> Task<void> {
      ClientRequest request;
      request.target = "/stream?bytes=100000000";
      Result<ClientResponse> response = co_await fixture.client->send(std::move(request));
      EXPECT_TRUE(response.ok());
      const bool cut = co_await env::comes_true([&] { return fixture.server->connections() == 0; });
      EXPECT_TRUE(cut);
    });
  }
}

TEST(Server, RefusesConnectionsBeyondTheLimit) {
  ServerLimits limits;
  limits.max_connections = 2;
  Fixture fixture({.limits = limits});
  RawConnection first = fixture.raw();
  RawConnection second = fixture.raw();
  ASSERT_TRUE(eventually([&] { return fixture.server->connections() == 2; }));
  RawConnection third = fixture.raw();
  third.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = third.read_to_end();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  first.socket().close();
  second.socket().close();
  ASSERT_TRUE(eventually([&] { return fixture.server->connections() == 0; }));
  EXPECT_EQ(fixture.get("/")->body, "hello");
}

TEST(Server, NamesPortAndFlagWhenThePortIsInUse) {
  Fixture fixture;
  ListenOptions options;
  options.address = "127.0.0.1";
  options.port = fixture.server->port();
  options.flag = "--api-port";
  const auto second = listen(fixture.runtime, options, demo_handler);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
  EXPECT_EQ(second.error().messages.front(),
            "port " + std::to_string(options.port) + " is in use (--api-port)");
  options.address = "not an address";
  EXPECT_EQ(listen(fixture.runtime, options, demo_handler).error().code, ErrorCode::kInvalid);
}

TEST(Server, AnswersWhoWritesTheWholeBodyBeforeReading) {
  Fixture fixture;
  RawConnection raw = fixture.raw();
  raw.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8388608\r\n\r\n");
  raw.send(std::string(8 << 20, 'x'));
  EXPECT_TRUE(contains(raw.read_to_end(), "HTTP/1.1 200")) << "reset before the answer was read";
}

TEST(Server, StopLetsRunningRequestsFinish) {
  Fixture fixture;
  RawConnection idle = fixture.raw();
  RawConnection busy = fixture.raw();
  const int before = sleepers();
  busy.send("GET /sleep?ms=300 HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return sleepers() > before; }));
  const auto start = std::chrono::steady_clock::now();
  run(fixture.runtime, [&]() -> Task<void> { co_await fixture.server->stop(120s); });
  EXPECT_LT(std::chrono::steady_clock::now() - start, 60s) << "the grace is not waited for";
  EXPECT_TRUE(contains(busy.read_to_end(), "slept"));
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_EQ(fixture.server->connections(), 0u);
  EXPECT_THROW(fixture.raw(), boost::system::system_error);
}

TEST(Server, StopCutsWhatOutlastsTheGrace) {
  Fixture fixture;
  RawConnection busy = fixture.raw();
  const int before = sleepers();
  busy.send("GET /sleep?ms=3000000 HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return sleepers() > before; }));
  run(fixture.runtime, [&]() -> Task<void> { co_await fixture.server->stop(200ms); });
  EXPECT_EQ(busy.read_to_end(), "");
}

TEST(Server, ServesManyClientsAtOnce) {
  Fixture fixture({.tls = true});
  std::vector<std::future<int>> results;
  for (int task = 0; task < 20; ++task) {
    results.push_back(launch(fixture.runtime, [client = fixture.client.get()]() -> Task<int> {
      int good = 0;
      for (int i = 0; i < 20; ++i) {
        ClientRequest request;
        request.method = "POST";
        request.target = "/echo";
        request.body = std::string(1000, 'c');
        Result<TextResponse> response = co_await fetch(*client, std::move(request));
        if (response && response->body.size() == 1005) ++good;
      }
      co_return good;
    }));
  }
  for (auto& result : results) EXPECT_EQ(result.get(), 20);
}

/// Turns that another task of the one thread that serves gets while a large answer is written.
uint64_t turns_beside_an_answer(bool tls) {
  env::Runtime serving(1), asking(1);
  const std::string large(32 << 20, 'x');
  ListenOptions options{.address = "127.0.0.1"};
  if (tls) options.tls = shared_certificate().files();
  const auto handler = [&large](Request&) -> Task<Response> { co_return text_response(large); };
  auto server = listen(serving, options, PeerLimits(), handler);
  ClientOptions asks;
  asks.base_url = fmt::format("{}://localhost:{}", tls ? "https" : "http", (*server)->port());
  auto client = make_client(asking, asks);
  std::atomic<uint64_t> turns{0};
  std::atomic<bool> over{false};
  std::future<void> other = launch(serving, [&]() -> Task<void> {
    for (; !over; ++turns) co_await asio::post(asio::use_awaitable);
  });
  EXPECT_TRUE(eventually([&] { return turns > 0; }));
  const uint64_t before = turns;
  Result<TextResponse> answer = run(asking, [&]() -> Task<Result<TextResponse>> {
    ClientRequest request;
    request.target = "/";
    co_return co_await fetch(**client, std::move(request));
  });
  const uint64_t after = turns;
  over = true;
  other.get();
  EXPECT_EQ(answer ? answer->body.size() : 0, large.size());
  client->reset();
  server->reset();
  return after - before;
}

// However large the answer and however fast its reader: others of the thread wait for a piece, not for all.
TEST(Server, WritesInTurnsWithOthers) {
  EXPECT_GE(turns_beside_an_answer(false), 100U);
  EXPECT_GE(turns_beside_an_answer(true), 100U);
}

}  // namespace
}  // namespace mullion::net
