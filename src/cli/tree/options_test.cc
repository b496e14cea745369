// Where the options of a command come from, and who wins.
#include "cli/tree/options.h"

#include <gmock/gmock.h>

#include <fstream>

#include "cli/cli_testing.h"

namespace mullion::cli {
namespace {

using ::testing::ElementsAre;
using testing::FakeTerminal;

Options resolve(const FakeTerminal& fake, const FlagValues& flags = {}) {
  Result<Options> options = resolve_options(fake.terminal, flags);
  if (!options) ADD_FAILURE() << options.error().text();
  return options ? *options : Options();
}

TEST(Options, HaveDefaults) {
  FakeTerminal fake;
  const Options options = resolve(fake);
  EXPECT_THAT(options.endpoints, ElementsAre("https://127.0.0.1:8092"));
  EXPECT_EQ(options.username, "rocketskates");
  EXPECT_EQ(options.password, "r0cketsk8ts");
  EXPECT_EQ(options.format, Format::kJson);
  EXPECT_EQ(options.truncate_length, 40U);
  EXPECT_EQ(options.token_cache, (fake.home / ".cache/drpcli/tokens").string());
}

TEST(Options, EnvironmentThenRcFileThenFlags) {
  FakeTerminal fake;
  fake.terminal.variables["RS_ENDPOINT"] = "https://env:8092";
  fake.terminal.variables["RS_KEY"] = "anna:pa:ss";
  fake.terminal.variables["RS_FORMAT"] = "yaml";
  fake.terminal.variables["RS_TOKEN"] = "from-env";
  Options options = resolve(fake);
  EXPECT_THAT(options.endpoints, ElementsAre("https://env:8092"));
  EXPECT_EQ(options.username, "anna");
  EXPECT_EQ(options.password, "pa:ss");
  EXPECT_EQ(options.format, Format::kYaml);
  EXPECT_EQ(options.token, "from-env");

  std::ofstream(fake.home / ".drpclirc") << "# comment\nexport RS_ENDPOINT=\"https://rc:8092\"\n"
                                            "RS_PASSWORD = secret\nRS_FORMAT=table\n";
  options = resolve(fake);
  EXPECT_THAT(options.endpoints, ElementsAre("https://rc:8092"));
  EXPECT_EQ(options.username, "anna");
  EXPECT_EQ(options.password, "secret");
  EXPECT_EQ(options.format, Format::kTable);

  FlagValues flags;
  flags.set("endpoint", "https://flag:8092");
  flags.set("username", "bert");
  flags.set("format", "json");
  flags.set("token", "");
  flags.set("url-proxy", "/R1/A");
  options = resolve(fake, flags);
  EXPECT_THAT(options.endpoints, ElementsAre("https://flag:8092"));
  EXPECT_EQ(options.username, "bert");
  EXPECT_EQ(options.format, Format::kJson);
  EXPECT_EQ(options.token, "");
  EXPECT_EQ(options.url_proxy, "R1/A");
}

TEST(Options, ReadListsAndSwitches) {
  FakeTerminal fake;
  fake.terminal.variables["RS_ENDPOINTS"] = "https://a https://b";
  fake.terminal.variables["RS_PRINT_FIELDS"] = "Name,Stage";
  fake.terminal.variables["RS_NO_HEADER"] = "true";
  fake.terminal.variables["RS_TRUNCATE_LENGTH"] = "12";
  fake.terminal.variables["RS_OBJECT_ERRORS_ARE_FATAL"] = "true";
  const Options options = resolve(fake);
  EXPECT_THAT(options.endpoints, ElementsAre("https://a", "https://b"));
  EXPECT_THAT(options.print_fields, ElementsAre("Name", "Stage"));
  EXPECT_TRUE(options.no_header);
  EXPECT_TRUE(options.exit_early);
  EXPECT_EQ(options.truncate_length, 12U);
}

TEST(Options, ColourOnlyTerminalsThatWantIt) {
  FakeTerminal fake;
  EXPECT_FALSE(resolve(fake).colors);
  fake.terminal.out_is_terminal = true;
  EXPECT_TRUE(resolve(fake).colors);
  FlagValues flags;
  flags.set("no-color", "true");
  EXPECT_FALSE(resolve(fake, flags).colors);
  fake.terminal.variables["NO_COLOR"] = "1";
  EXPECT_FALSE(resolve(fake).colors);
  fake.terminal.variables.erase("NO_COLOR");
  fake.terminal.variables["TERM"] = "dumb";
  EXPECT_FALSE(resolve(fake).colors);
}

TEST(Options, TakeColoursFromTheirList) {
  FakeTerminal fake;
  fake.terminal.variables["RS_COLORS"] = "0=31;4=35,1;8=92";
  const Options options = resolve(fake);
  EXPECT_EQ(options.palette.null, "31");
  EXPECT_EQ(options.palette.key, "35;1");
  EXPECT_EQ(options.palette.number, Palette().number);
}

TEST(Options, SayWhatIsWrong) {
  FakeTerminal fake;
  EXPECT_EQ(fake.run({"-F", "xml", "info", "get"}), 1);
  EXPECT_EQ(fake.err.str(), "Error: unknown format `xml`: expected json, yaml, table, text or go\n");
  EXPECT_EQ(fake.run({"-j", "many", "info", "get"}), 1);
  EXPECT_EQ(fake.err.str(), "Error: truncate-length must be a number, not `many`\n");
  EXPECT_EQ(fake.run({"-C", "4:34", "info", "get"}), 1);
  EXPECT_EQ(fake.err.str(), "Error: colours are written as 0=90;4=34,1 and not as `4:34`\n");
}

}  // namespace
}  // namespace mullion::cli
