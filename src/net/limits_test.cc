// Limits on what a peer may hold: connections, handshakes, and time by being slow.
#include <random>

#include "base/text.h"
#include "net/internal/admission.h"
#include "net/internal/pace.h"
#include "net/net_testing.h"

namespace mullion::net {
namespace {

using namespace testing;
using internal::Admission;
using internal::Pace;

bool has_part(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

TEST(Admission, BoundsTheConnectionsOfOneAddress) {
  PeerLimits limits;
  limits.max_connections_per_address = 2;
  limits.max_connections_of_loopback = 3;
  const auto admission = std::make_shared<Admission>(100, limits);
  const auto enter = [&](std::string_view address) {
    return admission->enter(env::network_of(address), true);
  };
  std::vector<Admission::PlacePtr> held;
  for (const char* address : {"192.0.2.1", "192.0.2.1", "2001:db8::1", "2001:db8::2"})
    held.push_back(enter(address));
  for (const auto& place : held) ASSERT_NE(place, nullptr);
  EXPECT_EQ(enter("192.0.2.1"), nullptr);
  EXPECT_EQ(enter("2001:db8::3"), nullptr) << "a /64 of IPv6 is one address";
  EXPECT_NE(enter("192.0.2.2"), nullptr);
  for (int i = 0; i < 3; ++i) held.push_back(enter("127.0.0.1"));
  EXPECT_NE(held.back(), nullptr) << "this machine may have more";
  EXPECT_EQ(enter("127.0.0.1"), nullptr);
  EXPECT_EQ(admission->statistics().refused_of_address, 3u);
  held.clear();
  EXPECT_NE(enter("192.0.2.1"), nullptr);
  EXPECT_EQ(admission->statistics().open, 0u);
}

TEST(Admission, BoundsTheHandshakesInProgress) {
  PeerLimits limits;
  limits.max_handshakes = 3;
  limits.max_handshakes_per_address = 2;
  const auto admission = std::make_shared<Admission>(100, limits);
  const auto enter = [&](std::string_view address) {
    return admission->enter(env::network_of(address), true);
  };
  const auto first = enter("192.0.2.1");
  const auto second = enter("192.0.2.1");
  EXPECT_EQ(enter("192.0.2.1"), nullptr);
  const auto third = enter("192.0.2.2");
  ASSERT_NE(third, nullptr);
  EXPECT_EQ(enter("192.0.2.3"), nullptr);
  EXPECT_EQ(admission->statistics().refused_handshakes, 2u);
  first->end_handshake();
  first->end_handshake();
  EXPECT_EQ(admission->statistics().handshakes, 2u);
  EXPECT_NE(enter("192.0.2.3"), nullptr);
  EXPECT_NE(admission->enter(env::network_of("192.0.2.1"), false), nullptr) << "plain ports shake no hands";
}

TEST(Admission, GivesBackWhatItGave) {
  PeerLimits limits;
  limits.max_connections_per_address = 4;
  limits.max_handshakes = 7;
  const auto admission = std::make_shared<Admission>(20, limits);
  std::mt19937 random(3);
  std::vector<Admission::PlacePtr> held;
  for (int i = 0; i < 5000; ++i) {
    const std::string address = fmt::format("10.0.0.{}", random() % 9);
    if (auto place = admission->enter(env::network_of(address), random() % 2 == 0))
      held.push_back(std::move(place));
    if (!held.empty() && random() % 2 == 0) held[random() % held.size()]->end_handshake();
    if (!held.empty() && random() % 2 == 0)
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(random() % held.size()));
    const ConnectionStatistics now = admission->statistics();
    ASSERT_LE(now.open, 20u);
    ASSERT_LE(now.handshakes, 7u);
  }
  held.clear();
  EXPECT_EQ(admission->statistics().open, 0u);
  EXPECT_EQ(admission->statistics().handshakes, 0u);
}

TEST(Pace, IsMeasuredOverWholeWindowsOfWaiting) {
  Pace pace(100, 10s);
  EXPECT_TRUE(pace.add(0, 9s));
  EXPECT_EQ(pace.left(), 1s);
  EXPECT_TRUE(pace.add(1000, 1s)) << "1000 bytes in ten seconds will do";
  EXPECT_EQ(pace.left(), 10s);
  EXPECT_TRUE(pace.add(900, 0s));
  EXPECT_FALSE(pace.add(99, 10s));
  EXPECT_TRUE(pace.add(50, 9s)) << "the next window begins anew";
}

TEST(Pace, OfZeroIsNone) {
  Pace pace(0, 1s);
  EXPECT_TRUE(pace.add(0, 1h));
  EXPECT_EQ(pace.left(), env::Duration::max());
}

TEST(PeerLimits, RefuseBeforeTheHandshakeOnceAnAddressHasTooManyConnections) {
  PeerLimits peers;
  peers.max_connections_of_loopback = 2;
  Fixture fixture({.tls = true, .peers = peers});
  RawConnection first = fixture.raw();
  RawConnection second = fixture.raw();
  ASSERT_TRUE(eventually([&] { return fixture.server->statistics().handshakes == 2; }));
  RawConnection third = fixture.raw();
  EXPECT_EQ(third.read_to_end(), "") << "not a byte of TLS";
  EXPECT_EQ(fixture.server->statistics().refused_of_address, 1u);
  first.socket().close();
  second.socket().close();
  ASSERT_TRUE(eventually([&] { return fixture.server->statistics().open == 0; }));
  EXPECT_EQ(fixture.get("/")->body, "hello");
  EXPECT_EQ(fixture.server->statistics().handshakes, 0u);
}

TEST(PeerLimits, RefuseBeforeTheHandshakeOnceThereAreTooManyHandshakes) {
  PeerLimits peers;
  peers.max_handshakes = 1;
  Fixture fixture({.tls = true, .peers = peers});
  RawConnection first = fixture.raw();
  ASSERT_TRUE(eventually([&] { return fixture.server->statistics().handshakes == 1; }));
  RawConnection second = fixture.raw();
  EXPECT_EQ(second.read_to_end(), "");
  EXPECT_EQ(fixture.server->statistics().refused_handshakes, 1u);
  first.socket().close();
  ASSERT_TRUE(eventually([&] { return fixture.server->statistics().handshakes == 0; }));
  EXPECT_EQ(fixture.get("/")->body, "hello");
}

TEST(PeerLimits, TellAPlainClientWhyItIsRefused) {
  PeerLimits peers;
  peers.max_connections_of_loopback = 1;
  Fixture fixture({.peers = peers});
  RawConnection first = fixture.raw();
  ASSERT_TRUE(eventually([&] { return fixture.server->connections() == 1; }));
  RawConnection second = fixture.raw();
  second.send("GET /%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string answer = second.read_to_end();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
  EXPECT_TRUE(has_part(answer, "too many connections from this address")) << answer;
  EXPECT_TRUE(has_part(answer, "Retry-After: 1")) << answer;
  EXPECT_TRUE(is_valid_utf8(answer)) << "whatever bytes the path has";
}

Fixture::Setup with_least_rate(uint64_t least_rate) {
  Fixture::Setup setup;
  setup.limits.body_timeout = 300ms;
  setup.peers.least_rate = least_rate;
  return setup;
}

/// Reads a little at a time until the server cuts or everything is there; true when it was cut.
bool is_cut_while_reading(Fixture& fixture, std::string_view target, uint64_t total,
                          std::chrono::milliseconds pause) {
  RawConnection raw = fixture.raw();
  raw.socket().set_option(asio::socket_base::receive_buffer_size(4096));
  raw.send(fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", target));
  std::string scratch(2048, '\0');
  boost::system::error_code failure;
  uint64_t received = 0;
  while (received < total && !failure) {
    received += raw.socket().read_some(asio::buffer(scratch), failure);
    if (fixture.server->statistics().cut > 0) return true;
    std::this_thread::sleep_for(pause);
  }
  return received < total;
}

TEST(PeerLimits, CutAReaderThatTakesLessThanTheLeastRate) {
  for (const char* target : {"/stream?bytes=50000000", "/sized?bytes=50000000"}) {
    Fixture fixture(with_least_rate(50'000'000));
    EXPECT_TRUE(is_cut_while_reading(fixture, target, 50'000'000, 5ms)) << target;
    EXPECT_TRUE(eventually([&] { return fixture.server->connections() == 0; }));
    EXPECT_EQ(fixture.server->statistics().cut, 1u);
  }
}

TEST(PeerLimits, LeaveAReaderAloneThatIsFastEnough) {
  Fixture fixture(with_least_rate(1));
  EXPECT_FALSE(is_cut_while_reading(fixture, "/stream?bytes=1000000", 1'000'000, 1ms));
}

TEST(PeerLimits, CutASenderThatTricklesItsBody) {
  Fixture fixture(with_least_rate(1000));
  RawConnection raw = fixture.raw();
  raw.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  ASSERT_TRUE(eventually([&] {
    raw.send("x");
    return fixture.server->statistics().cut > 0;
  }));
  const std::string answer = raw.read_to_end();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 504 ")) << answer;
  EXPECT_TRUE(has_part(answer, "less than 1000 bytes per second")) << answer;
}

std::string head_of_refusal(std::string_view request) {
  Fixture fixture;
  RawConnection raw = fixture.raw();
  raw.send(request);
  return raw.read_until("\r\n\r\n");
}

TEST(Server, SaysWhenNothingCanFollowAnUnreadBody) {
  const std::string post = "POST /ignore-body HTTP/1.1\r\nHost: x\r\n";
  EXPECT_FALSE(has_part(head_of_refusal(post + "Content-Length: 1000\r\n\r\n"), "Connection: close"));
  EXPECT_TRUE(has_part(head_of_refusal(post + "Content-Length: 1000000\r\n\r\n"), "Connection: close"));
  EXPECT_TRUE(has_part(head_of_refusal(post + "Transfer-Encoding: chunked\r\n\r\n"), "Connection: close"));
}

TEST(Server, ClosesAfterAnOldRequestWithTransferEncoding) {
  EXPECT_TRUE(has_part(head_of_refusal("POST /echo HTTP/1.0\r\nConnection: keep-alive\r\n"
                                       "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
                       "Connection: close"));
}

}  // namespace
}  // namespace mullion::net
