// Command lines: the tree, its flags, filters, help and completion.
#include "cli/tree/command.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "cli/cli_testing.h"
#include "cli/tree/completion.h"
#include "cli/tree/filters.h"

namespace mullion::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FakeTerminal;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

std::string parse(const std::vector<std::string>& words, CommandLine& line) {
  Result<void> parsed = parse_command_line(command_tree(), words, line);
  return parsed ? "" : parsed.error().messages[0];
}

TEST(CommandLine, FindsCommandFlagsAndArguments) {
  CommandLine line;
  EXPECT_EQ(parse({"-E", "https://x", "machines", "list", "Endpoint=A", "--limit=5", "-Ftable", "-xd"}, line),
            "");
  EXPECT_EQ(line.path.back()->name, "list");
  EXPECT_EQ(line.path.back()->subject, "machines");
  EXPECT_THAT(line.arguments, ElementsAre("Endpoint=A"));
  EXPECT_EQ(line.flags.get("limit"), "5");
  EXPECT_EQ(line.global.get("endpoint"), "https://x");
  EXPECT_EQ(line.global.get("format"), "table");
  EXPECT_TRUE(line.global.on("no-token"));
  EXPECT_TRUE(line.global.on("debug"));
}

TEST(CommandLine, TakesDashesAndNegativeNumbersAsArguments) {
  CommandLine line;
  EXPECT_EQ(parse({"machines", "create", "-"}, line), "");
  EXPECT_THAT(line.arguments, ElementsAre("-"));
  line = {};
  EXPECT_EQ(parse({"machines", "set", "x", "param", "n", "to", "-5"}, line), "");
  EXPECT_EQ(line.arguments.back(), "-5");
  line = {};
  EXPECT_EQ(parse({"machines", "set", "x", "param", "n", "to", "--", "--text"}, line), "");
  EXPECT_EQ(line.arguments.back(), "--text");
}

TEST(CommandLine, TakesFlagsOfAGroupBeforeAndBehindTheCommand) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"extended", "-l", "things", "list"},
                                                {"extended", "list", "-l", "things"},
                                                {"extended", "--ldata=things", "meta", "get", "x", "y"},
                                                {"extended", "meta", "-lthings", "get", "x", "y"}}) {
    CommandLine line;
    EXPECT_EQ(parse(words, line), "") << words[2];
    EXPECT_EQ(line.flags.get("ldata"), "things");
  }
  CommandLine line;
  EXPECT_EQ(parse({"machines", "-l", "things", "list"}, line), "unknown flag: -l");
}

TEST(CommandLine, SaysWhatDoesNotFit) {
  CommandLine line;
  EXPECT_EQ(parse({"machines", "shwo"}, line), "unknown command `shwo` for `machines`; did you mean `show`?");
  line = {};
  EXPECT_EQ(parse({"xyz"}, line), "unknown command `xyz` for `mullion`");
  line = {};
  EXPECT_EQ(parse({"machines", "show"}, line), "show needs ID");
  line = {};
  EXPECT_EQ(parse({"machines", "show", "a", "b"}, line), "show takes only ID");
  line = {};
  EXPECT_EQ(parse({"machines", "list", "--limt", "5"}, line), "unknown flag: --limt");
  line = {};
  EXPECT_EQ(parse({"machines", "list", "--limit"}, line), "flag --limit needs a value");
  line = {};
  EXPECT_EQ(parse({"-q"}, line), "unknown flag: -q");
}

TEST(CommandLine, CountsArgumentsByTheirBrackets) {
  const auto counts = [](const char* usage) {
    const ArgumentCount count = argument_count(usage);
    return std::pair(count.least, count.most);
  };
  EXPECT_EQ(counts(""), std::pair(size_t{0}, size_t{0}));
  EXPECT_EQ(counts("ID [at] [NUMBER] TASK..."), std::pair(size_t{2}, std::string::npos));
  EXPECT_EQ(counts("NAME [OPTION VALUE]..."), std::pair(size_t{1}, std::string::npos));
  EXPECT_EQ(counts("FILE [as] [NAME]"), std::pair(size_t{1}, size_t{3}));
}

TEST(CommandTree, HasTheCommandsOfTheContract) {
  const auto find = [](const std::vector<std::string>& words) {
    const Command* command = &command_tree();
    for (const std::string& word : words) command = command == nullptr ? nullptr : command->find_child(word);
    return command;
  };
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"bootenvs", "install"},
                                             {"bootenvs", "uploadiso"},
                                             {"bootenvs", "purgeLocalInstall"},
                                             {"bootenvs", "fromAppleNBI"},
                                             {"catalog", "show"},
                                             {"catalog", "items"},
                                             {"catalog", "item", "show"},
                                             {"catalog", "item", "download"},
                                             {"catalog", "item", "install"},
                                             {"catalog", "updateLocal"},
                                             {"catalog", "create"},
                                             {"certs", "csr"},
                                             {"contents", "bundle"},
                                             {"contents", "unbundle"},
                                             {"contents", "document"},
                                             {"contents", "bundlize"},
                                             {"contents", "convert"},
                                             {"debug"},
                                             {"events", "post"},
                                             {"files", "certs", "set"},
                                             {"files", "static"},
                                             {"files", "show"},
                                             {"isos", "get"},
                                             {"info", "status"},
                                             {"jobs", "purge"},
                                             {"jobs", "actions"},
                                             {"jobs", "log"},
                                             {"logs", "watch"},
                                             {"machines", "jobs", "state"},
                                             {"machines", "currentlog"},
                                             {"machines", "deletejobs"},
                                             {"machines", "tasks", "del"},
                                             {"machines", "inspect", "jobs"},
                                             {"machines", "processjobs"},
                                             {"machines", "releaseToPool"},
                                             {"machines", "whoami"},
                                             {"machines", "uploadiso"},
                                             {"net", "autogen"},
                                             {"plugin_providers", "upload"},
                                             {"pools", "manage", "release"},
                                             {"proxy"},
                                             {"subnets", "leasetimes"},
                                             {"support", "machine-bundle"},
                                             {"system", "ha", "enroll"},
                                             {"system", "upgrade"},
                                             {"system", "certs", "set"},
                                             {"system", "signurl"},
                                             {"templates", "upload"},
                                             {"users", "passwordhash"},
                                             {"agent", "install"},
                                             {"fingerprint"},
                                             {"gohai"},
                                             {"autocomplete"}}) {
    EXPECT_NE(find(words), nullptr) << words[0] << " " << words.back();
  }
  // Flags that have no meaning for a collection are not offered.
  const std::vector<FlagSpec>& flags = find({"workflows", "list"})->flags;
  EXPECT_TRUE(
      std::none_of(flags.begin(), flags.end(), [](const FlagSpec& flag) { return flag.name == "params"; }));
}

TEST(CommandTree, GivesEachCollectionWhatItsTraitsAllow) {
  const Command* machines = command_tree().find_child("machines");
  for (const char* name :
       {"list",    "show",    "create",    "update", "patch",      "destroy", "exists",   "count",
        "wait",    "indexes", "meta",      "params", "get",        "set",     "add",      "remove",
        "actions", "action",  "runaction", "etag",   "addprofile", "bootenv", "workflow", "stage"}) {
    EXPECT_NE(machines->find_child(name), nullptr) << name;
  }
  EXPECT_EQ(command_tree().find_child("interfaces")->find_child("create"), nullptr);
  EXPECT_EQ(command_tree().find_child("tasks")->find_child("params"), nullptr);
  EXPECT_NE(command_tree().find_child("jobs")->find_child("plugin_actions"), nullptr);
  for (const char* name : {"prefs", "info", "events", "contents", "endpoints", "plugins", "users",
                           "version_sets", "files", "isos", "system", "logs", "objects", "completion"}) {
    EXPECT_NE(command_tree().find_child(name), nullptr) << name;
  }
}

/// Every node of the tree, with the words that lead to it.
void each_command(const Command& command, const std::vector<std::string>& words,
                  const std::function<void(const Command&, const std::vector<std::string>&)>& visit) {
  visit(command, words);
  for (const Command& child : command.children) {
    std::vector<std::string> longer = words;
    longer.push_back(child.name);
    each_command(child, longer, visit);
  }
}

TEST(Help, ExistsForEveryCommand) {
  FakeTerminal fake;
  size_t commands = 0;
  each_command(command_tree(), {}, [&](const Command& command, std::vector<std::string> words) {
    ++commands;
    EXPECT_FALSE(command.summary.empty()) << command.name;
    EXPECT_TRUE(command.handler != nullptr || !command.children.empty()) << command.name;
    words.emplace_back("--help");
    EXPECT_EQ(fake.run(words), 0);
    EXPECT_THAT(fake.out.str(), HasSubstr("Usage:\n  mullion"));
    EXPECT_THAT(fake.err.str(), IsEmpty());
  });
  EXPECT_GT(commands, 300U);
}

TEST(Help, IsShownForGroupsAndByHelp) {
  FakeTerminal fake;
  EXPECT_EQ(fake.run({"machines"}), 0);
  EXPECT_THAT(fake.out.str(), HasSubstr("mullion machines COMMAND"));
  EXPECT_EQ(fake.run({"help", "machines", "list"}), 0);
  EXPECT_THAT(fake.out.str(), HasSubstr("mullion machines list [FILTER]..."));
  EXPECT_EQ(fake.run({}), 0);
  EXPECT_THAT(fake.out.str(), HasSubstr("--url-proxy"));
  EXPECT_THAT(fake.out.str(), Not(HasSubstr("__complete")));
}

TEST(ErrorOutput, OfACommandLineShowsTheUsage) {
  FakeTerminal fake;
  EXPECT_EQ(fake.run({"machines", "show"}), 1);
  EXPECT_EQ(fake.err.str(), "Error: show needs ID\n\nUsage:\n  mullion machines show ID [flags]\n");
  EXPECT_THAT(fake.out.str(), IsEmpty());
  EXPECT_EQ(fake.run({"-d", "serve"}), 1);
  EXPECT_THAT(fake.err.str(), StartsWith("Error: serve comes first"));
  EXPECT_EQ(fake.run({"extended", "list"}), 1);
  EXPECT_THAT(fake.err.str(), StartsWith("Error: -l TYPE is needed"));
}

QueryItems filters(const std::vector<std::string>& words) {
  Result<QueryItems> items = parse_filters(words);
  return items ? *items : QueryItems{{"error", items.error().messages[0]}};
}

TEST(Filters, KnowBothForms) {
  using Item = std::pair<std::string, std::string>;
  EXPECT_THAT(filters({"Name", "eq", "x", "Runnable", "Ne", "true"}),
              ElementsAre(Item("Name", "Eq(x)"), Item("Runnable", "Ne(true)")));
  EXPECT_THAT(filters({"Name=x", "Arch=In(amd64,arm64)"}),
              ElementsAre(Item("Name", "x"), Item("Arch", "In(amd64,arm64)")));
  EXPECT_THAT(filters({"Endpoint="}), ElementsAre(Item("Endpoint", "")));
  EXPECT_THAT(filters({}), IsEmpty());
}

TEST(Filters, KnowTheWordsOfListsAmongThem) {
  using Item = std::pair<std::string, std::string>;
  EXPECT_THAT(filters({"sort", "Name", "reverse", "limit", "1"}),
              ElementsAre(Item("sort", "Name"), Item("reverse", "true"), Item("limit", "1")));
  EXPECT_THAT(filters({"Name", "Eq", "sort", "sort", "Name", "Arch", "Ne", "reverse", "offset", "2"}),
              ElementsAre(Item("Name", "Eq(sort)"), Item("Arch", "Ne(reverse)"), Item("sort", "Name"),
                          Item("offset", "2")))
      << "the value of a filter is none of them";
  EXPECT_THAT(filters({"Name=x", "decode", "params", "a,b"}),
              ElementsAre(Item("Name", "x"), Item("decode", "true"), Item("params", "a,b")));
  EXPECT_THAT(filters({"limit", "Gt", "5"}), ElementsAre(Item("limit", "Gt(5)")))
      << "a parameter of that name";
  EXPECT_THAT(filters({"Name=x", "limit"})[0].second, HasSubstr("`limit` needs a value"));
}

TEST(Filters, NameTheWordThatDoesNotFit) {
  EXPECT_THAT(filters({"Name", "like", "x"})[0].second, HasSubstr("unknown operator `like` for Name"));
  EXPECT_THAT(filters({"Name", "Eq"})[0].second, HasSubstr("three words each"));
  EXPECT_THAT(filters({"Name=x", "Arch"})[0].second, HasSubstr("`Arch`"));
}

std::vector<std::string> complete(const std::vector<std::string>& words) {
  return completions(command_tree(), words);
}

TEST(Completion, OffersCommandsFlagsAndFilters) {
  EXPECT_THAT(complete({"mach"}), ElementsAre("machines"));
  EXPECT_THAT(complete({"machines", "cou"}), ElementsAre("count"));
  EXPECT_THAT(complete({"-E", "machines", "users", "passwordh"}), ElementsAre("passwordhash"));
  EXPECT_THAT(complete({"machines", "list", "--li"}), ElementsAre("--limit"));
  EXPECT_THAT(complete({"machines", "list", "-F", "t"}), ElementsAre("table", "text"));
  EXPECT_THAT(complete({"machines", "list", "End"}), ElementsAre("Endpoint="));
  EXPECT_THAT(complete({"completion", ""}), ElementsAre("bash", "fish", "zsh"));
  EXPECT_THAT(complete({""}), Contains("endpoints"));
  EXPECT_THAT(complete({""}), Not(Contains("__complete")));
}

TEST(Completion, PrintsScriptsThatAskTheProgram) {
  FakeTerminal fake;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    EXPECT_EQ(fake.run({"completion", shell}), 0);
    EXPECT_THAT(fake.out.str(), HasSubstr("__complete --"));
  }
  EXPECT_EQ(fake.run({"completion", "tcsh"}), 1);
  EXPECT_THAT(fake.err.str(), HasSubstr("bash, zsh and fish, not `tcsh`"));
  EXPECT_EQ(fake.run({"__complete", "--", "machines", "--fo"}), 0);
  EXPECT_EQ(fake.out.str(), "--force\n--format\n");
}

}  // namespace
}  // namespace mullion::cli
