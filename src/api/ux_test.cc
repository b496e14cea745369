#include "api/internal/ux.h"

#include <gtest/gtest.h>

#include "api/api_testing.h"
#include "api/ux_pack_testing.h"
#include "files/archive.h"
#include "files/blobs.h"

namespace mullion::api {
namespace {

class Ux : public ::testing::Test {
 protected:
  void put(const std::string& path, const std::string& text) {
    ASSERT_TRUE(env::make_directories((folder_.path() / "files" / path).parent_path()));
    ASSERT_TRUE(env::write_file_atomic(folder_.path() / "files" / path, text));
  }

  testing::ScratchFolder folder_;
  std::unique_ptr<files::Blobs> blobs_ = files::make_blobs(folder_.path());
};

TEST_F(Ux, WithoutAPackageThereIsNone) {
  EXPECT_EQ(installed_ux_version(*blobs_), "");
  EXPECT_FALSE(is_ux_installed(*blobs_));
}

TEST_F(Ux, TheVersionIsWhatThePackageSays) {
  put("ux/index.html", "<html>");
  EXPECT_TRUE(is_ux_installed(*blobs_));
  EXPECT_EQ(installed_ux_version(*blobs_), "");
  put("ux/version", "v1.2.3\nbuilt yesterday\n");
  EXPECT_EQ(installed_ux_version(*blobs_), "v1.2.3");
  put("ux/ux-version.json", R"({"version":"v2.0.0"})");
  EXPECT_EQ(installed_ux_version(*blobs_), "v2.0.0");
  put("ux/version", "v1.2.3-\xe9t\xe9");
  put("ux/ux-version.json", "{");
  EXPECT_EQ(installed_ux_version(*blobs_), "") << "no UTF-8";
  put("ux/version", "v1.2.3");
  EXPECT_EQ(installed_ux_version(*blobs_), "v1.2.3");
}

TEST_F(Ux, TheVersionIsReadWhenToldTo) {
  UxVersion version;
  version.read(*blobs_);
  EXPECT_EQ(version.get(), "");
  put("ux/version", "v1.2.3");
  EXPECT_EQ(version.get(), "");
  version.read(*blobs_);
  EXPECT_EQ(version.get(), "v1.2.3");
  EXPECT_TRUE(is_ux_file("files/ux/version"));
  EXPECT_FALSE(is_ux_file("files/uxy"));
}

TEST(UxPaths, NamesThatChangeWithTheirContent) {
  for (const std::string_view path :
       {"assets/main-3f9a01cc.js", "main.3f9a01cc2b.css", "a/chunk-B1_x9Yz0Q.js.map"})
    EXPECT_TRUE(is_fingerprinted(path)) << path;
  for (const std::string_view path :
       {"index.html", "main.js", "jquery-3.6.0.js", "very-longwords.js", "3f9a01cc.js", ""})
    EXPECT_FALSE(is_fingerprinted(path)) << path;
}

using Parts = std::vector<std::string>;

TEST(UxPaths, WhatIsNoFileIsAPageForWhoOpensOne) {
  struct Case {
    Parts below;
    bool there, navigates;
    UxAnswer answer;
  };
  const std::vector<Case> cases{
      {{}, false, false, UxAnswer::kPage},
      {{"main.js"}, true, false, UxAnswer::kFile},
      {{"main.js"}, true, true, UxAnswer::kFile},
      {{"machines"}, false, false, UxAnswer::kPage},
      {{"machines", "42"}, false, true, UxAnswer::kPage},
      {{"machines", "web.example.com"}, false, true, UxAnswer::kPage},
      {{"machines", "web.example.com"}, false, false, UxAnswer::kNothing},
      {{"endpoints", "site.a"}, false, true, UxAnswer::kPage},
      {{"o", "params", "a/b.c"}, false, true, UxAnswer::kPage},
      {{"v1.2", "machines"}, false, false, UxAnswer::kPage},
      {{"assets", "main-0.js"}, false, true, UxAnswer::kNothing},
      {{"assets"}, false, true, UxAnswer::kNothing},
      {{"assets", "main-0.js"}, true, false, UxAnswer::kFile},
  };
  for (const Case& wanted : cases) {
    EXPECT_EQ(choose_ux_answer(wanted.below, wanted.there, wanted.navigates), wanted.answer)
        << ::testing::PrintToString(wanted.below) << wanted.there << wanted.navigates;
  }
}

TEST(UxPaths, SegmentsWithSlashesAreNoFiles) {
  EXPECT_EQ(ux_file_name(Parts{}), "index.html");
  EXPECT_EQ(ux_file_name(Parts{"assets", "a.js"}), "assets/a.js");
  EXPECT_EQ(ux_file_name(Parts{"assets/a.js"}), std::nullopt);
  EXPECT_EQ(ux_file_name(Parts{"o", "params", "a/b"}), std::nullopt);
}

net::Headers headers_with(std::string name, std::string value) {
  net::Headers headers;
  headers.add(std::move(name), std::move(value));
  return headers;
}

TEST(UxRequests, BrowsersSayThatTheyOpenAPage) {
  net::Headers script;
  script.add("Accept", "text/html");
  script.add("Sec-Fetch-Mode", "cors");
  EXPECT_FALSE(navigates(script)) << "what the browser says of itself decides";
  EXPECT_TRUE(navigates(headers_with("Sec-Fetch-Mode", "navigate")));
  EXPECT_TRUE(navigates(headers_with("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")));
  EXPECT_TRUE(navigates(headers_with("Accept", "application/json , Text/HTML; q=0.1")));
  for (const char* accept : {"*/*", "", "application/json", "text/html;q=0", "text/html5", "q=text/html"})
    EXPECT_FALSE(navigates(headers_with("Accept", accept))) << accept;
  EXPECT_FALSE(navigates({}));
}

TEST(UxRequests, ClientsSayThatTheyUnpack) {
  for (const char* text :
       {"gzip", "GZIP", "deflate, gzip;q=0.5, br", "*", "x-gzip", "br;q=1.0,gzip; q=0.001"})
    EXPECT_TRUE(accepts_gzip(headers_with("Accept-Encoding", text))) << text;
  for (const char* text :
       {"", "identity", "gzip;q=0", "gzip;q=0.000, *", "*;q=0", "br", "gzipped", ",;,", ";q=1"})
    EXPECT_FALSE(accepts_gzip(headers_with("Accept-Encoding", text))) << text;
  EXPECT_FALSE(accepts_gzip({}));
}

/// The built-in interface behind the whole API.
class BuiltInUx : public ::testing::Test {
 protected:
  using Headers = std::vector<std::pair<std::string, std::string>>;
  static constexpr std::string_view kPage = "<html>built in</html>";
  static constexpr std::string_view kScript = "let built_in;";
  static std::string pack() {
    return testing::make_pack(
        {{"assets/main-BvAbCdEf.js", "text/javascript; charset=utf-8", std::string(kScript)},
         {"favicon.svg", "image/svg+xml", "<svg/>"},
         {"index.html", "text/html; charset=utf-8", std::string(kPage)}});
  }
  testing::Answer get(std::string target, Headers headers = {}, std::string method = "GET") {
    return api_.call(std::move(method), std::move(target), "", "", std::move(headers));
  }
  static Headers browser() { return {{"Sec-Fetch-Mode", "navigate"}, {"Accept-Encoding", "gzip"}}; }

  testing::Fixture api_{{}, {.ux_pack = pack()}};
};

TEST_F(BuiltInUx, PagesAndFilesAreServed) {
  struct Case {
    std::string target;
    Headers headers;
    int status;
    std::string_view body, keep;
  };
  const Headers opens{{"Accept", "text/html"}};
  const std::vector<Case> cases{
      {"/ux/", {}, 200, kPage, "no-cache"},
      {"/ux/index.html", {}, 200, kPage, "no-cache"},
      {"/ux/machines", {}, 200, kPage, "no-cache"},
      {"/ux/machines/web.example.com", opens, 200, kPage, "no-cache"},
      {"/ux/machines/web.example.com?_tab=params", opens, 200, kPage, "no-cache"},
      {"/ux/o/params/a%2Fb.c", opens, 200, kPage, "no-cache"},
      {"/ux/assets%2Fmain-BvAbCdEf.js", opens, 200, kPage, "no-cache"},
      {"//ux//machines//", {}, 200, kPage, "no-cache"},
      {"/ux/assets/main-BvAbCdEf.js", {}, 200, kScript, "public, max-age=31536000, immutable"},
      {"/ux/assets/main-BvAbCdEf.js?v=1", opens, 200, kScript, "public, max-age=31536000, immutable"},
      {"/ux/favicon.svg", {}, 200, "<svg/>", "no-cache"},
      {"/ux/machines/web.example.com", {}, 404, "", ""},
      {"/ux/assets/gone-BvAbCdEf.js", opens, 404, "", ""},
      {"/ux/assets%2Fmain-BvAbCdEf.js", {}, 404, "", ""},
      {"/ux/Index.html", {}, 404, "", ""},
  };
  for (const Case& wanted : cases) {
    const testing::Answer answer = get(wanted.target, wanted.headers);
    EXPECT_EQ(answer.status, wanted.status) << wanted.target;
    EXPECT_EQ(answer.header("Cache-Control"), wanted.keep) << wanted.target;
    if (wanted.status == 200) EXPECT_EQ(answer.body, wanted.body) << wanted.target;
    EXPECT_EQ(answer.header("Content-Encoding"), "") << wanted.target;
  }
}

TEST_F(BuiltInUx, GzipIsSentAsItLiesInTheProgram) {
  const testing::Answer plain = get("/ux/");
  const testing::Answer packed = get("/ux/", {{"Accept-Encoding", "br, gzip"}});
  EXPECT_EQ(packed.header("Content-Encoding"), "gzip");
  EXPECT_EQ(*files::gunzip(packed.body, 1000), kPage);
  EXPECT_EQ(plain.body, kPage);
  EXPECT_NE(plain.header("ETag"), packed.header("ETag")) << "different bytes, different strong names";
  EXPECT_EQ(plain.header("ETag"), '"' + testing::sha256_of(kPage) + '"');
  EXPECT_EQ(packed.header("Vary"), "Accept-Encoding");
  EXPECT_EQ(get("/ux/machines").header("Vary"), "Accept-Encoding, Accept, Sec-Fetch-Mode")
      << "whether there is a page depends on who asks";
  const testing::Answer file = get("/ux/assets/main-BvAbCdEf.js", {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(file.header("Vary"), "Accept-Encoding");
  EXPECT_EQ(*files::gunzip(file.body, 1000), kScript);
}

TEST_F(BuiltInUx, WhatIsKnownIsNotSentAgain) {
  for (const Headers& how : {Headers{}, browser()}) {
    const std::string etag = get("/ux/", how).header("ETag");
    for (const std::string& known : {etag, "\"other\", " + etag, "W/" + etag, std::string("*")}) {
      Headers headers = how;
      headers.emplace_back("If-None-Match", known);
      const testing::Answer answer = get("/ux/machines/a", headers);
      EXPECT_EQ(answer.status, 304) << known;
      EXPECT_EQ(answer.body, "");
      EXPECT_EQ(answer.header("ETag"), etag);
      EXPECT_EQ(answer.header("Cache-Control"), "no-cache");
      EXPECT_EQ(answer.header("Content-Encoding"), "");
    }
    Headers other = how;
    other.emplace_back("If-None-Match", "\"other\"");
    EXPECT_EQ(get("/ux/", other).status, 200);
  }
  EXPECT_EQ(get("/ux/", {{"If-Modified-Since", "Wed, 21 Oct 2065 07:28:00 GMT"}}).status, 200)
      << "no time was told that could be compared";
}

TEST_F(BuiltInUx, HeadHasTheHeadersOfGet) {
  for (const Headers& how : {Headers{}, browser()}) {
    const testing::Answer get_answer = get("/ux/", how);
    const testing::Answer head = get("/ux/", how, "HEAD");
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.body, "");
    EXPECT_EQ(head.header("Content-Length"), std::to_string(get_answer.body.size()));
    for (const char* name : {"ETag", "Content-Type", "Content-Encoding", "Vary", "Cache-Control"})
      EXPECT_EQ(head.header(name), get_answer.header(name)) << name;
  }
}

TEST_F(BuiltInUx, NothingIsChangedThere) {
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE"}) {
    EXPECT_EQ(get("/ux/index.html", {}, method).status, 401) << method;
    EXPECT_EQ(api_.call(method, "/ux/index.html").status, 404) << method;
  }
}

TEST_F(BuiltInUx, EveryAnswerKeepsThePageFromHarm) {
  struct Case {
    std::string target, method;
    int status;
  };
  const std::vector<Case> cases{
      {"/ux/", "GET", 200},           {"/ux/", "HEAD", 200}, {"/ux", "GET", 302},
      {"/ux/a.b", "GET", 404},        {"/ux/", "POST", 401}, {"/ux/machines", "GET", 200},
      {"/ux/favicon.svg", "GET", 200}};
  for (const Case& wanted : cases) {
    const testing::Answer answer = get(wanted.target, {}, wanted.method);
    EXPECT_EQ(answer.status, wanted.status) << wanted.target;
    EXPECT_EQ(answer.header("Content-Security-Policy"),
              "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src "
              "'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
              "require-trusted-types-for 'script'; trusted-types svelte-trusted-html mullion")
        << wanted.target;
    EXPECT_EQ(answer.header("X-Frame-Options"), "DENY");
    EXPECT_EQ(answer.header("Referrer-Policy"), "no-referrer");
    EXPECT_EQ(answer.header("Cross-Origin-Opener-Policy"), "same-origin");
    EXPECT_EQ(answer.header("X-Content-Type-Options"), "nosniff");
    EXPECT_NE(answer.header("Permissions-Policy").find("camera=()"), std::string::npos);
  }
  EXPECT_EQ(api_.call("GET", "/api/v3/info").header("Content-Security-Policy"), "");
}

TEST_F(BuiltInUx, TheFrontPageLeadsBrowsersThere) {
  const testing::Answer opened = get("/", browser());
  EXPECT_EQ(opened.status, 302);
  EXPECT_EQ(opened.header("Location"), "/ux/");
  const testing::Answer asked = get("/");
  EXPECT_EQ(asked.status, 200) << "programs see what they always saw";
  EXPECT_NE(asked.body.find("swagger.json"), std::string::npos);
  for (const testing::Answer& answer : {opened, asked})
    EXPECT_EQ(answer.header("X-Mullion-Certificate-SHA256"), "fingerprint of first");
  EXPECT_EQ(get("/ux").header("Location"), "/ux/");
  EXPECT_EQ(api_.call("GET", "/api/v3/info").json().at("certificate_fingerprint"), "fingerprint of first");
}

TEST_F(BuiltInUx, OthersDoNotSpeakInItsName) {
  api_.preferences.values["manager"] = "true";
  api_.manager.known["A"] = {};
  EXPECT_EQ(get("/A/ux/", browser()).status, 401) << "the interface of another endpoint is there, not here";
  EXPECT_EQ(api_.call("GET", "/A/ux/").status, 404);
  const testing::Answer forwarded = api_.call("GET", "/A/api/v3/info");
  EXPECT_EQ(forwarded.header("Content-Security-Policy"),
            "default-src 'none'; frame-ancestors 'none'; sandbox");
  EXPECT_EQ(forwarded.header("X-Content-Type-Options"), "nosniff");
}

TEST(UxWithout, ThereIsTheFrontPage) {
  testing::Fixture api;
  const testing::Answer page = api.call("GET", "/", "", "", {{"Sec-Fetch-Mode", "navigate"}});
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(api.call("GET", "/ux", "", "").header("Location"), "/");
  EXPECT_EQ(api.call("GET", "/ux/", "", "").header("Location"), "/");
  EXPECT_EQ(api.call("GET", "/ux/machines", "", "").header("Location"), "/");
  EXPECT_EQ(api.call("GET", "/ux/main.js", "", "").status, 404);
}

TEST(UxWithout, ADamagedOneIsToldAndTheServerServes) {
  testing::Fixture api({}, {.ux_pack = "MUXPACK1 and then nothing sensible"});
  const testing::Answer info = api.call("GET", "/api/v3/info");
  EXPECT_EQ(info.status, 200);
  const std::string said(info.json().at("errors").at(0).as_string());
  EXPECT_TRUE(said.starts_with("the web interface of this program is damaged")) << said;
  EXPECT_EQ(api.call("GET", "/ux/", "", "").header("Location"), "/");
}

TEST(TrialGate, OnlyTheSystemIsServed) {
  testing::Fixture api;
  api.authenticator.users["system"] = {{"*", "*", "*"}};
  api.upgrades.trial = true;
  const testing::Answer refused = api.call("GET", "/api/v3/info");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.message(), "v0.1.0 is being tried: it serves nobody yet");
  EXPECT_EQ(api.call("POST", "/api/v3/profiles", R"({"Name":"p1"})").status, 503);
  EXPECT_EQ(api.call("GET", "/api/v3/info", "", "system").status, 200);
  EXPECT_EQ(api.call("GET", "/").status, 200) << "what is public stays public";
}

TEST(UpgradeRoutes, PassOnPackageAndForce) {
  testing::Fixture api;
  const testing::Answer taken = api.call("POST", "/api/v3/system/upgrade?force=true", "zip");
  EXPECT_EQ(taken.status, 201);
  EXPECT_EQ(taken.json().at("Size").to_number<int>(), 3);
  ASSERT_EQ(api.upgrades.packages.size(), 1U);
  EXPECT_EQ(api.upgrades.packages[0], std::pair(std::string("zip"), true));
  api.call("POST", "/api/v3/system/upgrade?skipOffline=true&member=one", "zip");
  ASSERT_EQ(api.upgrades.wishes.size(), 2U);
  EXPECT_TRUE(api.upgrades.wishes[0].member.empty() && !api.upgrades.wishes[0].skip_offline);
  EXPECT_TRUE(api.upgrades.wishes[1].member == "one" && api.upgrades.wishes[1].skip_offline);
  api.upgrades.why_not = "no package";
  EXPECT_EQ(api.call("POST", "/api/v3/system/upgrade", "zip").message(), "no package");
  EXPECT_EQ(api.call("POST", "/api/v3/system/upgrade", "zip", "nobody").status, 403);
}

TEST(UpgradeRoutes, APackageWaitsUntilItIsAskedFor) {
  testing::Fixture api;
  const std::string stage = "/api/v3/system/upgrade/stage";
  for (const char* begin : {"/api/v3/system/upgrade/exec", "/api/v3/system/upgrade/run"}) {
    EXPECT_EQ(api.call("POST", begin).status, 404) << "nothing waits";
    const testing::Answer kept = api.call("POST", stage, "zip");
    EXPECT_EQ(kept.status, 201);
    EXPECT_EQ(kept.json().at("Size").to_number<int>(), 3);
    EXPECT_TRUE(api.upgrades.packages.empty()) << "not yet";
    EXPECT_EQ(api.call("POST", begin, "", "nobody").status, 403);
    EXPECT_EQ(api.call("POST", begin).status, 202);
    EXPECT_EQ(std::exchange(api.upgrades.packages, {}).size(), 1U);
    EXPECT_EQ(api.call("POST", stage, "running").status, 201);
    EXPECT_EQ(api.call("POST", begin).status, 204) << "there is nothing to do";
    EXPECT_EQ(api.call("DELETE", stage).status, 204);
    EXPECT_EQ(api.call("POST", begin).status, 404);
  }
  api.upgrades.why_not = "under way";
  EXPECT_EQ(api.call("DELETE", stage).status, 409);
  EXPECT_EQ(api.call("POST", stage, "zip").message(), "under way");
}

TEST(UpgradeRoutes, AFailureIsShownUntilItIsForgotten) {
  testing::Fixture api;
  api.upgrades.failed = "rolled back from v2 to v1: it hung";
  EXPECT_EQ(api.call("GET", "/api/v3/info").json().at("errors").at(0).as_string(), api.upgrades.failed);
  EXPECT_EQ(api.call("DELETE", "/api/v3/system/upgrade").status, 204);
  EXPECT_TRUE(api.call("GET", "/api/v3/info").json().at("errors").as_array().empty());
}

}  // namespace
}  // namespace mullion::api
