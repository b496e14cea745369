#include "net/internal/frames.h"
#include "net/net_testing.h"

namespace mullion::net {
namespace {

using namespace testing;
using Message = WebSocket::Message;

Task<void> echo(std::shared_ptr<WebSocket> socket) {
  while (true) {
    Result<Message> message = co_await socket->read();
    if (!message) break;
    Result<void> written = co_await socket->write(message->data, message->binary);
    if (!written) break;
  }
}

/// A server whose every path becomes a WebSocket that `converse` owns.
Handler websocket_handler(std::function<Task<void>(std::shared_ptr<WebSocket>)> converse) {
  return [converse](Request& request) -> Task<Response> {
    Response response;
    if (request.path == "/refuse") {
      response.status = 403;
      response.body = R"({"Model":"ws","Key":"k","Type":"AUTH","Messages":["not for you"],"Code":403})";
      co_return response;
    }
    response.headers.add("X-Seen", std::string(request.headers.get("X-Custom").value_or("")));
    response.upgrade = converse;
    co_return response;
  };
}

Task<std::shared_ptr<WebSocket>> open(Client& client) {
  Headers headers;
  headers.add("X-Custom", "yes");
  Result<std::shared_ptr<WebSocket>> socket = co_await client.connect_websocket("/ws?x=1", headers);
  EXPECT_TRUE(socket.ok()) << (socket ? "" : socket.error().text());
  co_return socket ? *socket : nullptr;
}

/// Speaks WebSocket by hand, to say what a well-behaved client never would.
class RawWebSocket : public RawConnection {
 public:
  explicit RawWebSocket(uint16_t port) : RawConnection(port) {
    send(
        "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    head_ = read_until("\r\n\r\n");
  }
  const std::string& head() const { return head_; }
  void send_frame(internal::Opcode opcode, std::string payload, bool final = true) {
    const uint32_t mask = 0x01020304;
    std::string frame = internal::frame_header(opcode, payload.size(), mask);
    if (!final) frame[0] = static_cast<char>(frame[0] & 0x7f);
    internal::apply_mask(payload.data(), payload.size(), mask, 0);
    send(frame + payload);
  }

 private:
  std::string head_;
};

std::string close_frame(uint16_t code) {
  std::string frame("\x88\x02", 2);
  frame += static_cast<char>(code >> 8);
  frame += static_cast<char>(code & 0xff);
  return frame;
}

TEST(WebSocket, EchoesOverPlainAndTls) {
  for (bool tls : {false, true}) {
    Fixture fixture({.tls = tls, .handler = websocket_handler(echo)});
    run(fixture.runtime, [&]() -> Task<void> {
      std::shared_ptr<WebSocket> socket = co_await open(*fixture.client);
      for (size_t size : {0u, 1u, 125u, 126u, 65535u, 65536u, 3'000'000u}) {
        std::string text(size, 'm');
        if (size > 2) text[size - 1] = 'e';
        Result<void> written = co_await socket->write(text, size % 2 == 0);
        EXPECT_TRUE(written.ok());
        Result<Message> message = co_await socket->read();
        EXPECT_TRUE(message.ok() && message->data == text && message->binary == (size % 2 == 0)) << size;
      }
      co_await socket->close(1000, "done");
      Result<Message> over = co_await socket->read();
      EXPECT_EQ(over.error().code, ErrorCode::kCancelled);
      Result<void> late = co_await socket->write("late", false);
      EXPECT_EQ(late.error().code, ErrorCode::kCancelled);
    });
    EXPECT_TRUE(eventually([&] { return fixture.server->connections() == 0; }));
  }
}

TEST(WebSocket, ManyWritersAndAReaderAtOnce) {
  Fixture fixture({.tls = true, .handler = websocket_handler(echo)});
  std::shared_ptr<WebSocket> socket = run(fixture.runtime, [&] { return open(*fixture.client); });
  std::vector<std::future<int>> writers;
  for (int writer = 0; writer < 8; ++writer) {
    writers.push_back(launch(fixture.runtime, [socket, writer]() -> Task<int> {
      int good = 0;
      for (int i = 0; i < 200; ++i) {
        Result<void> written =
            co_await socket->write(std::string(500, static_cast<char>('a' + writer)), false);
        if (written) ++good;
      }
      co_return good;
    }));
  }
  const int whole = run(fixture.runtime, [socket]() -> Task<int> {
    int good = 0;
    for (int i = 0; i < 1600; ++i) {
      Result<Message> message = co_await socket->read();
      if (!message) break;
      if (message->data == std::string(500, message->data.front())) ++good;
    }
    co_return good;
  });
  EXPECT_EQ(whole, 1600);
  for (auto& writer : writers) EXPECT_EQ(writer.get(), 200);
  run(fixture.runtime, [socket]() -> Task<void> { co_await socket->close(1000, ""); });
}

TEST(WebSocket, PassesRefusalsOn) {
  Fixture fixture({.handler = websocket_handler(echo)});
  run(fixture.runtime, [&]() -> Task<void> {
    Result<std::shared_ptr<WebSocket>> refused =
        co_await fixture.client->connect_websocket("/refuse", Headers());
    EXPECT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::kForbidden);
    EXPECT_EQ(refused.error().status(), 403);
    EXPECT_EQ(refused.error().type, "AUTH");
    EXPECT_EQ(refused.error().model, "ws");
    EXPECT_EQ(refused.error().messages, std::vector<std::string>{"not for you"});
  });
  Fixture plain;
  run(plain.runtime, [&]() -> Task<void> {
    Result<std::shared_ptr<WebSocket>> refused = co_await plain.client->connect_websocket("/", Headers());
    EXPECT_FALSE(refused.ok());
  });
}

TEST(WebSocket, RefusesRequestsThatAreNotUpgrades) {
  Fixture fixture({.handler = websocket_handler(echo)});
  EXPECT_EQ(fixture.get("/ws")->status, 400);
  RawConnection raw = fixture.raw();
  raw.send(
      "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  const std::string answer = raw.read_to_end();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400"));
  EXPECT_NE(answer.find("Sec-WebSocket-Version: 13\r\n"), std::string::npos);
}

TEST(WebSocket, HandshakesAsTheStandardSays) {
  Fixture fixture({.handler = websocket_handler(echo)});
  RawWebSocket raw(fixture.server->port());
  EXPECT_TRUE(raw.head().starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
  EXPECT_NE(raw.head().find("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), std::string::npos);
}

TEST(WebSocket, JoinsFragmentsAndAnswersPings) {
  Fixture fixture({.handler = websocket_handler(echo)});
  RawWebSocket raw(fixture.server->port());
  raw.send_frame(internal::Opcode::kText, "one ", false);
  raw.send_frame(internal::Opcode::kPing, "are you there");
  raw.send_frame(internal::Opcode::kContinuation, "two", true);
  const std::string answer = raw.read_until("one two");
  EXPECT_NE(answer.find(std::string("\x8a\x0d") + "are you there"), std::string::npos);
  EXPECT_TRUE(answer.ends_with(std::string("\x81\x07") + "one two"));
  raw.send_frame(internal::Opcode::kClose, "");
  EXPECT_EQ(raw.read_to_end(), close_frame(1000));
}

TEST(WebSocket, EndsConversationsThatBreakTheProtocol) {
  Fixture fixture({.handler = websocket_handler(echo)});
  const std::vector<std::pair<std::string, uint16_t>> broken{
      {std::string("\x81\x01x", 3), 1002},                         // not masked
      {std::string("\xf1\x81\x01\x02\x03\x04x", 7), 1002},         // reserved bits
      {std::string("\x83\x81\x01\x02\x03\x04x", 7), 1002},         // reserved opcode
      {std::string("\x89\xfe\x00\x80\x01\x02\x03\x04", 8), 1002},  // long ping
      {std::string("\x09\x80\x01\x02\x03\x04", 6), 1002},          // fragmented ping
      {std::string("\x80\x81\x01\x02\x03\x04x", 7), 1002},         // continuation of nothing
      {std::string("\x81\x81\x00\x00\x00\x00\xff", 7), 1007},      // not UTF-8
      {std::string("\x88\x81\x00\x00\x00\x00\x03", 7), 1002},      // half a close code
      {std::string("\x88\x82\x00\x00\x00\x00\x03\xed", 8), 1002},  // 1005 must not travel
      {std::string("\x81\xfe\x00\x7d\x00\x00\x00\x00", 8), 1002},  // 125 bytes said in sixteen bits
      {std::string("\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff\x01\x02\x03\x04", 14), 1002},  // in 64
      {std::string("\x82\xff\x00\x00\x00\x7f\xff\xff\xff\xff\x01\x02\x03\x04", 14), 1009},
  };
  for (const auto& [bytes, code] : broken) {
    RawWebSocket raw(fixture.server->port());
    raw.send(bytes);
    const std::string answer = raw.read_to_end();
    ASSERT_GE(answer.size(), 4u) << code;
    EXPECT_EQ(answer[0], '\x88');
    EXPECT_EQ(answer.substr(2, 2), close_frame(code).substr(2, 2)) << code;
  }
  EXPECT_TRUE(eventually([&] { return fixture.server->connections() == 0; }));
}

TEST(WebSocket, AConversationMayLimitItsMessagesFurther) {
  std::promise<ErrorCode> seen;
  Fixture fixture({.handler = websocket_handler([&seen](std::shared_ptr<WebSocket> socket) -> Task<void> {
                     socket->limit_messages(1000);
                     socket->limit_messages(2000);
                     Result<Message> first = co_await socket->read();
                     Result<Message> second = co_await socket->read();
                     const bool as_meant = first && first->data.size() == 1000 && !second;
                     seen.set_value(as_meant ? second.error().code : ErrorCode::kInternal);
                   })});
  RawWebSocket raw(fixture.server->port());
  raw.send_frame(internal::Opcode::kBinary, std::string(1000, 'a'), true);
  raw.send_frame(internal::Opcode::kBinary, std::string(1001, 'a'), true);
  EXPECT_EQ(seen.get_future().get(), ErrorCode::kTooLarge);
}

TEST(WebSocket, LimitsMessagesAcrossFragments) {
  ServerLimits limits;
  limits.max_websocket_message = 1000;
  std::promise<ErrorCode> seen;
  Fixture fixture({.limits = limits,
                   .handler = websocket_handler([&seen](std::shared_ptr<WebSocket> socket) -> Task<void> {
                     Result<Message> message = co_await socket->read();
                     seen.set_value(message ? ErrorCode::kInternal : message.error().code);
                   })});
  RawWebSocket raw(fixture.server->port());
  raw.send_frame(internal::Opcode::kBinary, std::string(600, 'a'), false);
  raw.send_frame(internal::Opcode::kContinuation, std::string(600, 'a'), true);
  EXPECT_EQ(seen.get_future().get(), ErrorCode::kTooLarge);
  EXPECT_EQ(raw.read_to_end().substr(2, 2), close_frame(1009).substr(2, 2));
}

TEST(WebSocket, TellsTheClientWhyTheServerCloses) {
  Fixture fixture({.handler = websocket_handler([](std::shared_ptr<WebSocket> socket) -> Task<void> {
                     co_await socket->close(4001, "go away");
                   })});
  run(fixture.runtime, [&]() -> Task<void> {
    std::shared_ptr<WebSocket> socket = co_await open(*fixture.client);
    Result<Message> message = co_await socket->read();
    EXPECT_EQ(message.error().code, ErrorCode::kCancelled);
    EXPECT_NE(message.error().text().find("4001: go away"), std::string::npos) << message.error().text();
  });
}

TEST(WebSocket, CloseGivesUpOnAPeerThatDoesNotAnswer) {
  std::promise<void> closed;
  Fixture fixture({.handler = websocket_handler([&closed](std::shared_ptr<WebSocket> socket) -> Task<void> {
                     co_await socket->close(1000, "");
                     closed.set_value();
                   })});
  RawWebSocket raw(fixture.server->port());
  EXPECT_EQ(closed.get_future().wait_for(env::kTestPatience), std::future_status::ready);
}

TEST(WebSocket, FindsHalfOpenPeersByPing) {
  ServerLimits limits;
  limits.websocket_ping = 100ms;
  std::promise<Error> ended;
  Fixture fixture({.limits = limits,
                   .handler = websocket_handler([&ended](std::shared_ptr<WebSocket> socket) -> Task<void> {
                     Result<Message> message = co_await socket->read();
                     ended.set_value(message.error());
                   })});
  RawWebSocket raw(fixture.server->port());
  const Error error = ended.get_future().get();
  EXPECT_EQ(error.code, ErrorCode::kUnreachable);
  EXPECT_NE(error.text().find("pings"), std::string::npos);
  EXPECT_TRUE(raw.read_to_end().starts_with(std::string("\x89\x00", 2)));
}

TEST(WebSocket, PingsKeepAQuietConversationAlive) {
  ServerLimits limits;
  limits.websocket_ping = 50ms;
  Fixture fixture({.limits = limits, .handler = websocket_handler(echo)});
  run(fixture.runtime, [&]() -> Task<void> {
    std::shared_ptr<WebSocket> socket = co_await open(*fixture.client);
    std::future<bool> reader = launch(fixture.runtime, [socket]() -> Task<bool> {
      Result<Message> message = co_await socket->read();
      co_return message.ok();
    });
    co_await env::sleep_for(600ms);
    Result<void> written = co_await socket->write("still here", false);
    EXPECT_TRUE(written.ok());
    for (int i = 0; i < 100 && reader.wait_for(0ms) != std::future_status::ready; ++i)
      co_await env::sleep_for(20ms);
    EXPECT_TRUE(reader.get());
    co_await socket->close(1000, "");
  });
}

TEST(WebSocket, BoundsTheQueueOfAPeerThatStopsReading) {
  ServerLimits limits;
  limits.max_websocket_queue = 1'000'000;
  limits.body_timeout = 3s;
  std::promise<ErrorCode> refused;
  std::promise<ErrorCode> stalled;
  env::Runtime* runtime = nullptr;
  Fixture fixture({.limits = limits,
                   .handler = websocket_handler([&](std::shared_ptr<WebSocket> socket) -> Task<void> {
                     // Fills the socket and stays in write(), as the one that drains.
                     (void)launch(*runtime, [socket, &stalled]() -> Task<void> {
                       Result<void> written = co_await socket->write(std::string(64'000'000, 'x'), true);
                       stalled.set_value(written ? ErrorCode::kInternal : written.error().code);
                     });
                     const bool begun = co_await env::comes_true([&] { return socket->queued_bytes() > 0; });
                     EXPECT_TRUE(begun);
                     Result<void> last;
                     for (int i = 0; i < 100 && last; ++i)
                       last = co_await socket->write(std::string(100'000, 'y'), true);
                     refused.set_value(last ? ErrorCode::kInternal : last.error().code);
                     EXPECT_GT(socket->queued_bytes(), 0u);
                     const bool given_up =
                         co_await env::comes_true([&] { return socket->queued_bytes() == 0; });
                     EXPECT_TRUE(given_up);
                   })});
  runtime = &fixture.runtime;
  RawWebSocket raw(fixture.server->port());
  EXPECT_EQ(refused.get_future().get(), ErrorCode::kUnavailable);
  EXPECT_EQ(stalled.get_future().get(), ErrorCode::kTimeout);
}

TEST(WebSocket, CutsAWriterOfItsMessageThatTricklesAndAReaderLikewise) {
  ServerLimits limits;
  limits.body_timeout = 300ms;
  PeerLimits peers;
  peers.least_rate = 50'000'000;
  std::promise<ErrorCode> read, written;
  Fixture fixture({.limits = limits,
                   .peers = peers,
                   .handler = websocket_handler([&](std::shared_ptr<WebSocket> socket) -> Task<void> {
                     Result<Message> message = co_await socket->read();
                     if (!message) {
                       read.set_value(message.error().code);
                       co_return;
                     }
                     Result<void> sent = co_await socket->write(std::string(50'000'000, 'x'), true);
                     written.set_value(sent ? ErrorCode::kInternal : sent.error().code);
                   })});
  RawWebSocket sender(fixture.server->port());
  sender.send(internal::frame_header(internal::Opcode::kBinary, 1'000'000, 1));
  auto broken_off = read.get_future();
  EXPECT_TRUE(eventually([&] {
    sender.send("x");
    return broken_off.wait_for(0s) == std::future_status::ready;
  }));
  EXPECT_EQ(broken_off.get(), ErrorCode::kTimeout);
  RawWebSocket reader(fixture.server->port());
  reader.send_frame(internal::Opcode::kText, "go");
  auto cut = written.get_future();
  std::string scratch(2048, '\0');
  EXPECT_TRUE(eventually([&] {
    boost::system::error_code ignored;
    reader.socket().read_some(asio::buffer(scratch), ignored);
    return cut.wait_for(0s) == std::future_status::ready;
  }));
  EXPECT_EQ(cut.get(), ErrorCode::kTimeout);
}

TEST(WebSocket, AbortsFromAnyThread) {
  Fixture fixture({.tls = true, .handler = websocket_handler(echo)});
  std::shared_ptr<WebSocket> socket = run(fixture.runtime, [&] { return open(*fixture.client); });
  std::future<ErrorCode> reader = launch(fixture.runtime, [socket]() -> Task<ErrorCode> {
    Result<Message> message = co_await socket->read();
    co_return message ? ErrorCode::kInternal : message.error().code;
  });
  std::this_thread::sleep_for(50ms);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([socket] { socket->abort(); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(reader.get(), ErrorCode::kCancelled);
  EXPECT_TRUE(eventually([&] { return fixture.server->connections() == 0; }));
}

TEST(WebSocket, StopOfTheServerClosesPolitely) {
  Fixture fixture({.handler = websocket_handler(echo)});
  std::shared_ptr<WebSocket> socket = run(fixture.runtime, [&] { return open(*fixture.client); });
  // Until the handler has been called, a stop ends the request that was to become a conversation.
  const bool answered = run(fixture.runtime, [socket]() -> Task<bool> {
    Result<void> written = co_await socket->write("hello", false);
    Result<Message> message = co_await socket->read();
    co_return written.ok() && message.ok();
  });
  ASSERT_TRUE(answered);
  std::future<std::string> reader = launch(fixture.runtime, [socket]() -> Task<std::string> {
    Result<Message> message = co_await socket->read();
    co_return message ? "message" : message.error().text();
  });
  run(fixture.runtime, [&]() -> Task<void> { co_await fixture.server->stop(5s); });
  EXPECT_NE(reader.get().find("1001: server is stopping"), std::string::npos);
}

TEST(WebSocket, EndsWhenItsTaskIsCancelled) {
  Fixture fixture({.handler = websocket_handler(echo)});
  env::TaskGroup group(fixture.runtime.executor(), "test");
  std::atomic<bool> opened{false};
  group.spawn("conversation", [&]() -> Task<void> {
    std::shared_ptr<WebSocket> socket = co_await open(*fixture.client);
    opened = socket != nullptr;
    if (!opened) co_return;
    Result<Message> message = co_await socket->read();
    EXPECT_FALSE(message.ok());
  });
  ASSERT_TRUE(eventually([&] { return opened.load(); }));
  EXPECT_EQ(fixture.server->connections(), 1U);
  group.stop();
  EXPECT_TRUE(eventually([&] { return fixture.server->connections() == 0; }));
}

TEST(WebSocket, ClosingTheClientEndsItsConversations) {
  Fixture fixture({.handler = websocket_handler(echo)});
  std::shared_ptr<WebSocket> socket = run(fixture.runtime, [&] { return open(*fixture.client); });
  std::future<bool> reader = launch(fixture.runtime, [socket]() -> Task<bool> {
    Result<Message> message = co_await socket->read();
    co_return message.ok();
  });
  std::this_thread::sleep_for(50ms);
  fixture.client->close();
  EXPECT_FALSE(reader.get());
}

TEST(Frames, HeadersRoundTrip) {
  for (uint64_t size : {0ull, 125ull, 126ull, 65535ull, 65536ull, 1ull << 40}) {
    for (bool masked : {false, true}) {
      const std::string bytes = internal::frame_header(internal::Opcode::kBinary, size,
                                                       masked ? std::optional<uint32_t>(77) : std::nullopt);
      bool broken = false;
      for (size_t length = 0; length < bytes.size(); ++length) {
        EXPECT_FALSE(
            internal::parse_frame_header(std::string_view(bytes).substr(0, length), broken).has_value());
        EXPECT_FALSE(broken);
      }
      const auto header = internal::parse_frame_header(bytes, broken);
      ASSERT_TRUE(header.has_value());
      EXPECT_EQ(header->payload, size);
      EXPECT_EQ(header->masked, masked);
      EXPECT_EQ(header->size, bytes.size());
    }
  }
}

TEST(Frames, MasksFromAnyOffset) {
  std::string plain;
  for (int i = 0; i < 100; ++i) plain += static_cast<char>(i);
  std::string whole = plain;
  internal::apply_mask(whole.data(), whole.size(), 0xa1b2c3d4, 0);
  for (size_t cut = 0; cut <= plain.size(); ++cut) {
    std::string parts = plain;
    internal::apply_mask(parts.data(), cut, 0xa1b2c3d4, 0);
    internal::apply_mask(parts.data() + cut, parts.size() - cut, 0xa1b2c3d4, cut);
    ASSERT_EQ(parts, whole) << cut;
  }
}

}  // namespace
}  // namespace mullion::net
