// Bytes and documents from everywhere: files, URLs, the catalog, interrupted downloads, packs, the local
// proxy.
#include "cli/connection/transfer.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "cli/cli_testing.h"
#include "cli/documents/sealing.h"
#include "env/waiting_testing.h"

namespace mullion::cli {
namespace {

namespace json = boost::json;

using ::testing::HasSubstr;
using ::testing::Not;
using Transfer = testing::CommandTest;

// SHA-256 of "0123456789".
const char* const kSum = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";

TEST_F(Transfer, FetchesOnlyWhatDiffers) {
  const std::string copy = write("copy", "0123456789");
  answer("GET /api/v3/files/x", "", 304);
  EXPECT_EQ(run({"files", "download", "x", "to", copy}), 0);
  EXPECT_EQ(server_.last().condition, std::string("\"SHA256:") + kSum + "\"");
  EXPECT_EQ(read("copy"), "0123456789");
}

TEST_F(Transfer, CompletesWhatWasInterrupted) {
  const std::string copy = fake_.home / "copy";
  write("copy.part", "01234");
  answer("GET /api/v3/files/x", "56789", 206, {{"X-DRP-SHA256SUM", kSum}});
  EXPECT_EQ(run({"files", "download", "x", "to", copy}), 0) << err();
  EXPECT_EQ(server_.last().range, "bytes=5-");
  EXPECT_EQ(read("copy"), "0123456789");
  EXPECT_FALSE(std::filesystem::exists(copy + ".part"));
}

TEST_F(Transfer, StartsAgainWhenTheBeginningDoesNotFit) {
  const std::string copy = fake_.home / "copy";
  write("copy.part", "other");
  // A server that sends all of it for every request: the part is thrown away, not appended to.
  answer("GET /api/v3/files/x", "0123456789", 200, {{"X-DRP-SHA256SUM", kSum}});
  EXPECT_EQ(run({"files", "download", "x", "to", copy}), 0) << err();
  EXPECT_EQ(read("copy"), "0123456789");
  write("copy.part", "too long for it");
  answer("GET /api/v3/files/x", R"({"Messages":["range"],"Type":"GET"})", 416);
  EXPECT_EQ(run({"files", "download", "x", "to", copy}), 1);
  EXPECT_FALSE(std::filesystem::exists(copy + ".part"));
}

TEST_F(Transfer, KeepsNothingWithAWrongChecksum) {
  const std::string copy = fake_.home / "copy";
  answer("GET /api/v3/files/x", "damaged", 200, {{"X-DRP-SHA256SUM", kSum}});
  EXPECT_EQ(run({"files", "download", "x", "to", copy}), 1);
  EXPECT_THAT(err(), HasSubstr("checksum"));
  EXPECT_FALSE(std::filesystem::exists(copy));
  EXPECT_FALSE(std::filesystem::exists(copy + ".part"));
}

TEST_F(Transfer, UploadsFromStdinAndUrls) {
  answer("POST /api/v3/files/dir/x", R"({"Path":"/dir/x","Size":5})", 201);
  fake_.in.str("bytes");
  EXPECT_EQ(run({"files", "upload", "-", "as", "dir/x"}), 0);
  EXPECT_EQ(server_.last().body, "bytes");
  EXPECT_EQ(run({"files", "upload", "-"}), 1);
  answer("GET /elsewhere/x.bin", "", 302, {{"Location", "/moved/x.bin"}});
  answer("GET /moved/x.bin", "moved bytes");
  answer("POST /api/v3/files/x.bin", R"({"Path":"/x.bin","Size":11})", 201);
  EXPECT_EQ(run({"files", "upload", server_.url() + "/elsewhere/x.bin"}), 0) << err();
  EXPECT_EQ(server_.last().body, "moved bytes");
  EXPECT_EQ(run({"files", "upload", server_.url() + "/none/x.bin"}), 1);
  EXPECT_THAT(err(), HasSubstr("/none/x.bin: HTTP status 404"));
}

TEST_F(Transfer, ShowsProgressOnTerminalsOnly) {
  answer("GET /api/v3/files/x", std::string(300'000, 'x'));
  fake_.terminal.err_is_terminal = true;
  EXPECT_EQ(run({"files", "download", "x", "to", (fake_.home / "a").string()}), 0);
  EXPECT_THAT(err(), HasSubstr(" MB of 0.3 MB"));
  EXPECT_TRUE(err().ends_with("\r\033[K"));
  fake_.terminal.err_is_terminal = false;
  EXPECT_EQ(run({"files", "download", "x", "to", (fake_.home / "b").string()}), 0);
  EXPECT_EQ(err(), "");
}

TEST_F(Transfer, ReadsDocumentsFromFilesAndUrls) {
  answer("POST /api/v3/machines", "{}", 201);
  const std::string file = write("m.yaml", "Name: from-file\n");
  for (const std::string& source : {file, "@" + file}) {
    EXPECT_EQ(run({"machines", "create", source}), 0) << source;
    EXPECT_EQ(server_.last().body, R"({"Name":"from-file"})");
  }
  answer("GET /m.json", R"({"Name":"from-url"})");
  EXPECT_EQ(run({"machines", "create", server_.url() + "/m.json"}), 0);
  EXPECT_EQ(server_.last().body, R"({"Name":"from-url"})");
  EXPECT_EQ(run({"machines", "create", "@" + file + ".none"}), 1);
  EXPECT_EQ(err(), "Error: there is no file " + file + ".none\n");
  const std::string broken = write("broken.json", "{\"Name\": ");
  EXPECT_EQ(run({"machines", "create", broken}), 1);
  EXPECT_THAT(err(), HasSubstr(broken + ": "));
  EXPECT_EQ(run({"subnets", "create", "justname"}), 1);
  EXPECT_EQ(err(), "Error: Unable to create a new subnets by name\n");
}

TEST_F(Transfer, BundlesUnbundlesAndConverts) {
  const std::string pack = write("pack.yaml",
                                 "meta: {Name: demo, Version: v1}\nsections:\n  tasks:\n    t: {Name: t}\n"
                                 "  params:\n    p/q: {Name: p/q, Available: true}\n");
  const std::string directory = fake_.home / "dir";
  EXPECT_EQ(run({"contents", "unbundle", pack, "--dir", directory}), 0) << err();
  EXPECT_EQ(read("dir/params/p.q.yaml"), "Name: p/q\n");
  const std::string again = fake_.home / "again.json";
  EXPECT_EQ(run({"contents", "bundle", again, "Version=v2", "--dir", directory}), 0) << err();
  EXPECT_EQ(json::parse(read("again.json")),
            json::parse(R"({"meta":{"Name":"demo","Version":"v2","Type":"dynamic"},
      "sections":{"tasks":{"t":{"Name":"t"}},"params":{"p/q":{"Name":"p/q"}}}})"));
  EXPECT_EQ(run({"contents", "bundle", again, "Version", "--dir", directory}), 1);
  EXPECT_EQ(run({"contents", "bundle", again, "--dir", directory + "-none"}), 1);
  EXPECT_EQ(run({"contents", "document", again}), 0);
  EXPECT_THAT(out(), HasSubstr("demo\n====\n\n:Version: v2\n"));
  answer("POST /api/v3/params", "{}", 201);
  answer("POST /api/v3/tasks", "{}", 201);
  EXPECT_EQ(run({"contents", "convert", again}), 0);
  EXPECT_EQ(out(), "Created params:p/q\nCreated tasks:t\n");
}

TEST_F(Transfer, MakesPacksOfLiveObjects) {
  answer("GET /api/v3/profiles/global",
         R"({"Name":"global","Params":{"x":1},"Endpoint":"","ReadOnly":false})");
  answer("GET /api/v3/tasks", R"([{"Name":"t1"},{"Name":"t2"}])");
  const std::string file = fake_.home / "made.json";
  EXPECT_EQ(run({"contents", "bundlize", file, "Name=made", "profiles:global", "tasks:Bundle=Eq()"}), 0)
      << err();
  EXPECT_EQ(server_.seen()[0].line, "GET /api/v3/profiles/global?decode=true");
  EXPECT_EQ(last_line(), "GET /api/v3/tasks?Bundle=Eq%28%29&decode=true");
  EXPECT_EQ(json::parse(read("made.json")),
            json::parse(R"({"meta":{"Name":"made","Version":"v0.0.0"},"sections":{
      "profiles":{"global":{"Name":"global","Params":{"x":1}}},"tasks":{"t1":{"Name":"t1"},"t2":{"Name":"t2"}}}})"));
  answer("DELETE /api/v3/tasks/t1", "{}");
  answer("DELETE /api/v3/tasks/t2", "{}");
  answer("POST /api/v3/contents", "{}", 201);
  EXPECT_EQ(run({"contents", "bundlize", file, "Name=made", "tasks:Bundle=", "--delete", "--reload"}), 0)
      << err();
  EXPECT_EQ(last_line(), "POST /api/v3/contents?replaceWritable=true");
}

TEST_F(Transfer, SealsSecureValuesOfPacksInFiles) {
  answer("GET /api/v3/info", R"({"features":["secure-params-in-content-packs"]})");
  answer("GET /api/v3/params", R"([{"Name":"pw","Secure":true}])");
  answer(
      "GET /api/v3/contents/demo",
      R"({"meta":{"Name":"demo"},"sections":{"profiles":{"p":{"Name":"p","Params":{"pw":"geheim","n":1}}}}})");
  const std::string key = fake_.home / "key.json";
  EXPECT_EQ(run({"contents", "show", "demo", "--key", key}), 0) << err();
  EXPECT_THAT(out(), Not(HasSubstr("geheim")));
  const std::string pack = write("sealed.json", out());
  answer("PUT /api/v3/contents/demo", "{}");
  EXPECT_EQ(run({"contents", "upload", pack, "--key", key}), 0) << err();
  EXPECT_EQ(last_body().at("sections").at("profiles").at("p").at("Params"),
            json::parse(R"({"pw":"geheim","n":1})"));
  EXPECT_EQ(run({"contents", "upload", pack, "--key", key + "-none"}), 1);
}

TEST_F(Transfer, ServesALocalSocket) {
  answer("GET /api/v3/machines", "[]");
  answer("GET /api/v3/info", "{}");
  const std::string socket = fake_.home / "proxy.sock";
  testing::FakeTerminal serving;
  serving.terminal.variables["RS_ENDPOINT"] = server_.url();
  std::atomic<int> ended = -1;
  std::thread proxy([&] { ended = serving.run({"proxy", socket}); });
  EXPECT_TRUE(env::eventually([&] { return std::filesystem::exists(socket); }));
  fake_.terminal.variables["RS_LOCAL_PROXY"] = socket;
  fake_.terminal.variables["RS_ENDPOINT"] = "https://nowhere.invalid";
  EXPECT_EQ(run({"machines", "list"}), 0) << err();
  EXPECT_EQ(out(), "[]\n");
  ::kill(::getpid(), SIGTERM);  // the proxy, which waits for it, is what ends
  proxy.join();
  EXPECT_EQ(ended, 0);
  EXPECT_EQ(run({"machines", "list"}), 1);
}

}  // namespace
}  // namespace mullion::cli
