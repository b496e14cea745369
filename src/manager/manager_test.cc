// A manager and endpoints that say what the test wants, in memory; time is moved by hand.
#include "manager/manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "env/memory_budget.h"
#include "manager/manager_testing.h"
#include "manager/unreachable.h"
#include "net/range.h"

namespace mullion::manager {
namespace {

using ::testing::ElementsAre;
using testing::Endpoint;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::Managing;
using testing::Network;
using ::testing::StartsWith;
using namespace std::chrono_literals;

class ManagerTest : public ::testing::Test {
 protected:
  template <typename Condition>
  bool soon(Condition condition) {
    return env::passes_until(time_, runtime_, std::move(condition));
  }
  void pass(env::Duration duration) {
    (void)env::passes_until(
        time_, runtime_, [] { return false; }, duration);
  }
  /// Waits until a ping that is sent from now on was answered.
  void next_answer(const Endpoint& endpoint) {
    const int before = endpoint.answers;
    ASSERT_TRUE(soon([&] { return endpoint.answers > before + 1; }));
  }
  /// The replica holds what its owner had by then.
  double moment(const Managing& m, const std::string& owner) const {
    return std::chrono::duration<double>(time_.wall() - env::WallTime()).count() - m.age(owner);
  }
  /// Such pauses come, one after the other.
  void expect_pauses(const std::vector<env::Duration>& wanted) {
    for (const env::Duration pause : wanted) {
      const size_t before = time_.ended(pause);
      ASSERT_TRUE(soon([&] { return time_.waits_for(pause); })) << pause.count();
      ASSERT_TRUE(soon([&] { return time_.ended(pause) > before; }));
    }
  }

  /// The streams of `port` are those of a manager.
  void serve(Endpoint& port, Managing& served) {
    port.stream_of_its_own = [this, &served](std::shared_ptr<net::WebSocket> socket,
                                             store::Cursor resume) -> env::Task<void> {
      const Serving serving(serving_);
      co_await served.manager().serve_stream(std::move(socket), resume);
    };
  }
  /// As a server does it: the streams have ended before their manager does.
  void stop_serving(Endpoint& port, Managing& served) {
    port.close();
    EXPECT_TRUE(soon([&] { return serving_ == 0; }));
    served.stop();
  }

  std::atomic<int> serving_{0};
  env::Runtime runtime_{2};
  env::ManualTime time_;
  Network network_{runtime_};

 private:
  struct Serving {
    explicit Serving(std::atomic<int>& count) : count(count) { ++count; }
    Serving(const Serving&) = delete;
    Serving& operator=(const Serving&) = delete;
    ~Serving() { --count; }
    std::atomic<int>& count;
  };
};

// ---- ages

TEST_F(ManagerTest, AnAgeCountsFromTheLastWordAndGrowsInSilence) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.be_silent(true);
  const double word = moment(m, "A");
  time_.advance(12s);
  EXPECT_GE(m.age("A"), 12);
  EXPECT_TRUE(m.freshness("A").in_touch);
  EXPECT_EQ(m.freshness("A").resolution_seconds, 3);
  a.close();
  ASSERT_TRUE(soon([&] { return !m.freshness("A").in_touch; }));
  EXPECT_NEAR(moment(m, "A"), word, 1e-3) << "the end of the stream is no word of the owner";
  a.be_silent(false);
  a.open();
  EXPECT_TRUE(soon([&] { return m.is_fresh("A"); }));
}

TEST_F(ManagerTest, SilenceEndsTheStreamAndTheNextOneBeginsWithAWord) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.be_silent(true);
  const double word = moment(m, "A");
  pass(12s);
  EXPECT_EQ(a.streams, 1);
  EXPECT_TRUE(soon([&] { return a.streams >= 2 && moment(m, "A") > word + 10; }));
}

TEST_F(ManagerTest, BehindByCommitsIsNotCurrent) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.set_newest(2);
  pass(7s);
  EXPECT_GE(m.age("A"), 4) << "of the last word before";
  const double word = moment(m, "A");
  a.commit("A", "one");
  pass(5s);
  EXPECT_NEAR(moment(m, "A"), word, 1e-3) << "one is still missing";
  EXPECT_EQ(m.manager().statistics().front().lag, 1U);
  a.commit("A", "two");
  EXPECT_TRUE(soon([&] { return m.is_fresh("A"); }));
  EXPECT_TRUE(m.has("A", "two"));
}

TEST_F(ManagerTest, WhatClocksAreApartIsToldAndComparedAgain) {
  Endpoint a(network_, "A");
  std::atomic<int> ahead{90};
  a.date = [&] { return net::format_http_date(time_.wall() + std::chrono::seconds(ahead)); };
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  const auto told = [&] {
    const std::vector<OwnerConnection> known = m.manager().connections({"A"});
    return known.empty() ? std::nullopt : known.front().clock_ahead;
  };
  ASSERT_TRUE(told());
  EXPECT_NEAR(*told(), 90, 1);
  ahead = 0;
  EXPECT_TRUE(soon([&] { return told() == 0; })) << "nobody asks A for anything, and its clock was set";
}

TEST_F(ManagerTest, CatchingUpAfterACutIsNotCurrent) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  ASSERT_TRUE(soon([&] { return m.status("A") == "Connected"; }));
  a.close();
  ASSERT_TRUE(soon([&] { return m.status("A").starts_with("Lost: "); }));
  const double word = moment(m, "A");
  a.set_newest(1);  // committed meanwhile, and not sent yet
  a.open();
  ASSERT_TRUE(soon([&] { return m.status("A") == "Updating"; }));
  pass(6s);
  EXPECT_EQ(m.status("A"), "Updating");
  EXPECT_TRUE(m.freshness("A").in_touch);
  EXPECT_NEAR(moment(m, "A"), word, 1e-3);
  a.commit("A", "one");
  EXPECT_TRUE(soon([&] { return m.status("A") == "Connected" && m.is_fresh("A"); }));
}

TEST_F(ManagerTest, NothingIsCurrentBetweenARestartAndItsCopies) {
  Endpoint r(network_, "R");
  r.announce({{"A", {"R"}, true, 0, ""}});
  Managing m(network_, "M", time_);
  m.attach_and_wait(r);
  ASSERT_TRUE(soon([&] { return m.is_fresh("A"); }));
  r.fall_behind();
  pass(9s);
  EXPECT_GE(m.age("R"), 9);
  EXPECT_GE(m.age("A"), 9);
  EXPECT_FALSE(m.freshness("A").in_touch);
  r.send_copy("A");
  EXPECT_TRUE(soon([&] { return m.is_fresh("A"); }));
  EXPECT_GE(m.age("R"), 9) << "its copy is still to come";
}

TEST_F(ManagerTest, SettingTheClockChangesNoAge) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.close();
  ASSERT_TRUE(soon([&] { return !m.freshness("A").in_touch; }));
  const double age = m.age("A");
  time_.set_wall_by(-1h);
  EXPECT_EQ(m.age("A"), age);
  time_.set_wall_by(2h);
  EXPECT_EQ(m.age("A"), age);
}

TEST_F(ManagerTest, AgesGoOnOverARestart) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.close();
  ASSERT_TRUE(soon([&] { return !m.freshness("A").in_touch; }));
  const double word = moment(m, "A");
  m.stop();
  time_.advance(100s);
  time_.restart();
  m.start();
  ASSERT_TRUE(soon([&] { return m.freshness("A").resolution_seconds > 0; }));
  EXPECT_NEAR(moment(m, "A"), word, 1e-3);
  time_.advance(10s);
  EXPECT_NEAR(moment(m, "A"), word, 1e-3);
}

TEST_F(ManagerTest, AgesGoOnOverARestartThatCutsTheStream) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  pass(20s);
  const double heard = m.age("A");  // a ping may be late on a busy machine
  ASSERT_LT(heard, 10);
  m.stop();
  a.close();
  const env::SteadyTime stopped = time_.steady();
  time_.advance(100s);
  m.start();
  ASSERT_TRUE(soon([&] { return m.freshness("A").resolution_seconds > 0; }));
  const double since = std::chrono::duration<double>(time_.steady() - stopped).count();
  EXPECT_GE(m.age("A"), since);
  EXPECT_LT(m.age("A"), since + heard + 3) << "the last word was saved, or the one before it";
}

TEST_F(ManagerTest, WithAClockSetBackOverARestartNobodyKnowsHowOldReplicasAre) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.close();
  ASSERT_TRUE(soon([&] { return !m.freshness("A").in_touch; }));
  m.stop();
  time_.set_wall_by(-1h);
  time_.restart();
  m.start();
  ASSERT_TRUE(soon([&] { return m.freshness("A").resolution_seconds > 0; }));
  EXPECT_GT(m.age("A"), 1e9) << "older than everything, until it is heard again";
  a.open();
  EXPECT_TRUE(soon([&] { return m.is_fresh("A"); }));
}

// ---- ages over two levels

/// M above R above A, where R is a manager.
class TwoLevels : public ManagerTest {
 protected:
  TwoLevels() {
    serve(port_, r_);
    r_.attach_and_wait(a_);
    m_.attach_and_wait(port_);
    EXPECT_TRUE(soon([&] { return m_.age("A") < 4; }));
  }
  ~TwoLevels() override {
    m_.stop();
    stop_serving(port_, r_);
  }

  Endpoint a_{network_, "A"};
  Managing r_{network_, "R", time_};
  Endpoint port_{network_, "R"};
  Managing m_{network_, "M", time_};
};

TEST_F(TwoLevels, SilenceBelowIsToldAbove) {
  EXPECT_EQ(m_.freshness("A").resolution_seconds, 6);
  a_.be_silent(true);
  for (int i = 0; i < 2; ++i) {
    pass(6s);
    EXPECT_GE(m_.age("A"), r_.age("A") - 0.2) << "never below the age at R";
    EXPECT_LT(m_.age("R"), 3) << "R itself is heard";
    EXPECT_TRUE(m_.freshness("A").in_touch);
  }
  EXPECT_GE(m_.age("A"), 12);
  a_.be_silent(false);
  EXPECT_TRUE(soon([&] { return m_.age("A") < 4; }));
}

TEST_F(TwoLevels, AgesNeverFallBelowThoseOfTheLevelBelow) {
  for (int i = 0; i < 200; ++i) {
    if (i == 60) a_.be_silent(true);
    if (i == 90) a_.close();
    if (i == 130) a_.open();
    if (i == 130) a_.be_silent(false);
    pass(100ms);
    ASSERT_GE(m_.age("A"), r_.age("A") - 0.25) << i;
  }
  EXPECT_TRUE(soon([&] { return m_.age("A") < 4; }));
}

TEST_F(TwoLevels, AStaleOwnerKeepsItsAgeWhenTheTopRestartsWhileTheMiddleIsDark) {
  a_.close();
  ASSERT_TRUE(soon([&] { return !r_.freshness("A").in_touch; }));
  pass(20s);
  ASSERT_TRUE(soon([&] { return !m_.freshness("A").in_touch && m_.is_fresh("R"); }));
  EXPECT_GE(m_.age("A"), 20);
  port_.close();
  ASSERT_TRUE(soon([&] { return !m_.freshness("R").in_touch; }));
  const double word_of_a = moment(m_, "A"), word_of_r = moment(m_, "R");
  m_.stop();
  time_.advance(20s);
  m_.start();
  ASSERT_TRUE(soon([&] { return m_.freshness("A").resolution_seconds > 0; }));
  EXPECT_NEAR(moment(m_, "A"), word_of_a, 1e-3);
  EXPECT_NEAR(moment(m_, "R"), word_of_r, 1e-3);
  EXPECT_FALSE(m_.freshness("A").in_touch);
}

TEST_F(TwoLevels, TheTopHearsOfTheWayAndItsEnd) {
  EXPECT_THAT(m_.manager().known_owners(), ElementsAre("A", "R"));
  EXPECT_EQ(m_.freshness("A").next_hop, "R");
  a_.close();
  ASSERT_TRUE(soon([&] { return !m_.freshness("A").in_touch; }));
  EXPECT_NE(m_.freshness("A").reason, "");
  r_.remove_endpoint_object("A");
  ASSERT_TRUE(soon([&] { return m_.manager().known_owners() == std::vector<std::string>{"R"}; }));
  EXPECT_TRUE(soon([&] { return !m_.has("A", "of-A"); })) << "nobody leads to it any more";
}

TEST_F(TwoLevels, WhatIsNotFollowedIsNotPassedOn) {
  r_.change_endpoint_object("A",
                            [](boost::json::object& endpoint) { endpoint["SinglePaneDisabled"] = true; });
  EXPECT_TRUE(soon([&] { return m_.manager().known_owners() == std::vector<std::string>{"R"}; }));
}

TEST_F(TwoLevels, AManagerThatIsOffPassesNothingOn) {
  r_.be_manager(false);
  EXPECT_TRUE(soon([&] { return m_.manager().known_owners() == std::vector<std::string>{"R"}; }));
}

// ---- collections that are older than the rest of their owner

OwnerFreshness fresh_of(const Managing& m, const std::string& collection) {
  return m.freshness("F", ReadFrom::collections({collection}));
}
double age_of_stages(const Managing& m) { return fresh_of(m, "stages").age_seconds; }

TEST(ReadFromTest, TheReportedStateIsMadeOfItsPartsAndOfNoOtherCollections) {
  const ReadFrom read = ReadFrom::reported_state();
  for (const char* part : {"state/contents", "state/plugin_providers", "state/prefs", "state/global",
                           "state/ux", "state/plugins", "state/lease", "plugins", "profiles"})
    EXPECT_TRUE(read.includes(part)) << part;
  for (const char* other : {"machines", "contents", "state/", ""})
    EXPECT_FALSE(read.includes(other)) << other;
  EXPECT_TRUE(ReadFrom::everything().includes("state/contents"));
  EXPECT_FALSE(ReadFrom::collections({"plugins"}).includes("state/plugins"));
}

/// T above M above R, which follows F by its public API and says that its stages cannot be read.
class HeldUpBelow : public ManagerTest {
 protected:
  HeldUpBelow() {
    serve(port_, m_);
    r_.announce({{"F", {"R"}, true, 0, ""}});
    m_.attach_and_wait(r_);
    t_.attach_and_wait(port_);
    EXPECT_TRUE(soon([&] { return t_.age("F") < 4; }));
  }
  ~HeldUpBelow() override {
    t_.stop();
    stop_serving(port_, m_);
  }
  void announce(std::vector<replication::HeldUpCollection> held_up) {
    replication::Announcement f{"F", {"R"}, true, 0, ""};
    f.held_up = std::move(held_up);
    r_.announce({f});
  }
  /// Streams begin with the announcement, pings say the age of now.
  void hold_up(double age) {
    const replication::HeldUpCollection stages{"stages", age, "stages answers 500"};
    r_.say(0, {}, {{"F", stages}});
    if (!std::exchange(is_held_up_, true)) announce({stages});
  }
  void let_go() {
    is_held_up_ = false;
    announce({});
    r_.say(0);
  }
  void be_held_up(double age) {
    hold_up(age);
    for (const Managing* level : {&m_, &t_}) EXPECT_TRUE(soon([&] { return age_of_stages(*level) >= age; }));
  }

  Endpoint r_{network_, "R"};
  Managing m_{network_, "M", time_};
  Endpoint port_{network_, "M"};
  Managing t_{network_, "T", time_};
  bool is_held_up_ = false;
};

TEST_F(HeldUpBelow, EveryLevelSaysSoAndTheRestStaysYoung) {
  be_held_up(70);
  for (const Managing* level : {&m_, &t_}) {
    const OwnerFreshness stages = fresh_of(*level, "stages");
    EXPECT_FALSE(stages.in_touch);
    EXPECT_EQ(stages.held_up_in, "stages");
    EXPECT_EQ(stages.reason, "stages cannot be read there: stages answers 500");
    EXPECT_LT(stages.age_seconds, 80);
    EXPECT_TRUE(fresh_of(*level, "machines").in_touch);
    EXPECT_TRUE(soon([&] { return fresh_of(*level, "machines").age_seconds < 4; }));
    EXPECT_EQ(fresh_of(*level, "machines").held_up_in, "");
    for (const ReadFrom& read : {ReadFrom::everything(), ReadFrom::collections({"machines", "stages"})})
      EXPECT_GE(level->freshness("F", read).age_seconds, 70) << "as old as the oldest of it";
  }
  let_go();
  for (const Managing* level : {&m_, &t_}) EXPECT_TRUE(soon([&] { return age_of_stages(*level) < 4; }));
  EXPECT_TRUE(t_.freshness("F").held_up.empty());
}

TEST_F(HeldUpBelow, ItsAgeIsNeverBelowThatOfTheLevelBelow) {
  double told = 0;
  int late = 0;
  for (int i = 0; i < 200; ++i) {
    if (i == 20) told = 500;
    if (i == 150) told = 0;
    if (told > 0) hold_up(told += .1);
    if (i == 150) let_go();
    if (i == 60) r_.close();
    if (i == 90) r_.open();
    if (i == 110) port_.close();
    if (i == 120) port_.open();
    pass(100ms);
    late = age_of_stages(t_) < age_of_stages(m_) - 0.25 ? late + 1 : 0;
    ASSERT_LT(late, 5) << i << ": that it is held up is told at once";
    if (i > 60 && i < 150) {
      ASSERT_GE(age_of_stages(m_), 500) << i;
    }
  }
  EXPECT_TRUE(soon([&] { return age_of_stages(t_) < 4; }));
}

TEST_F(HeldUpBelow, ARestartForgetsNoneOfIt) {
  be_held_up(500);
  pass(3s);
  r_.commit("F", "one");  // places are saved with what is stored
  ASSERT_TRUE(soon([&] { return t_.has("F", "one"); }));
  t_.stop();
  port_.close();
  m_.stop();
  r_.close();
  time_.advance(100s);
  for (Managing* level : {&m_, &t_}) {
    level->start();
    ASSERT_TRUE(soon([&] { return level->freshness("F").resolution_seconds > 0; }));
    EXPECT_GE(age_of_stages(*level), 600);
    EXPECT_LT(level->age("F"), 300);
  }
}

TEST_F(ManagerTest, WhatOneWayHasHeldUpIsNotSoByAnother) {
  Endpoint near(network_, "R1"), far(network_, "R2");
  near.announce({{"F", {"R1"}, true, 0, ""}});
  far.announce({{"F", {"X", "R2"}, true, 0, ""}});
  near.say(0, {}, {{"F", {"stages", 500, ""}}});
  Managing m(network_, "M", time_);
  m.attach_and_wait(near);
  m.attach_and_wait(far);
  ASSERT_TRUE(soon([&] { return age_of_stages(m) >= 500 && m.freshness("F").next_hop == "R1"; }));
  near.close();
  EXPECT_TRUE(soon([&] { return m.freshness("F").next_hop == "R2" && age_of_stages(m) < 10; }));
}

TEST_F(ManagerTest, WhatAnotherWayHasHeldUpIsSoFromItsBeginOn) {
  Endpoint near(network_, "R1"), far(network_, "R2");
  near.announce({{"F", {"R1"}, true, 0, ""}});
  far.announce({{"F", {"X", "R2"}, true, 0, ""}});
  far.say(0, {}, {{"F", {"stages", 500, ""}}});
  Managing m(network_, "M", time_);
  m.attach_and_wait(near);
  m.attach_and_wait(far);
  ASSERT_TRUE(soon([&] { return m.is_fresh("F") && m.freshness("F").next_hop == "R1"; }));
  EXPECT_LT(age_of_stages(m), 10);
  next_answer(far);
  near.close();
  ASSERT_TRUE(soon([&] { return m.freshness("F").next_hop == "R2"; }));
  EXPECT_GE(age_of_stages(m), 500) << "what the other way offers is older, and is being copied";
  next_answer(far);
  EXPECT_GE(age_of_stages(m), 500);
  near.open();
  EXPECT_TRUE(soon([&] { return m.freshness("F").next_hop == "R1" && age_of_stages(m) < 10; }));
}

TEST_F(ManagerTest, WhatAPeerSaysOfCollectionsBeyondReasonEndsItsStream) {
  Endpoint r(network_, "R");
  Managing m(network_, "M", time_);
  m.attach_and_wait(r);
  r.say(0, {}, {{"R", {std::string(300, 'c'), 1, ""}}});
  EXPECT_TRUE(soon([&] {
    return m.status("R") ==
           "Error: replication stream: record ping: member collection has more than 255 bytes";
  })) << m.status("R");
}

TEST_F(ManagerTest, AnAgeGrowsBetweenTwoWordsOfTheLevelBelow) {
  Endpoint r(network_, "R");
  r.announce({{"A", {"R"}, false, 40, "cut"}});
  r.say(0, {{"A", 40}});
  Managing m(network_, "M", time_);
  m.attach_and_wait(r);
  ASSERT_TRUE(soon([&] { return m.age("A") < 42; }));
  EXPECT_GE(m.age("A"), 40);
  EXPECT_FALSE(m.freshness("A").in_touch);
  EXPECT_EQ(m.freshness("A").reason, "cut");
  r.be_silent(true);
  const double word = moment(m, "A");
  pass(5s);
  EXPECT_NEAR(moment(m, "A"), word, 2.5) << "the word that was on its way may count";
  EXPECT_GE(m.age("A"), 45);
  EXPECT_GE(m.age("R"), 5);
}

TEST_F(ManagerTest, AnAgeThatTheLevelBelowCannotTellIsNoneHere) {
  Endpoint r(network_, "R"), a(network_, "A");
  replication::Announcement behind{"A", {"F", "R"}, true, 1, ""};
  behind.untold_by = "F";
  r.announce({behind, {"B", {"R"}, true, 0, ""}});
  Managing m(network_, "M", time_);
  m.attach_and_wait(r);
  ASSERT_TRUE(soon([&] { return m.is_fresh("A") && m.is_fresh("B"); }));
  EXPECT_EQ(m.freshness("A").untold_by, "F");
  EXPECT_EQ(m.freshness("B").untold_by, "");
  m.attach_and_wait(a);
  ASSERT_TRUE(soon([&] { return m.freshness("A").next_hop == "A"; }));
  EXPECT_EQ(m.freshness("A").untold_by, "") << "its own word";
  EXPECT_TRUE(soon([&] { return m.is_fresh("A"); }));
}

TEST_F(ManagerTest, AnotherWayMakesNoReplicaYounger) {
  Endpoint near(network_, "R1"), far(network_, "R2");
  near.announce({{"A", {"R1"}, true, 0, ""}});
  far.announce({{"A", {"X", "R2"}, true, 0, ""}});
  Managing m(network_, "M", time_);
  m.attach_and_wait(near);
  m.attach_and_wait(far);
  ASSERT_TRUE(soon([&] { return m.is_fresh("A") && m.freshness("A").next_hop == "R1"; }));
  far.say(0, {{"A", 100}});
  next_answer(far);
  near.close();
  ASSERT_TRUE(soon([&] { return m.freshness("A").next_hop == "R2"; }));
  EXPECT_GE(m.age("A"), 100) << "what the other way offers is older, and is being copied";
  EXPECT_EQ(m.freshness("A").resolution_seconds, 9);
  next_answer(far);
  EXPECT_GE(m.age("A"), 100);
  near.open();
  EXPECT_TRUE(soon([&] { return m.freshness("A").next_hop == "R1" && m.is_fresh("A"); }));
}

TEST_F(ManagerTest, AnotherWayThatIsYoungerDoesNotAnswerForWhatIsStored) {
  Endpoint near(network_, "R1"), far(network_, "R2");
  near.announce({{"A", {"R1"}, true, 0, ""}});
  far.announce({{"A", {"X", "R2"}, true, 0, ""}});
  near.say(0, {{"A", 50}});
  Managing m(network_, "M", time_);
  m.attach_and_wait(near);
  ASSERT_TRUE(soon([&] { return m.age("A") < 60; }));
  m.attach_and_wait(far);
  next_answer(far);
  EXPECT_GE(m.age("A"), 50) << "the way in use has its word";
  far.be_silent(true);
  near.close();
  ASSERT_TRUE(soon([&] { return m.freshness("A").next_hop == "R2"; }));
  EXPECT_GE(m.age("A"), 50) << "what is stored is what the first way left, until the other has proven more";
}

TEST_F(ManagerTest, AShorterWayThatTurnsUpReplacesTheOneInUse) {
  Endpoint far(network_, "R2"), near(network_, "R1");
  far.announce({{"A", {"X", "R2"}, true, 0, ""}});
  near.announce({{"A", {"R1"}, true, 0, ""}});
  Managing m(network_, "M", time_);
  m.attach_and_wait(far);
  ASSERT_TRUE(soon([&] { return m.freshness("A").next_hop == "R2"; }));
  m.attach_and_wait(near);
  EXPECT_TRUE(soon([&] { return m.freshness("A").next_hop == "R1"; }));
}

TEST_F(ManagerTest, AWayThroughThisServerIsNone) {
  Endpoint r(network_, "R");
  r.announce({{"A", {"M", "R"}, true, 0, ""}, {"M", {"R"}, true, 0, ""}});
  Managing m(network_, "M", time_);
  m.attach_and_wait(r);
  pass(3s);
  EXPECT_THAT(m.manager().known_owners(), ElementsAre("R"));
  EXPECT_FALSE(m.has("M", "of-M"));
}

// ---- the supervisor

TEST_F(ManagerTest, ReplicasOutliveAnEndpointThatIsUnusableForAMoment) {
  Endpoint a(network_, "A"), b(network_, "B");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  m.attach_and_wait(b);
  ASSERT_TRUE(m.has("A", "of-A") && m.has("B", "of-B"));
  const auto set_param = [&](const std::string& name, const std::string& value) {
    m.change_endpoint_object(
        "A", [&](boost::json::object& endpoint) { endpoint["Params"].as_object()[name] = value; });
  };
  set_param("manager/url", "nonsense");
  ASSERT_TRUE(soon([&] { return m.status("A").starts_with("Error: manager/url"); }));
  m.remove_endpoint_object("B");
  ASSERT_TRUE(soon([&] { return m.manager().known_owners().empty(); }));
  pass(25s);  // the supervisor has looked again
  EXPECT_TRUE(m.has("A", "of-A")) << "a slip of the pen empties no replica";
  EXPECT_TRUE(m.has("B", "of-B")) << "whether another way leads there is not known meanwhile";
  set_param("manager/url", a.url());
  EXPECT_TRUE(soon([&] { return m.status("A") == "Connected" && !m.has("B", "of-B"); }));
  EXPECT_TRUE(m.has("A", "of-A"));
  set_param("manager/username", "");
  ASSERT_TRUE(soon([&] { return m.status("A").starts_with("Error: manager/username"); }));
  pass(25s);
  EXPECT_TRUE(m.has("A", "of-A"));
}

TEST_F(ManagerTest, ReadsThatFailEndNoSessionAndDropNoReplica) {
  Endpoint a(network_, "A"), b(network_, "B");
  Managing m(network_, "M", time_);
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
  // One after the other: both answer pings in turn, not at the same moment.
  EXPECT_TRUE(soon([&] { return m.is_fresh("A"); }));
  EXPECT_TRUE(soon([&] { return m.is_fresh("B"); }));
  EXPECT_TRUE(m.has("A", "of-A") && m.has("B", "of-B"));
  EXPECT_EQ(a.streams, 1);
  EXPECT_EQ(b.streams, 1);
}

TEST_F(ManagerTest, AStreamWhosePulseCannotReadBeginsAgain) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  m.flaky().fail(100);
  ASSERT_TRUE(soon([&] { return a.cut_off(); })) << "without a pulse nothing would be heard of ages";
  m.flaky().fail(0);
  EXPECT_TRUE(soon([&] { return a.streams == 2 && m.is_fresh("A"); }));
}

TEST_F(ManagerTest, AStatusThatCouldNotBeWrittenIsWrittenLater) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  ASSERT_TRUE(soon([&] { return m.status("A") == "Connected"; }));
  m.flaky().fail(100);
  a.close();
  ASSERT_TRUE(soon([&] { return !m.freshness("A").in_touch && m.flaky().failures() > 3; }));
  EXPECT_EQ(m.status("A"), "Connected");
  m.flaky().fail(0);
  EXPECT_TRUE(soon([&] { return m.status("A") != "Connected"; }));
}

TEST_F(ManagerTest, BeforeTheFirstLookAtTheEndpointsNothingIsUnknown) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  m.stop();
  m.before_start = [&] { m.flaky().fail(100); };
  m.start();
  ASSERT_TRUE(soon([&] { return m.flaky().failures() > 2; }));
  const Result<net::ClientResponse> early = m.get("A", "/api/v3/machines");
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(early.error().text(), HasSubstr("this manager is starting"));
  EXPECT_THAT(early.error().unreachable, StartsWith("A;")) << early.error().unreachable;
  EXPECT_THAT(early.error().unreachable, EndsWith(";ran=no"));
  m.flaky().fail(0);
  EXPECT_TRUE(soon([&] { return m.get("A", "/api/v3/machines").ok(); }));
  const Result<net::ClientResponse> unknown = m.get("X", "/api/v3/machines");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(unknown.error().unreachable, "") << "it is not known at all";
  EXPECT_THAT(unknown.error().text(), HasSubstr("known: A"));
}

TEST_F(ManagerTest, WithItsObjectGoAReplicaAndItsAge) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  m.remove_endpoint_object("A");
  EXPECT_TRUE(soon([&] { return !m.has("A", "of-A"); }));
  EXPECT_GT(m.age("A"), 1e9);
  EXPECT_EQ(m.freshness("A").reason, "no attached endpoint leads to it");
  m.attach_and_wait(a);
  EXPECT_FALSE(a.subscriptions().back().owners.front().follows) << "its place was forgotten";
  EXPECT_TRUE(m.has("A", "of-A"));
}

TEST_F(ManagerTest, AReplicaThatNobodyLeadsToAtPresentIsUnavailableNotUnknown) {
  Endpoint r(network_, "R");
  r.announce({{"A", {"R"}, true, 0, ""}});
  Managing m(network_, "M", time_);
  m.attach_and_wait(r);
  ASSERT_TRUE(soon([&] { return m.has("A", "of-A"); }));
  m.change_endpoint_object(
      "R", [](boost::json::object& endpoint) { endpoint["Params"].as_object()["manager/url"] = "nonsense"; });
  ASSERT_TRUE(soon([&] { return m.manager().known_owners().empty(); }));
  const Result<net::ClientResponse> answer = m.get("A", "/api/v3/machines");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(answer.error().text(), HasSubstr("no attached endpoint leads to it"));
}

TEST_F(ManagerTest, AReplicaThatWasDroppedBeginsWithoutAnAge) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  const auto disable = [&](bool disabled) {
    m.change_endpoint_object(
        "A", [&](boost::json::object& endpoint) { endpoint["SinglePaneDisabled"] = disabled; });
  };
  disable(true);
  ASSERT_TRUE(soon([&] { return !m.has("A", "of-A") && m.age("A") > 1e9; }));
  EXPECT_TRUE(m.get("A", "/api/v3/machines")) << "forwarding goes on";
  EXPECT_EQ(a.streams, 1);
  disable(false);
  EXPECT_TRUE(soon([&] { return m.has("A", "of-A") && m.is_fresh("A"); }));
}

TEST_F(ManagerTest, AReplicaThatWasDroppedWhileItsEndpointIsAwayHasNoAge) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.close();
  ASSERT_TRUE(soon([&] { return !m.freshness("A").in_touch; }));
  ASSERT_LT(m.age("A"), 300);
  const auto disable = [&](bool disabled) {
    m.change_endpoint_object(
        "A", [&](boost::json::object& endpoint) { endpoint["SinglePaneDisabled"] = disabled; });
  };
  disable(true);
  ASSERT_TRUE(soon([&] { return !m.has("A", "of-A"); }));
  EXPECT_TRUE(soon([&] { return m.age("A") > 1e9; })) << m.age("A") << " s, of nothing";
  disable(false);
  pass(25s);  // the supervisor has looked again
  EXPECT_GT(m.age("A"), 1e9) << "nothing has come since";
  a.open();
  EXPECT_TRUE(soon([&] { return m.has("A", "of-A") && m.is_fresh("A"); }));
}

TEST_F(ManagerTest, AnOwnerThatComesBackIsFollowedWhenItsFormerReplicaIsGone) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  const auto disable = [&](bool disabled) {
    m.change_endpoint_object(
        "A", [&](boost::json::object& endpoint) { endpoint["SinglePaneDisabled"] = disabled; });
  };
  m.drops().held = true;
  disable(true);
  ASSERT_TRUE(soon([&] { return m.drops().waiting == 1; }));
  disable(false);
  pass(10s);
  m.drops().held = false;
  EXPECT_TRUE(soon([&] { return m.drops().waiting == 0 && m.has("A", "of-A") && m.is_fresh("A"); }));
  pass(10s);
  EXPECT_TRUE(m.has("A", "of-A")) << "nothing drops what is followed";
}

TEST_F(ManagerTest, OtherParametersAreUsedAtOnce) {
  Endpoint first(network_, "A"), second(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(first);
  m.change_endpoint_object("A", [&](boost::json::object& endpoint) {
    endpoint["Params"].as_object()["manager/url"] = second.url();
    endpoint["Params"].as_object()["manager/fingerprint"] = second.certificate();
  });
  EXPECT_TRUE(soon([&] { return second.streams == 1 && m.status("A") == "Connected"; }));
  EXPECT_TRUE(m.get("A", "/api/v3/machines"));
  EXPECT_EQ(second.requests().size(), 1U);
  EXPECT_TRUE(first.requests().empty());
  EXPECT_TRUE(first.cut_off());
}

/// Of a cluster: all of them show one certificate, and pass on what they are asked.
TEST_F(ManagerTest, AnotherMemberIsAskedWhenTheOneThatWasGivenIsGone) {
  Endpoint first(network_, "A"), second(network_, "A");
  for (Endpoint* member : {&first, &second}) {
    member->show_certificate(900);
    member->open();
  }
  Managing m(network_, "M", time_);
  m.attach_and_wait(first);
  const std::string members =
      fmt::format(R"({{"info":{{}},"members":["{}","{}"]}})", first.url(), second.url());
  first.tell_state(members);
  second.tell_state(members);
  pass(1s);
  first.close();
  ASSERT_TRUE(soon([&] { return second.streams == 1 && m.status("A") == "Connected"; }));
  EXPECT_TRUE(m.get("A", "/api/v3/machines"));
  EXPECT_EQ(second.requests().size(), 1U);
  first.open();
  second.close();
  ASSERT_TRUE(soon([&] { return first.streams == 2 && m.status("A") == "Connected"; })) << "and back";
}

TEST_F(ManagerTest, TheLoginGoesToNoOtherMemberThanOneWithTheCertificate) {
  Endpoint first(network_, "A"), second(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(first);
  first.tell_state(fmt::format(R"({{"info":{{}},"members":["{}"]}})", second.url()));
  pass(1s);
  first.close();
  pass(60s);
  EXPECT_EQ(second.logins, 0);
  first.open();
  EXPECT_TRUE(soon([&] { return m.status("A") == "Connected"; })) << "it is asked again";
}

TEST_F(ManagerTest, ParametersThatChangeWhileSomebodyIsGreetedCount) {
  Endpoint first(network_, "A"), second(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(first);
  first.close();
  ASSERT_TRUE(soon([&] { return m.status("A").starts_with("Lost: "); }));
  first.hangs = true;
  first.open();
  ASSERT_TRUE(soon([&] { return m.status("A") == "Connecting"; }));
  m.change_endpoint_object("A", [&](boost::json::object& endpoint) {
    endpoint["Params"].as_object()["manager/url"] = second.url();
    endpoint["Params"].as_object()["manager/fingerprint"] = second.certificate();
  });
  EXPECT_TRUE(soon([&] { return m.status("A") == "Connected"; }));
  EXPECT_EQ(second.streams, 1);
  EXPECT_EQ(first.streams, 1);
}

TEST_F(ManagerTest, AfterOtherParametersNothingIsSentToTheOldAddress) {
  Endpoint first(network_, "A"), second(network_, "A");
  second.hangs = true;
  Managing m(network_, "M", time_);
  m.attach_and_wait(first);
  m.change_endpoint_object("A", [&](boost::json::object& endpoint) {
    endpoint["Params"].as_object()["manager/url"] = second.url();
    endpoint["Params"].as_object()["manager/fingerprint"] = second.certificate();
  });
  ASSERT_TRUE(soon([&] { return !m.freshness("A").in_touch; }));
  EXPECT_FALSE(m.get("A", "/api/v3/machines"));
  EXPECT_TRUE(first.requests().empty());
}

TEST_F(ManagerTest, ParametersThatChangeWhileAStreamOpensCount) {
  Endpoint first(network_, "A"), second(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(first);
  const int logins = first.logins;
  first.holds_stream = true;
  first.cut();
  ASSERT_TRUE(soon([&] { return first.logins > logins; }));
  pass(1s);
  m.change_endpoint_object("A", [&](boost::json::object& endpoint) {
    endpoint["Params"].as_object()["manager/url"] = second.url();
    endpoint["Params"].as_object()["manager/fingerprint"] = second.certificate();
  });
  pass(1s);
  first.holds_stream = false;
  EXPECT_TRUE(soon([&] { return second.streams == 1 && m.status("A") == "Connected"; }));
  EXPECT_TRUE(soon([&] { return first.cut_off(); }));
}

TEST_F(ManagerTest, WhatDoesNotMatterForTheConnectionLeavesItAlone) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  m.change_endpoint_object("A", [&](boost::json::object& endpoint) { endpoint["Description"] = "x"; });
  next_answer(a);
  EXPECT_EQ(a.streams, 1);
}

TEST_F(ManagerTest, AnotherServerAtTheAddressIsAnError) {
  Endpoint a(network_, "A"), other(network_, "X");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  m.change_endpoint_object("A", [&](boost::json::object& endpoint) {
    endpoint["Params"].as_object()["manager/url"] = other.url();
    endpoint["Params"].as_object()["manager/fingerprint"] = other.certificate();
  });
  EXPECT_TRUE(soon([&] { return m.status("A").ends_with("is now the endpoint X"); })) << m.status("A");
  EXPECT_EQ(other.streams, 0);
  EXPECT_FALSE(m.get("A", "/api/v3/machines"));
  EXPECT_TRUE(other.requests().empty());
}

TEST_F(ManagerTest, AnotherCertificateIsRefusedWithTheRemedy) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.close();
  a.show_certificate(4711);
  a.open();
  EXPECT_TRUE(soon([&] { return m.status("A").starts_with("Error: certificate fingerprint changed"); }));
  EXPECT_THAT(m.status("A"), HasSubstr("to accept it: mullion endpoints accept A"));
  EXPECT_EQ(a.streams, 1);
  m.change_endpoint_object("A", [&](boost::json::object& endpoint) {
    endpoint["Params"].as_object()["manager/fingerprint"] = a.certificate();
  });
  EXPECT_TRUE(soon([&] { return m.status("A") == "Connected"; }));
}

TEST_F(ManagerTest, StatusFollowsTheConnection) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  EXPECT_TRUE(soon([&] { return m.status("A") == "Connected"; }));
  a.close();
  EXPECT_TRUE(soon([&] { return m.status("A").starts_with("Lost: "); }));
  a.contact_status = 401;
  a.open();
  EXPECT_TRUE(soon([&] { return m.status("A").starts_with("Error: login refused"); }));
  a.contact_status = 200;
  EXPECT_TRUE(soon([&] { return m.status("A") == "Connected"; }));
}

TEST_F(ManagerTest, AServerWithNeitherAStreamNorEventsIsAnError) {
  Endpoint a(network_, "A");
  a.offers_stream = false;
  Managing m(network_, "M", time_);
  ASSERT_TRUE(m.attach(a));
  EXPECT_TRUE(soon([&] {
    return m.status("A").starts_with("Error: the server answered instead of opening a WebSocket");
  }));
  EXPECT_EQ(a.streams, 0);
}

/// A change of its password, say: what waits to be repeated over this link with another token goes on.
TEST_F(ManagerTest, AStreamWhoseTokenIsNotKnownAnyMoreIsOpenedWithAnother) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  std::atomic<bool> revoked{false};
  std::atomic<int> contacts_after{0};
  a.on_request = [&](const net::Request& request) {
    if (request.path == "/api/v3/info" && revoked) ++contacts_after;
    if (request.path == "/api/v3/replication/stream" && !revoked.exchange(true)) a.revoke_tokens();
  };
  m.attach_and_wait(a);
  EXPECT_EQ(a.refused, 1);
  EXPECT_EQ(a.streams, 1);
  EXPECT_EQ(contacts_after, 0) << "over the same link";
}

TEST_F(ManagerTest, AStreamThatIsRefusedWithEveryTokenIsALoginRefused) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  std::atomic<int> opened{0};
  a.on_request = [&](const net::Request& request) {
    if (request.path != "/api/v3/replication/stream") return;
    ++opened;
    a.revoke_tokens();
  };
  ASSERT_TRUE(m.attach(a));
  EXPECT_TRUE(soon([&] {
    return m.status("A") == "Error: login refused: {\"Messages\":[\"no such token\"]}";
  })) << m.status("A");
  EXPECT_GE(opened, 2);
}

TEST_F(ManagerTest, WhenTheAccountLosesItsRightsTheStreamIsRefusedAndSoAreCalls) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.stream_status = 403;
  a.cut();
  EXPECT_TRUE(soon([&] { return m.status("A") == "Error: login refused: too few rights"; })) << m.status("A");
  const Result<net::Response> answer = m.forward("A", "GET", "/api/v3/machines");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  a.stream_status = 500;
  EXPECT_TRUE(soon([&] { return m.status("A").find("login refused") == std::string::npos; }));
}

TEST_F(ManagerTest, ASessionThatEndedKeepsItsWayUntilTheNextAttemptTells) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.hangs = true;  // the next login takes its time
  a.cut();
  ASSERT_TRUE(soon([&] { return !m.freshness("A").in_touch; }));
  a.hangs = false;
  EXPECT_TRUE(m.get("A", "/api/v3/machines")) << "the end of a stream says little about the endpoint";
}

TEST_F(ManagerTest, ASilentEndpointIsNotAsked) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.be_silent(true);
  a.contact_status = 500;
  ASSERT_TRUE(soon([&] { return !m.freshness("A").in_touch; }));
  EXPECT_FALSE(m.get("A", "/api/v3/machines")) << "it does not answer";
}

// ---- pauses

TEST_F(ManagerTest, PausesGrowToAQuarterOfAMinute) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  pass(11s);
  a.close();
  expect_pauses({200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms, 12800ms, 15s, 15s});
}

TEST_F(ManagerTest, ChanceShortensPausesByHalfAtMost) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.chance = 0;
  m.attach_and_wait(a);
  pass(11s);
  a.close();
  expect_pauses({100ms, 200ms, 400ms});
}

TEST_F(ManagerTest, AConversationThatLastedBeginsThePausesAnew) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  pass(11s);
  for (const env::Duration pause : {200ms, 400ms, 800ms, 1600ms}) {  // streams that end at once
    const int streams = a.streams;
    a.cut();
    expect_pauses({pause});
    ASSERT_TRUE(soon([&] { return a.streams > streams; }));
  }
  pass(11s);
  a.cut();
  expect_pauses({200ms});
}

TEST_F(ManagerTest, SlowAttemptsAreNoConversationsThatLasted) {
  Endpoint a(network_, "A");
  a.on_request = [&](const net::Request& request) {
    const bool begins = request.path.ends_with("/token") || request.path.ends_with("/stream");
    if (begins && a.stream_status != 200) time_.advance(6s);
  };
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.stream_status = 500;
  a.cut();
  expect_pauses({200ms, 400ms, 800ms, 1600ms, 3200ms});
}

TEST_F(ManagerTest, ARefusedLoginIsNotRepeatedSoon) {
  for (const int status : {401, 429}) {
    Endpoint a(network_, "A");
    Managing m(network_, "M", time_);
    m.attach_and_wait(a);
    pass(11s);
    a.contact_status = status;
    const int before = network_.dialled;
    a.cut();
    expect_pauses({200ms});
    ASSERT_TRUE(soon([&] { return time_.waits_for(15s); }));
    EXPECT_EQ(network_.dialled, before + 1) << status;
  }
}

TEST_F(ManagerTest, ALoginThatIsNotAnsweredIsGivenUpAfterTenSeconds) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  pass(11s);
  a.hangs = true;
  a.cut();
  expect_pauses({200ms, 400ms, 800ms, 1600ms});
  EXPECT_TRUE(soon([&] { return m.status("A") == "Lost: it did not answer completely in time"; }));
  Endpoint b(network_, "B");
  b.hangs = true;
  auto attached = env::launch(
      runtime_,
      m.manager().add_endpoint(
          fmt::format(R"({{"manager/url":"{}","manager/username":"u","manager/password":"p"}})", b.url()),
          {}));
  ASSERT_TRUE(soon([&] { return attached.wait_for(0s) == std::future_status::ready; }));
  EXPECT_THAT(attached.get().error().text(), HasSubstr("did not answer completely in time"));
}

// ---- tokens

TEST_F(ManagerTest, ATokenIsRenewedBeforeItExpires) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  const int logins = a.logins;
  ASSERT_TRUE(soon([&] { return time_.waits_for(4h); }));
  time_.advance(4h - 1s);
  EXPECT_EQ(a.logins, logins);
  a.revoke_tokens();
  time_.advance(1s);
  ASSERT_TRUE(soon([&] { return a.logins == logins + 1; }));
  ASSERT_TRUE(soon([&] { return m.freshness("A").in_touch; }));
}

TEST_F(ManagerTest, ALoginThatIsRefusedLaterEndsTheStream) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.revoke_tokens();
  a.contact_status = 401;
  const Result<net::ClientResponse> answer = m.get("A", "/api/v3/machines");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().text(), HasSubstr("next hop A answered 401 to the login of manager M"));
  ASSERT_TRUE(soon([&] { return m.status("A").starts_with("Error: login refused"); })) << m.status("A");
  EXPECT_TRUE(a.cut_off());
  const Result<net::ClientResponse> next = m.get("A", "/api/v3/machines");
  ASSERT_FALSE(next);
  EXPECT_THAT(next.error().text(), HasSubstr("login refused"));
}

TEST_F(ManagerTest, ALoginThatCannotBeAskedForNowLeavesTheStream) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.revoke_tokens();
  a.contact_status = 500;
  EXPECT_FALSE(m.get("A", "/api/v3/machines"));
  EXPECT_EQ(a.refused, 1) << "without another login it is not sent again";
  EXPECT_TRUE(m.freshness("A").in_touch);
  a.contact_status = 200;
  EXPECT_TRUE(m.get("A", "/api/v3/machines"));
}

// ---- attaching

TEST_F(ManagerTest, AttachingIsRefusedWithAReason) {
  Endpoint a(network_, "A"), itself(network_, "M");
  Managing m(network_, "M", time_);
  ASSERT_TRUE(m.attach(a));
  EXPECT_THAT(m.attach(a).error().text(), HasSubstr("already known"));
  EXPECT_THAT(m.attach(itself).error().text(), HasSubstr("this server's own address"));
  Endpoint strict(network_, "B");
  strict.contact_status = 401;
  EXPECT_THAT(m.attach(strict).error().text(), HasSubstr("login refused"));
  EXPECT_EQ(m.status("B"), "") << "nothing half made";
  const auto add = [&](std::string params) {
    const Result<std::string> added = m.run(m.manager().add_endpoint(std::move(params), {}));
    return added ? *added : added.error().text();
  };
  EXPECT_THAT(add("[]"), HasSubstr("expected an object"));
  EXPECT_THAT(add(R"({"manager/url":"https://x:1","manager/username":"u"})"),
              HasSubstr("Missing Parameter manager/password"));
  EXPECT_THAT(add(R"({"manager/url":"https://nobody:1","manager/username":"u","manager/password":"p"})"),
              HasSubstr("https://nobody:1: connection refused"));
  m.be_manager(false);
  EXPECT_THAT(m.attach(strict).error().text(), HasSubstr("this server is no manager"));
}

TEST_F(ManagerTest, AttachingRemembersTheCertificateAndHidesThePassword) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  const Result<std::string> attached = m.attach(a);
  ASSERT_TRUE(attached);
  EXPECT_THAT(*attached, HasSubstr(a.certificate()));
  EXPECT_THAT(*attached, HasSubstr(R"("Endpoint":"M")"));
  EXPECT_THAT(*attached, HasSubstr(R"("DRPVersion":"v1")"));
  EXPECT_THAT(*attached, ::testing::Not(HasSubstr(R"("p")"))) << "the password is sealed";
  EXPECT_THAT(*attached, HasSubstr(R"("ConnectionStatus":"Connecting")"));
}

TEST_F(ManagerTest, WhatAnEndpointTellsOfItselfIsShown) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  EXPECT_EQ(*m.manager().endpoint_state("A"), model::EndpointState{});
  m.attach_and_wait(a);
  const int told = m.changes_told;
  a.tell_state(R"({"info":{"os":"linux"},"prefs":{"x":"y"}})");
  ASSERT_TRUE(soon([&] { return m.endpoint("A").contains("Os"); }));
  EXPECT_EQ(m.endpoint("A").at("Prefs"), (boost::json::object{{"x", "y"}}));
  EXPECT_EQ(m.endpoint("A").at("ConnectionStatus"), "Connected");
  EXPECT_EQ(m.manager().endpoint_state("A")->info->os, "linux");
  EXPECT_GT(m.changes_told, told);
}

// ---- on and off

TEST_F(ManagerTest, OffHidesReplicasAndEndsSessionsButDropsNothing) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  m.be_manager(false);
  ASSERT_TRUE(soon([&] { return m.status("A") == "Disabled" && a.cut_off(); }));
  EXPECT_FALSE(m.store().replicas_shown());
  EXPECT_FALSE(m.manager().active());
  const Result<net::ClientResponse> refused = m.get("A", "/api/v3/machines");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(refused.error().text(), HasSubstr("manager is off"));
  pass(25s);
  EXPECT_TRUE(m.has("A", "of-A"));
  EXPECT_EQ(a.streams, 1);
  m.be_manager(true);
  EXPECT_TRUE(soon([&] { return m.status("A") == "Connected"; }));
  EXPECT_TRUE(m.store().replicas_shown());
  EXPECT_TRUE(a.subscriptions().back().owners.front().follows) << "no copy";
}

TEST_F(ManagerTest, ALicenceThatEndsTurnsItOff) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  m.licensed = false;
  EXPECT_TRUE(soon([&] { return m.status("A") == "Disabled"; })) << "it is asked for now and then";
  EXPECT_FALSE(m.store().replicas_shown());
}

// ---- requests

TEST_F(ManagerTest, ARequestIsSentAgainWithAFreshLoginWhenTheOldOneIsForgotten) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  const int logins = a.logins;
  a.revoke_tokens();
  const Result<net::ClientResponse> answer = m.get("A", "/api/v3/machines");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(a.logins, logins + 1);
  EXPECT_EQ(a.refused, 1);
  EXPECT_EQ(a.requests(), std::vector<std::string>{"GET /api/v3/machines"});
  EXPECT_TRUE(m.get("A", "/api/v3/machines"));
  EXPECT_EQ(a.refused, 1) << "the new one is kept";
}

TEST_F(ManagerTest, ABodyIsSentAgainWithAFreshLogin) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.revoke_tokens();
  const Result<net::Response> answer = m.forward("A", "POST", "/api/v3/machines", R"({"Name":"x"})");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(a.last_request().second, R"({"Name":"x"})");
  EXPECT_EQ(a.refused, 1);
}

TEST_F(ManagerTest, RequestsThatWaitForOthersCountOnTheAccountOfWhoAsked) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  env::MemoryBudget& budget = env::memory_for(env::Memory::kRequests);
  {
    const auto all_that_one_may_hold = budget.take(budget.statistics().size / 2, "user:ann");
    ASSERT_TRUE(all_that_one_may_hold);
    const Result<net::Response> answer = m.forward("A", "GET", "/api/v3/machines");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
    EXPECT_THAT(answer.error().text(), HasSubstr("too many requests"));
    EXPECT_THAT(answer.error().unreachable, EndsWith(";ran=no"));
    EXPECT_TRUE(a.requests().empty());
  }
  EXPECT_TRUE(m.forward("A", "GET", "/api/v3/machines"));
  EXPECT_EQ(budget.statistics().taken, 0U);
}

TEST_F(ManagerTest, ABodyThatStreamsIsNotSentTwice) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.revoke_tokens();
  const Result<net::Response> answer = m.forward("A", "POST", "/api/v3/files/x", "text", false);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(answer.error().text(), HasSubstr("no such token"));
  EXPECT_THAT(answer.error().unreachable, EndsWith(";ran=no")) << "refused before anything was done";
  EXPECT_EQ(a.refused, 1);
  EXPECT_TRUE(a.requests().empty());
  EXPECT_TRUE(m.forward("A", "POST", "/api/v3/files/x", "text", false)) << "with the fresh login";
}

TEST_F(ManagerTest, ALoginThatIsRefusedTwiceIsNotTheClientsError) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  for (const int status : {401, 403}) {
    a.answer_with([status](const net::Request&) {
      net::Response response;
      response.status = status;
      response.body = std::string(R"({"Messages":["not for you"]})");
      return response;
    });
    const Result<net::Response> answer = m.forward("A", "GET", "/api/v3/machines");
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(answer.error().status_override, 0);
    EXPECT_THAT(answer.error().text(), HasSubstr(fmt::format("next hop A answered {}", status)));
    EXPECT_THAT(answer.error().text(), HasSubstr("not for you"));
  }
  const Result<net::ClientResponse> own = m.get("A", "/api/v3/machines");
  ASSERT_TRUE(own);
  EXPECT_EQ(own->status, 403) << "of requests of this server, a missing right is told as it is";
}

TEST_F(ManagerTest, ALostAnswerIsToldAndNothingIsSentTwice) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.loses_answers = true;
  const Result<net::Response> answer = m.forward("A", "POST", "/api/v3/machines", "{}");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(answer.error().text(), HasSubstr("it may have been carried out"));
  EXPECT_THAT(answer.error().unreachable, StartsWith("A;hop=A;since="));
  EXPECT_THAT(answer.error().unreachable, EndsWith(";ran=maybe"));
  EXPECT_EQ(a.requests().size(), 1U);
  EXPECT_EQ(m.manager().statistics().front().forwards.count, 1U);
}

TEST(UnreachableText, SaysOnlyWhatIsKnown) {
  const env::WallTime time{std::chrono::seconds(1'700'000'000)};
  EXPECT_EQ(unreachable_text({"A", "R", time, false}), "A;hop=R;since=2023-11-14T22:13:20.000000000Z;ran=no");
  EXPECT_EQ(unreachable_text({"A", "", std::nullopt, true}), "A;ran=maybe");
  EXPECT_EQ(unreachable_text({"a;b c", "r=1", std::nullopt, false}), "a%3Bb%20c;hop=r%3D1;ran=no");
}

TEST_F(ManagerTest, WhatWasNotSentWasNotCarriedOut) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.refuses_work = true;
  const Result<net::Response> answer = m.forward("A", "POST", "/api/v3/machines", "{}");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(answer.error().text(), HasSubstr("it was not sent"));
  EXPECT_THAT(answer.error().unreachable, EndsWith(";ran=no"));
  EXPECT_TRUE(a.requests().empty());
}

TEST_F(ManagerTest, ARequestCarriesOurLoginAndForWhom) {
  Endpoint r(network_, "R");
  r.announce({{"A", {"R"}, true, 0, ""}});
  Managing m(network_, "M", time_);
  m.attach_and_wait(r);
  ASSERT_TRUE(soon([&] { return m.is_fresh("A"); }));
  const Result<net::Response> answer = m.forward("A", "PATCH", "/api/v3/machines/x?a=b", "[]");
  ASSERT_TRUE(answer);
  EXPECT_THAT(r.requests(), ElementsAre("PATCH /A/api/v3/machines/x?a=b"));
  const net::Headers headers = r.last_request().first;
  EXPECT_EQ(headers.get("Authorization"), "Bearer token-0");
  EXPECT_EQ(headers.get("X-Mullion-On-Behalf-Of"), "user:ann@M");
  EXPECT_EQ(headers.get("X-Request-Id"), "request-1");
  EXPECT_TRUE(m.get("R", "/api/v3/machines"));
  EXPECT_EQ(r.last_request().first.get("X-Mullion-On-Behalf-Of"), "system@M");
}

TEST_F(ManagerTest, WhatItAsksByItselfSaysTheTermInWhichItServes) {
  Endpoint r(network_, "R");
  Managing m(network_, "M", time_);
  m.attach_and_wait(r);
  ASSERT_TRUE(m.get("R", "/api/v3/machines"));
  EXPECT_FALSE(r.last_request().first.get("X-Mullion-Lead")) << "it is no cluster";
  m.stop();
  std::atomic<uint64_t> term{5};  // 0: it does not serve
  m.lead_term = [&term] { return term == 0 ? std::nullopt : std::optional<uint64_t>(term.load()); };
  m.start();
  ASSERT_TRUE(soon([&] { return m.get("R", "/api/v3/machines").ok(); }));
  const std::optional<LeadTerm> lead =  // of any of its requests: it says so by itself, too
      parse_lead_term(r.last_request().first.get("X-Mullion-Lead").value_or(""));
  ASSERT_TRUE(lead);
  EXPECT_EQ(lead->term, 5u);
  EXPECT_NE(lead->epoch, 0u);
  const auto asked = [&r] { return std::ranges::count(r.requests(), "GET /api/v3/machines"); };
  const auto before = asked();
  term = 0;
  const Result<net::ClientResponse> refused = m.get("R", "/api/v3/machines");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(asked(), before) << "nothing leaves";
  m.stop();  // before what it asks goes
}

TEST_F(ManagerTest, AnAnswerWaitsForTheReplica) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.answer_with([](const net::Request&) {
    net::Response response;
    response.headers.set("X-Mullion-Commit", "A 000000000000004d 2");
    return response;
  });
  const env::SteadyTime begun = time_.steady();
  const Result<net::Response> late = m.forward("A", "POST", "/api/v3/profiles", "{}");
  ASSERT_TRUE(late);
  EXPECT_EQ(late->headers.get("X-Mullion-Pending"), "A");
  EXPECT_GE(time_.steady() - begun, 2s);
  EXPECT_LE(time_.steady() - begun, 3s);
  a.commit("A", "one");  // as number 2 of its log
  ASSERT_TRUE(soon([&] { return m.has("A", "one"); }));
  const Result<net::Response> there = m.forward("A", "POST", "/api/v3/profiles", "{}");
  ASSERT_TRUE(there);
  EXPECT_EQ(there->headers.get("X-Mullion-Pending"), std::nullopt);
}

TEST_F(ManagerTest, AnAnswerOfAnOwnerThatIsDetachedMeanwhileIsPending) {
  Endpoint a(network_, "A");
  Managing m(network_, "M", time_);
  m.attach_and_wait(a);
  a.answer_with([&](const net::Request&) {
    m.remove_endpoint_object("A");
    while (!m.manager().known_owners().empty()) std::this_thread::sleep_for(1ms);
    net::Response response;
    response.headers.set("X-Mullion-Commit", "A 000000000000004d 2");
    return response;
  });
  const Result<net::Response> answer = m.forward("A", "POST", "/api/v3/profiles", "{}");
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->headers.get("X-Mullion-Pending"), "A");
}

TEST_F(ManagerTest, ADarkOwnerIsRefusedAtOnceWithItsAge) {
  Endpoint r(network_, "R");
  r.announce({{"A", {"R"}, true, 0, ""}});
  Managing m(network_, "M", time_);
  m.attach_and_wait(r);
  ASSERT_TRUE(soon([&] { return m.is_fresh("A"); }));
  EXPECT_TRUE(m.get("A", "/api/v3/machines"));
  EXPECT_EQ(r.requests(), std::vector<std::string>{"GET /A/api/v3/machines"});
  r.close();
  ASSERT_TRUE(soon([&] { return m.status("R").starts_with("Lost: "); }));
  pass(20s);
  const Result<net::Response> refused = m.forward("A", "GET", "/api/v3/machines");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(refused.error().text(), HasSubstr("next hop R"));
  EXPECT_THAT(refused.error().unreachable, StartsWith("A;hop=R;since="));
  EXPECT_THAT(refused.error().unreachable, EndsWith(";ran=no")) << "nothing was sent";
  EXPECT_THAT(refused.error().text(), HasSubstr(fmt::format("last contact {:.0f} s ago", m.age("A"))));
  EXPECT_EQ(r.requests().size(), 1U);
}

}  // namespace
}  // namespace mullion::manager
