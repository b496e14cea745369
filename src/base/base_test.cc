#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "base/digest.h"
#include "base/error.h"
#include "base/letters.h"
#include "base/log.h"
#include "base/percent.h"
#include "base/result.h"
#include "base/text.h"

namespace mullion {
namespace {

TEST(Error, EveryCodeHasItsStatusAndAWord) {
  const std::pair<ErrorCode, int> expected[] = {
      {ErrorCode::kBadRequest, 400},
      {ErrorCode::kUnauthorized, 401},
      {ErrorCode::kForbidden, 403},
      {ErrorCode::kNotFound, 404},
      {ErrorCode::kNotAcceptable, 406},
      {ErrorCode::kConflict, 409},
      {ErrorCode::kTooLarge, 413},
      {ErrorCode::kInvalid, 422},
      {ErrorCode::kLocked, 423},
      {ErrorCode::kTooManyRequests, 429},
      {ErrorCode::kInternal, 500},
      {ErrorCode::kUnreachable, 502},
      {ErrorCode::kUnavailable, 503},
      {ErrorCode::kTimeout, 504},
      {ErrorCode::kInsufficientStorage, 507},
  };
  for (const auto& [code, status] : expected) {
    EXPECT_EQ(http_status(code), status) << error_word(code);
    EXPECT_FALSE(error_word(code).empty());
  }
}

TEST(Error, TextNamesTypeModelKeyAndEveryMessage) {
  const Error error(ErrorCode::kInvalid, "ValidationError", "machines", "m1", {"first", "second"});
  EXPECT_EQ(error.text(), "ValidationError: machines/m1: first; second");
  EXPECT_EQ(Error(ErrorCode::kNotFound, "gone").text(), "not-found: gone");
}

TEST(Error, PassedOnStatusWins) {
  Error error(ErrorCode::kInternal, "from elsewhere");
  error.status_override = 418;
  EXPECT_EQ(error.status(), 418);
}

TEST(Result, HoldsEitherAValueOrAnError) {
  const Result<int> good(7);
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(*good, 7);
  const Result<int> bad(Error(ErrorCode::kNotFound, "no"));
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(Result<void>().ok());
}

TEST(Result, MovesOutWhatCannotBeCopied) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(3));
  const std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 3);
}

TEST(Digest, SumDoesNotDependOnOrderAndCarries) {
  Digest forward;
  Digest backward;
  std::vector<Digest> parts;
  for (int i = 0; i < 100; ++i) parts.push_back(hash128(std::to_string(i)));
  for (const Digest& part : parts) forward += part;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) backward += *part;
  EXPECT_EQ(forward, backward);
  for (const Digest& part : parts) forward -= part;
  EXPECT_EQ(forward, Digest{});

  Digest edge{~uint64_t{0}, 0};
  edge += Digest{1, 0};
  EXPECT_EQ(edge, (Digest{0, 1}));
  edge -= Digest{1, 0};
  EXPECT_EQ(edge, (Digest{~uint64_t{0}, 0}));
}

TEST(Digest, HexGoesBothWaysAndRefusesOtherText) {
  const Digest digest = hash128("mullion");
  Digest parsed;
  ASSERT_TRUE(Digest::from_hex(digest.hex(), parsed));
  EXPECT_EQ(parsed, digest);
  EXPECT_FALSE(Digest::from_hex("12", parsed));
  EXPECT_FALSE(Digest::from_hex(std::string(32, 'x'), parsed));
}

TEST(Digest, FieldsOfAnObjectCannotRunIntoEachOther) {
  EXPECT_NE(object_digest("ab", "c", "d"), object_digest("a", "bc", "d"));
  EXPECT_NE(object_digest("a", "bc", "d"), object_digest("a", "b", "cd"));
}

TEST(Log, KeepsRecentLinesOfEnabledLevels) {
  set_log_level(LogLevel::kWarn);
  constexpr Logger log("test");
  log.info("quiet {}", 1);
  log.warn("loud number={}", 2);
  const std::vector<LogLine> lines = recent_log_lines();
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines.back().text, "loud number=2");
  EXPECT_EQ(lines.back().room, "test");
  EXPECT_EQ(lines.back().level, LogLevel::kWarn);
  for (const LogLine& line : lines) EXPECT_EQ(line.text.find("quiet"), std::string::npos);
  set_log_level(LogLevel::kInfo);
}

TEST(Log, ListenersHearWhatIsWrittenWhileTheyLive) {
  constexpr Logger log("test");
  std::vector<std::string> heard;
  {
    const LogListener listener([&heard](const LogLine& line) {
      heard.push_back(std::string(log_level_word(line.level)) + " " + line.text);
    });
    log.debug("not enabled");
    log.write_always(LogLevel::kTrace, "asked for");
    log.audit("login user={}", "bob");
  }
  log.info("too late");
  EXPECT_EQ(heard, (std::vector<std::string>{"trace asked for", "audit login user=bob"}));
}

TEST(Log, LinesSayWhereTheyAreWritten) {
  constexpr Logger log("test");
  const std::vector<std::function<void()>> ways = {
      [&] { log.warn("a number={}", 1); }, [&] { log.error("b"); }, [&] { log.audit("c {}", "d"); },
      [&] { log.write(LogLevel::kError, "e"); }, [&] { log.write_always(LogLevel::kTrace, "f"); }};
  const uint32_t here = __LINE__;
  for (const auto& way : ways) {
    way();
    const LogPlace place = recent_log_lines().back().place;
    EXPECT_EQ(place.file, "base/base_test.cc") << "without the path of the machine that compiled it";
    EXPECT_LT(place.line, here);
    EXPECT_GE(place.line, here - 4);
  }
}

TEST(Log, LinesOfOneRequestHaveOneGroup) {
  constexpr Logger log("test");
  const LogOrigin bob{new_log_group(), "bob"}, ann{new_log_group(), "ann"};
  EXPECT_NE(bob.group, ann.group);
  const auto last = [] { return recent_log_lines().back().origin; };
  log.warn("before");
  EXPECT_EQ(last().group, 0U);
  EXPECT_EQ(last().principal, "system");
  {
    const LogScope outer(bob);
    {
      const LogScope inner(ann);
      log.warn("inside");
      EXPECT_EQ(last().principal, "ann");
      std::thread([&] { log.warn("elsewhere"); }).join();
      EXPECT_EQ(last().group, 0U) << "a scope is of its thread";
    }
    log.warn("outside");
    EXPECT_EQ(last().group, bob.group);
  }
  log.warn("after");
  EXPECT_EQ(last().group, 0U);
}

TEST(Log, NobodyWritesALineOfTheirOwn) {
  constexpr Logger log("test");
  std::vector<std::string> texts = {"a\xc3",        "\xff",         "\xc2\x85",
                                    "\xe2\x80\xa8", "\xe2\x80\xae", "\xe2\x81\xa6"};
  for (int code = 0; code < 0x20; ++code)
    texts.push_back("x" + std::string(1, static_cast<char>(code)) + "y");
  for (const std::string& text : texts) {
    log.info("GET {} status=404", text);
    const std::string written = recent_log_lines().back().text;
    EXPECT_EQ(written, "GET " + escaped(text) + " status=404");
    for (const char c : written) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << written;
  }
  log.info("/x\n2026-01-01T00:00:00.000000Z audit auth: login user=root");
  EXPECT_TRUE(recent_log_lines().back().text.starts_with("/x\\x0a2026")) << "one line";
}

TEST(Log, LinesAreNumberedAndBounded) {
  constexpr Logger log("test");
  for (int i = 0; i < 1100; ++i) log.write_always(LogLevel::kTrace, "x");
  const std::vector<LogLine> lines = recent_log_lines();
  EXPECT_EQ(lines.size(), 1000U);
  EXPECT_EQ(lines.back().number - lines.front().number, 999U);
  log.write_always(LogLevel::kTrace, std::string(1 << 20, 'x'));
  EXPECT_LE(recent_log_lines().back().text.size(), size_t{16} << 10);
}

TEST(Log, UnknownLevelWordMeansWarn) {
  EXPECT_EQ(parse_log_level("debug"), LogLevel::kDebug);
  EXPECT_EQ(parse_log_level("loud"), LogLevel::kWarn);
}

TEST(Text, WhatIsNotTextIsEscaped) {
  for (const char* good :
       {"", "a b", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"})
    EXPECT_EQ(escaped(good), good);
  for (const char* bad : {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                          "\xf4\x90\x80\x80", "\xff", "a\xe2\x82"})
    EXPECT_TRUE(is_valid_utf8(escaped(bad)) && escaped(bad) != bad) << escaped(bad);
  EXPECT_EQ(escaped("a\n\xc3\xa4\xc3/\x7f\xff"), "a\\x0a\xc3\xa4\\xc3/\\x7f\\xff");
}

/// `point` below U+10000 in UTF-8.
std::string utf8(unsigned point) {
  if (point < 0x80) return {static_cast<char>(point)};
  if (point < 0x800) return {static_cast<char>(0xC0 | point >> 6), static_cast<char>(0x80 | (point & 63))};
  return {static_cast<char>(0xE0 | point >> 12), static_cast<char>(0x80 | (point >> 6 & 63)),
          static_cast<char>(0x80 | (point & 63))};
}

TEST(Text, NothingEscapedEndsALineOrMovesTheCursorOrTurnsTheDirection) {
  std::vector<unsigned> controls = {0x7F, 0x61C, 0x200E, 0x200F, 0x2028, 0x2029};
  for (unsigned point = 0; point < 0x20; ++point) controls.push_back(point);
  for (unsigned point = 0x80; point <= 0x9F; ++point) controls.push_back(point);
  for (unsigned point = 0x202A; point <= 0x202E; ++point) controls.push_back(point);
  for (unsigned point = 0x2066; point <= 0x2069; ++point) controls.push_back(point);
  for (const unsigned point : controls) {
    const std::string shown = escaped("a" + utf8(point) + "b");
    EXPECT_EQ(shown.find(utf8(point)), std::string::npos) << point;
    EXPECT_TRUE(shown.starts_with("a\\") && shown.ends_with("b")) << shown;
    const bool kept = point == '\n' || point == '\t';
    EXPECT_EQ(escaped_lines(utf8(point)), kept ? utf8(point) : escaped(utf8(point))) << point;
  }
  for (const unsigned point :
       {0x20U, 0x7EU, 0xA0U, 0x61BU, 0x61DU, 0x200DU, 0x2010U, 0x2027U, 0x202FU, 0x2070U})
    EXPECT_EQ(escaped(utf8(point)), utf8(point));
  EXPECT_EQ(escaped("\xc2\x9b\x31m \xe2\x80\xae \x1b[2J"), "\\u009b1m \\u202e \\x1b[2J");
}

TEST(Text, ListsAreSplit) {
  EXPECT_EQ(split_list("a,b,,c,"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(split_list("").empty());
  EXPECT_EQ(split_list("a b", ' '), (std::vector<std::string>{"a", "b"}));
}

TEST(Text, JudgesUtf8) {
  for (const char* good :
       {"", "plain ascii text", "caf\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80 and more text"}) {
    EXPECT_TRUE(is_valid_utf8(good)) << good;
  }
  for (const char* bad : {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xff", "12345678\xc3(", "\xf0\x82\x82\xac"}) {
    EXPECT_FALSE(is_valid_utf8(bad)) << bad;
  }
}

TEST(Text, SmallLettersAreThoseOfAscii) {
  EXPECT_EQ(lower_case("AbZ-09_[@"), "abz-09_[@");
  EXPECT_EQ(lower_case("\xc3\x84"), "\xc3\x84");  // a letter of two bytes stays
  EXPECT_TRUE(equal_ignoring_case("Content-TYPE", "content-type"));
  EXPECT_FALSE(equal_ignoring_case("[", "{"));  // a letter's distance apart
  EXPECT_FALSE(equal_ignoring_case("a", "ab"));
}

TEST(Text, HexHasTwoDigitsForEachByte) {
  EXPECT_EQ(hex_text(std::string_view("\x00\x0f\xa0\xff", 4)), "000fa0ff");
  EXPECT_EQ(hex_text(""), "");
}

TEST(Text, DigitsOfHexAreKnown) {
  for (int c = 0; c < 256; ++c) {
    const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    EXPECT_EQ(is_hex_digit(static_cast<char>(c)), digit) << c;
  }
  EXPECT_EQ(hex_value('0'), 0);
  EXPECT_EQ(hex_value('a'), 10);
  EXPECT_EQ(hex_value('F'), 15);
  const std::string sum(64, 'a');
  EXPECT_TRUE(is_sha256(sum));
  for (const std::string& other :
       {std::string(), sum + "a", sum.substr(1), upper_case(sum), sum.substr(1) + "g"})
    EXPECT_FALSE(is_sha256(other)) << other;
}

TEST(Text, UuidsHaveTheirDashes) {
  const std::string uuid = "01234567-89ab-cdef-0123-456789ABCDEF";
  EXPECT_TRUE(is_uuid(uuid));
  for (size_t at = 0; at < uuid.size(); ++at) {
    std::string other = uuid;
    other[at] = other[at] == '-' ? '0' : '-';
    EXPECT_FALSE(is_uuid(other)) << other;
  }
  EXPECT_FALSE(is_uuid(uuid + "0"));
}

TEST(Text, FingerprintsHaveOneSpelling) {
  for (const char* spelling : {"ab01", "AB:01", " ab 01\n", "A:B:0:1\t"})
    EXPECT_EQ(plain_fingerprint(spelling), "ab01");
}

TEST(PercentCoding, RoundTripsEveryByte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  const std::string encoded = percent_encode(all);
  EXPECT_EQ(encoded.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%"),
            std::string::npos);
  EXPECT_EQ(percent_decode(encoded), all);
  EXPECT_EQ(percent_encode("a/b c~"), "a%2Fb%20c~");
}

TEST(PercentCoding, LeavesBrokenEscapesAlone) {
  EXPECT_EQ(percent_decode("%"), "%");
  EXPECT_EQ(percent_decode("%4"), "%4");
  EXPECT_EQ(percent_decode("%zz%41%4"), "%zzA%4");
  EXPECT_EQ(percent_decode("100%+1"), "100%+1");
}

}  // namespace
}  // namespace mullion
