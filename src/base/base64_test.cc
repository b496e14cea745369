#include "base/base64.h"

#include <gtest/gtest.h>

namespace mullion {
namespace {

struct Base64Case {
  std::string_view bytes, standard, url;
};

TEST(Base64, EncodesAndDecodesInBothAlphabets) {
  constexpr Base64Case kCases[] = {
      {"", "", ""},
      {"f", "Zg==", "Zg"},
      {"fo", "Zm8=", "Zm8"},
      {"foo", "Zm9v", "Zm9v"},
      {"\xfb\xef\xff", "++//", "--__"},
  };
  for (const Base64Case& each : kCases) {
    EXPECT_EQ(base64_encode(each.bytes), each.standard);
    EXPECT_EQ(base64url_encode(each.bytes), each.url);
    EXPECT_EQ(base64_decode(each.standard), each.bytes);
    EXPECT_EQ(base64_decode_lines(each.standard), each.bytes);
    EXPECT_EQ(base64url_decode(each.url), each.bytes);
  }
}

struct MalformedCase {
  std::string_view text;
  bool plain, lines, url;  // which decoder takes it
};

TEST(Base64, TakesWhatItsAlphabetAndPaddingAllow) {
  constexpr MalformedCase kCases[] = {
      {"Zg", true, false, true},      {"Zg=", true, false, false},
      {"Zg==", true, true, false},    {"Zm9v\nZm9v\r\n", false, true, false},
      {"Zm 9v", false, false, false}, {"++//", true, true, false},
      {"--__", false, false, true},   {"Z", false, false, false},
      {"Zh==", false, false, false},  {"Zg==Zg==", false, false, false},
      {"*", false, false, false},
  };
  for (const MalformedCase& each : kCases) {
    EXPECT_EQ(base64_decode(each.text).has_value(), each.plain) << each.text;
    EXPECT_EQ(base64_decode_lines(each.text).has_value(), each.lines) << each.text;
    EXPECT_EQ(base64url_decode(each.text).has_value(), each.url) << each.text;
  }
}

}  // namespace
}  // namespace mullion
