#include "events/posted_event.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace mullion::events {
namespace {

namespace json = boost::json;
const env::WallTime kPostedAt = env::WallTime(std::chrono::hours(24 * 365 * 50));

Result<PostedEvent> posted(const char* text) {
  return posted_event(json::parse(text), "user:bob", kPostedAt);
}

TEST(PostedEvent, KeepsWhatAnEventHasAndSaysWhoPosted) {
  const Result<PostedEvent> event = posted(
      R"({"Time":"2026-01-02T03:04:05Z","Type":"a","Action":"b","Key":"c","Principal":"user:boss","Object":{"x":1},"More":2})");
  ASSERT_TRUE(event.ok());
  EXPECT_EQ(event->type + event->action + event->key, "abc");
  EXPECT_EQ(json::parse(event->json),
            json::parse(R"({"Time":"2026-01-02T03:04:05Z","Type":"a","Action":"b","Key":"c",
                            "Principal":"user:bob","Object":{"x":1},"Original":null})"));
}

TEST(PostedEvent, TimeMayBeAbsent) {
  for (const char* text : {R"({"Type":"a","Action":"b"})", R"({"Type":"a","Action":"b","Time":""})",
                           R"({"Type":"a","Action":"b","Time":null,"Key":null})",
                           R"({"Type":"a","Action":"b","Time":"0001-01-01T00:00:00Z"})"}) {
    const Result<PostedEvent> event = posted(text);
    ASSERT_TRUE(event.ok()) << text;
    EXPECT_EQ(json::parse(event->json).at("Time").as_string(), env::format_rfc3339(kPostedAt));
  }
}

TEST(PostedEvent, RefusalsNameTheMember) {
  const std::pair<const char*, const char*> cases[] = {
      {"[]", "The body is not a JSON object"},
      {R"({"Action":"b"})", "Type and Action must not be empty"},
      {R"({"Type":"a"})", "Type and Action must not be empty"},
      {R"({"Type":7,"Action":"b"})", "Type: expected a text"},
      {R"({"Type":"a","Action":"b","Key":[]})", "Key: expected a text"},
      {R"({"Type":"a","Action":"b","Time":"soon"})", "Time: soon is not a time"},
      {R"({"Type":"websocket","Action":"b"})", "Type websocket belongs to the server"},
      {R"({"Type":"view","Action":"changed","Key":"v"})", "Type view belongs to the server"},
      {R"({"Type":"job_logs","Action":"append","Key":"x"})", "Type job_logs belongs to the server"},
  };
  for (const auto& [text, message] : cases) {
    const Result<PostedEvent> event = posted(text);
    ASSERT_FALSE(event.ok()) << text;
    EXPECT_EQ(event.error().code, ErrorCode::kBadRequest);
    EXPECT_EQ(event.error().model, "events");
    EXPECT_EQ(event.error().messages.front(), message);
  }
}

}  // namespace
}  // namespace mullion::events
