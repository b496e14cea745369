#include "mirror/internal/pace.h"

#include <gtest/gtest.h>

namespace mullion::mirror {
namespace {

using namespace std::chrono_literals;

class PaceTest : public ::testing::Test {
 protected:
  env::Duration pause() const { return pace_.not_before() - now_; }

  env::SteadyTime now_{1h};
  Pace pace_;
};

TEST_F(PaceTest, PausesDoubleUpToAMinuteWhileTheServerIsBusyOrSilent) {
  for (const env::Duration wanted : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    if (wanted == 4s)
      pace_.failed(now_);
    else
      pace_.answered(wanted == 8s ? 503 : 429, std::nullopt, now_);
    EXPECT_EQ(pause(), wanted);
    EXPECT_TRUE(pace_.is_failing());
    now_ += pause();
  }
  pace_.answered(200, std::nullopt, now_);
  EXPECT_FALSE(pace_.is_failing());
  pace_.answered(429, std::nullopt, now_);
  EXPECT_EQ(pause(), 1s) << "they begin anew";
}

TEST_F(PaceTest, TheServerIsLeftAloneAsLongAsItAsks) {
  pace_.answered(503, 300s, now_);
  EXPECT_EQ(pause(), 300s);
  now_ += 300s;
  pace_.answered(429, 0s, now_);
  EXPECT_LE(pause(), 0s) << "it may ask for no pause";
  pace_.answered(429, 24h, now_);
  EXPECT_EQ(pause(), 1h) << "and not for longer than that";
}

TEST_F(PaceTest, AnAnswerThatWasUnderWayShortensNoPause) {
  pace_.answered(503, 100s, now_);
  pace_.answered(503, 1s, now_);
  EXPECT_EQ(pause(), 100s);
  pace_.answered(200, std::nullopt, now_);
  EXPECT_EQ(pause(), 100s);
  pace_.failed(now_);
  EXPECT_EQ(pause(), 100s);
}

TEST_F(PaceTest, OtherAnswersAskForNoPause) {
  for (const int status : {200, 304, 404, 500, 502}) {
    pace_.answered(status, 50s, now_);
    EXPECT_LE(pause(), 0s) << status;
  }
}

struct Case {
  const char* retry_after;
  const char* date;
  std::optional<env::Duration> wanted;
};

TEST(AskedPause, IsANumberOrADate) {
  const char* now = "Sun, 06 Nov 1994 08:49:37 GMT";
  const Case cases[] = {
      {nullptr, now, std::nullopt},
      {"", now, std::nullopt},
      {"7", nullptr, 7s},
      {"0", nullptr, 0s},
      {"99999999999999999999", nullptr, std::nullopt},
      {"4000000000", nullptr, 24h},
      {"-1", nullptr, std::nullopt},
      {"1.5", nullptr, std::nullopt},
      {"soon", now, std::nullopt},
      {"Sun, 06 Nov 1994 08:50:07 GMT", now, 30s},
      {"Sun, 06 Nov 1994 08:49:00 GMT", now, 0s},
      {"Sun, 06 Nov 1994 08:50:07 GMT", nullptr, std::nullopt},
      {"Sun, 06 Nov 1994 08:50:07 GMT", "yesterday", std::nullopt},
  };
  for (const Case& one : cases) {
    net::Headers headers;
    if (one.retry_after != nullptr) headers.add("Retry-After", one.retry_after);
    if (one.date != nullptr) headers.add("Date", one.date);
    EXPECT_EQ(asked_pause(headers), one.wanted) << (one.retry_after == nullptr ? "none" : one.retry_after);
  }
}

}  // namespace
}  // namespace mullion::mirror
