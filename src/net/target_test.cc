#include "net/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "net/http.h"

namespace mullion::net {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::vector<std::string> segments(std::string_view text) {
  Result<Target> target = parse_target(text);
  if (!target) return {"refused: " + target.error().messages.front()};
  return target->segments;
}

TEST(Target, IsSegmentsDecodedOnce) {
  EXPECT_THAT(segments("/"), IsEmpty());
  EXPECT_THAT(segments("/api/v3/machines"), ElementsAre("api", "v3", "machines"));
  EXPECT_THAT(segments("/%61pi/v3"), ElementsAre("api", "v3"));
  EXPECT_THAT(segments("/params/manager%2Furl"), ElementsAre("params", "manager/url"));
  EXPECT_THAT(segments("/a%20b/%C3%A9"), ElementsAre("a b", "\xC3\xA9"));
  EXPECT_THAT(segments("/%2561pi"), ElementsAre("%61pi")) << "twice encoded is decoded once";
  EXPECT_THAT(segments("/a+b;c=d"), ElementsAre("a+b;c=d"));
  EXPECT_THAT(segments("//api///v3//"), ElementsAre("api", "v3")) << "empty parts are left out";
  EXPECT_TRUE(parse_target("/ux/")->folder);
  EXPECT_FALSE(parse_target("/ux")->folder);
}

TEST(Target, TheHostOfTheAbsoluteFormDoesNotCount) {
  EXPECT_THAT(segments("https://host:80/a/b?x=1"), ElementsAre("a", "b"));
  EXPECT_THAT(segments("https://host/site/api/v3/x"), ElementsAre("site", "api", "v3", "x"));
  EXPECT_THAT(segments("https://host"), IsEmpty());
  EXPECT_THAT(parse_target("https://host?x=1")->query, ElementsAre(Pair("x", "1")));
  EXPECT_THAT(segments("/https://host/a"), ElementsAre("https:", "host", "a"));
}

struct Refused {
  const char* name;
  std::string target;
};

class RefusedTarget : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedTarget, NamesTheReason) {
  const Result<Target> target = parse_target(GetParam().target);
  ASSERT_FALSE(target);
  EXPECT_EQ(target.error().code, ErrorCode::kBadRequest);
  EXPECT_THAT(target.error().messages.front(), ::testing::StartsWith("The request's path "));
}

INSTANTIATE_TEST_SUITE_P(
    Targets, RefusedTarget,
    ::testing::Values(Refused{"empty", ""}, Refused{"asterisk", "*"}, Refused{"authority", "host:443"},
                      Refused{"relative", "api/v3"}, Refused{"question_before_scheme", "?x=http://a/b"},
                      Refused{"fragment", "/a#b"}, Refused{"dot", "/a/./b"}, Refused{"dots", "/a/../b"},
                      Refused{"last_dots", "/a/.."}, Refused{"encoded_dots", "/a/%2e%2E/b"},
                      Refused{"half_encoded_dots", "/a/.%2e/b"},
                      Refused{"dots_between_encoded_slashes", "/files/a%2F..%2Fb"},
                      Refused{"dots_after_encoded_slash", "/files/a%2f.."}, Refused{"nul", "/a%00b"},
                      Refused{"line_end", "/a%0Ab"}, Refused{"delete", "/a%7F"}, Refused{"tab", "/a%09"},
                      Refused{"half_escape", "/a%4"}, Refused{"no_escape", "/100%"},
                      Refused{"broken_escape", "/%zz"}, Refused{"not_utf8", "/%ff%fe"},
                      Refused{"overlong_slash", "/%c0%af"}, Refused{"raw_bytes", "/\xff"}),
    [](const auto& info) { return info.param.name; });

/// What is encoded again means the same: the ground on which requests are forwarded.
TEST(Target, SurvivesEncoding) {
  std::mt19937 dice(7);
  const std::vector<std::string> letters{
      "a", "/",  "%",        "%2F",          "?",   "#",   "&",  "=", "+", " ", "\"", "\\", ";", ":",
      "@", ".a", "\xC3\xA9", "\xE2\x80\xA8", "%00", "api", "v3", "*", ","};
  const auto word = [&](bool may_be_empty) {
    std::string text = may_be_empty && dice() % 4 == 0 ? "" : letters[dice() % letters.size()];
    for (size_t more = dice() % 4; more > 0; --more) text += letters[dice() % letters.size()];
    return text;
  };
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::string> wanted;
    for (size_t count = dice() % 6; count > 0; --count) wanted.push_back(word(false));
    std::vector<std::pair<std::string, std::string>> query;
    for (size_t count = dice() % 4; count > 0; --count) query.emplace_back(word(false), word(true));
    const std::string text = encode_path(wanted) + encode_query(query);
    const Result<Target> target = parse_target(text);
    ASSERT_TRUE(target) << text;
    EXPECT_EQ(target->segments, wanted) << text;
    EXPECT_EQ(target->query, query) << text;
  }
}

}  // namespace
}  // namespace mullion::net
