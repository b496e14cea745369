#include "api/internal/request_log.h"

#include <gtest/gtest.h>

namespace mullion::api {
namespace {

TEST(RequestLog, WordsOfTheContract) {
  net::Request request;
  EXPECT_FALSE(wanted_log(request));
  request.headers.set("X-Log-Request", "loud");
  EXPECT_FALSE(wanted_log(request));
  const std::pair<const char*, LogLevel> levels[] = {
      {"trace", LogLevel::kTrace}, {"debug", LogLevel::kDebug}, {"info", LogLevel::kInfo},
      {"warn", LogLevel::kWarn},   {"error", LogLevel::kError}, {"fatal", LogLevel::kError},
      {"panic", LogLevel::kError}, {"audit", LogLevel::kAudit}};
  for (const auto& [word, level] : levels) {
    request.headers.set("X-Log-Request", word);
    EXPECT_EQ(wanted_log(request)->level, level) << word;
  }
}

TEST(RequestLog, TokensAreOneBoundedWord) {
  net::Request request;
  request.headers.set("X-Log-Request", "info");
  request.headers.set("X-Log-Token", "a b\nstatus=200");
  EXPECT_EQ(wanted_log(request)->token, "a_b_status=200");
  request.headers.set("X-Log-Token", std::string(5000, 'x'));
  EXPECT_EQ(wanted_log(request)->token.size(), 200U);
}

}  // namespace
}  // namespace mullion::api
