// Commands of catalogs against a server that records what it is asked.
#include <gmock/gmock.h>

#include "cli/cli_testing.h"
#include "cli/documents/checksum.h"
#include "env/sha256.h"

namespace mullion::cli {
namespace {

namespace json = boost::json;

using ::testing::HasSubstr;

constexpr const char* kPackA = R"({"meta":{"Name":"a"},"sections":{}})";
constexpr const char* kPackB = R"({"meta":{"Name":"b"},"sections":{}})";

std::string sum_of(std::string_view text) {
  env::Sha256 sum;
  sum.add(text);
  return sum.hex();
}

/// A catalog of `a`, which requires `b`.
std::string catalog_text(const std::string& base, const std::string& sum_of_b) {
  const auto item = [&base](const std::string& name, const std::string& version, const std::string& sum) {
    return json::object{{"Id", name + "-stable"},
                        {"Name", name},
                        {"Version", "stable"},
                        {"ActualVersion", version},
                        {"ContentType", "ContentPackage"},
                        {"Source", base + "/files/rebar-catalog/" + name + "/" + version + ".json"},
                        {"Shasum256", {{"any/any", sum}}},
                        {"Meta", {{"Prerequisites", name == "a" ? "b: >=1.0" : ""}}}};
  };
  json::object items{{"a-stable", item("a", "v1", sum_of(kPackA))}, {"b-stable", item("b", "v2", sum_of_b)}};
  return json::serialize(json::object{{"meta", {{"Name", "rackn-catalog"}}},
                                      {"sections", {{"catalog_items", std::move(items)}}}});
}

class CatalogCommands : public testing::CommandTest {
 protected:
  CatalogCommands() {
    write("catalog.json", catalog_text(server_.url(), sum_of(kPackB)));
    fake_.terminal.variables["RS_CATALOG"] = fake_.home / "catalog.json";
    answer("GET /files/rebar-catalog/a/v1.json", kPackA);
    answer("GET /files/rebar-catalog/b/v2.json", kPackB);
    answer("GET /api/v3/info", R"({"arch":"amd64","os":"linux"})");
    answer("POST /api/v3/contents", "{}", 201);
    answer("POST /api/v3/files/rebar-catalog/a/v1.json", "{}", 201);
    answer("POST /api/v3/files/rebar-catalog/b/v2.json", "{}", 201);
  }

  /// How often something was posted to a target with this in it.
  size_t posts(std::string_view part) {
    size_t count = 0;
    for (const testing::Seen& seen : server_.seen()) {
      if (seen.line.starts_with("POST") && seen.line.find(part) != std::string::npos) ++count;
    }
    return count;
  }
};

TEST_F(CatalogCommands, LookIntoCatalogs) {
  EXPECT_EQ(run({"catalog", "items", "-F", "table", "-J", "Id,ActualVersion"}), 0);
  EXPECT_EQ(out(), "Id        ActualVersion\na-stable  v1\nb-stable  v2\n");
  EXPECT_EQ(run({"catalog", "item", "show", "a", "--version", "v9"}), 1);
  EXPECT_EQ(run({"catalog", "create", "--pkg-version", "tip"}), 0);
  EXPECT_TRUE(json::parse(out()).at("sections").at("catalog_items").as_object().empty());
  EXPECT_EQ(run({"catalog", "create"}), 0);
  EXPECT_EQ(json::parse(out()).at("sections").at("catalog_items").as_object().size(), 2U);
  EXPECT_EQ(run({"catalog", "create", "--pkg-version", "v1"}), 1);
  EXPECT_TRUE(server_.seen().empty());
}

TEST_F(CatalogCommands, WithoutACatalogTheServersOwnIsUsed) {
  fake_.terminal.variables.erase("RS_CATALOG");
  EXPECT_EQ(run({"catalog", "items"}), 1);
  answer("GET /api/v3/catalog_items", R"([{"Id":"z-v1","Name":"z"}])");  // a server that has no such action
  EXPECT_EQ(run({"catalog", "items", "-F", "table", "-J", "Id"}), 0) << err();
  EXPECT_EQ(out(), "Id\nz-v1\n");
  answer("POST /api/v3/plugins/manager/actions/showCatalog", catalog_text("http://h", sum_of(kPackB)));
  EXPECT_EQ(run({"catalog", "items", "-F", "table", "-J", "Id"}), 0) << err();
  EXPECT_EQ(out(), "Id\na-stable\nb-stable\n");
  EXPECT_EQ(run({"catalog", "updateLocal"}), 1);
  EXPECT_THAT(err(), HasSubstr("name the catalog to copy from"));
}

TEST_F(CatalogCommands, FirstOfSeveralCatalogsWins) {
  std::string other = catalog_text("http://other", sum_of(kPackA));
  other.replace(other.find("b-stable"), 8, "c-stable");
  write("other.json", other);
  EXPECT_EQ(run({"catalog", "show", "-c", fake_.home / "other.json", "-c", fake_.home / "catalog.json"}), 0)
      << err();
  const json::value shown = json::parse(out());
  EXPECT_EQ(shown.as_object().size(), 3U);
  EXPECT_THAT(std::string(shown.at("a-stable").at("Source").as_string()), HasSubstr("http://other"));
}

// Breakage 8: what comes is checked, whatever is done with it.
TEST_F(CatalogCommands, CheckWhatComes) {
  EXPECT_EQ(run({"catalog", "item", "download", "a", "to", (fake_.home / "a.json").string()}), 0) << err();
  EXPECT_EQ(read("a.json"), kPackA);
  EXPECT_EQ(run({"contents", "create", "catalog:b-stable"}), 0) << err();
  write("catalog.json", catalog_text(server_.url(), sum_of("something else")));
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"catalog", "item", "download", "b", "to", (fake_.home / "b.json").string()},
        {"catalog", "item", "install", "b"},
        {"contents", "create", "catalog:b-stable"},
        {"plugin_providers", "upload", "b", "from", "catalog:b-stable"},
        {"catalog", "updateLocal"},
        {"catalog", "copyLocal", "--location", fake_.home / "copy"}}) {
    const size_t before = posts("b/v2.json") + posts("contents");
    EXPECT_EQ(run(words), 1) << words[1];
    EXPECT_THAT(err(), HasSubstr("b/v2.json: expected sha256 " + sum_of("something else") +
                                 ", the bytes have " + sum_of(kPackB)));
    EXPECT_EQ(posts("b/v2.json") + posts("contents"), before) << words[1];
  }
  EXPECT_FALSE(std::filesystem::exists(fake_.home / "b.json"));
  EXPECT_FALSE(std::filesystem::exists(fake_.home / "copy/rebar-catalog/b/v2.json"));
}

// Items of a server's own files have no URL.
TEST_F(CatalogCommands, FetchFilesOfTheServer) {
  json::value document = json::parse(catalog_text(server_.url(), sum_of(kPackB)));
  json::object& b =
      document.as_object()["sections"].as_object()["catalog_items"].as_object()["b-stable"].as_object();
  b["Source"] = "self://files/own/b.json";
  write("catalog.json", json::serialize(document));
  answer("GET /api/v3/files/own/b.json", kPackB);
  EXPECT_EQ(run({"catalog", "item", "download", "b", "to", (fake_.home / "b.json").string()}), 0) << err();
  EXPECT_EQ(read("b.json"), kPackB);
  EXPECT_EQ(run({"catalog", "item", "install", "b"}), 0) << err();
  EXPECT_EQ(run({"contents", "create", "catalog:b-stable"}), 0) << err();
  EXPECT_EQ(run({"catalog", "copyLocal", "--location", fake_.home / "copy"}), 0) << err();
  EXPECT_EQ(read("copy/own/b.json"), kPackB);
  answer("GET /api/v3/files/own/b.json", "other bytes");
  EXPECT_EQ(run({"catalog", "item", "download", "b", "to", (fake_.home / "c.json").string()}), 1);
  EXPECT_THAT(err(), HasSubstr("expected sha256"));
}

TEST_F(CatalogCommands, FetchFromElsewhereThroughAProxy) {
  const std::string proxy = server_.url();
  write("catalog.json",
        catalog_text("http://catalog.invalid", sum_of(kPackA)));  // only the proxy knows the way
  const std::string target = fake_.home / "b.json";
  EXPECT_EQ(run({"catalog", "item", "download", "a", "to", target}), 1);
  EXPECT_EQ(run({"catalog", "item", "download", "a", "to", target, "--download-proxy", proxy}), 0) << err();
  EXPECT_EQ(read("b.json"), kPackA);
  std::filesystem::remove(target);
  fake_.terminal.variables["RS_DOWNLOAD_PROXY"] = proxy;
  EXPECT_EQ(run({"catalog", "item", "download", "a", "to", target}), 0) << err();
  EXPECT_EQ(run({"catalog", "item", "download", "a", "to", target, "-D", "proxy.invalid"}), 1);
}

TEST_F(CatalogCommands, FetchWhatIsInstalledAtTheServer) {
  json::value document = json::parse(catalog_text(server_.url(), sum_of(kPackB)));
  json::object& b =
      document.as_object()["sections"].as_object()["catalog_items"].as_object()["b-stable"].as_object();
  const std::string target = fake_.home / "b.json";
  answer("GET /api/v3/contents/b", kPackB);
  answer("GET /api/v3/plugin_providers/b/binary", kPackB);
  for (const char* source : {"installed://contents/b", "installed://plugin_providers/b"}) {
    b["Source"] = source;
    write("catalog.json", json::serialize(document));
    EXPECT_EQ(run({"catalog", "item", "download", "b", "to", target}), 0) << err();
    EXPECT_EQ(read("b.json"), kPackB);
    std::filesystem::remove(target);
  }
}

// The document decides what is installed: whoever has any certificate must not give it.
TEST_F(CatalogCommands, KnowWhoGivesTheDocument) {
  net::testing::Fixture secure({.tls = true, .handler = [this](net::Request&) -> net::Task<net::Response> {
                                  co_return net::testing::text_response(
                                      catalog_text(server_.url(), sum_of(kPackB)));
                                }});
  const std::string url = "https://localhost:" + std::to_string(secure.server->port()) + "/c.json";
  EXPECT_EQ(run({"catalog", "items", "-c", url}), 1);
  EXPECT_THAT(err(), HasSubstr("certificate"));
  EXPECT_THAT(err(), HasSubstr(url + "#sha256=HEX"));
  const auto print =
      net::certificate_fingerprint(net::testing::shared_certificate().files().certificate_file);
  ASSERT_TRUE(print);
  EXPECT_EQ(run({"catalog", "items", "-c", url + "#sha256=" + *print}), 0) << err();
  EXPECT_EQ(run({"catalog", "items", "-c", url + "#sha256=" + std::string(64, '0')}), 1);
}

TEST_F(CatalogCommands, InstallWhatIsRequiredFirst) {
  EXPECT_EQ(run({"catalog", "item", "install", "a"}), 0) << err();
  EXPECT_EQ(out(), "Installed b v2\nInstalled a v1\n");
}

// Breakage 11: prerequisites were not followed for plugin providers.
TEST_F(CatalogCommands, InstallWhatAProviderRequires) {
  json::value document = json::parse(catalog_text(server_.url(), sum_of(kPackB)));
  json::object& a =
      document.as_object()["sections"].as_object()["catalog_items"].as_object()["a-stable"].as_object();
  a["ContentType"] = "PluginProvider";
  a["Source"] = server_.url() + "/files/rebar-catalog/a/v1";
  a["Shasum256"] = {{"amd64/linux", sum_of("program")}};
  write("catalog.json", json::serialize(document));
  answer("GET /files/rebar-catalog/a/v1/amd64/linux/a", "program");
  answer("POST /api/v3/plugin_providers/a", "{}", 201);
  EXPECT_EQ(run({"catalog", "item", "install", "a"}), 0) << err();
  EXPECT_EQ(out(), "Installed b v2\nInstalled a v1\n");
  EXPECT_EQ(server_.last().body, "program");
}

// Breakage 9: it failed when the server had no catalog yet.
TEST_F(CatalogCommands, UpdateAServerWithoutACatalog) {
  EXPECT_EQ(run({"catalog", "updateLocal", "--version", "stable"}), 0) << err();
  EXPECT_EQ(out(), "rebar-catalog/a/v1.json\nrebar-catalog/b/v2.json\n");
  answer("GET /api/v3/files", R"(["1.0.1.json"])");
  answer("GET /api/v3/files/rebar-catalog/rackn-catalog/1.0.1.json",
         catalog_text("http://own", sum_of(kPackB)));
  EXPECT_EQ(run({"catalog", "updateLocal"}), 0) << err();
  EXPECT_EQ(out(), "");
  EXPECT_THAT(err(), HasSubstr("has everything already"));
}

TEST_F(CatalogCommands, UpdateWhatAVersionSetNames) {
  answer("GET /api/v3/version_sets/base",
         R"({"Id":"base","DRPVersion":"ignore","Components":[{"Name":"b","Version":"v2","Type":"CP"}]})");
  EXPECT_EQ(run({"catalog", "updateLocal", "--version-set", "base"}), 0) << err();
  EXPECT_EQ(out(), "rebar-catalog/b/v2.json\n");
}

// Breakage 7: downloads stayed serial whatever was asked for.
TEST_F(CatalogCommands, CopyAtOnce) {
  EXPECT_EQ(run({"catalog", "copyLocal", "--location", fake_.home / "copy", "--concurrency", "2"}), 0)
      << err();
  EXPECT_EQ(read("copy/rebar-catalog/a/v1.json"), kPackA);
  EXPECT_EQ(read("copy/rebar-catalog/b/v2.json"), kPackB);
  EXPECT_EQ(run({"catalog", "copyLocal", "--location", fake_.home / "copy"}), 0) << err();
  EXPECT_THAT(err(), HasSubstr("everything is there already"));
  for (const char* wrong : {"0", "21", "x"}) {
    EXPECT_EQ(run({"catalog", "copyLocal", "--location", fake_.home / "copy", "--concurrency", wrong}), 1);
  }
  EXPECT_EQ(run({"catalog", "copyLocal"}), 1);
}

TEST_F(CatalogCommands, BuildAndCollect) {
  answer("POST /api/v3/plugins/manager/actions/buildCatalog",
         R"({"Version":"1.0.1","Changed":true,"Items":3,"Files":2,"Read":1,"Warnings":["x: no item"]})");
  EXPECT_EQ(run({"catalog", "build"}), 0) << err();
  EXPECT_EQ(out(), "Version  Changed  Items  Files  Read\n1.0.1    true     3      2      1\n");
  EXPECT_EQ(err(), "warning: x: no item\n");
  answer("POST /api/v3/plugins/manager/actions/collectCatalog",
         R"({"DryRun":true,"Removed":[{"Id":"a-v1","Bytes":5,"UsedBy":[]}],
             "Kept":[{"Id":"a-v2","Bytes":6,"UsedBy":["stable","endpoints/A"]}]})");
  EXPECT_EQ(run({"catalog", "collect", "--dry-run"}), 0) << err();
  EXPECT_THAT(out(), HasSubstr("would go"));
  EXPECT_THAT(out(), HasSubstr("endpoints/A"));
  EXPECT_EQ(server_.last().body, R"({"dry_run":true})");
}

}  // namespace
}  // namespace mullion::cli
