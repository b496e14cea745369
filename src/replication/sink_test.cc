// A sink whose source says what the test wants; time is moved by hand.
#include "replication/sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/mutex.h"
#include "env/waiting_testing.h"
#include "replication/position.h"
#include "replication/replication_testing.h"
#include "store/forwarding_testing.h"

namespace mullion::replication {
namespace {

using testing::digest_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Peer;
using namespace std::chrono_literals;

constexpr uint64_t kEpoch = 77;

/// A store that refuses commits, or lets them wait, when told to.
class ReluctantStore final : public store::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  std::atomic<bool> refuses{false};
  /// What is committed from now on waits.
  void hold() {
    const Lock lock(mutex_);
    holds_ = true;
  }
  void let_go() {
    std::vector<Held> held;
    {
      const Lock lock(mutex_);
      holds_ = false;
      held.swap(held_);
    }
    for (Held& one : held) ForwardingStore::commit(std::move(one.batch), std::move(one.done));
  }
  void commit(store::Batch batch, store::CommitCallback done) override {
    if (refuses) return done(Error(ErrorCode::kInsufficientStorage, "the disk is full"));
    if (!held(batch, done)) ForwardingStore::commit(std::move(batch), std::move(done));
  }

 private:
  struct Held {
    store::Batch batch;
    store::CommitCallback done;
  };
  bool held(store::Batch& batch, store::CommitCallback& done) {
    const Lock lock(mutex_);
    if (holds_) held_.push_back({std::move(batch), std::move(done)});
    return holds_;
  }

  Mutex mutex_;
  bool holds_ GUARDED_BY(mutex_) = false;
  std::vector<Held> held_ GUARDED_BY(mutex_);
};

/// The sink of M, which follows R; behind R is A.
class SinkTest : public testing::StreamTest {
 protected:
  ~SinkTest() override { end(); }

  /// A new stream; it begins where the last one ended.
  void begin() {
    end();
    announced_ = false;
    auto [near, far] = net::testing::MemorySocket::pair();
    peer_ = std::make_unique<Peer>(runtime_, far);
    peer_->listen();
    SinkOptions options{store_,
                        *tasks_,
                        "M",
                        "v1",
                        "R",
                        counters_,
                        [this](std::vector<Announcement> owners) {
                          const Lock lock(mutex_);
                          announced_ = !owners.empty();
                          told_ = std::move(owners);
                        },
                        [this](model::EndpointState state) {
                          const Lock lock(mutex_);
                          state_ = model::message_text(state);
                        },
                        [this](bool current) { current_ = current; },
                        time_,
                        time_,
                        [this](const std::string& owner) {
                          const Lock lock(mutex_);
                          taken_over_.push_back(owner);
                        }};
    sink_ = std::make_unique<Sink>(std::move(options), load_position(*store_.snapshot(), "R", time_));
    target_ = sink_->target();
    ended_ = env::launch(runtime_, sink_->run(near));
  }
  void end() {
    if (!sink_) return;
    store_.let_go();
    peer_->socket().abort();
    if (ended_.valid()) ended_.wait();
    tasks_->stop();
    sink_.reset();
    tasks_ = std::make_unique<env::TaskGroup>(runtime_.executor(), "test");
  }
  /// With hello and the owners R and A, both wanted.
  void begin_well(uint64_t epoch = kEpoch) {
    begin();
    peer_->say({Hello{kProtocol, "R", "v1", epoch, newest_, {}}, owners()});
    ASSERT_TRUE(soon([&] { return announced_.load(); }));
    sink_->subscribe({"A", "R"});
    ASSERT_TRUE(soon([&] { return peer_->count<Subscribe>() > 0; }));
  }
  /// The same, and the replicas are complete.
  void follow_well() {
    begin_well();
    peer_->say({At{0, true}});
    copy("A", {{"a", R"({"Name":"a"})"}});
    copy("R", {});
    ASSERT_TRUE(soon([&] { return sink_->follows("A") && sink_->follows("R"); }));
    ASSERT_TRUE(
        soon([&] { return body("A", "a") == R"({"Name":"a"})" && store_.snapshot()->origin_cursor("R"); }));
  }
  static Owners owners() { return {{{"R", {}, true, 0, ""}, {"A", {"R"}, true, 0, ""}}}; }
  using Objects = std::vector<std::pair<std::string, std::string>>;
  void copy(const std::string& owner, const Objects& objects, uint64_t epoch = 5) {
    std::vector<Record> records{SnapshotBegin{owner, {epoch, ++origin_}}};
    for (const auto& [key, text] : objects) records.push_back(Object{"machines", key, text});
    records.push_back(SnapshotEnd{owner, newest_, {digest_of("machines", owner, objects)}});
    peer_->say(records);
  }
  Commit commit(const std::string& owner, std::vector<store::TypeDigest> digests = {}) {
    return {++newest_, owner, {5, ++origin_}, std::move(digests)};
  }
  void answer_ping(double age = 0, std::vector<OwnerAge> ages = {}) {
    const std::vector<Ping> pings = peer_->heard<Ping>();
    ASSERT_FALSE(pings.empty());
    peer_->say({Ping{newest_, 0, pings.back().stamp, age, std::move(ages)}});
  }
  /// How long ago the last ping that arrived was sent. That the machine is busy makes pings rarer.
  env::Duration since_ping() const {
    const std::vector<Ping> pings = peer_->heard<Ping>();
    if (pings.empty()) return env::Duration::max();
    return time_.wall() - env::WallTime(env::WallTime::duration(pings.back().clock));
  }
  /// What the conversation ends with when the source says this.
  std::string end_after(const std::vector<Record>& records) {
    peer_->say(records);
    EXPECT_TRUE(soon([&] { return ended_.wait_for(0s) == std::future_status::ready; }));
    return ended_.get().text();
  }

  std::string state() {
    const Lock lock(mutex_);
    return state_;
  }
  /// Who does not tell the ages of the owners that are announced, in their order.
  std::vector<std::string> untold() {
    const Lock lock(mutex_);
    std::vector<std::string> out;
    for (const Announcement& one : told_) out.push_back(one.owner + ":" + one.untold_by);
    return out;
  }
  std::vector<std::string> taken_over() {
    const Lock lock(mutex_);
    return taken_over_;
  }

  /// Lets everything be done that can be done without time passing.
  void settle() { pass(1ms); }
  std::string body(const std::string& owner, const std::string& key) const {
    return store_.snapshot()->get({"machines", owner, key}).value_or("-");
  }
  double age(const std::string& owner) const {
    const auto as_of = sink_->as_of(owner);
    return as_of ? std::chrono::duration<double>(time_.steady() - *as_of).count() : -1;
  }
  /// The number of the last commit that can be read.
  uint64_t stored() const { return store_.snapshot()->cursor().seq; }
  uint64_t acknowledged() const {
    const std::vector<Ack> acks = peer_->heard<Ack>();
    return acks.empty() ? 0 : acks.back().seq;
  }
  std::vector<std::string> last_wanted() const {
    std::vector<std::string> out;
    const std::vector<Subscribe> all = peer_->heard<Subscribe>();
    for (const Subscription& one : all.back().owners) out.push_back(one.owner);
    return out;
  }

  std::unique_ptr<store::Store> real_ = store::open_memory_store();
  ReluctantStore store_{*real_};
  std::unique_ptr<env::TaskGroup> tasks_ = std::make_unique<env::TaskGroup>(runtime_.executor(), "test");
  SinkCounters counters_;
  std::unique_ptr<Peer> peer_;
  std::unique_ptr<Sink> sink_;
  std::future<Error> ended_;
  std::string target_;
  uint64_t newest_ = 0, origin_ = 0;
  std::atomic<bool> announced_{false};
  std::atomic<bool> current_{false};
  Mutex mutex_;  // guards what follows
  std::vector<Announcement> told_ GUARDED_BY(mutex_);
  std::string state_ GUARDED_BY(mutex_);
  std::vector<std::string> taken_over_ GUARDED_BY(mutex_);
};

// ---- what is refused

TEST_F(SinkTest, WhoBreaksTheRulesIsLeft) {
  const Hello hello{kProtocol, "R", "v1", kEpoch, 0, {}};
  const auto told = [&](Announcement announced) { return Owners{{std::move(announced)}}; };
  const std::string certificate(64, 'a');
  const std::vector<std::pair<std::vector<Record>, std::string>> cases{
      {{owners()}, "it begins without hello"},
      {{Hello{0, "R", "v1", kEpoch, 0, {}}}, "protocol 0 is not spoken here"},
      {{Hello{kProtocol, "X", "v1", kEpoch, 0, {}}}, "calls itself X, not R"},
      {{hello, told({"R", {"R"}, true, 0, ""})}, "announced on a wrong way"},
      {{hello, told({"A", {}, true, 0, ""})}, "announced on a wrong way"},
      {{hello, told({"A", {"R", "X"}, true, 0, ""})}, "announced on a wrong way"},
      {{hello, told({"", {"R"}, true, 0, ""})}, "announced on a wrong way"},
      {{hello, told({"A\n", {"R"}, true, 0, ""})}, "announced on a wrong way"},
      {{hello, told({std::string(256, 'A'), {"R"}, true, 0, ""})}, "announced on a wrong way"},
      {{hello, told({"A", {"R"}, true, 0, "", "abc"})}, "announced on a wrong way"},
      {{hello, told({"A", {"R"}, true, 0, "", std::string(64, 'A')})}, "announced on a wrong way"},
      {{hello, Object{"machines", "a", "{}"}}, "an object outside of a copy"},
      {{hello, SnapshotEnd{"A", 0, {}}}, "the end of a copy that did not begin"},
      {{hello, RangeEnd{"A", "machines", 0, {}}}, "the end of a range that did not begin"},
      {{hello, SnapshotBegin{"A", {1, 1}}}, "it speaks for A, which nobody asked it for"},
      {{hello, Resume{"A", {}}}, "it speaks for A, which nobody asked it for"},
      {{hello, RangeBegin{"A", "machines", "", ""}}, "it speaks for A, which nobody asked it for"},
  };
  for (const auto& [records, reason] : cases) {
    begin();
    EXPECT_THAT(end_after(records), HasSubstr(reason));
  }
  begin();
  peer_->say({hello, told({std::string(255, 'A'), {"X", "R"}, true, 0, "", certificate})});
  EXPECT_TRUE(soon([&] { return announced_.load(); })) << "all of it is in order";
}

TEST_F(SinkTest, TheEndOfACopyIsOfTheOwnerThatBegan) {
  begin_well();
  EXPECT_THAT(end_after({At{0, true}, SnapshotBegin{"A", {5, 1}}, SnapshotEnd{"R", 0, {}}}),
              HasSubstr("the end of a copy that did not begin"));
}

TEST_F(SinkTest, WhatIsLateIsIgnored) {
  begin_well();
  sink_->subscribe({"R"});
  ASSERT_TRUE(soon([&] { return last_wanted() == std::vector<std::string>{"R"}; }));
  peer_->say({At{0, true}, Resume{"A", {}}});
  copy("A", {{"a", "{}"}});
  copy("R", {{"r", "{}"}});
  ASSERT_TRUE(soon([&] { return body("R", "r") == "{}"; }));
  EXPECT_EQ(body("A", "a"), "-");
  EXPECT_FALSE(sink_->follows("A"));
}

/// Q behind R may know that something is held up at F; A is attached to R, by a stream.
TEST_F(SinkTest, ASourceThatPassesNothingOnOfWhatIsHeldUpMakesAgesUnknown) {
  const Owners owners{{{"R", {}, true, 0, ""},
                       {"A", {"R"}, true, 0, ""},
                       {"F", {"Q", "R"}, true, 0, ""},
                       {"G", {"X", "Q", "R"}, true, 0, "", "", "X"}}};
  const auto told_by = [&](std::vector<std::string> features) {
    begin();
    peer_->say({Hello{kProtocol, "R", "v1", kEpoch, newest_, std::move(features)}, owners});
    EXPECT_TRUE(soon([&] { return announced_.load(); }));
    return untold();
  };
  EXPECT_THAT(told_by({"other"}), ElementsAre("R:", "A:", "F:R", "G:X"));
  EXPECT_THAT(told_by({std::string(kHeldUpCollections)}), ElementsAre("R:", "A:", "F:", "G:X"));
}

// ---- copies and commits

TEST_F(SinkTest, AFirstStreamAsksForEverything) {
  begin_well();
  EXPECT_EQ(target_, "/api/v3/replication/stream");
  const Hello hello = peer_->heard<Hello>().front();
  EXPECT_EQ(hello.id, "M");
  EXPECT_THAT(hello.features, ElementsAre(std::string(kChangesInCopies)));
  const Subscribe wanted = peer_->heard<Subscribe>().front();
  ASSERT_EQ(wanted.owners.size(), 2U);
  EXPECT_FALSE(wanted.owners[0].follows);
  EXPECT_EQ(wanted.owners[0].replica, std::nullopt);
}

TEST_F(SinkTest, ACopyThenCommitsMakeAReplica) {
  follow_well();
  EXPECT_THAT(taken_over(), ElementsAre("A", "R"));
  EXPECT_EQ(counters_.snapshots, 2U);
  const Objects both{{"a", R"({"Name":"a2"})"}, {"b", R"({"Name":"b"})"}};
  peer_->say({Change{"machines", "a", both[0].second}, Change{"machines", "b", both[1].second},
              commit("A", {digest_of("machines", "A", both)})});
  ASSERT_TRUE(soon([&] { return body("A", "b") == both[1].second; }));
  EXPECT_EQ(body("A", "a"), both[0].second);
  EXPECT_EQ(store_.snapshot()->origin_cursor("A"), (store::Cursor{5, origin_}));
  peer_->say({Change{"machines", "a", std::nullopt}, commit("A")});
  ASSERT_TRUE(soon([&] { return body("A", "a") == "-"; }));
  EXPECT_EQ(counters_.mismatches, 0U);
  EXPECT_EQ(counters_.commits, 2U);
  peer_->say({Change{"machines", "x", "{}"}, commit("X"), Change{"machines", "y", "{}"}, commit("A")});
  ASSERT_TRUE(soon([&] { return body("A", "y") == "{}"; }));
  EXPECT_EQ(body("X", "x"), "-") << "nobody asked for it";
  EXPECT_EQ(counters_.commits, 3U);
}

TEST_F(SinkTest, WhatComesTogetherIsOneCommitPerOwnerAndEpoch) {
  follow_well();
  const uint64_t before = stored();
  peer_->say({Change{"machines", "1", "{}"}, commit("A"), Change{"machines", "2", "{}"}, commit("A")});
  ASSERT_TRUE(soon([&] { return body("A", "2") == "{}"; }));
  EXPECT_EQ(stored(), before + 1);
  Commit other = commit("A");
  other.origin.epoch = 6;
  peer_->say({Change{"machines", "3", "{}"}, commit("R"), Change{"machines", "4", "{}"}, commit("A"),
              Change{"machines", "5", "{}"}, other});
  ASSERT_TRUE(soon([&] { return body("A", "5") == "{}"; }));
  EXPECT_EQ(stored(), before + 4);
  EXPECT_EQ(body("R", "3"), "{}");
}

TEST_F(SinkTest, TheLastDigestOfWhatComesTogetherCounts) {
  follow_well();
  const Objects first{{"a", R"({"Name":"a"})"}, {"b", "{}"}};
  const Objects both{{"a", R"({"Name":"a"})"}, {"b", R"({"n":1})"}};
  peer_->say({Change{"machines", "b", "{}"}, commit("A", {digest_of("machines", "A", first)}),
              Change{"machines", "b", R"({"n":1})"}, commit("A", {digest_of("machines", "A", both)})});
  ASSERT_TRUE(soon([&] { return body("A", "b") == both[1].second; }));
  settle();
  EXPECT_EQ(counters_.mismatches, 0U);
}

TEST_F(SinkTest, ChangesOfWhatWasCopiedComeWithTheCopy) {
  begin_well();
  const Objects end{{"a", R"({"n":2})"}, {"b", "{}"}};
  peer_->say({At{0, true}, SnapshotBegin{"A", {5, 1}}, Object{"machines", "a", R"({"n":1})"}});
  peer_->say({Change{"machines", "a", R"({"n":2})"}, Commit{3, "A", {5, 2}, {}}});
  peer_->say({Object{"machines", "b", "{}"}, SnapshotEnd{"A", 3, {digest_of("machines", "A", end)}}});
  ASSERT_TRUE(soon([&] { return body("A", "b") == "{}"; }));
  EXPECT_EQ(body("A", "a"), R"({"n":2})");
  EXPECT_EQ(store_.snapshot()->origin_cursor("A"), (store::Cursor{5, 2})) << "as of the last of them";
  settle();
  EXPECT_EQ(counters_.mismatches, 0U);
}

TEST_F(SinkTest, WhereItStandsIsAcknowledgedAndSaved) {
  follow_well();
  newest_ = 40;
  peer_->say({commit("A")});
  ASSERT_TRUE(soon([&] { return acknowledged() == 41; }));
  const size_t acks = peer_->count<Ack>();
  pass(3s);
  EXPECT_EQ(peer_->count<Ack>(), acks) << "once";
  peer_->say({Change{"machines", "x", "{}"}, commit("X")});
  ASSERT_TRUE(soon([&] { return acknowledged() == 42; })) << "also of what is not followed";
  peer_->say({Change{"machines", "y", "{}"}, commit("A")});
  ASSERT_TRUE(soon([&] { return body("A", "y") == "{}"; }));
  begin_well();
  EXPECT_EQ(target_, "/api/v3/replication/stream?epoch=000000000000004d&seq=43");
  const Subscribe wanted = peer_->heard<Subscribe>().front();
  EXPECT_TRUE(wanted.owners[0].follows);
  EXPECT_TRUE(wanted.owners[1].follows);
  EXPECT_EQ(wanted.owners[0].replica, (store::Cursor{5, origin_}));
}

TEST_F(SinkTest, WhatAnotherStreamWroteIsNotFollowed) {
  follow_well();
  end();
  store::Batch batch;
  batch.secrets.push_back(keeper_change("A", "other"));
  ASSERT_TRUE(store_.commit_sync(std::move(batch)));
  begin_well();
  const Subscribe wanted = peer_->heard<Subscribe>().front();
  EXPECT_FALSE(wanted.owners[0].follows);
  EXPECT_TRUE(wanted.owners[1].follows);
}

TEST_F(SinkTest, AnotherLogIsCopiedOnceAndResumedAfterwards) {
  follow_well();
  begin_well(88);
  EXPECT_FALSE(peer_->heard<Subscribe>().front().owners[0].follows) << "the place says nothing in it";
  peer_->say({At{9, true}});
  copy("A", {{"a", R"({"Name":"a"})"}});
  copy("R", {});
  ASSERT_TRUE(soon([&] { return sink_->follows("A") && sink_->follows("R"); }));
  peer_->say({Change{"machines", "b", "{}"}, commit("A")});
  ASSERT_TRUE(soon([&] { return body("A", "b") == "{}"; }));
  begin_well(88);
  EXPECT_THAT(target_, HasSubstr("epoch=0000000000000058"));
  EXPECT_TRUE(peer_->heard<Subscribe>().front().owners[0].follows);
  EXPECT_TRUE(peer_->heard<Subscribe>().front().owners[1].follows);
}

TEST_F(SinkTest, AnotherServerUnderTheIdOfAnOwnerAppearsInOneStep) {
  follow_well();
  const uint64_t before = stored();
  copy("A", {{"b", "{}"}, {"c", "{}"}}, 6);
  ASSERT_TRUE(soon([&] { return body("A", "c") == "{}"; }));
  EXPECT_EQ(stored(), before + 1);
  EXPECT_EQ(body("A", "a"), "-");
  EXPECT_EQ(store_.snapshot()->origin_cursor("A")->epoch, 6U);
}

TEST_F(SinkTest, AnOwnerThatIsNotWantedAnyMoreIsNotFollowed) {
  follow_well();
  sink_->subscribe({"R"});
  EXPECT_FALSE(sink_->follows("A"));
  peer_->say({Change{"machines", "b", "{}"}, commit("A"), Change{"machines", "r", "{}"}, commit("R")});
  ASSERT_TRUE(soon([&] { return body("R", "r") == "{}"; }));
  EXPECT_EQ(body("A", "b"), "-");
  ASSERT_TRUE(soon([&] { return last_wanted() == std::vector<std::string>{"R"}; }));
  const size_t said = peer_->count<Subscribe>();
  sink_->subscribe({"R"});
  pass(3s);
  EXPECT_EQ(peer_->count<Subscribe>(), said) << "nothing new is not said";
}

TEST_F(SinkTest, ABatchThatIsRefusedEndsTheStream) {
  follow_well();
  store_.refuses = true;
  peer_->say({Change{"machines", "b", "{}"}, commit("A")});
  ASSERT_TRUE(soon([&] { return ended_.wait_for(0s) == std::future_status::ready; }));
  EXPECT_THAT(ended_.get().text(), HasSubstr("the disk is full"));
  EXPECT_TRUE(peer_->socket().over());
}

TEST_F(SinkTest, TheStateIsPassedOn) {
  begin_well();
  peer_->say({State{R"({"ux_version":"1"})"}});
  EXPECT_TRUE(soon([&] { return state() == R"({"ux_version":"1"})"; }));
}

// ---- repair

/// Of 20 ranges with one object each.
class Repair : public SinkTest {
 protected:
  Repair() {
    follow_well();
    for (int i = 0; i < 20; ++i)
      objects_.emplace_back(fmt::format("{:02}", i), fmt::format(R"({{"n":{}}})", i));
    copy("A", objects_);
    EXPECT_TRUE(soon([&] { return body("A", "19") == objects_[19].second; }));
    snapshots_ = counters_.snapshots;
    peer_->forget();
  }
  void corrupt(int count) {
    store::Batch batch;
    for (int i = 0; i < count; ++i)
      batch.changes.push_back({{"machines", "A", objects_[i].first}, R"({"wrong":1})"});
    ASSERT_TRUE(store_.commit_sync(std::move(batch)));
  }
  void commit_equal() { peer_->say({commit("A", {digest_of("machines", "A", objects_)})}); }
  /// A difference is asked about when the source speaks next.
  bool compared(size_t times) {
    return soon([&] {
      if (peer_->count<Compare>() < times) peer_->say({State{"{}"}});
      return peer_->count<Compare>() == times;
    });
  }
  Ranges ranges() const {
    Ranges out{"A", "machines", {}};
    for (size_t i = 0; i < objects_.size(); ++i) {
      const std::string from = i == 0 ? "" : objects_[i].first;
      const std::string to = i + 1 == objects_.size() ? "" : objects_[i + 1].first;
      out.ranges.push_back({from, to, object_digest("machines", objects_[i].first, objects_[i].second)});
    }
    return out;
  }
  /// What is fetched comes; the digests are those of `whole`.
  void answer_fetches(const Objects& whole) {
    for (const Fetch& fetch : peer_->heard<Fetch>()) {
      std::vector<Record> records{RangeBegin{fetch.owner, fetch.type, fetch.from, fetch.to}};
      for (const auto& [key, text] : objects_) {
        if (key >= fetch.from && (fetch.to.empty() || key < fetch.to))
          records.push_back(Object{"machines", key, text});
      }
      records.push_back(RangeEnd{"A", "machines", newest_, {digest_of("machines", "A", whole)}});
      peer_->say(records);
    }
  }

  Objects objects_;
  uint64_t snapshots_ = 0;
};

TEST_F(Repair, FetchesTheRangesThatDiffer) {
  corrupt(3);
  commit_equal();
  ASSERT_TRUE(compared(1));
  EXPECT_EQ(peer_->heard<Compare>().front().owner, "A");
  EXPECT_EQ(counters_.mismatches, 1U);
  pass(3s);
  const double before = age("A");
  answer_ping();
  pass(1s);
  EXPECT_GE(age("A"), before) << "a replica that differs proves nothing";
  peer_->say({ranges()});
  ASSERT_TRUE(soon([&] { return peer_->count<Fetch>() == 3; }));
  EXPECT_EQ(peer_->heard<Fetch>()[1].from, "01");
  EXPECT_EQ(peer_->heard<Fetch>()[1].to, "02");
  answer_fetches(objects_);
  ASSERT_TRUE(soon([&] { return body("A", "02") == objects_[2].second; }));
  pass(3s);
  EXPECT_EQ(peer_->count<Compare>(), 1U);
  EXPECT_EQ(peer_->count<Subscribe>(), 0U) << "no copy is asked for";
  EXPECT_TRUE(sink_->follows("A"));
  ASSERT_TRUE(soon([&] {
    answer_ping();  // the newest that came: on a busy machine the one before tells an age of its own
    return age("A") < 3;
  }));
}

TEST_F(Repair, ThatDoesNotHelpEndsInACopy) {
  corrupt(1);
  Objects other = objects_;
  other.emplace_back("never sent", "{}");
  commit_equal();
  ASSERT_TRUE(compared(1));
  peer_->say({ranges()});
  ASSERT_TRUE(soon([&] { return peer_->count<Fetch>() == 1; }));
  answer_fetches(other);
  ASSERT_TRUE(soon([&] { return peer_->count<Subscribe>() == 2; }));
  const std::vector<Subscribe> said = peer_->heard<Subscribe>();
  ASSERT_EQ(said[0].owners.size(), 1U) << "first without it";
  EXPECT_EQ(said[0].owners[0].owner, "R");
  EXPECT_TRUE(said[0].owners[0].follows);
  ASSERT_EQ(said[1].owners.size(), 2U);
  EXPECT_FALSE(said[1].owners[0].follows);
  EXPECT_EQ(said[1].owners[0].replica, std::nullopt) << "or the source would resume it";
  EXPECT_FALSE(sink_->follows("A"));
  copy("A", objects_);
  ASSERT_TRUE(soon([&] { return sink_->follows("A") && body("A", "00") == objects_[0].second; }));
}

TEST_F(Repair, OfMoreThanHalfIsACopy) {
  corrupt(11);
  commit_equal();
  ASSERT_TRUE(compared(1));
  peer_->say({ranges()});
  ASSERT_TRUE(soon([&] { return peer_->count<Subscribe>() == 2; }));
  EXPECT_EQ(peer_->count<Fetch>(), 0U);
}

TEST_F(Repair, OfHalfIsNot) {
  corrupt(10);
  commit_equal();
  ASSERT_TRUE(compared(1));
  peer_->say({ranges()});
  ASSERT_TRUE(soon([&] { return peer_->count<Fetch>() == 10; }));
  EXPECT_EQ(peer_->count<Subscribe>(), 0U);
}

TEST_F(Repair, ThatFindsNothingIsOver) {
  corrupt(1);
  commit_equal();
  ASSERT_TRUE(compared(1));
  commit_equal();
  pass(2s);
  EXPECT_EQ(peer_->count<Compare>(), 1U) << "one question at a time";
  store::Batch healed;
  healed.changes.push_back({{"machines", "A", "00"}, objects_[0].second});
  ASSERT_TRUE(store_.commit_sync(std::move(healed)));
  peer_->say({ranges()});
  settle();
  EXPECT_EQ(peer_->count<Fetch>(), 0U);
  corrupt(1);
  commit_equal();
  EXPECT_TRUE(compared(2));
}

/// The source was about to answer, and its log did not reach back any more.
TEST_F(Repair, IsOverWhenACopyBegins) {
  corrupt(3);
  commit_equal();
  ASSERT_TRUE(compared(1));
  peer_->say({ranges()});
  ASSERT_TRUE(soon([&] { return peer_->count<Fetch>() == 3; }));
  copy("A", objects_);
  ASSERT_TRUE(soon([&] { return body("A", "02") == objects_[2].second; }));
  pass(4s);
  answer_ping();
  EXPECT_TRUE(soon([&] { return age("A") < 3; })) << "nothing differs any more";
  corrupt(1);
  commit_equal();
  EXPECT_TRUE(compared(2)) << "a new difference is a new question";
}

TEST_F(Repair, ADifferenceThatNobodyHasAskedAboutProvesNothing) {
  pass(4s);
  corrupt(1);
  ++newest_;
  answer_ping();
  --newest_;
  ASSERT_TRUE(soon([&] { return !current_; })) << "a commit is still to come";
  const auto of_a = sink_->as_of("A");
  const auto of_r = sink_->as_of("R");
  ASSERT_TRUE(of_a && of_r);
  store_.hold();
  commit_equal();
  ASSERT_TRUE(soon([&] { return current_.load(); })) << "it came, and is not stored yet";
  store_.let_go();
  ASSERT_TRUE(soon([&] { return sink_->as_of("R") > of_r; })) << "it is stored";
  EXPECT_EQ(sink_->as_of("A"), of_a) << "it says that the replica differs";
  EXPECT_EQ(peer_->count<Compare>(), 0U) << "the source has not spoken since";
  EXPECT_TRUE(compared(1));
}

TEST_F(Repair, RangesThatNobodyAskedForChangeNothing) {
  peer_->say({ranges(), RangeBegin{"A", "machines", "", "01"}, Object{"machines", "00", "{}"},
              RangeEnd{"A", "machines", newest_, {}}});
  pass(2s);
  EXPECT_EQ(body("A", "00"), objects_[0].second);
  EXPECT_EQ(peer_->count<Fetch>(), 0U);
}

TEST_F(Repair, AResumeComparesDigests) {
  corrupt(1);
  peer_->say({At{newest_, true}});
  ASSERT_TRUE(soon([&] { return !sink_->follows("A"); }));
  peer_->say({Resume{"A", {digest_of("machines", "A", objects_)}}});
  ASSERT_TRUE(compared(1));
  EXPECT_TRUE(sink_->follows("A"));
  EXPECT_EQ(counters_.snapshots, snapshots_);
}

// ---- ages

TEST_F(SinkTest, AProofCountsWhenAnAnswerCanHaveBeenMadeFromIt) {
  follow_well();
  ASSERT_TRUE(soon([&] { return age("A") >= 4.9 && since_ping() <= 1s; }));
  answer_ping();
  settle();
  EXPECT_GE(age("A"), 4.9) << "an answer on its way was made from a view before";
  time_.advance(198ms);
  EXPECT_GE(age("A"), 5);
  time_.advance(1ms);
  EXPECT_TRUE(soon([&] { return age("A") < 2.3; }));
  EXPECT_EQ(age("X"), -1);
}

TEST_F(SinkTest, NothingIsCurrentWhileItCatchesUp) {
  follow_well();
  ASSERT_TRUE(soon([&] { return current_.load(); }));
  pass(4s);
  newest_ += 3;
  answer_ping();
  ASSERT_TRUE(soon([&] { return counters_.lag == 3 && !current_; }));
  const double before = age("A");
  newest_ -= 3;
  peer_->say({commit("A"), commit("R")});
  ASSERT_TRUE(soon([&] { return counters_.lag == 1; }));
  pass(1s);
  EXPECT_FALSE(current_);
  EXPECT_GE(age("A"), before);
  peer_->say({commit("A")});
  ASSERT_TRUE(soon([&] { return current_.load(); }));
  EXPECT_EQ(counters_.lag, 0U);
  ASSERT_TRUE(soon([&] { return age("A") < before; }));
}

TEST_F(SinkTest, NothingIsCurrentBetweenARestartAndItsCopies) {
  follow_well();
  answer_ping();
  ASSERT_TRUE(soon([&] { return current_.load(); }));
  peer_->say({At{newest_, true}});
  ASSERT_TRUE(soon([&] { return !current_; }));
  EXPECT_FALSE(sink_->follows("A"));
  pass(6s);
  const double before = age("A");
  answer_ping();
  pass(1s);
  EXPECT_GE(age("A"), before);
  copy("R", {});
  settle();
  EXPECT_FALSE(current_) << "A is still to come";
  copy("A", {});
  ASSERT_TRUE(soon([&] { return current_.load(); }));
}

TEST_F(SinkTest, AnAtWithoutRestartLeavesTheReplicasAlone) {
  follow_well();
  peer_->say({At{newest_ += 7}});
  ASSERT_TRUE(soon([&] { return acknowledged() == newest_; }));
  EXPECT_TRUE(sink_->follows("A"));
}

TEST_F(SinkTest, WhatIsKnownElsewhereReplacesAnAge) {
  follow_well();
  answer_ping();
  ASSERT_TRUE(soon([&] { return age("A") >= 0 && age("R") >= 0; }));
  sink_->set_as_of("A", time_.steady() - 100s, {});
  EXPECT_GE(age("A"), 100);
  sink_->set_as_of("A", std::nullopt, {});
  EXPECT_EQ(age("A"), -1);
  EXPECT_GE(age("R"), 0);
  EXPECT_TRUE(sink_->position().as_of.contains("R"));
  EXPECT_FALSE(sink_->position().as_of.contains("A"));
}

TEST_F(SinkTest, TellsWhatTheSourceSaidOfItsOwnReplica) {
  follow_well();
  pass(4s);
  answer_ping(0, {{"A", 50}});
  ASSERT_TRUE(soon([&] { return sink_->told("A") && time_.steady() - *sink_->told("A") > 49s; }));
  EXPECT_LT(time_.steady() - *sink_->told("R"), 4s);
  EXPECT_EQ(sink_->told("X"), std::nullopt);
}

// ---- time

TEST_F(SinkTest, SilenceOfAQuarterOfAMinuteEndsTheStream) {
  begin_well();
  peer_->say({State{"{}"}});
  settle();
  pass(14s);
  EXPECT_EQ(ended_.wait_for(0s), std::future_status::timeout);
  pass(3s);
  ASSERT_EQ(ended_.wait_for(env::kTestPatience), std::future_status::ready);
  EXPECT_EQ(ended_.get().text(), "timeout: no word for 15 seconds");
}

TEST_F(SinkTest, AnyWordIsASignOfLife) {
  begin_well();
  for (int i = 0; i < 5; ++i) {
    pass(10s);
    peer_->say({State{"{}"}});
    settle();
  }
  EXPECT_EQ(ended_.wait_for(0s), std::future_status::timeout);
}

TEST_F(SinkTest, PingsComeEveryTwoSecondsWithNewStamps) {
  begin_well();
  const size_t before = peer_->count<Ping>();
  for (int i = 0; i < 5; ++i) {
    pass(2s);
    peer_->say({State{"{}"}});
  }
  settle();
  const std::vector<Ping> pings = peer_->heard<Ping>();
  EXPECT_GE(pings.size() - before, 4U);
  EXPECT_LE(pings.size() - before, 6U);
  for (size_t i = 1; i < pings.size(); ++i) EXPECT_GT(pings[i].stamp, pings[i - 1].stamp);
}

}  // namespace
}  // namespace mullion::replication
