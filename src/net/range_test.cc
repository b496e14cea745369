#include "net/range.h"

#include <gtest/gtest.h>

namespace mullion::net {
namespace {

std::string range_text(std::string_view header, uint64_t size) {
  ByteRange out;
  switch (parse_range(header, size, out)) {
    case RangeKind::kWhole:
      return "whole";
    case RangeKind::kUnsatisfiable:
      return "unsatisfiable";
    case RangeKind::kPart:
      return fmt::format("{}-{}", out.first, out.last);
  }
  return "?";
}

TEST(Range, OfAFile) {
  const struct {
    std::string header;
    uint64_t size;
    std::string wanted;
  } kRows[] = {
      {"bytes=0-9", 100, "0-9"},
      {"bytes=0-0", 100, "0-0"},
      {"bytes=10-", 100, "10-99"},
      {"bytes=99-", 100, "99-99"},
      {"bytes=-5", 100, "95-99"},
      {"bytes=-500", 100, "0-99"},
      {"bytes=90-500", 100, "90-99"},
      {"bytes=0-18446744073709551615", 100, "0-99"},
      {"bytes=100-", 100, "unsatisfiable"},
      {"bytes=100-200", 100, "unsatisfiable"},
      {"bytes=-0", 100, "unsatisfiable"},
      {"bytes=0-", 0, "unsatisfiable"},
      {"bytes=-1", 0, "unsatisfiable"},
      {"bytes=5-3", 100, "whole"},
      {"bytes=0-1,5-6", 100, "whole"},
      {"bytes=", 100, "whole"},
      {"bytes=-", 100, "whole"},
      {"bytes=a-b", 100, "whole"},
      {"bytes=+1-2", 100, "whole"},
      {"bytes=18446744073709551616-", 100, "whole"},
      {"lines=0-1", 100, "whole"},
      {"", 100, "whole"},
  };
  for (const auto& row : kRows) EXPECT_EQ(range_text(row.header, row.size), row.wanted) << row.header;
}

TEST(Range, OfAnUpload) {
  const auto whole = parse_content_range("bytes 0-9/10");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->bytes.first, 0U);
  EXPECT_EQ(whole->bytes.last, 9U);
  EXPECT_EQ(whole->total, 10U);
  EXPECT_TRUE(whole->last());
  EXPECT_FALSE(parse_content_range("bytes 0-8/10")->last());
  const auto open = parse_content_range("bytes 5-9/*");
  ASSERT_TRUE(open);
  EXPECT_FALSE(open->total);
  EXPECT_FALSE(open->last());
  for (const char* text :
       {"", "bytes", "bytes ", "bytes 0-9", "bytes 9-0/10", "bytes 0-10/10", "bytes */10", "bytes -1/10",
        "bytes 0-/10", "bytes 0-9/", "bytes 0-9/x", "items 0-9/10", "bytes 0-18446744073709551615/*"}) {
    EXPECT_FALSE(parse_content_range(text)) << text;
  }
}

TEST(HttpDate, ThereAndBack) {
  const env::WallTime time{std::chrono::seconds(784111777)};
  EXPECT_EQ(format_http_date(time + std::chrono::milliseconds(999)), "Sun, 06 Nov 1994 08:49:37 GMT");
  env::WallTime read;
  ASSERT_TRUE(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT", read));
  EXPECT_EQ(read, time);
  for (const char* text : {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Mon, 06 Nov 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 08:49:37 UTC", "Thu, 31 Feb 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, -6 Nov 1994 08:49:37 GMT"}) {
    EXPECT_FALSE(parse_http_date(text, read)) << text;
  }
}

}  // namespace
}  // namespace mullion::net
