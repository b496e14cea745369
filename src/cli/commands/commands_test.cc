// The special commands of single collections against a small server.
#include <gmock/gmock.h>

#include "cli/cli_testing.h"
#include "cli/documents/sealing.h"

namespace mullion::cli {
namespace {

namespace json = boost::json;

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Commands = testing::CommandTest;

constexpr const char* kMachine =
    R"({"Uuid":"u1","Name":"m1","CurrentJob":"j1","Tasks":["a","b","stage:x"],"CurrentTask":0,"Pool":"default"})";

TEST_F(Commands, MakeJobsOfMachinesHoweverTheyAreNamed) {
  answer("POST /api/v3/jobs", R"({"Uuid":"j9"})", 201);
  EXPECT_EQ(run({"jobs", "create", R"({"Machine":"u7"})"}), 0);
  EXPECT_EQ(last_body(), json::parse(R"({"Machine":"u7"})"));
  answer("GET /api/v3/machines/Name:m1", kMachine);
  EXPECT_EQ(run({"jobs", "create", "m1"}), 0);
  EXPECT_EQ(last_body(), json::parse(R"({"Machine":"u1"})"));
  EXPECT_EQ(run({"jobs", "create", "nobody"}), 1);
  answer("GET /api/v3/machines/u1", kMachine);
  answer("POST /api/v3/jobs", "", 204);
  EXPECT_EQ(run({"machines", "jobs", "create", "u1"}), 0);
  EXPECT_EQ(out(), "");
  EXPECT_EQ(err(), "nothing to do for this machine\n");
}

TEST_F(Commands, PurgeJobsOnlyAsAsked) {
  answer("GET /api/v3/info", R"({"features":[]})");
  answer("DELETE /api/v3/jobs", "[]");
  EXPECT_EQ(run({"jobs", "purge"}), 0);
  EXPECT_EQ(last_line(), "DELETE /api/v3/jobs");
  EXPECT_EQ(run({"jobs", "purge", "--jobs-to-keep", "3"}), 1);
  EXPECT_THAT(err(), HasSubstr("nothing was purged"));
  answer("GET /api/v3/info", R"({"features":["selective-job-purge"]})");
  EXPECT_EQ(run({"jobs", "purge", "--dry-run", "--machine", "missing", "--failed-after", "1h"}), 0);
  EXPECT_EQ(last_line(), "DELETE /api/v3/jobs?dryrun=true&machine=missing&failedJobsPurgedAfter=1h");
}

TEST_F(Commands, ShowAndExtendLogsOfJobs) {
  answer("GET /api/v3/jobs/j1/log", "line one\nline two\n");
  EXPECT_EQ(run({"jobs", "log", "j1"}), 0);
  EXPECT_EQ(out(), "line one\nline two\n");
  answer("PUT /api/v3/jobs/j1/log", "", 204);
  EXPECT_EQ(run({"jobs", "log", "j1", "more\n"}), 0);
  EXPECT_EQ(server_.last().body, "more\n");
  EXPECT_EQ(out(), "Success\n");
  fake_.in.str("from stdin");
  EXPECT_EQ(run({"jobs", "log", "j1", "-"}), 0);
  EXPECT_EQ(server_.last().body, "from stdin");
  answer("GET /api/v3/jobs/j1/actions", "[]");
  EXPECT_EQ(run({"jobs", "actions", "j1", "--for-os", "linux"}), 0);
  EXPECT_EQ(last_line(), "GET /api/v3/jobs/j1/actions?os=linux");
  answer("GET /api/v3/machines/m1", kMachine);
  EXPECT_EQ(run({"machines", "currentlog", "m1"}), 0);
  EXPECT_EQ(out(), "line one\nline two\n");
}

TEST_F(Commands, FollowTheCurrentJobOfAMachine) {
  answer("GET /api/v3/machines/m1", kMachine);
  answer("GET /api/v3/jobs/j1", R"({"Uuid":"j1","State":"running"})");
  answer("PATCH /api/v3/jobs/j1", R"({"Uuid":"j1","State":"finished"})");
  EXPECT_EQ(run({"machines", "jobs", "state", "m1", "to", "finished"}), 0);
  EXPECT_EQ(last_body(), json::parse(R"([{"op":"test","path":"/State","from":"","value":"running"},
                                         {"op":"replace","path":"/State","from":"","value":"finished"}])"));
  answer("GET /api/v3/machines/m2", R"({"Uuid":"u2","CurrentJob":"00000000-0000-0000-0000-000000000000"})");
  EXPECT_EQ(run({"machines", "jobs", "current", "m2"}), 1);
  EXPECT_EQ(err(), "Error: No current job on machine m2\n");
}

TEST_F(Commands, InspectAndDeleteJobsOfAMachine) {
  answer("GET /api/v3/machines/m1", kMachine);
  answer("GET /api/v3/jobs", R"([{"Uuid":"j2"},{"Uuid":"j1"}])");
  answer("DELETE /api/v3/jobs/j1", "{}");
  answer("DELETE /api/v3/jobs/j2", "{}");
  EXPECT_EQ(run({"machines", "deletejobs", "m1"}), 0);
  EXPECT_EQ(out(), "Deleted job j2\nDeleted job j1\n");
  EXPECT_EQ(run({"machines", "inspect", "tasks", "m1", "a", "2"}), 0);
  EXPECT_EQ(last_line(),
            "GET /api/v3/jobs?Machine=Eq%28u1%29&sort=StartTime&reverse=true&Task=a&offset=2&limit=1");
  answer("GET /api/v3/jobs/j1/log", "said");
  answer("GET /api/v3/jobs/j2/log", "said");
  answer("GET /api/v3/jobs/j1/actions", "[1]");
  answer("GET /api/v3/jobs/j2/actions", "[]");
  EXPECT_EQ(run({"machines", "inspect", "jobs", "m1", "-A"}), 0);
  EXPECT_EQ(json::parse(out()).at(1), json::parse(R"({"Job":{"Uuid":"j1"},"Log":"said","Actions":[1]})"));
  EXPECT_EQ(run({"machines", "inspect", "jobs", "m1", "many"}), 1);
}

TEST_F(Commands, ChangeTasksAhead) {
  answer("GET /api/v3/machines/m1", kMachine);
  answer("PATCH /api/v3/machines/m1", "{}");
  EXPECT_EQ(run({"machines", "tasks", "add", "m1", "at", "0", "new"}), 0);
  EXPECT_THAT(server_.last().body, HasSubstr(R"("value":["a","new","b","stage:x"])"));
  EXPECT_THAT(server_.last().body, StartsWith(R"([{"op":"test","path":"/Tasks")"));
  EXPECT_EQ(run({"machines", "tasks", "add", "m1", "new"}), 0);
  EXPECT_THAT(server_.last().body, HasSubstr(R"("value":["a","b","new","stage:x"])"));
  EXPECT_EQ(run({"machines", "tasks", "del", "m1", "b", "stage:x"}), 0);
  EXPECT_THAT(server_.last().body, HasSubstr(R"("value":["a","stage:x"])"));
  EXPECT_EQ(run({"machines", "tasks", "add", "m1", "at", "9", "new"}), 1);
}

TEST_F(Commands, ManagePools) {
  answer("POST /api/v3/pools/lab/allocateMachines", "[]");
  EXPECT_EQ(run({"pools", "manage", "allocate", "lab", "Arch=amd64", "--count", "2", "--add-parameters",
                 "{x: 1}", "--wait-timeout", "5m", "-f"}),
            0);
  EXPECT_EQ(last_line(), "POST /api/v3/pools/lab/allocateMachines?force=true");
  EXPECT_EQ(last_body(), json::parse(R"({"pool/count":2,"pool/minimum":0,"pool/all-machines":false,
      "pool/machine-list":[],"pool/wait-timeout":"5m","pool/workflow":"","pool/add-profiles":[],
      "pool/remove-profiles":[],"pool/add-parameters":{"x":1},"pool/remove-parameters":[],
      "pool/filter":["Arch=amd64"]})"));
  answer("POST /api/v3/pools/lab/addMachines", "[]");
  EXPECT_EQ(
      run({"pools", "manage", "add", "lab", "--machine-list", "Name:a,Name:b", "--source-pool", "other"}), 0);
  EXPECT_EQ(last_line(), "POST /api/v3/pools/lab/addMachines?source-pool=other");
  EXPECT_EQ(run({"pools", "manage", "add", "lab", "--count", "some"}), 1);
  EXPECT_EQ(run({"pools", "manage", "release", "lab", "--source-pool", "other"}), 1);
  answer("GET /api/v3/pools-active", R"(["default"])");
  EXPECT_EQ(run({"pools", "active"}), 0);
  answer("GET /api/v3/pools/lab/status", "{}");
  EXPECT_EQ(run({"pools", "status", "lab"}), 0);
  answer("POST /api/v3/machines/m1/releaseToPool", "[]");
  EXPECT_EQ(run({"machines", "releaseToPool", "m1"}), 0);
  EXPECT_EQ(server_.last().body, "{}");
}

TEST_F(Commands, ChangeSubnets) {
  answer("GET /api/v3/subnets/s", R"({"Name":"s","ActiveStart":"a","ActiveEnd":"b","Pickers":["hint"],
      "ActiveLeaseTime":60,"ReservedLeaseTime":7200,"Options":[{"Code":3,"Value":"10.0.0.1"}]})");
  answer("PATCH /api/v3/subnets/s", "{}");
  EXPECT_EQ(run({"subnets", "range", "s", "10.0.0.10", "10.0.0.20"}), 0);
  EXPECT_THAT(server_.last().body, HasSubstr(R"("path":"/ActiveStart","from":"","value":"10.0.0.10")"));
  EXPECT_EQ(run({"subnets", "pickers", "s", "hint,nextFree"}), 0);
  EXPECT_THAT(server_.last().body, HasSubstr(R"("value":["hint","nextFree"])"));
  EXPECT_EQ(run({"subnets", "leasetimes", "s", "60", "3600"}), 0);
  EXPECT_EQ(last_body(), json::parse(R"([{"op":"test","path":"/ReservedLeaseTime","from":"","value":7200},
                                         {"op":"replace","path":"/ReservedLeaseTime","from":"","value":3600}])"));
  EXPECT_EQ(run({"subnets", "set", "s", "option", "6", "to", "8.8.8.8"}), 0);
  EXPECT_THAT(server_.last().body, HasSubstr(R"({"Code":6,"Value":"8.8.8.8"})"));
  EXPECT_EQ(run({"subnets", "set", "s", "option", "3", "to", "null"}), 0);
  EXPECT_THAT(server_.last().body, HasSubstr(R"("op":"replace","path":"/Options","from":"","value":[])"));
  answer("POST /api/v3/subnets/s/allocate", R"({"Addr":"10.0.0.4"})");
  EXPECT_EQ(run({"subnets", "allocate", "s"}), 0);
  EXPECT_EQ(server_.last().body, "{}");
  EXPECT_EQ(run({"subnets", "allocate", "s", "10.0.0.4"}), 0);
  EXPECT_EQ(server_.last().body, R"({"Addr":"10.0.0.4"})");
  EXPECT_EQ(run({"subnets", "allocate", "s", "Machine: m1"}), 0);
  EXPECT_EQ(server_.last().body, R"({"Machine":"m1"})");
  answer("DELETE /api/v3/subnets/s/release/10.0.0.4", R"({"Addr":"10.0.0.4"})");
  EXPECT_EQ(run({"subnets", "release", "s", "10.0.0.4"}), 0);
  EXPECT_EQ(last_line(), "DELETE /api/v3/subnets/s/release/10.0.0.4");
  EXPECT_EQ(run({"subnets", "get", "s", "option", "3"}), 0);
  EXPECT_EQ(json::parse(out()), json::parse(R"({"Code":3,"Value":"10.0.0.1"})"));
  EXPECT_EQ(run({"subnets", "get", "s", "option", "4"}), 1);
  EXPECT_EQ(err(), "Error: option 4 is not set\n");
}

TEST_F(Commands, SealSecureParameters) {
  const SealingKeys keys = make_sealing_keys();
  answer("GET /api/v3/params/ipmi/password", R"({"Name":"ipmi/password","Secure":true})");
  answer("GET /api/v3/machines/m1/pubkey", "\"" + keys.public_key + "\"");
  answer("POST /api/v3/machines/m1/params/ipmi/password", "null");
  EXPECT_EQ(run({"machines", "set", "m1", "param", "ipmi/password", "to", "geheim"}), 0);
  const json::value sent = last_body();
  Result<json::value> opened = open_sealed(keys, sent);
  ASSERT_TRUE(opened);
  EXPECT_EQ(*opened, json::value("geheim"));
  EXPECT_THAT(out(), Not(HasSubstr("geheim")));
  // Unknown parameters go as they are; a server that fails is no reason to send a secret in clear.
  answer("POST /api/v3/machines/m1/params/free", "null");
  EXPECT_EQ(run({"machines", "set", "m1", "param", "free", "to", "open"}), 0);
  EXPECT_EQ(last_body(), json::value("open"));
  answer("GET /api/v3/params/ipmi/password", "oops", 500);
  EXPECT_EQ(run({"machines", "set", "m1", "param", "ipmi/password", "to", "geheim"}), 1);
  EXPECT_EQ(last_line(), "GET /api/v3/params/ipmi/password");
}

TEST_F(Commands, InstallBootEnvironmentsWithTemplatesAndIsos) {
  const std::string file = write("bootenvs/fred.yaml",
                                 "Name: fred\nOS: {Name: fred, IsoFile: fred.iso, IsoUrl: '" + server_.url() +
                                     "/fred.iso'}\nTemplates: [{ID: fred.tmpl, Name: x, Path: y}]\n");
  write("templates/fred.tmpl", "hello");
  answer("POST /api/v3/templates", "{}", 201);
  answer("POST /api/v3/bootenvs",
         R"({"Name":"fred","OS":{"IsoFile":"fred.iso","IsoUrl":")" + server_.url() + R"(/fred.iso"}})", 201);
  answer("GET /api/v3/isos", R"(["other.iso"])");
  answer("GET /fred.iso", "iso bytes");
  answer("POST /api/v3/isos/fred.iso", "{}", 201);
  EXPECT_EQ(run({"bootenvs", "install", file}), 0) << err();
  EXPECT_EQ(last_line(), "POST /api/v3/isos/fred.iso");
  EXPECT_EQ(server_.last().body, "iso bytes");
  const std::string isos = std::filesystem::path(write("isos/fred.iso", "local bytes")).parent_path();
  EXPECT_EQ(run({"bootenvs", "install", file, isos, "--skip-download"}), 0);
  EXPECT_EQ(server_.last().body, "local bytes");
  EXPECT_EQ(run({"bootenvs", "install", file, "/nowhere", "--skip-download"}), 0);
  EXPECT_THAT(err(), HasSubstr("not uploaded: fred.iso (get it from "));
  answer("DELETE /api/v3/bootenvs/fred/purgeLocal", "", 204);
  EXPECT_EQ(run({"bootenvs", "purgeLocalInstall", "fred", "amd64", "arm64", "--reexplodeIsos"}), 0);
  EXPECT_EQ(last_line(), "DELETE /api/v3/bootenvs/fred/purgeLocal?reexplodeIsos=true");
  EXPECT_EQ(last_body(), json::parse(R"(["amd64","arm64"])"));
}

TEST_F(Commands, ReplaceTemplatesAsAWhole) {
  const std::string file = write("t.tmpl", "new text");
  answer("GET /api/v3/templates/t", R"({"ID":"t","Contents":"old","Description":"kept"})");
  answer("PUT /api/v3/templates/t", "{}");
  EXPECT_EQ(run({"templates", "upload", file, "as", "t"}), 0);
  EXPECT_EQ(server_.seen()[1].body, R"({"ID":"t","Contents":"new text","Description":"kept"})");
}

TEST_F(Commands, MoveProvidersCertificatesAndMeasurements) {
  const std::string program = write("fake-provider", "#!program");
  answer("POST /api/v3/plugin_providers/p", R"({"path":"p","size":9})", 201);
  EXPECT_EQ(run({"plugin_providers", "upload", "p", "from", program, "--replace-writable"}), 0);
  EXPECT_EQ(last_line(), "POST /api/v3/plugin_providers/p?replaceWritable=true");
  EXPECT_EQ(server_.last().body, "#!program");
  answer("GET /api/v3/plugin_providers/p/binary", "#!program");
  EXPECT_EQ(run({"plugin_providers", "download", "p", "to", (fake_.home / "copy").string()}), 0);
  EXPECT_EQ(read("copy"), "#!program");
  const std::string pem = write("c.pem", "PEM");
  answer("POST /api/v3/system/cert", "{}");
  EXPECT_EQ(run({"system", "certs", "set", pem, pem}), 0);
  EXPECT_EQ(last_body(), json::parse(R"({"Cert":"UEVN","Key":"UEVN"})"));
  answer("POST /api/v3/static/cert", "{}");
  EXPECT_EQ(run({"files", "certs", "set", pem, pem}), 0);
  answer("GET /api/v3/debug/profile", "data");
  EXPECT_EQ(run({"debug", "profile", "-", "--seconds", "5"}), 0);
  EXPECT_EQ(last_line(), "GET /api/v3/debug/profile?seconds=5");
  EXPECT_EQ(out(), "data");
  answer("GET /api/v3/drp_debug/index/machines", "index");
  EXPECT_EQ(run({"debug", "index", "-", "--prefix", "machines"}), 0);
  answer("POST /api/v3/system/upgrade", R"({"Path":"system/upgrade","Size":3})");
  EXPECT_EQ(run({"system", "upgrade", pem, "--force"}), 0);
  EXPECT_EQ(last_line(), "POST /api/v3/system/upgrade?force=true");
  answer("POST /api/v3/system/upgrade/stage", R"({"Path":"system/upgrade/stage","Size":3})");
  EXPECT_EQ(run({"system", "upgrade", "stage", pem, "--force"}), 0);
  EXPECT_EQ(last_line(), "POST /api/v3/system/upgrade/stage?force=true");
  answer("POST /api/v3/system/upgrade/exec", "", 202);
  EXPECT_EQ(run({"system", "upgrade", "start"}), 0);
  EXPECT_EQ(last_line(), "POST /api/v3/system/upgrade/exec");
  answer("DELETE /api/v3/system/upgrade/stage", "", 204);
  EXPECT_EQ(run({"system", "upgrade", "remove"}), 0);
  EXPECT_EQ(last_line(), "DELETE /api/v3/system/upgrade/stage");
  EXPECT_EQ(run({"system", "upgrade", "start", pem}), 1) << "not passed over";
  answer("GET /api/v3/system/upgrade", R"({"State":"none"})");
  EXPECT_EQ(run({"system", "upgrade", "status"}), 0);
  EXPECT_EQ(run({"system", "upgradestatus"}), 0);
  EXPECT_THAT(out(), HasSubstr("none"));
  answer("GET /api/v3/system/metrics", R"({"Metrics":[]})");
  EXPECT_EQ(run({"system", "metrics", "mullion_a", "mullion_b"}), 0);
  EXPECT_EQ(last_line(), "GET /api/v3/system/metrics?names=mullion_a%2Cmullion_b");
  EXPECT_EQ(run({"system", "metrics"}), 0);
  EXPECT_EQ(last_line(), "GET /api/v3/system/metrics");
  EXPECT_EQ(run({"system", "upgrade", (fake_.home / "none.zip").string()}), 1);
  EXPECT_THAT(err(), HasSubstr("cannot read"));
}

TEST_F(Commands, SayWhoThisComputerIs) {
  answer("POST /api/v3/whoami", R"({"Result":{}})");
  EXPECT_EQ(run({"machines", "whoami"}), 0);
  EXPECT_TRUE(last_body().at("Fingerprint").as_object().contains("SystemUUID"));
  EXPECT_EQ(run({"fingerprint"}), 0);
  EXPECT_THAT(out(), HasSubstr("\"MemoryIds\": []"));
}

TEST_F(Commands, CollectWhatHelpsToUnderstandAMachine) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(fake_.home);
  answer("GET /api/v3/machines/m1", kMachine);
  answer("GET /api/v3/jobs", R"([{"Uuid":"j1"}])");
  answer("GET /api/v3/logs", "[]");
  EXPECT_EQ(run({"support", "machine-bundle", "m1"}), 0);
  std::filesystem::current_path(before);
  EXPECT_EQ(out(), "machine-u1.json\n");
  EXPECT_EQ(json::parse(read("machine-u1.json")).at("Jobs").at(0).at("Job").at("Uuid"), "j1");
}

TEST_F(Commands, CollectWhatHelpsToUnderstandAServer) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(fake_.home);
  answer("GET /api/v3/debug/support", R"({"Info":{"id":"../A:1"},"Routes":[]})");
  answer("GET /api/v3/logs", R"([{"Message":"started"}])");
  EXPECT_EQ(run({"support", "bundle"}), 0);
  std::filesystem::current_path(before);
  EXPECT_EQ(out(), "support-.._A_1.json\n");
  const json::value bundle = json::parse(read("support-.._A_1.json"));
  EXPECT_TRUE(bundle.at("Support").as_object().contains("Routes"));
  EXPECT_EQ(bundle.at("Logs").at(0).at("Message"), "started");
  const auto rights = std::filesystem::status(fake_.home / "support-.._A_1.json").permissions();
  EXPECT_EQ(rights, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(Commands, JoinEnrollAndRemoveMembersOfClusters) {
  answer("GET /api/v3/system/consensus/introduction", R"({"Token":"t","HaID":"h"})");
  const std::string file = fake_.home / "intro.json";
  EXPECT_EQ(run({"system", "ha", "introduction", file}), 0);
  answer("GET /api/v3/system/consensus/state", R"({"ConsensusID":"c1","HaID":""})");
  answer("POST /api/v3/system/consensus/enroll", "{}");
  EXPECT_EQ(run({"system", "ha", "join", file}), 0);
  EXPECT_EQ(last_body(), json::parse(R"({"ConsensusID":"c1","HaID":"h","Token":"t"})"));
  fake_.in.str("pw\n");
  EXPECT_EQ(run({"system", "ha", "enroll", server_.url(), "rocketskates", "-", "ConsensusAddr",
                 "10.0.0.1:8093", "Observer", "True"}),
            0);
  EXPECT_EQ(last_body(),
            json::parse(R"({"ConsensusID":"c1","HaID":"h","Token":"t","ConsensusAddr":"10.0.0.1:8093",
                                         "Observer":true})"));
  EXPECT_EQ(run({"system", "ha", "enroll", server_.url(), "rocketskates", "pw", "Colour", "red"}), 1);
  answer(
      "GET /api/v3/system/consensus/peers",
      R"([{"ConsensusID":"c1","Passive":false},{"ConsensusID":"c2","ConsensusAddr":"a:1","Passive":true}])");
  answer("DELETE /api/v3/system/consensus/node/c2", "{}");
  EXPECT_EQ(run({"system", "ha", "remove", "a:1"}), 0);
  EXPECT_EQ(run({"system", "ha", "remove", "c1"}), 1);
  EXPECT_EQ(err(), "Error: c1 is not passive: only passive members can be removed\n");
  EXPECT_EQ(run({"system", "ha", "remove", "c3"}), 1);
}

TEST_F(Commands, SayWhichAreNotHere) {
  EXPECT_EQ(run({"machines", "processjobs", "u1"}), 1);
  EXPECT_EQ(
      err(),
      "Error: processjobs is not here: it runs jobs on a machine; use drpcli there, which works against "
      "this server\n");
  for (const std::vector<std::string>& words : {std::vector<std::string>{"agent", "status"},
                                                {"gohai"},
                                                {"net", "phys"},
                                                {"system", "signurl", "x"}}) {
    EXPECT_EQ(run(words), 1);
    EXPECT_THAT(err(), HasSubstr(" is not here: it "));
  }
}

}  // namespace
}  // namespace mullion::cli
