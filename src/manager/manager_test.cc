// A manager and endpoints that say what the test wants, over real connections; time is moved by hand.
#include "manager/manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "env/waiting_testing.h"
#include "manager/manager_testing.h"

namespace mullion::manager {
namespace {

using testing::Endpoint;
using testing::eventually;
using ::testing::HasSubstr;
using testing::Managing;
using ::testing::StartsWith;
using namespace std::chrono_literals;

class ManagerTest : public ::testing::Test {
 protected:
  /// Waits until a ping that is sent from now on was answered.
  static void next_answer(const Endpoint& endpoint) {
    const int before = endpoint.answers;
    ASSERT_TRUE(eventually([&] { return endpoint.answers > before + 1; }));
  }

  env::Runtime runtime_{2};
  env::TwoHandedClock clock_;
};

// ---- ages

TEST_F(ManagerTest, AnAgeCountsFromTheLastWordAndGrowsInSilence) {
  Endpoint a(runtime_, "A");
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(a);
  a.be_silent(true);
  clock_.advance(14s);
  EXPECT_GE(m.age("A"), 14);
  EXPECT_TRUE(m.freshness("A").in_touch);
  EXPECT_EQ(m.freshness("A").resolution_seconds, 3);
  a.close();
  ASSERT_TRUE(eventually([&] { return !m.freshness("A").in_touch; }));
  EXPECT_GE(m.age("A"), 14) << "the end of the stream is no word of the owner";
  a.open();
  EXPECT_TRUE(eventually([&] { return m.age("A") == 0; }));
}

TEST_F(ManagerTest, SilenceEndsTheStreamAndTheNextOneBeginsWithAWord) {
  Endpoint a(runtime_, "A");
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(a);
  a.be_silent(true);
  clock_.advance(16s);
  EXPECT_GE(m.age("A"), 16);
  EXPECT_TRUE(eventually([&] { return a.streams == 2 && m.age("A") == 0; }));
}

TEST_F(ManagerTest, BehindByCommitsIsNotCurrent) {
  Endpoint a(runtime_, "A");
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(a);
  a.set_newest(2);
  clock_.advance(7s);
  next_answer(a);
  EXPECT_GE(m.age("A"), 7);
  a.commit("A", "one");
  next_answer(a);
  EXPECT_GE(m.age("A"), 7) << "one is still missing";
  a.commit("A", "two");
  EXPECT_TRUE(eventually([&] { return m.age("A") == 0; }));
  EXPECT_TRUE(m.has("A", "two"));
}

TEST_F(ManagerTest, NothingIsCurrentBetweenARestartAndItsCopies) {
  Endpoint r(runtime_, "R");
  r.announce({{"A", {"R"}, true, 0, ""}});
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(r);
  ASSERT_TRUE(eventually([&] { return m.age("A") == 0; }));
  r.fall_behind();
  clock_.advance(9s);
  next_answer(r);
  EXPECT_GE(m.age("R"), 9);
  EXPECT_GE(m.age("A"), 9);
  r.send_copy("A");
  EXPECT_TRUE(eventually([&] { return m.age("A") == 0; }));
  EXPECT_GE(m.age("R"), 9) << "its copy is still to come";
}

TEST_F(ManagerTest, SettingTheClockChangesNoAge) {
  Endpoint a(runtime_, "A");
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(a);
  ASSERT_TRUE(eventually([&] { return m.age("A") == 0; }));
  a.close();
  ASSERT_TRUE(eventually([&] { return !m.freshness("A").in_touch; }));
  clock_.advance(10s);
  clock_.set_wall_by(-1h);
  EXPECT_EQ(m.age("A"), 10);
  clock_.set_wall_by(2h);
  EXPECT_EQ(m.age("A"), 10);
}

TEST_F(ManagerTest, AgesGoOnOverARestart) {
  Endpoint a(runtime_, "A");
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(a);
  ASSERT_TRUE(eventually([&] { return m.age("A") == 0; }));
  a.close();
  ASSERT_TRUE(eventually([&] { return !m.freshness("A").in_touch; }));
  m.stop();
  clock_.advance(100s);
  clock_.restart();
  m.start();
  ASSERT_TRUE(eventually([&] { return m.freshness("A").resolution_seconds > 0; }));
  EXPECT_EQ(m.age("A"), 100);
  clock_.advance(10s);
  EXPECT_EQ(m.age("A"), 110);
}

TEST_F(ManagerTest, WithAClockSetBackOverARestartNobodyKnowsHowOldReplicasAre) {
  Endpoint a(runtime_, "A");
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(a);
  a.close();
  ASSERT_TRUE(eventually([&] { return !m.freshness("A").in_touch; }));
  m.stop();
  clock_.set_wall_by(-1h);
  clock_.restart();
  m.start();
  ASSERT_TRUE(eventually([&] { return m.freshness("A").resolution_seconds > 0; }));
  EXPECT_GT(m.age("A"), 1e9) << "older than everything, until it is heard again";
  a.open();
  EXPECT_TRUE(eventually([&] { return m.age("A") == 0; }));
}

// ---- ages over two levels

/// M above R above A, where R is a manager.
class TwoLevels : public ManagerTest {
 protected:
  TwoLevels() {
    port_.stream_of_its_own = [this](std::shared_ptr<net::WebSocket> socket, store::Cursor resume) {
      return r_.manager().serve_stream(std::move(socket), resume);
    };
    r_.attach_and_wait(a_);
    m_.attach_and_wait(port_);
    EXPECT_TRUE(eventually([&] { return m_.age("A") < 1000; }));
  }
  ~TwoLevels() override {
    m_.stop();
    port_.close();
    r_.stop();
  }

  Endpoint a_{runtime_, "A"};
  Managing r_{runtime_, "R", clock_};
  Endpoint port_{runtime_, "R"};
  Managing m_{runtime_, "M", clock_};
};

TEST_F(TwoLevels, SilenceBelowIsToldAbove) {
  EXPECT_EQ(m_.freshness("A").resolution_seconds, 6);
  a_.be_silent(true);
  for (int i = 0; i < 2; ++i) {
    clock_.advance(7s);
    EXPECT_GE(m_.age("A"), 7 * (i + 1)) << "never below the age at R";
    ASSERT_TRUE(eventually([&] { return m_.age("R") == 0; })) << "R itself is heard";
    EXPECT_GE(m_.age("A"), 7 * (i + 1));
    EXPECT_TRUE(m_.freshness("A").in_touch);
  }
  a_.be_silent(false);
  EXPECT_TRUE(eventually([&] { return m_.age("A") == 0; }));
}

TEST_F(TwoLevels, AStaleOwnerKeepsItsAgeWhenTheTopRestartsWhileTheMiddleIsDark) {
  a_.close();
  ASSERT_TRUE(eventually([&] { return !r_.freshness("A").in_touch; }));
  clock_.advance(40s);
  ASSERT_TRUE(eventually([&] { return !m_.freshness("A").in_touch && m_.age("R") == 0; }));
  EXPECT_EQ(m_.age("A"), 40);
  port_.close();
  ASSERT_TRUE(eventually([&] { return !m_.freshness("R").in_touch; }));
  m_.stop();
  clock_.advance(20s);
  clock_.restart();
  m_.start();
  ASSERT_TRUE(eventually([&] { return m_.freshness("A").resolution_seconds > 0; }));
  EXPECT_EQ(m_.age("A"), 60);
  EXPECT_EQ(m_.age("R"), 20);
}

TEST_F(ManagerTest, AnAgeGrowsBetweenTwoWordsOfTheLevelBelow) {
  Endpoint r(runtime_, "R");
  r.announce({{"A", {"R"}, false, 40, "cut"}});
  r.say(0, {{"A", 40}});
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(r);
  ASSERT_TRUE(eventually([&] { return m.age("A") == 40; }));
  EXPECT_FALSE(m.freshness("A").in_touch);
  EXPECT_EQ(m.freshness("A").reason, "cut");
  r.be_silent(true);
  clock_.advance(5s);
  EXPECT_EQ(m.age("A"), 45);
  EXPECT_EQ(m.age("R"), 5);
}

TEST_F(ManagerTest, AnotherWayMakesNoReplicaYounger) {
  Endpoint near(runtime_, "R1"), far(runtime_, "R2");
  near.announce({{"A", {"R1"}, true, 0, ""}});
  far.announce({{"A", {"X", "R2"}, true, 0, ""}});
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(near);
  m.attach_and_wait(far);
  ASSERT_TRUE(eventually([&] { return m.age("A") == 0 && m.freshness("A").next_hop == "R1"; }));
  far.say(0, {{"A", 100}});
  next_answer(far);
  near.close();
  ASSERT_TRUE(eventually([&] { return m.freshness("A").next_hop == "R2"; }));
  EXPECT_GE(m.age("A"), 100) << "what the other way offers is older, and is being copied";
  next_answer(far);
  EXPECT_GE(m.age("A"), 100);
  near.open();
  EXPECT_TRUE(eventually([&] { return m.freshness("A").next_hop == "R1" && m.age("A") == 0; }));
}

// ---- the supervisor

TEST_F(ManagerTest, ReplicasOutliveAnEndpointThatIsUnusableForAMoment) {
  Endpoint a(runtime_, "A"), b(runtime_, "B");
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(a);
  m.attach_and_wait(b);
  ASSERT_TRUE(m.has("A", "of-A") && m.has("B", "of-B"));
  const auto set_url = [&](const std::string& url) {
    m.change_endpoint_object(
        "A", [&](boost::json::object& endpoint) { endpoint["Params"].as_object()["manager/url"] = url; });
  };
  set_url("nonsense");
  ASSERT_TRUE(eventually([&] { return m.status("A").starts_with("Error: manager/url"); }));
  m.remove_endpoint_object("B");
  ASSERT_TRUE(eventually([&] { return m.manager().known_owners().empty(); }));
  EXPECT_TRUE(m.has("A", "of-A")) << "a slip of the pen empties no replica";
  set_url(a.url());
  EXPECT_TRUE(eventually([&] { return m.status("A") == "Connected" && !m.has("B", "of-B"); }));
  EXPECT_TRUE(m.has("A", "of-A"));
}

TEST_F(ManagerTest, ReadsThatFailEndNoSessionAndDropNoReplica) {
  Endpoint a(runtime_, "A"), b(runtime_, "B");
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(a);
  m.attach_and_wait(b);
  ASSERT_TRUE(m.has("A", "of-A") && m.has("B", "of-B"));
  m.flaky().fail(30);
  for (int i = 0; m.flaky().failures() < 30; ++i) {
    m.touch_endpoint_object(i % 2 == 0 ? "A" : "B", i);
    ASSERT_TRUE(m.has("A", "of-A") && m.has("B", "of-B"));
    std::this_thread::sleep_for(5ms);
  }
  m.flaky().fail(0);
  m.touch_endpoint_object("A", -1);
  EXPECT_TRUE(eventually([&] { return m.age("A") == 0 && m.age("B") == 0; }));
  EXPECT_TRUE(m.has("A", "of-A") && m.has("B", "of-B"));
  EXPECT_EQ(a.streams, 1);
  EXPECT_EQ(b.streams, 1);
}

TEST_F(ManagerTest, AStatusThatCouldNotBeWrittenIsWrittenLater) {
  Endpoint a(runtime_, "A");
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(a);
  ASSERT_TRUE(eventually([&] { return m.status("A") == "Connected"; }));
  m.flaky().fail(100);
  a.close();
  ASSERT_TRUE(eventually([&] { return !m.freshness("A").in_touch && m.flaky().failures() > 3; }));
  EXPECT_EQ(m.status("A"), "Connected");
  m.flaky().fail(0);
  EXPECT_TRUE(eventually([&] { return m.status("A") != "Connected"; }));
}

TEST_F(ManagerTest, WithItsObjectGoAReplicaAndItsAge) {
  Endpoint a(runtime_, "A");
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(a);
  m.remove_endpoint_object("A");
  EXPECT_TRUE(eventually([&] { return !m.has("A", "of-A"); }));
  EXPECT_GT(m.age("A"), 1e9);
  EXPECT_EQ(m.freshness("A").reason, "no attached endpoint leads to it");
}

TEST_F(ManagerTest, AReplicaThatWasDroppedBeginsWithoutAnAge) {
  Endpoint a(runtime_, "A");
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(a);
  const auto disable = [&](bool disabled) {
    m.change_endpoint_object(
        "A", [&](boost::json::object& endpoint) { endpoint["SinglePaneDisabled"] = disabled; });
  };
  disable(true);
  ASSERT_TRUE(eventually([&] { return !m.has("A", "of-A") && m.age("A") > 1e9; }));
  EXPECT_TRUE(m.get("A", "/api/v3/machines")) << "forwarding goes on";
}

TEST_F(ManagerTest, OtherParametersAreUsedAtOnce) {
  Endpoint first(runtime_, "A"), second(runtime_, "A");
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(first);
  m.change_endpoint_object("A", [&](boost::json::object& endpoint) {
    endpoint["Params"].as_object()["manager/url"] = second.url();
  });
  EXPECT_TRUE(eventually([&] { return second.streams == 1 && m.status("A") == "Connected"; }));
  EXPECT_TRUE(m.get("A", "/api/v3/machines"));
  EXPECT_EQ(second.requests().size(), 1U);
  EXPECT_TRUE(first.requests().empty());
}

TEST_F(ManagerTest, WhatDoesNotMatterForTheConnectionLeavesItAlone) {
  Endpoint a(runtime_, "A");
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(a);
  m.change_endpoint_object("A", [&](boost::json::object& endpoint) { endpoint["Description"] = "x"; });
  next_answer(a);
  EXPECT_EQ(a.streams, 1);
}

TEST_F(ManagerTest, AnotherServerAtTheAddressIsAnError) {
  Endpoint a(runtime_, "A"), other(runtime_, "X");
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(a);
  m.change_endpoint_object("A", [&](boost::json::object& endpoint) {
    endpoint["Params"].as_object()["manager/url"] = other.url();
  });
  EXPECT_TRUE(eventually([&] { return m.status("A").ends_with("is now the endpoint X"); })) << m.status("A");
  EXPECT_EQ(other.streams, 0);
}

TEST_F(ManagerTest, StatusFollowsTheConnection) {
  Endpoint a(runtime_, "A");
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(a);
  EXPECT_TRUE(eventually([&] { return m.status("A") == "Connected"; }));
  a.close();
  EXPECT_TRUE(eventually([&] { return m.status("A").starts_with("Lost: "); }));
  a.contact_status = 401;
  a.open();
  EXPECT_TRUE(eventually([&] { return m.status("A").starts_with("Error: login refused"); }));
  a.contact_status = 200;
  EXPECT_TRUE(eventually([&] { return m.status("A") == "Connected"; }));
}

TEST_F(ManagerTest, AttachingIsRefusedWithAReason) {
  Endpoint a(runtime_, "A"), itself(runtime_, "M");
  Managing m(runtime_, "M", clock_);
  ASSERT_TRUE(m.attach(a));
  EXPECT_THAT(m.attach(a).error().text(), HasSubstr("already known"));
  EXPECT_THAT(m.attach(itself).error().text(), HasSubstr("this server's own address"));
  Endpoint strict(runtime_, "B");
  strict.contact_status = 401;
  EXPECT_THAT(m.attach(strict).error().text(), HasSubstr("login refused"));
  EXPECT_EQ(m.status("B"), "") << "nothing half made";
}

// ---- requests

TEST_F(ManagerTest, ARequestIsSentAgainWithAFreshLoginWhenTheOldOneIsForgotten) {
  Endpoint a(runtime_, "A");
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(a);
  const int logins = a.logins;
  a.revoke_tokens();
  const Result<net::ClientResponse> answer = m.get("A", "/api/v3/machines");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(a.logins, logins + 1);
  EXPECT_EQ(a.requests(), std::vector<std::string>{"GET /api/v3/machines"});
}

TEST_F(ManagerTest, ADarkOwnerIsRefusedAtOnceWithItsAge) {
  Endpoint r(runtime_, "R");
  r.announce({{"A", {"R"}, true, 0, ""}});
  Managing m(runtime_, "M", clock_);
  m.attach_and_wait(r);
  ASSERT_TRUE(eventually([&] { return m.age("A") == 0; }));
  EXPECT_TRUE(m.get("A", "/api/v3/machines"));
  EXPECT_EQ(r.requests(), std::vector<std::string>{"GET /A/api/v3/machines"});
  r.close();
  ASSERT_TRUE(eventually([&] { return m.status("R").starts_with("Lost: "); }));
  clock_.advance(20s);
  Error refused;  // as soon as the next attempt to connect has failed
  ASSERT_TRUE(eventually([&] {
    const Result<net::ClientResponse> answer = m.get("A", "/api/v3/machines");
    if (!answer) refused = answer.error();
    return refused.code == ErrorCode::kUnavailable;
  }));
  EXPECT_THAT(refused.text(), HasSubstr("next hop R"));
  EXPECT_THAT(refused.text(), HasSubstr("last contact 20 s ago"));
}

}  // namespace
}  // namespace mullion::manager
