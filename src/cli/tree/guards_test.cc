// Guards: what a command line accepts is obeyed or refused, for every command there is.
#include <gmock/gmock.h>

#include <functional>
#include <span>
#include <sstream>

#include "cli/cli_testing.h"
#include "cli/tree/command.h"

namespace mullion::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Guards = testing::CommandTest;
using Words = std::vector<std::string>;

constexpr const char* kReference = R"({"kk":"other"})";

/// Every command with a handler, and the words that lead to it.
void each_handler(const Command& command, const Words& words,
                  const std::function<void(const Command&, const Words&)>& visit) {
  if (command.handler != nullptr && !words.empty()) visit(command, words);
  for (const Command& child : command.children) {
    Words longer = words;
    longer.push_back(child.name);
    each_handler(child, longer, visit);
  }
}

/// Something for each argument of a usage text, those in brackets too.
Words arguments_for(const std::string& usage) {
  Words out;
  std::istringstream words(usage);
  std::string word;
  while (words >> word) {
    std::erase_if(word, [](char c) { return c == '[' || c == ']' || c == '.'; });
    if (word == "ID") word = "m1";
    if (word == "KEY") word = "kk";
    if (word == "JSON" || word == "VALUE") word = R"({"kk":3})";
    out.push_back(word);
  }
  return out;
}

Words line_of(const Command& command, Words words) {
  if (words.front() == "extended") words.insert(words.begin() + 1, {"-l", "things"});
  for (std::string& argument : arguments_for(command.arguments)) words.push_back(std::move(argument));
  return words;
}

TEST_F(Guards, AReferenceIsObeyedOrRefusedByEveryCommand) {
  size_t obeyed = 0, refused = 0;
  each_handler(command_tree(), {}, [&](const Command& command, const Words& words) {
    const Words plain = line_of(command, words);
    const std::string shown = ::testing::PrintToString(plain);
    const size_t before = server_.all_seen().size();
    Words line = plain;
    line.insert(line.end(), {"--ref", kReference});
    EXPECT_EQ(run(line), 1) << shown << " of an object that the server does not have";
    if (!command.obeys_reference) {
      ++refused;
      EXPECT_THAT(err(), HasSubstr("does not look at --ref")) << shown;
      EXPECT_EQ(server_.all_seen().size(), before) << shown << " asked the server";
      return;
    }
    ++obeyed;
    size_t changes = 0;
    const std::vector<testing::Seen> all = server_.all_seen();
    for (const testing::Seen& seen : std::span(all).subspan(before)) {
      if (seen.line.starts_with("GET") || seen.line.starts_with("HEAD")) continue;
      ++changes;
      EXPECT_THAT(seen.line, StartsWith("PATCH ")) << shown;
      EXPECT_THAT(seen.body, StartsWith(R"([{"op":"test",)")) << shown;
      EXPECT_THAT(seen.body, HasSubstr(R"("value":{"kk":"other"})")) << shown;
    }
    EXPECT_GT(changes, 0u) << shown;
  });
  EXPECT_GT(obeyed, 40u);
  EXPECT_GT(refused, 300u);
}

TEST_F(Guards, AReferenceIsForChangesOnly) {
  EXPECT_EQ(run({"machines", "params", "m1", "--ref", kReference}), 1);
  EXPECT_THAT(err(), HasSubstr("--ref is for changes"));
  EXPECT_THAT(server_.all_seen(), IsEmpty());
}

TEST(Switches, ThatAreFalseAreNotGiven) {
  size_t switches = 0;
  each_handler(command_tree(), {}, [&](const Command& command, const Words& words) {
    for (const FlagSpec& flag : command.flags) {
      if (!flag.value_name.empty()) continue;
      ++switches;
      for (const auto& [value, on] : {std::pair{"", true},
                                      {"=true", true},
                                      {"=1", true},
                                      {"=false", false},
                                      {"=False", false},
                                      {"=0", false}}) {
        Words line = line_of(command, words);
        line.push_back("--" + std::string(flag.name) + value);
        CommandLine parsed;
        ASSERT_TRUE(parse_command_line(command_tree(), line, parsed)) << ::testing::PrintToString(line);
        EXPECT_EQ(parsed.flags.on(flag.name), on) << ::testing::PrintToString(line);
      }
      Words line = line_of(command, words);
      line.push_back("--" + std::string(flag.name) + "=maybe");
      CommandLine parsed;
      EXPECT_FALSE(parse_command_line(command_tree(), line, parsed)) << ::testing::PrintToString(line);
    }
  });
  EXPECT_GT(switches, 20u);
}

TEST_F(Guards, PruningThatIsFalsePrunesNothing) {
  answer("GET /api/v3/info", R"({"ha_id":"M"})");
  answer("GET /api/v3/version_sets", R"([{"Id":"old","Endpoint":"M"}])");
  answer("POST /api/v3/version_sets", R"({"Id":"new"})", 201);
  answer("DELETE /api/v3/version_sets/old", "{}");
  const std::string file = write("sets/new.yaml", "Id: new\n");
  EXPECT_EQ(run({"version_sets", "apply", "-f", file, "--prune=false", "--dry-run=false"}), 2) << err();
  EXPECT_EQ(last_line(), "POST /api/v3/version_sets");
}

TEST_F(Guards, AddNeverOverwrites) {
  answer("GET /api/v3/machines/m1/params", R"({"kk":"v1"})");
  answer("GET /api/v3/meta/machines/m1", R"({"kk":"v1"})");
  answer("PATCH /api/v3/machines/m1/params", "{}");
  answer("PATCH /api/v3/meta/machines/m1", "{}");
  for (const Words& line : {Words{"machines", "add", "m1", "param", "kk", "to", "v2"},
                            Words{"machines", "meta", "add", "m1", "key", "kk", "val", "v2"}}) {
    EXPECT_EQ(run(line), 1);
    EXPECT_EQ(err(), "Error: Key, kk, already present\n");
    EXPECT_THAT(last_line(), StartsWith("GET "));
  }
}

TEST_F(Guards, AnEtagAloneIsAskedWith) {
  answer("GET /api/v3/machines/m1", "", 304);
  EXPECT_EQ(run({"machines", "show", "m1", "--etag", "\"abc\""}), 0);
  EXPECT_EQ(server_.last().condition, "\"abc\"");
  EXPECT_EQ(out(), "Timeout: no change\n");
}

// What was told before it was tried is put right when it does not come true.
TEST_F(Guards, ChangesThatAreMadeInPartAreToldAsSuch) {
  answer("GET /api/v3/info", R"({"ha_id":"M"})");
  answer("GET /api/v3/version_sets", R"([{"Id":"old","Endpoint":"M"}])");
  answer("POST /api/v3/version_sets", R"({"Id":"new"})", 201);
  answer("DELETE /api/v3/version_sets/old", R"({"Type":"DELETE","Messages":["Locked"]})", 423);
  const std::string file = write("sets/new.yaml", "Id: new\n");
  EXPECT_EQ(run({"version_sets", "apply", "-f", file, "--prune"}), 1);
  EXPECT_THAT(err(), HasSubstr("Locked"));
  EXPECT_THAT(err(), HasSubstr("of 2 changes, only the first 1 were made"));
}

}  // namespace
}  // namespace mullion::cli
