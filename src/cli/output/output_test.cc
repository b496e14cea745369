// Tables, trees and error texts.
#include "cli/output/output.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "cli/cli_testing.h"
#include "cli/documents/document.h"
#include "cli/output/tree_view.h"

namespace mullion::cli {
namespace {

using testing::FakeTerminal;
using ::testing::HasSubstr;

const json::value kMachines = json::parse(R"([
  {"Name":"web-1","Endpoint":"A","Stage":"complete","Runnable":true,"Pool":"default","Profiles":["a","b"]},
  {"Name":"database-27","Endpoint":"B","Stage":"none","Runnable":false,"Pool":"default","Profiles":[]}])");

std::string printed(FakeTerminal& fake, const Options& options, std::string_view subject,
                    const json::value& value) {
  fake.out.str("");
  fake.err.str("");
  print_value(fake.terminal, options, subject, value);
  return fake.out.str();
}

TEST(Table, AlignsColumnsAndLeavesEmptyOnesOut) {
  FakeTerminal fake;
  Options options;
  options.format = Format::kTable;
  EXPECT_EQ(printed(fake, options, "machines", kMachines),
            "Endpoint  Name         Stage     Pool     Runnable\n"
            "A         web-1        complete  default  true\n"
            "B         database-27  none      default  false\n");
  EXPECT_EQ(fake.err.str(), "");
  fake.terminal.err_is_terminal = true;
  printed(fake, options, "machines", kMachines);
  EXPECT_EQ(fake.err.str(), "2 machines\n");
  printed(fake, options, "machines", json::array{kMachines.at(0)});
  EXPECT_EQ(fake.err.str(), "1 machine\n");
}

TEST(Table, ObeysFieldsHeaderWidthAndColours) {
  FakeTerminal fake;
  Options options;
  options.format = Format::kTable;
  options.print_fields = {"Name", "Profiles", "Missing"};
  EXPECT_EQ(printed(fake, options, "machines", kMachines),
            "Name         Profiles  Missing\nweb-1        a,b\ndatabase-27\n");
  options.no_header = true;
  options.truncate_length = 6;
  EXPECT_EQ(printed(fake, options, "machines", kMachines), "web-1   a,b\ndat...\n");
  options = {};
  options.format = Format::kTable;
  options.colors = true;
  fake.terminal.width = 40;
  EXPECT_EQ(printed(fake, options, "machines", kMachines),
            "\033[1mEnd...  Name    Stage   Pool     Runn...\033[0m\n"
            "A       web-1   com...  default  true\n"
            "B       dat...  none    default  false\n");
}

TEST(Table, ShowsOneObjectAsFieldsAndPlainListsAsValues) {
  FakeTerminal fake;
  Options options;
  options.format = Format::kTable;
  EXPECT_EQ(printed(fake, options, "prefs", json::parse(R"({"b":"x","a":{"c":1}})")),
            "Field  Value\na      {\"c\":1}\nb      x\n");
  EXPECT_EQ(printed(fake, options, "", json::parse(R"(["x","y"])")), "Value\nx\ny\n");
  EXPECT_EQ(printed(fake, options, "machines", json::parse("[]")).substr(0, 8), "Endpoint");
  options.format = Format::kText;
  EXPECT_EQ(printed(fake, options, "", json::parse(R"([{"a":1,"b":null}])")), "a\tb\n1\t<nil>\n");
}

TEST(Table, NeverPassesControlCharactersOn) {
  EXPECT_EQ(cell_text(json::value("a\033[2Jb\nc\xC2\x9B")), "a\\x1b[2Jb\\x0ac\\u009b");
  EXPECT_EQ(cell_text(json::parse(R"(["a",{"b":1}])")), "a,{\"b\":1}");
  EXPECT_EQ(cell_text(json::value("grün")), "grün");
}

TEST(Errors, EveryMessageIsOneLine) {
  Error error(ErrorCode::kInvalid, "first\nError: forged");
  EXPECT_EQ(error_text(error), "Error: first\\x0aError: forged");
  error.type = "TYPE\r";
  error.model = "machines";
  error.key = "k\xe2\x80\xa8";
  error.messages.emplace_back("\x1b[2J\xc2\x85");
  EXPECT_EQ(error_text(error),
            "Error: TYPE\\x0d: machines/k\\u2028\n  first\\x0aError: forged\n  \\x1b[2J\\u0085");
}

TEST(Tree, ShowsEveryServerInItsOwnLine) {
  const TreeNode root{"A\n", "up\x1b[1m", "v1\r", "", "1", {{"\xe2\x80\xae", "x", "", "", "2", {}}}};
  EXPECT_EQ(tree_text(root),
            "A\\x0a       up\\x1b[1m  v1\\x0d  1 machines\n"
            "└── \\u202e  x                  2 machines\n");
}

TEST(GoFormat, PrintsValuesAsGoDoes) {
  EXPECT_EQ(go_text(json::parse(R"({"b":[1,"x",null],"a":{"c":true}})")), "map[a:map[c:true] b:[1 x <nil>]]");
  FakeTerminal fake;
  Options options;
  options.format = Format::kGo;
  EXPECT_EQ(printed(fake, options, "", json::parse(R"(["x"])")), "[x]\n");
  options.format = Format::kText;
  options.truncate_length = 6;
  EXPECT_EQ(printed(fake, options, "machines", json::parse(R"([{"Name":"a-long-name","Stage":"s"}])")),
            "Name\tStage\na-l...\ts\n");
}

TEST(Colors, AreOfKeysAndKindsAndChangeNoText) {
  const json::value value = json::parse(R"({"k":["a \"b\": c",1,true,null,{}]})");
  Palette palette{"n", "b", "i", "t", "k", "h"};
  const std::string colored = colored_json(value, palette);
  EXPECT_THAT(colored, HasSubstr("\033[km\"k\"\033[0m: ["));
  EXPECT_THAT(colored, HasSubstr("\033[tm\"a \\\"b\\\": c\"\033[0m,"));
  EXPECT_THAT(colored, HasSubstr("\033[im1\033[0m"));
  EXPECT_THAT(colored, HasSubstr("\033[bmtrue\033[0m"));
  EXPECT_THAT(colored, HasSubstr("\033[nmnull\033[0m"));
  std::string plain;
  for (size_t i = 0; i < colored.size(); ++i) {
    if (colored[i] == '\033') {
      i = colored.find('m', i);
    } else {
      plain += colored[i];
    }
  }
  EXPECT_EQ(plain, pretty_json(value));
}

TEST(ErrorText, HasTheShapeOfTheServersErrors) {
  EXPECT_EQ(error_text(Error(ErrorCode::kNotFound, "GET", "machines", "bob", {"Not Found"})),
            "Error: GET: machines/bob: Not Found");
  EXPECT_EQ(error_text(Error(ErrorCode::kNotFound, "GET", "machines", "", {"a", "b"})),
            "Error: GET: machines\n  a\n  b");
  EXPECT_EQ(error_text(Error(ErrorCode::kForbidden, "AUTH", "", "", {"no"})), "Error: AUTH: no");
  EXPECT_EQ(error_text(Error(ErrorCode::kBadRequest, "plain")), "Error: plain");
}

TEST(Tree, HangsEndpointsBelowWhoRegisteredThem) {
  const json::value endpoints = json::parse(R"([
    {"Id":"B","Endpoint":"R1","ConnectionStatus":"Connected","DRPVersion":"v1"},
    {"Id":"R1","Endpoint":"M1","ConnectionStatus":"Connected","DRPVersion":"v1"},
    {"Id":"R2","Endpoint":"","ConnectionStatus":"Error: refused"},
    {"Id":"A","Endpoint":"R1","ConnectionStatus":"Connected"},
    {"Id":"lost","Endpoint":"gone"}])");
  TreeNode root = arrange_endpoints("M1", endpoints.get_array());
  root.state = "Manager";
  root.machines = "10";
  root.children[0].children[0].machines = "250";
  EXPECT_EQ(tree_text(root),
            "M1         Manager              10 machines\n"
            "├── R1     Connected       v1      machines\n"
            "│   ├── A  Connected           250 machines\n"
            "│   └── B  Connected       v1      machines\n"
            "├── R2     Error: refused          machines\n"
            "└── lost                           machines\n");
  EXPECT_EQ(json::value(tree_json(root)).at("Children").at(0).at("Children").at(1).at("Id"), "B");
}

TEST(Tree, SurvivesEndpointsThatNameEachOther) {
  const json::value endpoints =
      json::parse(R"([{"Id":"X","Endpoint":"Y"},{"Id":"Y","Endpoint":"X"},{"Id":"M","Endpoint":"Y"}])");
  EXPECT_THAT(tree_text(arrange_endpoints("M", endpoints.get_array())), HasSubstr("X"));
}

}  // namespace
}  // namespace mullion::cli
