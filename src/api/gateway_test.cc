// A member's door: what it answers itself, what it passes on, and what it says when nobody serves.
#include "api/gateway.h"

#include "api/api_testing.h"
#include "net/net_testing.h"

namespace mullion::api {
namespace {

using testing::FakeCluster;

/// The member that serves, as a plain HTTP server that tells what it was asked.
class Elsewhere {
 public:
  Elsewhere(env::Runtime& runtime, net::Handler handler) {
    net::ListenOptions options;
    options.address = "127.0.0.1";
    server_ = std::move(net::listen(runtime, std::move(options), std::move(handler)).value());
  }
  cluster::ActiveMember member() const {
    const std::string url = fmt::format("http://127.0.0.1:{}", server_->port());
    return {url, url, ""};
  }

 private:
  std::unique_ptr<net::Server> server_;
};

class GatewayTest : public ::testing::Test {
 protected:
  GatewayTest() {
    fixture_.cluster.shown.enrolled = true;
    Facts facts;
    facts.id = facts.local_id = "M1";
    facts.version = "v0.1.0";
    facts.address = "127.0.0.1";
    gateway_ = made_with(std::move(facts));
  }
  std::unique_ptr<Gateway> made_with(Facts facts) {
    return make_gateway({.runtime = fixture_.runtime,
                         .store = *fixture_.store,
                         .authenticator = fixture_.authenticator,
                         .cluster = fixture_.cluster,
                         .facts = std::move(facts),
                         .limits = {},
                         .clock = env::system_clock(),
                         .timers = env::system_timers(),
                         .hold = std::chrono::milliseconds(100)});
  }
  ~GatewayTest() override { fixture_.run(gateway_->stop()); }

  void be_passive() {
    fixture_.cluster.lease = false;
    fixture_.cluster.shown.active = false;
    fixture_.cluster.shown.active_id = "another";
  }

  net::Response ask(const std::string& method, const std::string& target, std::string body = "",
                    std::vector<std::pair<std::string, std::string>> headers = {
                        {"Authorization", "Bearer root"}}) {
    net::BodySourcePtr source = net::body_from_string(std::move(body));
    net::Request request;
    request.method = method;
    EXPECT_TRUE(request.set_target(target).ok());
    for (const auto& [name, value] : headers) request.headers.add(name, value);
    request.peer_address = "127.0.0.1";
    request.id = "request-1";
    request.body = source.get();
    return fixture_.run(gateway_->handle(request));
  }
  int status(const std::string& method, const std::string& target, std::string body = "") {
    return ask(method, target, std::move(body)).status;
  }

  testing::Fixture fixture_;
  std::unique_ptr<Gateway> gateway_;
};

TEST_F(GatewayTest, WhoServesAnswersWithTheApi) {
  gateway_->serve_with(*fixture_.api);
  EXPECT_EQ(status("GET", "/api/v3/objects"), 200);
  EXPECT_EQ(status("GET", "/healthz/active"), 200);
  EXPECT_EQ(status("GET", "/healthz/ready"), 200);
}

TEST_F(GatewayTest, WhatWasReadAfterTheLeaseIsNotAnswered) {
  gateway_->serve_with(*fixture_.api);
  fixture_.cluster.looks_until_lost = 1;  // valid when the request begins, and not when it ends
  const net::Response read = ask("GET", "/api/v3/objects");
  EXPECT_EQ(read.status, 503);
  EXPECT_EQ(read.headers.get("Retry-After"), "1");
}

TEST_F(GatewayTest, NobodyServes) {
  be_passive();
  const net::Response answer = ask("GET", "/api/v3/profiles");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.headers.get("Retry-After"), "1");
  EXPECT_EQ(status("GET", "/healthz/active"), 503);
  EXPECT_EQ(status("GET", "/healthz/ready"), 503);
}

TEST_F(GatewayTest, EveryMemberTellsOfItself) {
  be_passive();
  for (const char* what : {"id", "leader", "active", "peers", "state", "fullstate"})
    EXPECT_EQ(status("GET", std::string("/api/v3/system/consensus/") + what), 200) << what;
  EXPECT_EQ(status("GET", "/api/v3/info"), 200);
  EXPECT_EQ(status("GET", "/api/v3/system/consensus/colour"), 404);
  EXPECT_EQ(ask("GET", "/api/v3/info", "", {}).status, 401);
  EXPECT_EQ(status("GET", "/api/v3/system/consensus/introduction"), 503) << "is for the one that serves";
  EXPECT_EQ(status("POST", "/api/v3/system/passive"), 200);
  EXPECT_EQ(status("POST", "/api/v3/system/active"), 503);
}

TEST_F(GatewayTest, WhoIsAboutToServeIsNotPassive) {
  be_passive();
  EXPECT_EQ(status("POST", "/api/v3/system/passive?to=M2"), 503) << "it has no lead to give to anybody";
  fixture_.cluster.shown.active = true;
  EXPECT_EQ(status("POST", "/api/v3/system/passive"), 503);
  EXPECT_EQ(status("POST", "/api/v3/system/passive?to=M2"), 503);
}

TEST_F(GatewayTest, AnEnrolmentIsAnsweredHere) {
  be_passive();
  EXPECT_EQ(status("POST", "/api/v3/system/consensus/enroll", ""), 422);
  EXPECT_EQ(status("POST", "/api/v3/system/consensus/enroll", "{"), 400);
  EXPECT_EQ(status("POST", "/api/v3/system/consensus/enroll", R"({"Enabled":1})"), 422);
  EXPECT_EQ(status("POST", "/api/v3/system/consensus/enroll", R"({"HaID":"x"})"), 200);
  ASSERT_EQ(fixture_.cluster.enrolled_with.size(), 1u);
  EXPECT_EQ(fixture_.cluster.enrolled_with[0].ha_id, "x");
  fixture_.cluster.refusal = Error(ErrorCode::kConflict, "a member already");
  EXPECT_EQ(status("POST", "/api/v3/system/consensus/enroll", R"({"HaID":"x"})"), 409);
}

TEST_F(GatewayTest, WhereItListensIsItsOwn) {
  be_passive();
  const std::string state = "/api/v3/system/consensus/state";
  fixture_.cluster.shown.state.consensus_address = "192.0.2.1:8093";
  for (const char* body : {"", "{}", "[]", R"({"ConsensusAddr":1})", R"({"ConsensusAddr":"a:1","HaID":"x"})",
                           R"({"ConsensusAddr":"a:1","Other":1})", R"({"HaID":"x"})"}) {
    EXPECT_EQ(status("PUT", state, body), 422) << body;
  }
  EXPECT_EQ(status("PUT", state, "{"), 400);
  EXPECT_TRUE(fixture_.cluster.moved_to.empty());
  EXPECT_EQ(status("PUT", state, R"({"ConsensusAddr":"192.0.2.2:8093","VirtAddr":"","Roots":[]})"), 200)
      << "what stays as it is may be told";
  EXPECT_EQ(fixture_.cluster.moved_to, std::vector<std::string>{"192.0.2.2:8093"});
}

TEST_F(GatewayTest, TheAddressOfTheClusterIsChangedWhereItIsServed) {
  be_passive();
  const std::string state = "/api/v3/system/consensus/state";
  std::string seen;
  int answers = 200;
  Elsewhere other(fixture_.runtime, [&](net::Request& request) -> Task<net::Response> {
    Result<std::string> body = co_await net::read_all(*request.body, 1 << 20);
    seen = fmt::format("{} {} {} {}", request.method, request.target,
                       request.headers.get("Authorization").value_or("-"), *body);
    net::Response out;
    out.status = answers;
    out.body = std::string("{}");
    co_return out;
  });
  EXPECT_EQ(status("PUT", state, R"({"VirtAddr":"192.0.2.9/24"})"), 503) << "nobody serves";
  fixture_.cluster.elsewhere = other.member();
  fixture_.cluster.shown.state.virtual_interface = "eth0";
  const auto change = [&](const char* body) {
    return ask("PUT", state, body, {{"Authorization", "Bearer root"}}).status;
  };
  for (const char* body : {R"({"VirtAddr":1})", R"({"LoadBalanced":"true"})", R"({"VirtInterface":null})",
                           R"({"ConsensusAddr":"192.0.2.2:8093","VirtAddr":"192.0.2.9/24"})"}) {
    EXPECT_EQ(change(body), 422) << body;
  }
  EXPECT_EQ(change(R"({"VirtInterface":"eth0"})"), 200) << "as it is";
  EXPECT_TRUE(fixture_.cluster.address_changes.empty());
  EXPECT_EQ(seen, "");

  EXPECT_EQ(change(R"({"VirtInterface":"eth1"})"), 200) << "is its own";
  ASSERT_EQ(fixture_.cluster.address_changes.size(), 1u);
  EXPECT_EQ(fixture_.cluster.address_changes[0], cluster::AddressChange{.interface = "eth1"});
  EXPECT_EQ(seen, "");

  EXPECT_EQ(change(R"({"VirtAddr":"192.0.2.9/24","LoadBalanced":false,"VirtInterface":"eth2"})"), 200);
  EXPECT_EQ(seen, "PUT /api/v3/system/consensus/state Bearer root {\"VirtAddr\":\"192.0.2.9/24\"}");
  EXPECT_EQ(fixture_.cluster.shown.state.virtual_interface, "eth2");

  answers = 422;
  EXPECT_EQ(change(R"({"VirtAddr":"192.0.2.9","VirtInterface":"eth3"})"), 422);
  EXPECT_EQ(fixture_.cluster.shown.state.virtual_interface, "eth2") << "as it was before";
  EXPECT_EQ(ask("PUT", state, R"({"VirtAddr":"192.0.2.9"})",
                {{"Authorization", "Bearer root"}, {"X-Mullion-Passed-On", "1"}})
                .status,
            503)
      << "once is enough";
}

TEST_F(GatewayTest, PassesOnWithTheLoginOfTheClient) {
  be_passive();
  std::string seen;
  Elsewhere other(fixture_.runtime, [&seen](net::Request& request) -> Task<net::Response> {
    Result<std::string> body = co_await net::read_all(*request.body, 1 << 20);
    seen = fmt::format("{} {} {} {}", request.method, request.target,
                       request.headers.get("Authorization").value_or("-"), *body);
    net::Response out;
    out.status = 201;
    out.headers.set("X-Mullion-Commit", "M1 1 2");
    out.body = std::string("made");
    co_return out;
  });
  fixture_.cluster.elsewhere = other.member();
  const net::Response answer =
      ask("POST", "/api/v3/profiles?a=b", "{}", {{"Authorization", "Bearer root"}, {"Content-Length", "2"}});
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.headers.get("X-Mullion-Commit"), "M1 1 2");
  EXPECT_EQ(seen, "POST /api/v3/profiles?a=b Bearer root {}");
  EXPECT_EQ(status("GET", "/healthz/ready"), 200);
  EXPECT_EQ(status("GET", "/healthz/active"), 503);
  EXPECT_EQ(ask("GET", "/api/v3/profiles", "", {{"X-Mullion-Passed-On", "1"}}).status, 503)
      << "once is enough";
}

TEST_F(GatewayTest, AWriteThatMayHaveArrivedIsNotRepeated) {
  be_passive();
  std::atomic<int> asked{0};
  Elsewhere other(fixture_.runtime, [this, &asked](net::Request&) -> Task<net::Response> {
    ++asked;
    fixture_.cluster.elsewhere.reset();  // lost before it answers
    co_await env::sleep_for(std::chrono::seconds(10));
    co_return net::Response();
  });
  fixture_.cluster.elsewhere = other.member();
  const net::Response answer = ask("POST", "/api/v3/profiles", "{}");
  EXPECT_EQ(answer.status, 503);
  EXPECT_NE(std::get<std::string>(answer.body).find("may have been carried out"), std::string::npos);
  EXPECT_EQ(asked, 1);
}

TEST_F(GatewayTest, AWriteThatCannotHaveArrivedWaitsForSomebodyElse) {
  be_passive();
  fixture_.cluster.elsewhere = cluster::ActiveMember{"http://127.0.0.1:1", "http://127.0.0.1:1", ""};
  const net::Response answer = ask("POST", "/api/v3/profiles", "{}");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(std::get<std::string>(answer.body).find("may have been carried out"), std::string::npos);
}

/// So an upgrade's trial does not count it as serving before its rooms are open.
TEST_F(GatewayTest, WhoLeadsAndHasNotOpenedItsRoomsDoesNotServeYet) {
  ASSERT_TRUE(fixture_.cluster.shown.active);
  const std::string early = std::get<std::string>(ask("GET", "/api/v3/info").body);
  EXPECT_NE(early.find(R"("ha_status":"Connecting")"), std::string::npos) << early;
  EXPECT_NE(early.find(R"("ha_is_active":false)"), std::string::npos);
  gateway_->serve_with(*fixture_.api);
  const std::string later = std::get<std::string>(ask("GET", "/api/v3/info").body);
  EXPECT_NE(later.find(R"("ha_status":"Up")"), std::string::npos) << later;
}

TEST_F(GatewayTest, AMemberThatIsOrderedGoesOnWithoutTheOthers) {
  be_passive();
  EXPECT_EQ(status("POST", "/api/v3/system/active"), 503) << "nobody can be asked";
  EXPECT_EQ(fixture_.cluster.taken_over, 0);
  EXPECT_EQ(status("POST", "/api/v3/system/active?force=false"), 503);
  const net::Response done = ask("POST", "/api/v3/system/active?force=true");
  EXPECT_EQ(done.status, 200);
  EXPECT_NE(std::get<std::string>(done.body).find("what may be missing"), std::string::npos);
  EXPECT_EQ(fixture_.cluster.taken_over, 1);
  fixture_.cluster.refusal = Error(ErrorCode::kConflict, "another one serves");
  EXPECT_EQ(status("POST", "/api/v3/system/active?force=true"), 409);
  EXPECT_EQ(ask("POST", "/api/v3/system/active?force=true", "", {}).status, 401);
}

TEST_F(GatewayTest, AddressesWithColonsAreInBrackets) {
  Facts facts;
  facts.id = facts.local_id = "M1";
  facts.address = "2001:db8::1";
  const auto gateway = made_with(std::move(facts));
  gateway->set_ports(8092, 8091, 8090);
  EXPECT_EQ(gateway->api_url(), "https://[2001:db8::1]:8092");
  EXPECT_EQ(gateway->static_url(), "http://[2001:db8::1]:8091");
  fixture_.run(gateway->stop());
}

// ------------------------------------------------------------------------------- the routes of the API
// itself

class ConsensusRoutes : public ::testing::Test {
 protected:
  testing::Fixture fixture_;
};

TEST_F(ConsensusRoutes, TheIntroductionAloneCarriesTheToken) {
  EXPECT_NE(fixture_.call("GET", "/api/v3/system/consensus/introduction").body.find("a-token"),
            std::string::npos);
  fixture_.cluster.shown.state.token = "a-token";
  fixture_.cluster.shown.state.root = "cm9vdA==";
  for (const char* target :
       {"system/consensus/state", "system/consensus/fullstate", "system/consensus/peers", "info"}) {
    const std::string body = fixture_.call("GET", std::string("/api/v3/") + target).body;
    EXPECT_EQ(body.find("a-token"), std::string::npos) << target;
    EXPECT_EQ(body.find("cm9vdA=="), std::string::npos) << target;
  }
}

TEST_F(ConsensusRoutes, WhatAMemberLacksIsToldWhereItIsKnown) {
  cluster::ClusterView& shown = fixture_.cluster.shown;
  shown.enrolled = true;
  shown.nodes.resize(2);
  shown.nodes[0].log_behind = 120;
  shown.nodes[0].files_missing = 0;
  const json::array peers =
      json::parse(fixture_.call("GET", "/api/v3/system/consensus/peers").body).as_array();
  ASSERT_EQ(peers.size(), 2U);
  EXPECT_EQ(peers[0].at("LogBehind"), 120);
  EXPECT_EQ(peers[0].at("FilesMissing"), 0);
  EXPECT_FALSE(peers[1].as_object().contains("LogBehind"));
  EXPECT_FALSE(peers[1].as_object().contains("FilesMissing"));
}

TEST_F(ConsensusRoutes, WhoIsLeftBehindIsTold) {
  cluster::ClusterView& shown = fixture_.cluster.shown;
  shown.enrolled = shown.by_hand = true;
  cluster::NodeView passive;
  passive.id = "two";
  passive.address = "192.0.2.2:8093";
  passive.in_step = true;
  shown.nodes.push_back(passive);
  const std::string fine = fixture_.call("GET", "/api/v3/info").body;
  EXPECT_NE(fine.find(R"("electable":true)"), std::string::npos) << fine;
  EXPECT_EQ(fine.find("not in step"), std::string::npos);
  EXPECT_EQ(fine.find("have a vote"), std::string::npos) << "one vote is as it should be";
  shown.nodes.back().in_step = false;
  const std::string behind = fixture_.call("GET", "/api/v3/info").body;
  EXPECT_NE(behind.find(R"("electable":false)"), std::string::npos);
  EXPECT_NE(behind.find("member 192.0.2.2:8093 is not in step"), std::string::npos) << behind;
  EXPECT_NE(behind.find("nobody can take over"), std::string::npos);
}

/// Five members of whom two have no vote outlive one, not two.
TEST_F(ConsensusRoutes, WhoHasNoVoteYetIsTold) {
  cluster::ClusterView& shown = fixture_.cluster.shown;
  shown.enrolled = true;
  shown.active_id = "one";
  shown.nodes.clear();
  for (const char* id : {"one", "two", "three", "four", "five"}) {
    cluster::NodeView& node = shown.nodes.emplace_back();
    node.id = id;
    node.voter = true;
  }
  const auto errors = [&] {
    return json::serialize(json::parse(fixture_.call("GET", "/api/v3/info").body).at("errors"));
  };
  EXPECT_EQ(errors(), "[]");
  shown.nodes[3].voter = shown.nodes[4].voter = false;
  EXPECT_EQ(
      errors(),
      R"(["3 of the cluster's 5 members have a vote so far: each of the others gets one once it keeps up"])");
  shown.nodes[3].voter = true;
  EXPECT_NE(errors().find("4 of the cluster's 5 members have a vote so far"), std::string::npos);
  EXPECT_NE(errors().find("4 members have a vote: when they are split"), std::string::npos);
  shown.nodes[2].voter = shown.nodes[3].voter = false;
  EXPECT_EQ(errors().find("so far"), std::string::npos) << "that no failover is possible says more";
}

TEST_F(ConsensusRoutes, AskTheCluster) {
  fixture_.cluster.safe = true;
  EXPECT_EQ(fixture_.call("POST", "/api/v3/system/consensus/failOverSafe?waitFor=1s").body, "true");
  EXPECT_EQ(fixture_.call("POST", "/api/v3/system/consensus/failOverSafe?waitFor=soon").status, 400);
  EXPECT_EQ(fixture_.call("DELETE", "/api/v3/system/consensus/node/x").status, 200);
  EXPECT_EQ(fixture_.cluster.removed, std::vector<std::string>{"x"});
  EXPECT_EQ(fixture_.call("POST", "/api/v3/system/consensus/node/y/key").status, 200);
  EXPECT_EQ(fixture_.cluster.rekeyed, std::vector<std::string>{"y"});
  EXPECT_EQ(fixture_.call("POST", "/api/v3/system/passive").status, 422) << "it stands alone";
  fixture_.cluster.shown.enrolled = true;
  EXPECT_EQ(fixture_.call("POST", "/api/v3/system/passive?to=y").status, 200);
  EXPECT_EQ(fixture_.cluster.handed_to, std::vector<std::string>{"y"});
  const std::string candidate =
      R"({"Token":"t","ConsensusID":"i","Key":"k","ConsensusAddr":"a","ApiUrl":"u"})";
  EXPECT_EQ(fixture_.call("POST", "/api/v3/system/consensus/admit", candidate).status, 200);
  EXPECT_EQ(fixture_.cluster.candidates.at(0).token, "t");
  fixture_.cluster.refusal = Error(ErrorCode::kForbidden, "no");
  EXPECT_EQ(fixture_.call("POST", "/api/v3/system/consensus/admit", candidate).status, 403);
  EXPECT_EQ(fixture_.call("POST", "/api/v3/system/consensus/admit", "[]").status, 422);
}

}  // namespace
}  // namespace mullion::api
