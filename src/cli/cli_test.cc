// Whole commands against a small server: requests made, output, exit codes.
#include "cli/cli.h"

#include <gmock/gmock.h>

#include <fstream>

#include "cli/cli_testing.h"

namespace mullion::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

namespace json = boost::json;

using Cli = testing::CommandTest;
using CommandLines = std::vector<std::vector<std::string>>;

TEST_F(Cli, ListsWithFiltersInEveryFormat) {
  answer("GET /api/v3/machines", R"([{"Name":"m1","Stage":"none"}])");
  EXPECT_EQ(run({"machines", "list", "Name", "Eq", "m 1", "--limit", "5", "--sort", "Name", "--reverse"}), 0);
  EXPECT_EQ(server_.last().line, "GET /api/v3/machines?Name=Eq%28m%201%29&limit=5&sort=Name&reverse=true");
  EXPECT_EQ(out(), "[\n  {\n    \"Name\": \"m1\",\n    \"Stage\": \"none\"\n  }\n]\n");
  EXPECT_EQ(run({"machines", "list", "Endpoint=A", "--format", "table"}), 0);
  EXPECT_EQ(server_.last().line, "GET /api/v3/machines?Endpoint=A&slim=Meta%2CParams");
  EXPECT_EQ(out(), "Name  Stage\nm1    none\n");
  EXPECT_EQ(run({"machines", "list", "-F", "table", "-J", "Name,Meta.color"}), 0);
  EXPECT_EQ(server_.last().line, "GET /api/v3/machines");
  EXPECT_EQ(run({"machines", "list", "-F", "yaml"}), 0);
  EXPECT_EQ(out(), "- Name: m1\n  Stage: none\n");
  EXPECT_EQ(run({"machines", "list", "--fields", "Name,Stage", "--search", "web 1", "-F", "table"}), 0);
  EXPECT_EQ(server_.last().line, "GET /api/v3/machines?fields=Name%2CStage&search=web%201");
  EXPECT_EQ(run({"machines", "list", "search", "web", "fields", "Name"}), 0);
  EXPECT_EQ(server_.last().line, "GET /api/v3/machines?search=web&fields=Name");
}

TEST_F(Cli, CountsByValue) {
  answer("GET /api/v3/machines", R"([{"Value":"local","Count":2},{"Rest":true,"Groups":1,"Count":1}])");
  EXPECT_EQ(run({"machines", "count", "Runnable=true", "--by", "Stage", "-F", "yaml"}), 0);
  EXPECT_EQ(server_.last().line, "GET /api/v3/machines?Runnable=true&group-by=Stage");
  EXPECT_EQ(out(), "- Count: 2\n  Value: local\n- Count: 1\n  Groups: 1\n  Rest: true\n");
}

TEST_F(Cli, SaysInTablesWhatIsNotInTouch) {
  answer("GET /api/v3/machines", R"([{"Name":"m1"}])", 200, {{"X-Mullion-Stale", "A;age=75"}});
  EXPECT_EQ(run({"machines", "list", "-F", "table"}), 0);
  EXPECT_EQ(err(), "not in touch, shown as last known: A;age=75\n");
  EXPECT_EQ(run({"machines", "list"}), 0);
  EXPECT_EQ(err(), "");
}

TEST_F(Cli, CountsAndTellsWhatExists) {
  answer("HEAD /api/v3/machines", "", 200, {{"X-DRP-LIST-FILTER-COUNT", "42"}});
  EXPECT_EQ(run({"machines", "count", "Runnable=true"}), 0);
  EXPECT_EQ(out(), "42\n");
  answer("HEAD /api/v3/machines/Name:m1", "", 200, {{"ETag", "\"e1\""}});
  EXPECT_EQ(run({"machines", "exists", "Name:m1"}), 0);
  EXPECT_EQ(out() + err(), "");
  EXPECT_EQ(run({"machines", "etag", "Name:m1"}), 0);
  EXPECT_EQ(out(), "\"e1\"\n");
  EXPECT_EQ(run({"machines", "exists", "m2"}), 1);
  EXPECT_EQ(err(), "Error: machines:m2 does not exist\n");
}

TEST_F(Cli, SaysWhyWhereAnswersHaveNoBody) {
  answer("HEAD /api/v3/machines", "", 401, {{"X-Mullion-Error", "Invalid user or password"}});
  EXPECT_EQ(run({"machines", "count"}), 1);
  EXPECT_EQ(err(), "Error: Invalid user or password\n");
  answer("HEAD /api/v3/profiles", "", 403);  // a server that says nothing
  EXPECT_EQ(run({"profiles", "count"}), 1);
  EXPECT_EQ(err(), "Error: count profiles: HTTP status 403\n");
}

TEST_F(Cli, PassesErrorsOfTheServerOn) {
  EXPECT_EQ(run({"machines", "show", "x"}), 1);
  EXPECT_EQ(err(), "Error: GET: machines/x: Not Found\n");
  EXPECT_EQ(out(), "");
  answer("POST /api/v3/machines",
         R"({"Model":"machines","Key":"u","Type":"ValidationError","Messages":["one","two"],"Code":422})",
         422);
  EXPECT_EQ(run({"machines", "create", "{\"Name\":\"x\"}"}), 1);
  EXPECT_EQ(err(), "Error: ValidationError: machines/u\n  one\n  two\n");
  answer("GET /api/v3/machines", "<html>gateway</html>", 502);
  EXPECT_EQ(run({"machines", "list"}), 1);
  EXPECT_EQ(err(), "Error: CLIENT_ERROR: <html>gateway</html>\n");
}

TEST_F(Cli, MembersTakeOrdersWhereNobodyMakesTokens) {
  answer("GET /api/v3/users/rocketskates/token",
         R"({"Type":"GET","Messages":["No member serves now"],"Code":503})", 503);
  answer("POST /api/v3/system/active", R"("active")");
  EXPECT_EQ(run({"system", "active"}), 0) << err();
  EXPECT_THAT(server_.last().authorization, StartsWith("Basic "));
  answer("GET /api/v3/info", R"({"Type":"GET","Messages":["No member serves now"],"Code":503})", 503);
  EXPECT_EQ(run({"info", "get"}), 1);
  EXPECT_EQ(err(), "Error: GET: No member serves now\n");
}

TEST_F(Cli, FailsWithoutAServerOrLogin) {
  EXPECT_EQ(run({"-E", "http://127.0.0.1:1", "info", "get"}), 1);
  EXPECT_THAT(err(), StartsWith("Error: Error creating Session: "));
  EXPECT_THAT(err(), HasSubstr("http://127.0.0.1:1"));
  answer("GET /api/v3/users/bob/token", R"({"Type":"AUTH","Messages":["bad password"],"Code":401})", 401);
  EXPECT_EQ(run({"-U", "bob", "info", "get"}), 1);
  EXPECT_EQ(err(), "Error: Error creating Session: AUTH: bad password\n");
  answer("GET /api/v3/users/bob/token",
         R"({"Type":"","Model":"users","Key":"","Messages":["Access Denied"],"Code":401})", 401);
  EXPECT_EQ(run({"-U", "bob", "info", "get"}), 1);
  EXPECT_EQ(err(), "Error: Error creating Session: : users: Access Denied\n");
}

TEST_F(Cli, TakesTheFirstEndpointThatAnswers) {
  fake_.terminal.variables.erase("RS_ENDPOINT");
  fake_.terminal.variables["RS_ENDPOINTS"] = "http://127.0.0.1:1 " + server_.url();
  answer("GET /api/v3/info", R"({"id":"A"})");
  EXPECT_EQ(run({"info", "get"}), 0);
  EXPECT_EQ(run({"-E", "http://127.0.0.1:1", "info", "get"}), 1);
}

TEST_F(Cli, LogsInOnceAndKeepsTheToken) {
  fake_.terminal.variables["RS_TOKEN_CACHE"] = fake_.home / "tokens";
  answer("GET /api/v3/info", R"({"id":"A"})");
  EXPECT_EQ(run({"info", "get"}), 0);
  EXPECT_EQ(server_.last().authorization, "Bearer tok");
  const std::filesystem::directory_iterator kept(fake_.home / "tokens/by-server");
  EXPECT_THAT(read(std::filesystem::relative(kept->path(), fake_.home)), HasSubstr(R"("Token":"tok")"));
  // What drpcli kept says nothing about the server.
  write("tokens/.rocketskates.token", "of-drpcli");
  std::filesystem::remove(kept->path());
  EXPECT_EQ(run({"info", "get"}), 0);
  EXPECT_EQ(server_.last().authorization, "Bearer tok");
  EXPECT_EQ(run({"-T", "mine", "info", "get"}), 0);
  EXPECT_EQ(server_.last().authorization, "Bearer mine");
  EXPECT_EQ(run({"-x", "info", "get"}), 0);
  EXPECT_EQ(server_.last().authorization, "Basic cm9ja2V0c2thdGVzOnIwY2tldHNrOHRz");
}

/// What moves a cursor, paints, ends a line or turns the direction of reading; a line feed only by itself.
const std::string_view kSteering[] = {"\r",           "\v",           "\f",           "\b",
                                      "\x07",         "\x1b[31m",     "\x1b]0;title", "\x7f",
                                      "\xc2\x85",     "\xc2\x9b",     "\xd8\x9c",     "\xe2\x80\x8e",
                                      "\xe2\x80\x8f", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaa",
                                      "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xa9"};

std::string hostile() {
  std::string text = "h\nforged";
  for (const std::string_view part : kSteering) text += part;
  return text + "t";
}

void expect_harmless(const std::string& text, const std::string& where, bool one_line = true) {
  for (const std::string_view part : kSteering)
    EXPECT_EQ(text.find(part), std::string::npos) << where << " lets " << json::serialize(json::string(part));
  const bool forged = ("\n" + text).find("\nforged") != std::string::npos;
  EXPECT_FALSE(one_line && forged) << where << ": " << text;
}

TEST_F(Cli, NothingThatAServerSaysSteersATerminal) {
  fake_.terminal.variables["TERM"] = "xterm";
  const json::object machine = {{"Name", hostile()},
                                {"Uuid", hostile()},
                                {"Id", hostile()},
                                {hostile(), hostile()},
                                {"Params", {{hostile(), hostile()}}},
                                {"Errors", {hostile()}}};
  const std::string list = json::serialize(json::array{machine});
  for (const char* path : {"machines", "endpoints", "files", "prefs", "bootenvs"})
    answer(std::string("GET /api/v3/") + path, list);
  answer("GET /api/v3/machines/m", json::serialize(machine));
  answer("GET /api/v3/info", json::serialize(json::object{{"id", hostile()}}));
  answer("GET /api/v3/jobs/j/log", hostile());
  answer("GET /api/v3/files/f", hostile());
  answer("GET /api/v3/profiles",
         json::serialize(json::object{{"Type", hostile()},
                                      {"Model", hostile()},
                                      {"Key", hostile()},
                                      {"Messages", {hostile(), hostile()}},
                                      {"Code", 422}}),
         422);
  answer("GET /api/v3/stages", hostile(), 500);
  server_.set_events({json::serialize(json::object{{"Type", "x"}, {"Object", machine}})});
  for (const bool terminal : {true, false}) {
    fake_.terminal.out_is_terminal = fake_.terminal.err_is_terminal = terminal;
    for (const char* format : {"table", "text", "go", "json", "yaml"}) {
      for (const std::vector<std::string>& words : CommandLines{{"machines", "list"},
                                                                {"machines", "show", "m"},
                                                                {"-N", "machines", "list"},
                                                                {"-J", hostile(), "machines", "list"},
                                                                {"endpoints", "tree"},
                                                                {"prefs", "list"},
                                                                {"files", "list"},
                                                                {"info", "get"},
                                                                {"profiles", "list"},
                                                                {"stages", "list"},
                                                                {"-d", "profiles", "list", hostile() + "=x"},
                                                                {"machines", hostile()},
                                                                {"machines", "create", "@" + hostile()}}) {
        std::vector<std::string> line = {"-F", format, "-C", "0=1;1=1;2=1;3=1;4=1;5=1"};
        line.insert(line.end(), words.begin(), words.end());
        run(line);
        const std::string where = std::string(format) + " " + words[0] + " " + words[1];
        const bool for_programs =
            !terminal && (std::string_view(format) == "json" || std::string_view(format) == "yaml");
        expect_harmless(err(), where);
        if (!for_programs) expect_harmless(out(), where);
      }
    }
  }
  fake_.terminal.out_is_terminal = true;
  run({"jobs", "log", "j"});
  expect_harmless(out() + err(), "log", false);
  run({"files", "download", "f"});
  expect_harmless(out() + err(), "download", false);
  fake_.terminal.out_is_terminal = false;
  EXPECT_EQ(run({"files", "download", "f"}), 0);
  EXPECT_EQ(out(), hostile());
}

TEST_F(Cli, JsonForATerminalIsStillJson) {
  const json::object machine = {{"Name", hostile()}, {hostile(), "x"}};
  answer("GET /api/v3/machines/m", json::serialize(machine));
  EXPECT_EQ(run({"machines", "show", "m"}), 0);
  EXPECT_EQ(json::parse(out()), json::value(machine));
  fake_.terminal.out_is_terminal = true;
  EXPECT_EQ(run({"-N", "machines", "show", "m"}), 0);
  EXPECT_EQ(json::parse(out()), json::value(machine));
}

TEST_F(Cli, OutputThatCannotBeWrittenIsAnError) {
  answer("GET /api/v3/machines", "[]");
  answer("GET /api/v3/machines/m", R"({"Name":"m"})");
  answer("GET /api/v3/files/x", "content");
  server_.set_events({R"({"Type":"machines","Action":"save","Object":{}})"});
  for (const std::vector<std::string>& arguments : CommandLines{{"machines", "list"},
                                                                {"machines", "list", "-F", "table"},
                                                                {"machines", "show", "m"},
                                                                {"files", "download", "x"},
                                                                {"events", "watch"},
                                                                {"version"},
                                                                {"help"},
                                                                {"completion", "bash"}}) {
    for (const bool terminal : {false, true}) {
      fake_.terminal.out_is_terminal = terminal;
      fake_.out.clear();
      fake_.out.setstate(std::ios::badbit);
      EXPECT_EQ(run(arguments), 1) << arguments[0];
      EXPECT_THAT(err(), HasSubstr("cannot ")) << arguments[0];
    }
  }
}

TEST_F(Cli, SendsEverythingThroughTheUrlProxyButTheLogin) {
  answer("GET /R1/A/api/v3/machines", "[]");
  EXPECT_EQ(run({"-u", "R1/A", "machines", "list"}), 0);
  EXPECT_EQ(out(), "[]\n");
}

TEST_F(Cli, CreatesByDocumentOrName) {
  answer("POST /api/v3/machines", R"({"Name":"m1","Errors":["soft"]})", 201);
  EXPECT_EQ(run({"machines", "create", "m1", "--force"}), 0);
  EXPECT_EQ(server_.last().line, "POST /api/v3/machines?force=true");
  EXPECT_EQ(server_.last().body, R"({"Name":"m1"})");
  EXPECT_EQ(run({"-X", "machines", "create", "Name: m1"}), 1);
  EXPECT_EQ(err(), "Error: the object has Errors: soft\n");
  fake_.in.str("{\"Name\": \"from stdin\"}");
  EXPECT_EQ(run({"machines", "create", "-"}), 0);
  EXPECT_EQ(server_.last().body, R"({"Name":"from stdin"})");
  EXPECT_EQ(run({"subnets", "create", "[1]"}), 1);
}

TEST_F(Cli, OptionsOfSubnetsWithImpossibleNumbersAreOthers) {
  answer("GET /api/v3/subnets/s", R"({"Options":[{"Code":-1},{"Code":1.5},{"Code":3,"Value":"10.0.0.1"}]})");
  EXPECT_EQ(run({"subnets", "get", "s", "option", "3"}), 0) << err();
  EXPECT_THAT(out(), HasSubstr("10.0.0.1"));
}

TEST_F(Cli, UpdatesByTestedPatch) {
  answer("GET /api/v3/machines/m1", R"({"Name":"m1","Description":"old","Meta":{"a":"1"}})");
  answer("PATCH /api/v3/machines/m1", R"({"Name":"m1","Description":"new"})");
  EXPECT_EQ(run({"machines", "update", "m1", R"({"Description":"new","Meta":{"b":"2"}})"}), 0);
  EXPECT_EQ(json::parse(server_.last().body), json::parse(R"([
    {"op":"test","path":"/Description","from":"","value":"old"},
    {"op":"replace","path":"/Description","from":"","value":"new"},
    {"op":"add","path":"/Meta/b","from":"","value":"2"}])"));
  EXPECT_EQ(run({"machines", "update", "m1", R"({"Name":"m1"})", "--ref", R"({"Name":"m1"})"}), 0);
  EXPECT_EQ(server_.last().body, R"([{"op":"test","path":"","from":"","value":{"Name":"m1"}}])");
  EXPECT_EQ(run({"machines", "patch", "m1", R"({"op":"add"})"}), 1);
  EXPECT_EQ(err(), "Error: a patch is a list of operations (RFC 6902)\n");
}

TEST_F(Cli, DestroysAndSaysSo) {
  answer("DELETE /api/v3/machines/m1", R"({"Name":"m1"})");
  EXPECT_EQ(run({"machines", "destroy", "m1"}), 0);
  EXPECT_EQ(out(), "Deleted machine m1\n");
}

TEST_F(Cli, WorksOnParametersMetaAndActions) {
  answer("GET /api/v3/machines/m1/params/a/b", "[1]");
  EXPECT_EQ(run({"machines", "get", "m1", "param", "a/b", "--aggregate"}), 0);
  EXPECT_EQ(server_.last().line, "GET /api/v3/machines/m1/params/a/b?aggregate=true");
  EXPECT_EQ(out(), "[\n  1\n]\n");
  answer("POST /api/v3/machines/m1/params/a/b", "5");
  EXPECT_EQ(run({"machines", "set", "m1", "param", "a/b", "to", "5"}), 0);
  EXPECT_EQ(server_.last().body, "5");
  answer("GET /api/v3/machines/m1/params", R"({"x":1})");
  answer("PATCH /api/v3/machines/m1/params", R"({"x":1,"y":"t"})");
  EXPECT_EQ(run({"machines", "set", "m1", "set", "a/b", "To", "5"}), 0) << "small words are not looked at";
  EXPECT_EQ(run({"machines", "add", "m1", "param", "y", "to", "t"}), 0);
  EXPECT_EQ(json::parse(server_.last().body), json::parse(R"([
    {"op":"test","path":"","from":"","value":{"x":1}},{"op":"add","path":"/y","from":"","value":"t"}])"));
  answer("DELETE /api/v3/machines/m1/params/x", "1");
  EXPECT_EQ(run({"machines", "remove", "m1", "param", "x"}), 0);
  answer("GET /api/v3/meta/machines/m1", R"({"color":"red"})");
  EXPECT_EQ(run({"machines", "meta", "get", "m1", "color"}), 0);
  EXPECT_EQ(out(), "\"red\"\n");
  EXPECT_EQ(run({"machines", "meta", "m1"}), 0);
  EXPECT_EQ(out(), "{\n  \"color\": \"red\"\n}\n");
  answer("POST /api/v3/machines/m1/actions/blink", "null");
  EXPECT_EQ(run({"machines", "runaction", "m1", "blink", "times", "3", "how", "fast", "--plugin", "p"}), 0);
  EXPECT_EQ(server_.last().line, "POST /api/v3/machines/m1/actions/blink?plugin=p");
  EXPECT_EQ(json::parse(server_.last().body), json::parse(R"({"times":3,"how":"fast"})"));
}

TEST_F(Cli, ChangesListsAndFieldsInsideMachines) {
  answer("GET /api/v3/machines/m1",
         R"({"Profiles":["a"],"Tasks":["t1","t2"],"CurrentTask":0,"Stage":"none"})");
  answer("PATCH /api/v3/machines/m1", "{}");
  EXPECT_EQ(run({"machines", "addprofile", "m1", "a", "b"}), 0);
  EXPECT_THAT(server_.last().body, HasSubstr(R"("value":["a","b"])"));
  EXPECT_EQ(run({"machines", "removeprofile", "m1", "a"}), 0);
  EXPECT_THAT(server_.last().body, HasSubstr(R"("op":"replace","path":"/Profiles","from":"","value":[])"));
  EXPECT_EQ(run({"machines", "inserttask", "m1", "new"}), 0);
  EXPECT_THAT(server_.last().body, HasSubstr(R"("value":["t1","new","t2"])"));
  EXPECT_EQ(run({"machines", "stage", "m1", "complete", "-f"}), 0);
  EXPECT_EQ(server_.last().line, "PATCH /api/v3/machines/m1?force=true");
  EXPECT_THAT(server_.last().body, HasSubstr(R"("path":"/Stage","from":"","value":"complete")"));
  EXPECT_EQ(run({"machines", "pause", "m1"}), 0);
  EXPECT_THAT(server_.last().body, HasSubstr(R"("path":"/Runnable","from":"","value":false)"));
}

TEST_F(Cli, SetsPreferences) {
  answer("POST /api/v3/prefs", R"({"manager":"true"})", 201);
  EXPECT_EQ(run({"prefs", "set", "manager", "true", "-F", "table"}), 0);
  EXPECT_EQ(server_.last().body, R"({"manager":"true"})");
  EXPECT_EQ(out(), "Field    Value\nmanager  true\n");
  EXPECT_EQ(run({"prefs", "set", "a", "b", "c"}), 1);
}

TEST_F(Cli, WaitsForAFieldByEvents) {
  answer("GET /api/v3/machines/m1", R"({"Uuid":"u1","Runnable":true,"Stage":"none"})");
  EXPECT_EQ(run({"machines", "wait", "m1", "Runnable", "true", "5"}), 0);
  EXPECT_EQ(out(), "complete\n");
  EXPECT_EQ(run({"machines", "wait", "m1", "Stage", "complete", "1"}), 0);
  EXPECT_EQ(out(), "timeout\n");
  EXPECT_EQ(run({"machines", "wait", "m1", "Stage", "complete", "soon"}), 1);
}

TEST_F(Cli, MovesContentsAndFiles) {
  const std::string pack = fake_.home / "pack.yaml";
  std::ofstream(pack) << "meta:\n  Name: demo\nsections: {}\n";
  answer("POST /api/v3/contents", R"({"meta":{"Name":"demo"}})", 201);
  EXPECT_EQ(run({"contents", "upload", pack, "--replace-writable"}), 0);
  EXPECT_EQ(server_.last().line, "POST /api/v3/contents?replaceWritable=true");
  answer("GET /api/v3/contents/demo", R"({"meta":{"Name":"demo"}})");
  answer("PUT /api/v3/contents/demo", R"({"meta":{"Name":"demo"}})");
  EXPECT_EQ(run({"contents", "upload", pack}), 0);
  EXPECT_EQ(server_.last().line, "PUT /api/v3/contents/demo");
  EXPECT_EQ(run({"contents", "create", "{}"}), 1);
  EXPECT_EQ(err(), "Error: this is no content pack: meta.Name is missing\n");

  answer("POST /api/v3/files/dir/pack.yaml", R"({"Path":"/dir/pack.yaml","Size":5})", 201);
  EXPECT_EQ(run({"files", "upload", pack, "as", "dir/pack.yaml"}), 0);
  EXPECT_EQ(server_.last().body, "meta:\n  Name: demo\nsections: {}\n");
  answer("GET /api/v3/files/dir/pack.yaml", "some bytes");
  const std::string copy = fake_.home / "copy";
  EXPECT_EQ(run({"files", "download", "dir/pack.yaml", "to", copy}), 0);
  std::ifstream file(copy);
  std::string text;
  std::getline(file, text);
  EXPECT_EQ(text, "some bytes");
  EXPECT_EQ(run({"files", "download", "dir/none", "to", copy + "2"}), 1);
  EXPECT_FALSE(std::filesystem::exists(copy + "2.part"));
}

TEST_F(Cli, AttachesEndpoints) {
  answer("POST /api/v3/plugins/manager/actions/addEndpoint", R"({"Id":"A"})");
  EXPECT_EQ(run({"endpoints", "add", "https://a:8092", "manager", "pw"}), 0);
  const json::value wanted =
      json::parse(R"({"manager/url":"https://a:8092","manager/username":"manager","manager/password":"pw"})");
  EXPECT_EQ(json::parse(server_.last().body), wanted);
  fake_.in.str("pw\n");
  EXPECT_EQ(run({"endpoints", "add", "https://a:8092", "--username", "manager", "--password", "-"}), 0);
  EXPECT_EQ(json::parse(server_.last().body), wanted);
  EXPECT_EQ(run({"endpoints", "add", "https://a:8092"}), 1);
  answer("GET /api/v3/endpoints/A/params", "{}");
  answer("PATCH /api/v3/endpoints/A/params", R"({"x":1})");
  EXPECT_EQ(run({"endpoints", "add", "A", "param", "x", "to", "1"}), 0);
  EXPECT_THAT(server_.last().line, StartsWith("PATCH /api/v3/endpoints/A/params"));
}

TEST_F(Cli, GrantsAManagerTheLeastItNeeds) {
  answer("GET /api/v3/objects", R"(["machines","users","roles","tenants","contents","profiles"])");
  answer("GET /api/v3/info", "{}");
  EXPECT_EQ(run({"endpoints", "grant"}), 0) << err();
  const json::value role = json::parse(out());
  EXPECT_EQ(role.at("Name"), "manager");
  std::string everything;
  for (const json::value& claim : role.at("Claims").as_array()) {
    EXPECT_NE(claim.at("scope"), "*");
    EXPECT_NE(claim.at("action"), "*");
    const std::string scope(claim.at("scope").as_string());
    if (scope == "machines,profiles") everything = std::string(claim.at("action").as_string());
    if (scope.find("users") != std::string::npos) {
      EXPECT_EQ(claim.at("action"), "list,get");
    }
  }
  EXPECT_EQ(everything, "list,get,create,update,delete,actions,action")
      << "of what the server has, accounts apart";
  EXPECT_EQ(server_.seen().size(), 2U) << "nothing is changed";
  EXPECT_EQ(run({"endpoints", "grant", "mgr", "--make"}), 1);
  EXPECT_THAT(err(), HasSubstr("--password"));
}

TEST_F(Cli, GrantsOnlyWhatTheServerKnows) {
  answer("GET /api/v3/objects", R"(["machines","users"])");
  answer("GET /api/v3/info",
         R"({"scopes":{"system":{"upgrade":{}},"machines":{"list":{},"get":{},"update":{}},)"
         R"("users":{"list":{},"get":{}}}})");
  ASSERT_EQ(run({"endpoints", "grant"}), 0) << err();
  const json::value role = json::parse(out());
  std::map<std::string, std::string> claims;
  for (const json::value& claim : role.at("Claims").as_array())
    claims[std::string(claim.at("scope").as_string())] = std::string(claim.at("action").as_string());
  EXPECT_EQ(claims, (std::map<std::string, std::string>{
                        {"system", "upgrade"}, {"users", "list,get"}, {"machines", "list,get,update"}}));
}

TEST_F(Cli, MakesOrRenewsTheAccountOfAManager) {
  answer("GET /api/v3/info", "{}");
  answer("GET /api/v3/objects", R"(["machines"])");
  answer("POST /api/v3/roles", "{}", 201);
  answer("GET /api/v3/users/mgr", R"({"Name":"mgr"})");
  answer("PATCH /api/v3/users/mgr", "{}");
  answer("PUT /api/v3/users/mgr/password", "{}");
  fake_.in.str("secret\n");
  EXPECT_EQ(run({"endpoints", "grant", "mgr", "--make", "--password", "-"}), 0) << err();
  EXPECT_EQ(server_.last().line, "PUT /api/v3/users/mgr/password");
  EXPECT_EQ(json::parse(server_.last().body), json::parse(R"({"Password":"secret"})"));
  EXPECT_EQ(out().find("secret"), std::string::npos);
}

TEST_F(Cli, AcceptsTheCertificateThatIsShown) {
  const std::string known(64, '0'), shown(64, 'a');
  answer("GET /api/v3/endpoints/A",
         R"({"Params":{"manager/fingerprint":")" + known +
             R"("},"ConnectionStatus":"Error: certificate fingerprint changed: expected )" + known +
             ", got " + shown + R"(; to accept it: ..."})");
  const std::string set = "POST /api/v3/endpoints/A/params/manager/fingerprint";
  answer("POST /api/v3/endpoints/A/params/manager/fingerprint", "{}");
  EXPECT_EQ(run({"endpoints", "accept", "A"}), 0) << err();
  EXPECT_EQ(server_.last().line, set);
  EXPECT_EQ(server_.last().body, '"' + shown + '"');
  std::string spelled;
  for (int i = 0; i < 32; ++i) spelled += i == 0 ? "AA" : ":AA";
  for (const std::string& text :
       {spelled, std::string(64, 'A'), "sha256 Fingerprint=" + spelled, "sha256:" + shown}) {
    EXPECT_EQ(run({"endpoints", "accept", "A", text}), 0) << text << ": " << err();
    EXPECT_EQ(server_.last().body, '"' + shown + '"');
  }
  EXPECT_EQ(run({"endpoints", "accept", "A", std::string(64, 'b')}), 1) << "another one than is shown";
  EXPECT_EQ(run({"endpoints", "accept", "A", "abc"}), 1);
  answer("GET /api/v3/endpoints/A", R"({"ConnectionStatus":"Connected"})");
  EXPECT_EQ(run({"endpoints", "accept", "A"}), 1);
  EXPECT_THAT(err(), HasSubstr("Connected"));
}

// A server that was cut off while it answered may have done what it was asked.
TEST_F(Cli, AsksAgainOnlyForWhatChangesNothing) {
  server_.answer("POST /api/v3/plugins/manager/actions/addEndpoint", {200, "{}", {}, true});
  EXPECT_EQ(run({"endpoints", "add", "https://a:8092", "manager", "pw"}), 1);
  EXPECT_EQ(server_.seen().size(), 1U);
  server_.answer("GET /api/v3/info", {200, R"({"id":"M1"})", {}, true});
  EXPECT_EQ(run({"info", "get"}), 0) << err();
  EXPECT_EQ(server_.seen().size(), 3U);
}

TEST_F(Cli, DrawsTheHierarchy) {
  answer("GET /api/v3/info", R"({"id":"M1","ha_id":"M1","manager":true,"version":"v1"})");
  answer("GET /api/v3/endpoints",
         R"([{"Id":"R1","Endpoint":"M1","ConnectionStatus":"Connected","DRPVersion":"v1"}])");
  answer("HEAD /api/v3/machines", "", 200, {{"X-DRP-LIST-FILTER-COUNT", "7"}, {"X-Mullion-Age", "2"}});
  EXPECT_EQ(run({"endpoints", "tree"}), 0);
  EXPECT_EQ(out(),
            "M1      Manager    v1           7 machines\n"
            "└── R1  Connected  v1  age 2 s  7 machines\n"
            "2 servers, 14 machines\n");
  EXPECT_EQ(run({"endpoints", "tree", "-F", "json"}), 0);
  EXPECT_THAT(out(), HasSubstr("\"Age\": \"age 2 s\""));
  answer("HEAD /api/v3/machines", "", 200,
         {{"X-DRP-LIST-FILTER-COUNT", "7"}, {"X-Mullion-Age", "2"}, {"X-Mullion-Age-Untold", "R1;by=B"}});
  EXPECT_EQ(run({"endpoints", "tree", "-F", "json"}), 0);
  EXPECT_THAT(out(), HasSubstr("\"Age\": \"age at least 2 s\""));
}

}  // namespace
}  // namespace mullion::cli
