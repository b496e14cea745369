// Routes beyond those of every collection: jobs and their logs, whoami, pools, certificates, debug, logs.
#include <gtest/gtest.h>

#include "api/api_testing.h"
#include "base/log.h"
#include "base/mutex.h"
#include "env/waiting_testing.h"

namespace mullion::api {
namespace {

using testing::Answer;
using testing::Fixture;

constexpr const char* kSpecialMachine = "11111111-2222-4333-8444-555555555555";
constexpr const char* kSpecialJob = "aaaaaaaa-2222-4333-8444-555555555555";

class SpecialRoutes : public ::testing::Test {
 protected:
  Fixture fixture;

  Answer get(const std::string& path, const std::string& user = "root") {
    return fixture.call("GET", "/api/v3/" + path, "", user);
  }
  void add_machine(const std::string& uuid, const std::string& more = "") {
    fixture.put_raw("machines", "", uuid,
                    fmt::format(R"({{"Uuid":"{}","Name":"m-{}"{}{}}})", uuid, uuid.substr(0, 2),
                                more.empty() ? "" : ",", more));
  }
  void add_job(const std::string& uuid, const std::string& state,
               const std::string& machine = kSpecialMachine,
               const std::string& end = "2020-01-01T00:00:00Z") {
    // A job begins on a machine that is there, and outlives it.
    const std::string machine_path = "/api/v3/machines/" + machine;
    const bool there = fixture.call("GET", machine_path).status == 200;
    if (!there) add_machine(machine, "");
    const Answer created = fixture.call(
        "POST", "/api/v3/jobs",
        fmt::format(R"({{"Uuid":"{}","Machine":"{}","State":"{}","StartTime":"{}","EndTime":"{}"}})", uuid,
                    machine, state, end, end));
    EXPECT_EQ(created.status, 201) << created.body;
    if (!there) {
      EXPECT_EQ(fixture.call("DELETE", machine_path).status, 200);
    }
  }
};

TEST_F(SpecialRoutes, JobLogsGrowAndAreRead) {
  add_job(kSpecialJob, "running");
  const std::string path = fmt::format("/api/v3/jobs/{}/log", kSpecialJob);
  const Answer empty = fixture.call("GET", path);
  EXPECT_EQ(empty.status, 200);
  EXPECT_EQ(empty.body, "");
  EXPECT_EQ(empty.header("Content-Type"), "application/octet-stream");
  for (const char* text : {"one\n", "two\n"}) {
    const Answer put =
        fixture.call("PUT", path, text, "root", {{"Content-Type", "application/octet-stream"}});
    EXPECT_EQ(put.status, 204);
    EXPECT_EQ(put.header("Content-Type"), "application/json");
  }
  EXPECT_EQ(fixture.call("GET", path).body, "one\ntwo\n");
  EXPECT_EQ(fixture.call("GET", fmt::format("/api/v3/jobs/Uuid:{}/log", kSpecialJob)).body, "one\ntwo\n");
  const auto part = [&](const char* range) {
    return fixture.call("GET", path, "", "root", {{"Range", range}});
  };
  EXPECT_EQ(part("bytes=-3").status, 206);
  EXPECT_EQ(part("bytes=-3").body, "wo\n");
  EXPECT_EQ(part("bytes=-3").header("Content-Range"), "bytes 5-7/8");
  EXPECT_EQ(part("bytes=4-").body, "two\n");
  EXPECT_EQ(part("bytes=1-2").body, "ne");
  EXPECT_EQ(part("bytes=-4096").body, "one\ntwo\n") << "all there is";
  EXPECT_EQ(part("bytes=8-").status, 416);
  EXPECT_EQ(part("bytes=8-").header("Content-Range"), "bytes */8");
  EXPECT_EQ(part("lines=1-2").status, 200) << "what is no range is none";
  EXPECT_EQ(fixture.call("HEAD", path).header("Content-Length"), "8");
  const Answer large = fixture.call("PUT", path, std::string(1000, 'x'));
  EXPECT_EQ(large.status, 413);
  EXPECT_EQ(large.json().at("Key"), kSpecialJob);
  EXPECT_EQ(large.message(), "The log of a job holds at most 1000 bytes");
  EXPECT_EQ(fixture.call("GET", "/api/v3/jobs/nobody/log").status, 404);
  EXPECT_EQ(fixture.call("PUT", "/api/v3/jobs/nobody/log", "x").json().at("Model"), "jobs");
}

TEST_F(SpecialRoutes, RightsOnJobsAreThoseOnTheirMachine) {
  add_job(kSpecialJob, "running");
  fixture.authenticator.users["runner"] = {{"jobs", "get,log,update", kSpecialMachine}};
  fixture.authenticator.users["other"] = {{"jobs", "get,log,update", kSpecialJob}};
  const std::string path = fmt::format("jobs/{}", kSpecialJob);
  EXPECT_EQ(get(path, "runner").status, 200);
  EXPECT_EQ(get(path, "other").status, 404);
  EXPECT_EQ(fixture.call("PUT", "/api/v3/" + path + "/log", "x", "runner").status, 204);
  EXPECT_EQ(get(path + "/log", "runner").body, "x");
  EXPECT_EQ(get(path + "/log", "other").status, 404);
  EXPECT_EQ(fixture.call("PUT", "/api/v3/" + path + "/log", "x", "other").status, 404);
  fixture.authenticator.users["fields"] = {{"jobs", "get,update:/State", kSpecialMachine}};
  const std::string patch = R"([{"op":"replace","path":"/State","value":"failed"}])";
  EXPECT_EQ(fixture.call("PATCH", "/api/v3/" + path, patch, "fields").status, 200);
}

TEST_F(SpecialRoutes, JobsGoOnlyWhenTheyAreOverAndTheirLogsGoWithThem) {
  add_job(kSpecialJob, "running");
  const std::string path = fmt::format("/api/v3/jobs/{}", kSpecialJob);
  fixture.call("PUT", path + "/log", "text");
  const Answer refused = fixture.call("DELETE", path);
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.json().at("Type"), "ValidationError");
  EXPECT_EQ(refused.json().at("Key"), kSpecialJob);
  EXPECT_EQ(refused.message(), fmt::format("Jobs {} is not in a deletable state: running", kSpecialJob));
  fixture.call("PATCH", path, R"([{"op":"replace","path":"/State","value":"finished"}])");
  EXPECT_EQ(fixture.call("DELETE", path).status, 200);
  EXPECT_TRUE(env::eventually([&] { return fixture.job_logs->jobs().empty(); }));
}

TEST_F(SpecialRoutes, PurgeFollowsParametersAndPreferences) {
  add_machine(kSpecialMachine);
  const std::vector<std::string> jobs{"aaaaaaaa-2222-4333-8444-000000000001",
                                      "aaaaaaaa-2222-4333-8444-000000000002",
                                      "aaaaaaaa-2222-4333-8444-000000000003"};
  add_job(jobs[0], "finished", kSpecialMachine, "2020-01-01T00:00:00Z");
  add_job(jobs[1], "failed", kSpecialMachine, "2020-01-02T00:00:00Z");
  add_job(jobs[2], "finished", "99999999-2222-4333-8444-555555555555", "2020-01-03T00:00:00Z");
  const auto purge = [this](const std::string& query) {
    return fixture.call("DELETE", "/api/v3/jobs?" + query);
  };
  EXPECT_EQ(purge("").body, "[]");  // the preferences say: never
  EXPECT_EQ(purge("dryrun=true&completeJobsPurgedAfter=1d").body,
            fmt::format(R"(["{}","{}"])", jobs[0], jobs[2]));
  EXPECT_EQ(purge("dryrun=true&jobsToKeep=1").body, fmt::format(R"(["{}"])", jobs[0]));
  EXPECT_EQ(get("jobs").json().as_array().size(), 3U);
  EXPECT_EQ(purge("machine=missing").body, fmt::format(R"(["{}"])", jobs[2]));
  EXPECT_EQ(purge(fmt::format("machine={}&failedJobsPurgedAfter=0", kSpecialMachine)).body,
            fmt::format(R"(["{}"])", jobs[1]));
  EXPECT_EQ(get("jobs").json().as_array().size(), 1U);
  EXPECT_EQ(purge("jobsToKeep=many").status, 400);
}

TEST_F(SpecialRoutes, PurgeLeavesWhatTheCallerMayNotDelete) {
  add_job(kSpecialJob, "finished");
  fixture.authenticator.users["stranger"] = {{"jobs", "delete", "99999999-2222-4333-8444-555555555555"}};
  fixture.authenticator.users["owner"] = {{"jobs", "delete", kSpecialMachine}};
  EXPECT_EQ(fixture.call("DELETE", "/api/v3/jobs?jobsToKeep=0", "", "stranger").body, "[]");
  EXPECT_EQ(fixture.call("DELETE", "/api/v3/jobs?jobsToKeep=0", "", "owner").body,
            fmt::format(R"(["{}"])", kSpecialJob));
}

TEST_F(SpecialRoutes, ManyJobsArePurgedInBatches) {
  add_job(kSpecialJob, "finished");
  boost::json::object job =
      fixture.call("GET", fmt::format("/api/v3/jobs/{}", kSpecialJob)).json().as_object();
  store::Batch others;
  for (int i = 0; i < 1200; ++i) {
    const std::string uuid = fmt::format("aaaaaaaa-2222-4333-8444-{:012}", i);
    job["Uuid"] = uuid;
    others.changes.push_back({.id = {"jobs", "", uuid}, .body = boost::json::serialize(job)});
  }
  ASSERT_TRUE(fixture.store->commit_sync(std::move(others)).ok());
  EXPECT_EQ(fixture.call("DELETE", "/api/v3/jobs?jobsToKeep=1").json().as_array().size(), 1200U);
  EXPECT_EQ(fixture.call("HEAD", "/api/v3/jobs").header("X-DRP-LIST-FILTER-COUNT"), "1");
}

TEST_F(SpecialRoutes, WhoamiFindsTheBestMachine) {
  add_machine(kSpecialMachine, R"("HardwareAddrs":["aa:bb:cc:dd:ee:ff"])");
  add_machine("22222222-2222-4333-8444-555555555555",
              R"("HardwareAddrs":["aa:bb:cc:dd:ee:ff"],"Fingerprint":{"CloudInstanceID":"i-7"})");
  fixture.put_raw(
      "machines", "A", "33333333-2222-4333-8444-555555555555",
      R"({"Uuid":"33333333-2222-4333-8444-555555555555","Fingerprint":{"CloudInstanceID":"i-8"}})");
  const auto ask = [this](const std::string& body) { return fixture.call("POST", "/api/v3/whoami", body); };
  const Answer found =
      ask(R"({"MacAddrs":["AA:BB:CC:DD:EE:FF"],"Fingerprint":{"CloudInstanceID":"i-7"},"OnDiskUUID":""})");
  EXPECT_EQ(found.status, 200);
  EXPECT_EQ(found.json().at("Result").at("Score"), 600);
  EXPECT_EQ(found.json().at("Result").at("Uuid"), "22222222-2222-4333-8444-555555555555");
  EXPECT_EQ(found.json().at("Result").at("Token"), "token-of-22222222-2222-4333-8444-555555555555");
  EXPECT_EQ(found.json().at("Fingerprint").at("CloudInstanceID"), "i-7");
  EXPECT_EQ(fixture.authenticator.last_token.grantor, "system");
  // Of equal machines the first; remote ones are their owner's business.
  EXPECT_EQ(ask(R"({"MacAddrs":["aa:bb:cc:dd:ee:ff"]})").json().at("Result").at("Uuid"), kSpecialMachine);
  EXPECT_TRUE(ask(R"({"Fingerprint":{"CloudInstanceID":"i-8"}})").json().at("Result").as_object().empty());
  EXPECT_EQ(ask("[]").status, 400);
  EXPECT_EQ(ask(R"({"MacAddrs":7})").message(), "Field MacAddrs: expected array, got number");
  fixture.authenticator.users["agent"] = {{"machines", "get", "*"}};
  EXPECT_EQ(fixture.call("POST", "/api/v3/whoami", "{}", "agent").status, 403);
}

TEST_F(SpecialRoutes, PoolsAreReadAndNotMoved) {
  fixture.call("POST", "/api/v3/pools", R"({"Id":"blue"})");
  add_machine(kSpecialMachine, R"("Pool":"blue","PoolStatus":"Free","PoolAllocated":false)");
  add_machine("22222222-2222-4333-8444-555555555555",
              R"("Pool":"blue","PoolStatus":"InUse","PoolAllocated":true)");
  add_machine("33333333-2222-4333-8444-555555555555", R"("Pool":"apple","PoolStatus":"Free")");
  EXPECT_EQ(get("pools-active").body, R"(["apple","blue"])");
  EXPECT_EQ(
      get("pools/blue/status").json(),
      testing::json::parse(
          R"({"Free":[{"Name":"m-11","Uuid":"11111111-2222-4333-8444-555555555555","Allocated":false,"Status":"Free"}],
              "InUse":[{"Name":"m-22","Uuid":"22222222-2222-4333-8444-555555555555","Allocated":true,"Status":"InUse"}]})"));
  EXPECT_EQ(get("pools/none/status").status, 404);
  fixture.authenticator.users["one"] = {{"pools", "list,get", "*"}, {"machines", "get", kSpecialMachine}};
  EXPECT_EQ(get("pools-active", "one").body, R"(["blue"])");
  EXPECT_EQ(get("pools/blue/status", "one").json().as_object().size(), 1U);
  for (const std::string& path :
       {std::string("pools/blue/addMachines"), std::string("pools/blue/releaseMachines"),
        fmt::format("machines/{}/releaseToPool", kSpecialMachine)}) {
    const Answer refused = fixture.call("POST", "/api/v3/" + path, "{}");
    EXPECT_EQ(refused.status, 422) << path;
    EXPECT_EQ(refused.message(),
              "This version does not move machines between pools; change their field Pool");
  }
  EXPECT_EQ(fixture.call("POST", "/api/v3/pools/blue/paint", "{}").message(), "No route");
}

TEST_F(SpecialRoutes, LocalInstallsArePurged) {
  fixture.put_raw("bootenvs", "", "b", R"({"Name":"b","OS":{"Name":"ubuntu"}})");
  fixture.put_raw("bootenvs", "", "bad", R"({"Name":"bad","OS":{"Name":".."}})");
  const env::Path root = fixture.folder.path() / "installs" / "ubuntu";
  for (const env::Path& folder : {root / "install", root / "arm64" / "install", root / "ppc64" / "install"})
    ASSERT_TRUE(env::make_directories(folder).ok());
  const auto purge = [this](const std::string& name, const std::string& body, const std::string& query = "") {
    return fixture.call("DELETE", "/api/v3/bootenvs/" + name + "/purgeLocal" + query, body);
  };
  const Answer done = purge("b", R"(["x86_64","arm64"])");
  EXPECT_EQ(done.status, 204) << done.body;
  EXPECT_FALSE(std::filesystem::exists(root / "install"));
  EXPECT_FALSE(std::filesystem::exists(root / "arm64" / "install"));
  EXPECT_TRUE(std::filesystem::exists(root / "ppc64" / "install"));
  EXPECT_EQ(purge("b", R"(["z80"])").message(), "Unsupported arch z80");
  EXPECT_EQ(purge("b", "{}").status, 400);
  EXPECT_EQ(purge("b", "[]", "?reexplodeIsos=true").status, 204);
  EXPECT_EQ(purge("bad", R"(["amd64"])").status, 422);
  EXPECT_EQ(purge("none", "[]").status, 404);
}

TEST_F(SpecialRoutes, CertificatesAreReplacedAndKeysNeverShown) {
  // "first", "pem" and "other" in base64
  EXPECT_EQ(get("system/cert").body, R"({"Cert":"Zmlyc3Q=","Key":""})");
  const Answer changed = fixture.call("POST", "/api/v3/static/cert", R"({"Cert":"cGVt","Key":"cGVt"})");
  EXPECT_EQ(changed.body, R"({"Cert":"cGVt","Key":""})");
  EXPECT_EQ(get("static/cert").body, R"({"Cert":"cGVt","Key":""})");
  EXPECT_EQ(get("system/cert").body, R"({"Cert":"Zmlyc3Q=","Key":""})");
  const std::pair<const char*, int> bad[] = {{R"({"Cert":"cGVt","Key":"b3RoZXI="})", 422},
                                             {R"({"Cert":"cGVt"})", 400},
                                             {R"({"Cert":"c!Vt","Key":"cGVt"})", 400},
                                             {R"({"Cert":"cGV","Key":"cGVt"})", 400},
                                             {"[]", 400}};
  for (const auto& [body, status] : bad)
    EXPECT_EQ(fixture.call("POST", "/api/v3/system/cert", body).status, status) << body;
  EXPECT_EQ(get("system/cert").body, R"({"Cert":"Zmlyc3Q=","Key":""})");
}

TEST_F(SpecialRoutes, DebugPagesHoldNoSecret) {
  for (const char* what : {"memory", "threads", "store", "routes", "events", "support"}) {
    const Answer page = get(std::string("debug/") + what);
    EXPECT_EQ(page.status, 200) << what;
    EXPECT_EQ(page.body.find("hidden"), std::string::npos) << what;  // the preference baseTokenSecret
    EXPECT_GT(page.body.size(), 10U) << what;
  }
  EXPECT_EQ(get("debug/support").json().at("Preferences").at("baseTokenSecret"), "********");
  EXPECT_EQ(get("debug/nothing").status, 404);
  EXPECT_EQ(get("debug/threads?seconds=61").status, 400);
  fixture.call("POST", "/api/v3/profiles", R"({"Name":"p1"})");
  const Answer index = get("drp_debug/index/profiles");
  EXPECT_EQ(index.json().at("Owners").at(0).at("Count"), 1);
  EXPECT_TRUE(index.json().at("Indexes").at("Name").at("Unique").as_bool());
  EXPECT_EQ(get("drp_debug/index/nothing").status, 404);
}

TEST_F(SpecialRoutes, LogsAreLinesOfTheContract) {
  constexpr Logger log("test");
  log.warn("look at this number={}", 7);
  const testing::json::value lines = get("logs").json();
  const testing::json::object& line = lines.as_array().back().as_object();
  EXPECT_EQ(line.at("Message"), "look at this number=7");
  EXPECT_EQ(line.at("Level"), "warn");
  EXPECT_EQ(line.at("Service"), "test");
  for (const char* name : {"Group", "Seq", "Time", "Principal", "File", "Line", "Data", "IgnorePublish"})
    EXPECT_TRUE(line.contains(name)) << name;
  EXPECT_EQ(line.at("File"), "api/special_routes_test.cc");
  EXPECT_GT(line.at("Line").as_int64(), 0);
  EXPECT_EQ(line.at("Group"), 0) << "of no request";
  EXPECT_EQ(line.at("Principal"), "system");
}

TEST_F(SpecialRoutes, LinesOfARequestSayWhichAndWhose) {
  fixture.call("POST", "/api/v3/profiles", R"({"Name":"grouped-1"})");
  fixture.call("POST", "/api/v3/profiles", R"({"Name":"grouped-2"})");
  std::vector<testing::json::object> lines;
  const testing::json::value all = get("logs").json();
  for (const testing::json::value& line : all.as_array()) {
    if (std::string_view(line.at("Message").as_string()).starts_with("POST /api/v3/profiles"))
      lines.push_back(line.as_object());
  }
  ASSERT_GE(lines.size(), 2U);
  const testing::json::object &first = lines[lines.size() - 2], &second = lines.back();
  EXPECT_EQ(first.at("Principal"), "user:root");
  EXPECT_EQ(first.at("File"), "api/internal/dispatcher.cc");
  EXPECT_GT(first.at("Group").as_int64(), 0);
  EXPECT_GT(second.at("Group").as_int64(), first.at("Group").as_int64());
}

TEST_F(SpecialRoutes, AClientMayAskForTheLineOfItsRequest) {
  std::vector<std::string> heard;
  {
    Mutex mutex;  // guards heard
    const LogListener listener([&](const LogLine& line) {
      Lock lock(mutex);
      heard.push_back(std::string(log_level_word(line.level)) + " " + line.text);
    });
    fixture.call("GET", "/api/v3/objects", "", "root");
    fixture.call("GET", "/api/v3/objects", "", "root",
                 {{"X-Log-Request", "trace"}, {"X-Log-Token", "find me"}});
  }
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_TRUE(heard[0].starts_with("trace GET /api/v3/objects status=200")) << heard[0];
  EXPECT_TRUE(heard[0].ends_with("trace=find_me")) << heard[0];
}

TEST_F(SpecialRoutes, OldAddressesOfPortalsLeadHome) {
  for (const char* path : {"/ux", "/local-ui", "/swagger-ui"}) {
    const Answer answer = fixture.call("GET", path, "", "");
    EXPECT_EQ(answer.status, 302) << path;
    EXPECT_EQ(answer.header("Location"), "/") << path;
  }
}

}  // namespace
}  // namespace mullion::api
