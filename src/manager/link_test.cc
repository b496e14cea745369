// The link that is dialled out, over a real connection.
#include "manager/link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "manager/contact.h"
#include "net/net_testing.h"

namespace mullion::manager {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

class DialledOutTest : public testing::Test {
 protected:
  DialledOutTest() {
    net::ListenOptions options;
    options.address = "127.0.0.1";
    options.tls = net::testing::shared_certificate().files();
    server_ = std::move(*net::listen(runtime_, std::move(options),
                                     [this](net::Request& request) { return answer(request); }));
    connection_.url = fmt::format("https://127.0.0.1:{}", server_->port());
    connection_.username = "Aladdin";
    connection_.password = "open sesame";
  }
  ~DialledOutTest() override { env::run(runtime_, server_->stop(0s)); }
  Result<Contact> meet() {
    return env::run(runtime_, make_contact(dial_out(runtime_), connection_, env::system_timers()));
  }
  std::string refusal() {
    const Result<Contact> met = meet();
    return met ? "none" : met.error().text();
  }

  std::string token_ = R"({"Token":"t"})",
              info_ = R"({"id":"A","version":"v1","features":["replication-stream"]})";
  int status_ = 200;
  env::Runtime runtime_{2};
  std::unique_ptr<net::Server> server_;
  Connection connection_;

 private:
  env::Task<net::Response> answer(net::Request& request) {
    net::Response response;
    const auto authorization = request.headers.get("Authorization");
    if (request.target == "/api/v3/users/Aladdin/token?ttl=28800") {
      const bool known = authorization == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
      response.status = known ? status_ : 401;
      response.body = token_;
    } else if (authorization != "Bearer t") {
      response.status = 401;
    } else if (request.path == "/api/v3/info") {
      response.body = info_;
    } else {
      response.upgrade = [](std::shared_ptr<net::WebSocket> socket) -> env::Task<void> {
        Result<void> written = co_await socket->write("hello", false);
        (void)written;
        co_await socket->close(1000, "");
      };
    }
    co_return response;
  }
};

TEST_F(DialledOutTest, MeetsAnEndpoint) {
  const Result<Contact> met = meet();
  ASSERT_TRUE(met) << met.error().text();
  EXPECT_EQ(met->id, "A");
  EXPECT_EQ(met->version, "v1");
  EXPECT_EQ(met->token, "t");
  EXPECT_TRUE(met->streams);
  EXPECT_EQ(met->link->certificate(),
            *net::certificate_fingerprint(net::testing::shared_certificate().files().certificate_file));
  net::Headers headers;
  headers.add("Authorization", "Bearer t");
  const auto said = env::run(runtime_, [&]() -> env::Task<std::string> {
    Result<std::shared_ptr<net::WebSocket>> socket = co_await met->link->stream("/x", headers);
    if (!socket) co_return socket.error().text();
    Result<net::WebSocket::Message> message = co_await (*socket)->read();
    co_return message ? message->data : message.error().text();
  });
  EXPECT_EQ(said, "hello");
  met->link->close();
}

TEST_F(DialledOutTest, OnlyTheCertificateThatIsRemembered) {
  connection_.fingerprint = std::string(64, '0');
  EXPECT_THAT(refusal(), HasSubstr("certificate fingerprint changed"));
  connection_.fingerprint =
      *net::certificate_fingerprint(net::testing::shared_certificate().files().certificate_file);
  EXPECT_EQ(refusal(), "none");
  connection_.authorities = "/does/not/exist";
  EXPECT_THAT(refusal(), HasSubstr("the folder of authorities has no such PEM file"));
}

TEST_F(DialledOutTest, AuthoritiesReplaceTheFingerprint) {
  connection_.fingerprint = std::string(64, '0');
  connection_.authorities = net::testing::shared_certificate().files().certificate_file;
  EXPECT_EQ(refusal(), "none") << "it signs itself";
}

TEST_F(DialledOutTest, WhatIsNoEndpointIsTold) {
  const auto with = [this](int status, std::string token, std::string info) {
    status_ = status;
    token_ = std::move(token);
    info_ = std::move(info);
    return refusal();
  };
  const std::string token = token_, info = info_;
  EXPECT_THAT(with(401, token, info), HasSubstr("login refused: wrong user name"));
  EXPECT_THAT(with(403, token, info), HasSubstr("login refused: wrong user name"));
  EXPECT_THAT(with(429, token, info), HasSubstr("login refused: slowed down"));
  EXPECT_THAT(with(201, token, info), HasSubstr("status 201"));
  EXPECT_THAT(with(200, "[]", info), HasSubstr("not a JSON object"));
  EXPECT_THAT(with(200, "{}", info), HasSubstr("it gave no token"));
  EXPECT_THAT(with(200, token, "{}"), HasSubstr("its info has no id"));
  EXPECT_EQ(with(200, token, info), "none");
  info_ = R"({"id":"drp","ha_id":"ha","features":["x"]})";
  const Result<Contact> met = meet();
  ASSERT_TRUE(met);
  EXPECT_EQ(met->id, "ha");
  EXPECT_FALSE(met->streams);
}

}  // namespace
}  // namespace mullion::manager
