#include "net/user_url.h"

#include <gtest/gtest.h>

namespace mullion::net {
namespace {

TEST(UserUrl, PartsAreTakenAsWritten) {
  const Result<UserUrl> url = parse_user_url("https://site-a.example:8092/files/x%20y?v=1");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->origin, "https://site-a.example:8092");
  EXPECT_EQ(url->host, "site-a.example");
  EXPECT_EQ(url->port, "8092");
  EXPECT_EQ(url->target, "/files/x%20y?v=1");
  EXPECT_FALSE(url->bare);
}

TEST(UserUrl, AServerAloneIsBare) {
  for (const char* text : {"https://a", "https://a/", "http://a:80", "https://[::1]:8092", "HTTPS://a"}) {
    const Result<UserUrl> url = parse_user_url(text);
    ASSERT_TRUE(url) << text;
    EXPECT_TRUE(url->bare) << text;
    EXPECT_EQ(url->target, "/") << text;
  }
  EXPECT_EQ(parse_user_url("HTTPS://a")->origin, "https://a");
}

TEST(UserUrl, ALoginIsRefusedInEverySpellingAndNeverRepeated) {
  for (const std::string text :
       {"https://geheim@host", "https://user:geheim@host/x", "http://:geheim@host", "https://geheim:@host",
        "https://user:gehe%69m@host", "https://user%3Ageheim@host:1", "ftp://user:geheim@host",
        "https://a@geheim@host", "https:user:geheim@host", "https://user:geheim@", "user:geheim@host",
        "https://user:geheim @host", "//user:geheim@host"}) {
    const Result<UserUrl> url = parse_user_url(text);
    ASSERT_FALSE(url) << text;
    for (const char* part : {"geheim", "gehe%69m", "user:", "host:1"}) {
      EXPECT_EQ(url.error().text().find(part), std::string::npos) << url.error().text();
    }
  }
}

TEST(UserUrl, LoginsAreFoundAndCutInProperUrlsAndOthers) {
  for (const auto& [url, rest] :
       {std::pair("https://u:p@host/x", "https://host/x"), std::pair("ftp://u@host", "ftp://host"),
        std::pair("//u:p@h?x", "//h?x"), std::pair("id:::https://u:p@host/x", "id:::https://host/x"),
        std::pair("https://a@b@host", "https://host")}) {
    EXPECT_TRUE(holds_login(url)) << url;
    EXPECT_EQ(without_login(url), rest);
    EXPECT_FALSE(holds_login(rest)) << rest;
  }
  for (const char* url :
       {"https://host/a@b", "https://host?x=a@b", "https://host#a@b", "ann@host", "self://x", ""}) {
    EXPECT_FALSE(holds_login(url)) << url;
    EXPECT_EQ(without_login(url), url);
  }
}

TEST(UserUrl, OnlyHttpIsRead) {
  for (const std::string text : {"file:///etc/passwd", "ftp://host/x", "gopher://host", "unix:///x",
                                 "self://x", "https://", "https:///x", "host:8092", "/path", ""}) {
    EXPECT_FALSE(parse_user_url(text)) << text;
  }
  EXPECT_FALSE(parse_user_url("https://host/" + std::string(20'000, 'a')));
}

}  // namespace
}  // namespace mullion::net
