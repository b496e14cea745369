#include "settings/settings.h"

#include <gtest/gtest.h>

#include <set>

namespace mullion::settings {
namespace {

TEST(Settings, ALogLevelIsOneOfItsWords) {
  EXPECT_TRUE(Settings::parse({"--log-level", "debug"}, {}));
  const Result<Settings> wrong = Settings::parse({"--log-level", "loud"}, {});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().messages.front(),
            "--log-level: 'loud' is not accepted; give trace, debug, info, warn or error");
}

TEST(Settings, DefaultsAreValidAndNamesUnique) {
  std::set<std::string_view> names;
  const Settings settings = Settings::defaults();
  for (const SettingInfo& info : setting_table()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_EQ(settings.text(info.name), info.default_text);
    const bool textual = info.kind == SettingKind::kString || info.kind == SettingKind::kBoolean ||
                         info.kind == SettingKind::kLogLevel;
    if (!textual) {
      settings.number(info.name);  // asserts that the default parses
    }
  }
  EXPECT_EQ(settings.number("api-port"), 8092u);
  EXPECT_EQ(settings.number("max-body"), uint64_t{64} << 20);
  EXPECT_EQ(settings.number("log-max-age"), 86400u);
}

TEST(Settings, FlagsWinOverVariablesWinOverDefaults) {
  const Result<Settings> settings = Settings::parse(
      {"--api-port", "1", "--drp-id=A"}, {{"RS_API_PORT", "2"}, {"RS_STATIC_PORT", "3"}, {"HOME", "/"}});
  ASSERT_TRUE(settings.ok()) << settings.error().text();
  EXPECT_EQ(settings->number("api-port"), 1u);
  EXPECT_EQ(settings->number("static-port"), 3u);
  EXPECT_EQ(settings->text("drp-id"), "A");
}

TEST(Settings, VariablesOfTheClientAreNotOurs) {
  EXPECT_TRUE(Settings::parse({}, {{"RS_ENDPOINT", "https://x"}, {"RS_KEY", "a:b"}}).ok());
}

TEST(Settings, RefusalsNameTheFlagAndWhatItAccepts) {
  const std::pair<std::vector<std::string>, std::string> cases[] = {
      {{"--api-port", "70000"}, "--api-port: '70000' is not accepted; give a port number"},
      {{"--api-port", "x"}, "--api-port: 'x'"},
      {{"--api-port"}, "--api-port needs a value"},
      {{"--max-body", "-1"}, "--max-body: '-1'"},
      {{"--max-body", "99999999999999999999"}, "--max-body"},
      {{"--log-max-age", "5y"}, "a time such as"},
      {{"--nonsense", "1"}, "unknown flag --nonsense"},
      {{"stray"}, "unknown flag stray"},
  };
  for (const auto& [arguments, text] : cases) {
    const Result<Settings> settings = Settings::parse(arguments, {});
    ASSERT_FALSE(settings.ok()) << text;
    EXPECT_NE(settings.error().text().find(text), std::string::npos) << settings.error().text();
  }
}

TEST(Settings, IgnoredFlagsAreReportedOnce) {
  const Result<Settings> settings =
      Settings::parse({"--disable-dhcp", "--tftp-port", "69", "--tftp-port=70", "--api-port", "5"},
                      {{"RS_FAKE_PINGER", "true"}});
  ASSERT_TRUE(settings.ok()) << settings.error().text();
  EXPECT_EQ(settings->ignored_used(), (std::vector<std::string>{"fake-pinger", "disable-dhcp", "tftp-port"}));
  EXPECT_EQ(settings->number("api-port"), 5u);
}

TEST(Settings, HelpNamesEveryServedFlag) {
  const std::string help = help_text();
  for (const SettingInfo& info : setting_table()) {
    EXPECT_EQ(help.find("--" + std::string(info.name) + " ") != std::string::npos, !info.ignored)
        << info.name;
  }
}

}  // namespace
}  // namespace mullion::settings
