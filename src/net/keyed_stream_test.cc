#include "net/keyed_stream.h"

#include <gtest/gtest.h>

#include "env/launch.h"
#include "env/random.h"
#include "env/scratch_directory.h"
#include "env/waiting_testing.h"
#include "net/http.h"

namespace mullion::net {
namespace {

class KeyedStreams : public ::testing::Test {
 protected:
  template <typename T>
  T wait_for(env::Task<T> task) {
    return env::run(runtime_, std::move(task));
  }
  /// Answers every byte by itself, after the key of who sent it.
  void listen(KeyedListenOptions options = {.address = "127.0.0.1:0"}) {
    auto made = listen_keyed(runtime_, options, server_, [](KeyedStreamPtr stream) -> env::Task<void> {
      char byte = 0;
      while (true) {
        const Result<void> got = co_await stream->read(&byte, 1, env::kTestPatience);
        if (!got) co_return;
        const Result<void> sent =
            co_await stream->write(stream->peer_key(), std::string_view(&byte, 1), env::kTestPatience);
        if (!sent) co_return;
      }
    });
    ASSERT_TRUE(made.ok()) << made.error().text();
    listener_ = std::move(*made);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(listener_->port()); }
  Result<std::string> echo(KeyedStreamPtr stream) {
    std::string answer(64 + 1, '\0');
    Result<void> done = wait_for(stream->write("x", "", env::kTestPatience));
    if (done) done = wait_for(stream->read(answer.data(), answer.size(), env::kTestPatience));
    if (!done) return done.error();
    return answer;
  }

  env::Runtime runtime_{2};
  PeerKey server_ = std::move(PeerKey::make().value());
  PeerKey client_ = std::move(PeerKey::make().value());
  std::unique_ptr<KeyedListener> listener_;
};

TEST_F(KeyedStreams, BothSidesKnowTheKeyOfTheOther) {
  listen();
  const auto stream = wait_for(connect_keyed(runtime_, address(), client_, env::kTestPatience));
  ASSERT_TRUE(stream.ok()) << stream.error().text();
  EXPECT_EQ((*stream)->peer_key(), server_.public_key());
  const Result<std::string> answer = echo(*stream);
  ASSERT_TRUE(answer.ok()) << answer.error().text();
  EXPECT_EQ(*answer, client_.public_key() + "x");
}

TEST_F(KeyedStreams, WhoShowsNoKeyIsNotServed) {
  listen();
  ClientOptions options;
  options.base_url = "https://" + address();
  const auto client = std::move(make_client(runtime_, options).value());
  const Result<ClientResponse> answer = wait_for(client->send({}));
  EXPECT_FALSE(answer.ok());
  client->close();
}

TEST_F(KeyedStreams, ThereIsALimitOfConnections) {
  listen({.address = "127.0.0.1:0", .max_connections = 1});
  const auto first = wait_for(connect_keyed(runtime_, address(), client_, env::kTestPatience));
  ASSERT_TRUE(first.ok() && echo(*first).ok());
  const auto second = wait_for(connect_keyed(runtime_, address(), client_, env::kTestPatience));
  EXPECT_FALSE(second.ok() && echo(*second).ok());
  EXPECT_TRUE(echo(*first).ok());
}

TEST_F(KeyedStreams, NobodyThereIsToldApartFromNoAddress) {
  const auto no_address = wait_for(connect_keyed(runtime_, "somewhere", client_, std::chrono::seconds(1)));
  ASSERT_FALSE(no_address.ok());
  EXPECT_EQ(no_address.error().code, ErrorCode::kInvalid);
  const auto nobody = wait_for(connect_keyed(runtime_, "127.0.0.1:1", client_, std::chrono::seconds(1)));
  ASSERT_FALSE(nobody.ok());
  EXPECT_EQ(nobody.error().code, ErrorCode::kUnreachable);
}

TEST(PeerKeys, AreKept) {
  const env::ScratchDirectory directory(::testing::TempDir() + "peer-key-" + env::random_uuid());
  ASSERT_TRUE(env::make_directories(directory.path()).ok());
  const PeerKey key = std::move(PeerKey::make().value());
  ASSERT_TRUE(key.store(directory.path() / "key.pem").ok());
  const Result<PeerKey> again = PeerKey::load(directory.path() / "key.pem");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->public_key(), key.public_key());
  EXPECT_EQ(key.public_key().size(), 64u);
  EXPECT_NE(PeerKey::make()->public_key(), key.public_key());
  EXPECT_EQ(PeerKey::load(directory.path() / "none").error().code, ErrorCode::kNotFound);
}

TEST(IpAndPort, IsWhatItSays) {
  for (const char* text : {"127.0.0.1:8093", "[::1]:1"}) EXPECT_TRUE(is_ip_and_port(text)) << text;
  for (const char* text : {"", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "host:1", "127.0.0.1:1x"})
    EXPECT_FALSE(is_ip_and_port(text)) << text;
}

}  // namespace
}  // namespace mullion::net
