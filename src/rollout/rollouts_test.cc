// Rollouts as a service: over a real store, with a stand-in for the manager.
#include "rollout/rollouts.h"

#include <gmock/gmock.h>

#include <thread>

#include "auth/named_users_testing.h"
#include "base/mutex.h"
#include "env/waiting_testing.h"
#include "manager/fake_manager_testing.h"
#include "model/members.h"
#include "model/object.h"
#include "net/net_testing.h"
#include "store/flaky_testing.h"
#include "versionset/fingerprint.h"
#include "versionset/merge.h"

namespace mullion::rollout {
namespace {

using auth::testing::NamedUsers;
using env::eventually;
using env::Task;
using manager::testing::FakeManager;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RolloutsTest : public ::testing::Test {
 protected:
  RolloutsTest() {
    manager_.answer = [this](const std::string& owner, const net::ClientRequest& request) {
      return answer(owner, request);
    };
    users_.set_claims("tester", {{"*", "*", "*"}});
    principal_ = *users_.recall("tester");
    rollouts_ = make_rollouts({.runtime = runtime_,
                               .store = flaky_,
                               .manager = manager_,
                               .authenticator = users_,
                               .own_id = "M",
                               .clock = env::system_clock(),
                               .timers = env::system_timers()});
    rollouts_->start();
    for (const char* set : {"old", "new"}) put("version_sets", set, {{"Id", set}, {"Apply", true}});
  }
  ~RolloutsTest() override {
    env::run(runtime_, [this]() -> Task<int> {
      co_await rollouts_->stop();
      co_return 0;
    });
    rollouts_.reset();
    runtime_.stop();
  }

  void put(const std::string& type, const std::string& key, const json::object& object,
           const std::string& owner = "") {
    store::Batch batch;
    batch.changes.push_back(
        {{type, owner, key}, model::canonical_body(*model::find_object_type(type), object)});
    if (!owner.empty()) batch.origin = store::Origin{owner, {1, ++sequence_}};
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }
  json::object get(const std::string& type, const std::string& key, const std::string& owner = "") {
    const std::optional<std::string> body = store_->snapshot()->get({type, owner, key});
    return body ? json::parse(*body).as_object() : json::object();
  }
  void set_member(const std::string& endpoint, const std::string& name, json::value value,
                  const std::string& owner = "") {
    json::object object = get("endpoints", endpoint, owner);
    object[name] = std::move(value);
    put("endpoints", endpoint, object, owner);
  }
  /// Connected, with the set `old`, carried out.
  void put_endpoint(const std::string& id, const std::string& owner = "") {
    put("endpoints", id,
        {{"Id", id},
         {"ConnectionStatus", "Connected"},
         {"VersionSets", json::array{"old"}},
         {"PlannedFor", word({"old"})}},
        owner);
  }
  /// What the planner writes for these sets, as they are now.
  std::string word(const std::vector<std::string>& names) {
    std::vector<versionset::VersionSet> sets;
    for (const std::string& name : names)
      sets.push_back(*versionset::VersionSet::parse(json::serialize(get("version_sets", name))));
    std::vector<const versionset::VersionSet*> order;
    for (const versionset::VersionSet& set : sets) order.push_back(&set);
    const versionset::Wanted wanted = versionset::merge(order);
    return versionset::plan_fingerprint(names, &wanted);
  }

  Result<std::string> command(const std::string& name, const auth::Principal& principal) {
    return env::run(runtime_, [&] { return rollouts_->command("roll", name, principal); });
  }
  void start(const json::array& targets, json::object more = {}) {
    json::object plan{
        {"Id", "roll"}, {"VersionSets", json::array{"new"}}, {"TargetEndpoints", targets}, {"Settle", "0"}};
    for (const auto& [key, value] : more) plan[key] = value;
    put("rollouts", "roll", plan);
    const Result<std::string> started = command("start", principal_);
    ASSERT_TRUE(started) << started.error().text();
  }
  std::string state() { return std::string(get("rollouts", "roll").at("State").as_string()); }
  std::string state_of(size_t endpoint) {
    const json::object rollout = get("rollouts", "roll");
    return std::string(rollout.at("Progress").at(0).at("Endpoints").at(endpoint).at("State").as_string());
  }
  /// A whole pass over the rollouts, that begins now or later.
  void be_looked_at() {
    const int before = manager_.looks;
    EXPECT_TRUE(eventually([&] {
      manager_.tell("R1", "{}");
      return manager_.looks >= before + 2;
    }));
  }
  /// Long enough for several looks.
  static void wait_a_while() { std::this_thread::sleep_for(std::chrono::milliseconds(300)); }

  /// The owner takes the change into its own object, of which the replica hears nothing by itself.
  Result<net::ClientResponse> answer(const std::string& owner, const net::ClientRequest& request) {
    if (owner != "R1" || away_) return Error(ErrorCode::kUnavailable, owner + " is unreachable");
    net::ClientResponse out;
    out.body = net::body_from_string("{}");
    const Lock lock(mutex_);
    const Result<json::value> patched =
        model::apply_patch(owned_, json::parse(std::get<std::string>(request.body)));
    out.status = patched ? 200 : 406;
    if (!patched) out.body = net::body_from_string(R"({"Messages":["Test op failed."]})");
    if (patched) owned_ = patched->as_object();
    return out;
  }
  json::object owned() {
    const Lock lock(mutex_);
    return owned_;
  }
  void set_owned(json::object owned) {
    Lock lock(mutex_);
    owned_ = std::move(owned);
  }

  env::Runtime runtime_{2};
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  store::FlakyStore flaky_{*store_};
  FakeManager manager_;
  NamedUsers users_{*store_};
  auth::Principal principal_;
  uint64_t sequence_ = 0;
  std::atomic<bool> away_{false};
  Mutex mutex_;
  json::object owned_ GUARDED_BY(mutex_);  // the Endpoint object at R1
  std::unique_ptr<Rollouts> rollouts_;
};

TEST_F(RolloutsTest, ThePlanForOtherSetsSaysNothing) {
  put_endpoint("A");
  start({"A"});
  ASSERT_TRUE(eventually([&] { return state_of(0) == "applying"; }));
  EXPECT_EQ(get("endpoints", "A").at("VersionSets"), (json::array{"new", "old"}));
  wait_a_while();
  EXPECT_EQ(state_of(0), "applying");
  // The plan for what the set said before.
  const std::string before = word({"new", "old"});
  put("version_sets", "new", {{"Id", "new"}, {"Apply", true}, {"Prefs", json::object{{"p", "1"}}}});
  set_member("A", "PlannedFor", json::string(before));
  wait_a_while();
  EXPECT_EQ(state_of(0), "applying");
  json::object object = get("endpoints", "A");
  object["PlannedFor"] = word({"new", "old"});
  object["Actions"] = json::array{json::object{{"Type", "Pref"}, {"Name", "p"}}};
  put("endpoints", "A", object);
  wait_a_while();
  EXPECT_EQ(state_of(0), "applying");
  set_member("A", "Actions", json::array());
  EXPECT_TRUE(eventually([&] { return state() == "done"; }));
}

TEST_F(RolloutsTest, ReadsThatFailEndNoRolloutAndFailNoEndpoint) {
  for (const char* id : {"A", "B"}) put_endpoint(id);
  start({"A", "B"});
  flaky_.fail(40);
  for (int i = 0; flaky_.failures() < 30; ++i) {
    set_member("B", "Description", json::string(fmt::format("change {}", i)));  // something to look at
    ASSERT_EQ(state(), "running");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  flaky_.fail(0);
  ASSERT_TRUE(eventually([&] {
    return get("endpoints", "A").at("VersionSets") == (json::array{"new", "old"}) &&
           get("endpoints", "B").at("VersionSets") == (json::array{"new", "old"});
  }));
  for (const char* id : {"A", "B"}) set_member(id, "PlannedFor", json::string(word({"new", "old"})));
  EXPECT_TRUE(eventually([&] { return state() == "done"; })) << state();
}

TEST_F(RolloutsTest, OfOtherManagersTheNamesOfSetsMustFit) {
  put_endpoint("A", "R1");
  set_owned(get("endpoints", "A", "R1"));
  start({"A"});
  ASSERT_TRUE(eventually([&] { return owned().at("VersionSets") == json::array{"new", "old"}; }));
  put("endpoints", "A", owned(), "R1");
  ASSERT_TRUE(eventually([&] { return state_of(0) == "applying"; }));
  wait_a_while();
  EXPECT_EQ(state_of(0), "applying");
  // What the sets say there is not known here.
  set_member("A", "PlannedFor", json::string(versionset::plan_fingerprint({"new", "old"}, nullptr)), "R1");
  EXPECT_TRUE(eventually([&] { return state() == "done"; }));
}

TEST_F(RolloutsTest, WhatCannotBeReadOfTheOwnersEndpointObjectsIsNotKnown) {
  put_endpoint("A", "R1");
  set_owned(get("endpoints", "A", "R1"));
  start({"A"});
  ASSERT_TRUE(eventually([&] { return owned().at("VersionSets") == json::array{"new", "old"}; }));
  put("endpoints", "A", owned(), "R1");
  ASSERT_TRUE(eventually([&] { return state_of(0) == "applying"; }));
  manager_.hold_up("endpoints");
  set_member("A", "PlannedFor", json::string(versionset::plan_fingerprint({"new", "old"}, nullptr)), "R1");
  be_looked_at();
  EXPECT_EQ(state_of(0), "applying") << "it may have another plan by now";
  manager_.hold_up("machines");
  manager_.tell("R1", "{}");
  EXPECT_TRUE(eventually([&] { return state() == "done"; })) << "Endpoint objects can be read";
}

/// A, which is attached here and has one machine, is changed and then judged by a gate about machines.
TEST_F(RolloutsTest, AGateDoesNotCountWhatCannotBeRead) {
  const std::string machine = "0b2c5bd4-9d2c-4b4c-9d8e-9d4a7f6b0001";
  put_endpoint("A");
  put("machines", machine, {{"Uuid", machine}, {"Name", "m"}}, "A");
  manager_.hold_up("machines");
  start({"A"}, {{"Gate", json::object{{"Collection", "machines"},
                                      {"Filter", "Endpoint=In($endpoints)&Name=m"},
                                      {"Comparison", "="},
                                      {"Count", 1},
                                      {"Patience", "1h"}}}});
  ASSERT_TRUE(eventually([&] { return state_of(0) == "applying"; }));
  set_member("A", "PlannedFor", json::string(word({"new", "old"})));
  const auto gate = [&] {
    const json::object rollout = get("rollouts", "roll");
    return model::text_member(rollout.at("Progress").at(0).as_object(), "Gate");
  };
  ASSERT_TRUE(eventually([&] { return !gate().empty(); }));
  EXPECT_EQ(gate(), "A: machines cannot be read there: machines answers 500");
  EXPECT_EQ(state(), "soaking");
  manager_.hold_up("profiles");
  set_member("A", "Description", json::string("something to look at"));
  EXPECT_TRUE(eventually([&] { return state() == "done"; })) << gate();
}

TEST_F(RolloutsTest, WhatTheOwnerHasMeanwhileIsNotOverwritten) {
  put_endpoint("A", "R1");
  json::object before = get("endpoints", "A", "R1");
  before["VersionSet"] = "by hand";  // seen as empty here
  set_owned(before);
  start({"A"}, {{"OnFailure", "pause"}, {"StopWhen", json::object{{"EndpointLimit", "1"}}}});
  ASSERT_TRUE(eventually([&] { return state() == "paused"; }));
  EXPECT_EQ(owned(), before);
  EXPECT_THAT(json::serialize(get("rollouts", "roll").at("Progress")), HasSubstr("Test op failed."));
}

TEST_F(RolloutsTest, IsReturnedWhenItsOwnerIsKnown) {
  put_endpoint("A", "R1");
  set_owned(get("endpoints", "A", "R1"));
  away_ = true;
  manager_.current = false;
  start({"A"});
  ASSERT_TRUE(eventually([&] { return state_of(0) == "putting"; }));
  ASSERT_TRUE(command("return", principal_));
  wait_a_while();
  EXPECT_EQ(state(), "returning");
  away_ = false;
  manager_.current = true;
  manager_.tell("R1", "{}");
  EXPECT_TRUE(eventually([&] { return state() == "returned"; }));
}

TEST_F(RolloutsTest, DryRunsShowWhatTheCallerSees) {
  put_endpoint("A");
  put_endpoint("B");
  auth::Principal tenant = principal_;
  const auto members = std::make_shared<const store::ObjectSet>(std::vector<store::ObjectRef>{{"B", ""}});
  tenant.tenant = std::make_shared<const auth::Tenancy>("t", auth::Tenancy::Members{{"endpoints", members}});
  const auto shown = [&](const auth::Principal& principal) {
    const Result<std::string> dry = command("dryrun", principal);
    if (!dry) return dry.error().text();
    std::string out;
    const json::value parsed = json::parse(*dry);
    for (const json::value& wave : parsed.at("Waves").as_array()) {
      for (const json::value& endpoint : wave.at("Endpoints").as_array())
        out += endpoint.at("Endpoint").as_string();
    }
    return out;
  };
  put("rollouts", "roll", {{"Id", "roll"}, {"VersionSets", json::array{"new"}}, {"Targets", "Id=In(A,B)"}});
  EXPECT_EQ(shown(principal_), "AB");
  EXPECT_EQ(shown(tenant), "B");
  // Nor when somebody else has begun it.
  start({"A", "B"});
  EXPECT_EQ(shown(principal_), "AB");
  EXPECT_EQ(shown(tenant), "B");
}

/// What a rollout does and shows needs the rights to what it is about, not to the rollout alone.
TEST_F(RolloutsTest, TheRightToARolloutIsNoneToItsEndpointsAndSets) {
  put_endpoint("A");
  put("rollouts", "roll", {{"Id", "roll"}, {"VersionSets", json::array{"new"}}, {"Targets", "Id=A"}});
  auth::Principal half = principal_;
  half.claims = {{"rollouts", "*", "*"}};
  const Result<std::string> dry = command("dryrun", half);
  EXPECT_THAT(dry ? *dry : dry.error().text(), ::testing::Not(HasSubstr("\"A\"")));
  half.claims.push_back({"endpoints", "get,update", "*"});
  const Result<std::string> started = command("start", half);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().text(), HasSubstr("there is no version set new here"));
  start({"A"});
  half.claims = {{"rollouts", "*", "*"}, {"endpoints", "get", "*"}};
  ASSERT_TRUE(command("pause", half));
  for (const char* name : {"resume", "return"}) {
    const Result<std::string> told = command(name, half);
    ASSERT_FALSE(told) << name;
    EXPECT_EQ(told.error().code, ErrorCode::kForbidden) << name;
  }
}

/// Two endpoints one after the other; `tester` loses the right to the second while the first is at its turn.
TEST_F(RolloutsTest, ItGoesOnWithTheRightsOfNow) {
  const std::vector<auth::Claim> less{{"rollouts,version_sets", "*", "*"}, {"endpoints", "get,update", "A"}};
  for (const char* id : {"A", "B"}) put_endpoint(id);
  start({"A", "B"}, {{"Concurrency", 1}});
  ASSERT_TRUE(eventually([&] { return state_of(0) == "applying"; }));
  users_.set_claims("tester", less);
  ASSERT_TRUE(eventually([&] { return state() == "paused"; }));
  EXPECT_THAT(json::serialize(get("rollouts", "roll").at("Reason")),
              HasSubstr("user:tester may not change all of its endpoints any more: "));
  // What is there already is finished, and nothing begins.
  set_member("A", "PlannedFor", json::string(word({"new", "old"})));
  ASSERT_TRUE(eventually([&] { return state_of(0) == "done"; }));
  EXPECT_EQ(state_of(1), "waiting");
  EXPECT_EQ(get("endpoints", "B").at("VersionSets"), json::array{"old"});
  // Whoever may go on with it does so in the own name.
  users_.set_claims("other", {{"*", "*", "*"}});
  ASSERT_TRUE(command("resume", *users_.recall("other")));
  ASSERT_TRUE(eventually([&] { return state_of(1) == "applying"; }));
  users_.end_login("other");
  ASSERT_TRUE(eventually([&] { return state() == "paused"; }));
  EXPECT_EQ(get("rollouts", "roll").at("Reason"), "the login of user:other ended: Invalid token: revoked");
  ASSERT_FALSE(command("resume", *users_.recall("tester")));
}

/// What somebody has given back is given back for somebody, what a rollout gives back by itself is not.
TEST_F(RolloutsTest, AWayBackThatWasAskedForNeedsTheRightsOfNow) {
  for (const char* id : {"A", "B"}) put_endpoint(id, "R1");
  set_owned(get("endpoints", "A", "R1"));
  away_ = true;
  manager_.current = false;  // and so nobody knows whether it has what it had
  start({"A"}, {{"StopWhen", json::object{{"EndpointLimit", "1"}}}});
  ASSERT_TRUE(eventually([&] { return state() == "returning"; }));
  users_.end_login("tester");
  away_ = false;
  manager_.current = true;
  manager_.tell("R1", "{}");
  ASSERT_TRUE(eventually([&] { return state() == "returned"; }));
  EXPECT_FALSE(store_->snapshot()->secret("rollouts", "roll/login")) << "it is over";

  users_.set_claims("other", {{"*", "*", "*"}});
  principal_ = *users_.recall("other");
  away_ = true;
  manager_.current = false;
  start({"A"});
  ASSERT_TRUE(eventually([&] { return state_of(0) == "putting"; }));
  ASSERT_TRUE(command("return", principal_));
  ASSERT_EQ(state(), "returning");
  users_.end_login("other");
  ASSERT_TRUE(eventually([&] { return state() == "failed"; }));
  EXPECT_THAT(json::serialize(get("rollouts", "roll").at("Reason")),
              HasSubstr("the login of user:other ended: Invalid token: revoked; not returned: A"));
}

TEST_F(RolloutsTest, OneOfAnEarlierVersionIsPausedUntilSomebodyLendsItRights) {
  put_endpoint("A");
  start({"A"});
  ASSERT_TRUE(eventually([&] { return state_of(0) == "applying"; }));
  store::Batch batch;
  batch.secrets.push_back({"rollouts", "roll/login", std::nullopt});
  ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  users_.set_claims("nobody", {});  // something to look at
  ASSERT_TRUE(eventually([&] { return state() == "paused"; }));
  ASSERT_TRUE(command("resume", principal_));
  set_member("A", "PlannedFor", json::string(word({"new", "old"})));
  EXPECT_TRUE(eventually([&] { return state() == "done"; }));
  EXPECT_FALSE(store_->snapshot()->secret("rollouts", "roll/login"));
}

/// What a tenant hides cannot be steered by its users, whatever their roles say.
TEST_F(RolloutsTest, HiddenEndpointsAreNotSteered) {
  put_endpoint("A");
  start({"A"});
  ASSERT_TRUE(command("pause", principal_));
  auth::Principal tenant = principal_;
  const auto members = std::make_shared<const store::ObjectSet>(std::vector<store::ObjectRef>{});
  tenant.tenant = std::make_shared<const auth::Tenancy>("t", auth::Tenancy::Members{{"endpoints", members}});
  for (const char* name : {"resume", "return"}) {
    const Result<std::string> told = command(name, tenant);
    ASSERT_FALSE(told) << name;
    EXPECT_EQ(told.error().code, ErrorCode::kForbidden) << name;
  }
}

TEST_F(RolloutsTest, AFilterByANameThatNobodyKnowsIsAFault) {
  const auto faults = [&](const std::string& targets, const std::string& collection,
                          const std::string& filter) {
    RolloutPlan plan;
    plan.targets = targets;
    plan.gate = GateRule{.collection = collection, .filter = filter};
    return query_faults(*store_->snapshot(), plan);
  };
  const std::string unknown = "rack is neither an index of ";
  EXPECT_THAT(faults("rack=7", "machines", ""), ElementsAre(HasSubstr("Targets: " + unknown + "endpoints")));
  EXPECT_THAT(faults("Id=A", "machines", "Endpoint=In($endpoints)&rack=Ne(7)"),
              ElementsAre(HasSubstr("Gate.Filter: " + unknown + "machines")));
  EXPECT_THAT(faults("availabel=false", "machines", "availabel=false"), ::testing::SizeIs(2));
  EXPECT_THAT(faults("Id=A", "some_plugins_type", "rack=7"), ::testing::IsEmpty());
  for (const std::string owner : {"", "R1"}) {
    put("params", "rack" + owner, {{"Name", "rack" + owner}}, owner);
    EXPECT_THAT(faults("rack" + owner + "=7", "machines", "rack" + owner + "=Ne(7)&sort=Name"),
                ::testing::IsEmpty())
        << "a parameter of here or of an endpoint";
  }
  EXPECT_THAT(faults("Id=A", "templates", "rack=7"),
              ElementsAre(HasSubstr("rack is not an index of templates")))
      << "which have no parameters, whatever is defined";
  // And again when it begins: the parameter may be gone by then.
  put_endpoint("A");
  put("rollouts", "roll",
      {{"Id", "roll"}, {"VersionSets", json::array{"new"}}, {"Targets", "row=Ne(7)"}, {"Settle", "0"}});
  const Result<std::string> started = command("start", principal_);
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().text(), HasSubstr("row is neither an index of endpoints nor a parameter"));
}

TEST_F(RolloutsTest, CommandsAtOnceTakeTheirTurns) {
  put_endpoint("A");
  const auto begin = [&](const std::string& id) {
    put("rollouts", id,
        {{"Id", id}, {"VersionSets", json::array{"new"}}, {"TargetEndpoints", json::array{"A"}}});
    return env::launch(runtime_, [this, id] { return rollouts_->command(id, "start", principal_); });
  };
  std::vector<std::future<Result<std::string>>> answers;
  for (int i = 0; i < 20; ++i) answers.push_back(begin(fmt::format("roll-{}", i)));
  int begun = 0;
  for (auto& answer : answers) begun += answer.get() ? 1 : 0;
  EXPECT_EQ(begun, 1);
}

}  // namespace
}  // namespace mullion::rollout
