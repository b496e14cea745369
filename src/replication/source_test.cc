// A source whose sink says what the test wants; time is moved by hand.
#include "replication/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/mutex.h"
#include "replication/replication_testing.h"

namespace mullion::replication {
namespace {

using testing::digest_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Peer;
using namespace std::chrono_literals;

/// The source of R, behind which is A.
class SourceTest : public testing::StreamTest {
 protected:
  ~SourceTest() override {
    end();
    env::run(runtime_, source_.stop());
  }

  void begin(store::Cursor resume = {}, size_t capacity = 1 << 20, bool listens = true) {
    end();
    auto [near, far] = net::testing::MemorySocket::pair(capacity);
    peer_ = std::make_unique<Peer>(runtime_, far);
    if (listens) peer_->listen();
    near_ = near;
    served_ = env::launch(runtime_, source_.serve(near, resume));
  }
  void end() {
    if (!peer_) return;
    peer_->socket().abort();
    served_.wait();
    peer_.reset();
  }
  static Hello hello(std::vector<std::string> features = {std::string(kChangesInCopies)}) {
    return {kProtocol, "M", "v1", 9, 0, std::move(features)};
  }
  void begin_with(const std::vector<Subscription>& wanted, store::Cursor resume = {}) {
    begin(resume);
    peer_->say({hello(), Subscribe{wanted}});
    ASSERT_TRUE(soon([&] { return peer_->count<At>() > 0; }));
  }
  /// Everything up to now was sent.
  void until_level() {
    const uint64_t newest = store_->newest().seq;
    const auto reached = [&] {
      for (const Ping& ping : peer_->heard<Ping>()) {
        if (ping.newest >= newest) return true;
      }
      return false;
    };
    ASSERT_TRUE(soon(reached));
  }
  store::Cursor put(const std::string& type, const std::string& key, std::optional<std::string> body,
                    const std::string& owner = "") {
    store::Batch batch;
    batch.changes.emplace_back() = {{type, owner, key}, std::move(body)};
    if (!owner.empty()) batch.origin = store::Origin{owner, {5, ++origin_}};
    return *store_->commit_sync(std::move(batch));
  }
  void pass_on(std::vector<Announcement> owners) {
    {
      Lock lock(mutex_);
      behind_ = std::move(owners);
    }
    source_.owners_changed();
  }
  bool over() { return served_.wait_for(0s) == std::future_status::ready; }
  std::vector<std::string> keys() const {
    std::vector<std::string> out;
    for (const Object& object : peer_->heard<Object>()) out.push_back(object.key);
    for (const Change& change : peer_->heard<Change>()) out.push_back("+" + change.key);
    return out;
  }

  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  Mutex mutex_;
  std::vector<Announcement> behind_ GUARDED_BY(mutex_);
  std::string state_ GUARDED_BY(mutex_) = R"({"n":0})";
  std::atomic<int> states_made_{0};
  uint64_t origin_ = 0;
  Source source_{runtime_, SourceOptions{*store_,
                                         "R",
                                         "v1",
                                         {"feature"},
                                         [this] {
                                           ++states_made_;
                                           Lock lock(mutex_);
                                           return state_;
                                         },
                                         [this] {
                                           Lock lock(mutex_);
                                           return behind_;
                                         },
                                         time_,
                                         time_}};
  std::unique_ptr<Peer> peer_;
  std::shared_ptr<net::testing::MemorySocket> near_;
  std::future<void> served_;
};

// ---- the begin

TEST_F(SourceTest, ItGreetsFirst) {
  put("machines", "a", "{}");
  pass_on({{"A", {"R"}, true, 7, ""}});
  begin();
  ASSERT_TRUE(soon([&] { return peer_->kinds() == "hwt"; }));
  const Hello greeting = peer_->heard<Hello>().front();
  EXPECT_EQ(greeting.id, "R");
  EXPECT_EQ(greeting.epoch, store_->newest().epoch);
  EXPECT_EQ(greeting.newest, store_->newest().seq);
  EXPECT_THAT(greeting.features, ElementsAre("feature", std::string(kHeldUpCollections)));
  const Owners owners = peer_->heard<Owners>().front();
  ASSERT_EQ(owners.owners.size(), 2U);
  EXPECT_EQ(owners.owners[0].owner, "R");
  EXPECT_EQ(owners.owners[1].owner, "A");
  EXPECT_EQ(source_.streams(), 1U);
  end();
  EXPECT_EQ(source_.streams(), 0U);
}

TEST_F(SourceTest, WhoDoesNotSubscribeIsLeftAfterTenSeconds) {
  begin();
  peer_->say({hello()});
  pass(9s);
  EXPECT_FALSE(over());
  ASSERT_TRUE(soon([&] { return over(); }));
  EXPECT_EQ(near_->farewell().first, 1002);
  EXPECT_THAT(near_->farewell().second, HasSubstr("does not subscribe"));
}

TEST_F(SourceTest, WhoSpeaksAnotherProtocolIsLeft) {
  begin();
  Hello old = hello();
  old.protocol = 0;
  peer_->say({old});
  ASSERT_TRUE(soon([&] { return over(); }));
  EXPECT_THAT(near_->farewell().second, HasSubstr("protocol 0 is not spoken here"));
}

TEST_F(SourceTest, AFirstSinkGetsACopyThenTheLog) {
  put("machines", "a", R"({"n":1})");
  put("preferences", "stays", "{}");
  begin_with({{"R", false, std::nullopt}});
  ASSERT_TRUE(soon([&] { return peer_->count<SnapshotEnd>() == 1; }));
  EXPECT_TRUE(peer_->heard<At>().front().restart);
  EXPECT_EQ(peer_->heard<SnapshotBegin>().front().origin, store_->newest());
  EXPECT_THAT(keys(), ElementsAre("a"));
  const SnapshotEnd end = peer_->heard<SnapshotEnd>().front();
  EXPECT_EQ(end.seq, store_->newest().seq);
  EXPECT_THAT(end.digests, ElementsAre(digest_of("machines", "R", {{"a", R"({"n":1})"}})));
  put("machines", "b", "{}");
  put("preferences", "stays", R"({"n":2})");
  until_level();
  EXPECT_THAT(keys(), ElementsAre("a", "+b"));
  const std::vector<Commit> commits = peer_->heard<Commit>();
  ASSERT_EQ(commits.size(), 2U) << "also the one without changes that travel";
  EXPECT_EQ(commits[0].owner, "R");
  EXPECT_EQ(commits[0].origin, (store::Cursor{store_->newest().epoch, commits[0].seq}));
  EXPECT_THAT(commits[0].digests,
              ElementsAre(digest_of("machines", "R", {{"a", R"({"n":1})"}, {"b", "{}"}})));
  EXPECT_THAT(commits[1].digests, IsEmpty());
}

TEST_F(SourceTest, APlaceInTheLogIsHonoured) {
  put("machines", "a", "{}");
  const store::Cursor place = put("machines", "b", "{}");
  put("machines", "c", "{}");
  begin_with({{"R", true, std::nullopt}}, place);
  until_level();
  EXPECT_FALSE(peer_->heard<At>().front().restart);
  EXPECT_EQ(peer_->heard<At>().front().seq, place.seq);
  EXPECT_THAT(keys(), ElementsAre("+c"));
  begin_with({{"R", true, std::nullopt}}, store_->newest());
  until_level();
  EXPECT_FALSE(peer_->heard<At>().front().restart) << "nothing happened meanwhile";
  EXPECT_THAT(keys(), IsEmpty());
}

TEST_F(SourceTest, APlaceInNoOrAnotherLogIsNot) {
  const store::Cursor place = put("machines", "a", "{}");
  for (const store::Cursor& wrong : {store::Cursor{place.epoch + 1, place.seq},
                                     store::Cursor{place.epoch, place.seq + 1}, store::Cursor{}}) {
    begin_with({{"R", true, std::nullopt}}, wrong);
    ASSERT_TRUE(soon([&] { return peer_->count<SnapshotEnd>() == 1; }));
    EXPECT_TRUE(peer_->heard<At>().front().restart);
    EXPECT_EQ(peer_->heard<At>().front().seq, place.seq);
  }
}

TEST_F(SourceTest, OneOwnerGoesOnAndAnotherBegins) {
  pass_on({{"A", {"R"}, true, 0, ""}});
  put("machines", "a", "{}", "A");
  const store::Cursor place = put("machines", "r", "{}");
  put("machines", "r2", "{}");
  begin_with({{"A", false, std::nullopt}, {"R", true, std::nullopt}}, place);
  ASSERT_TRUE(soon([&] { return peer_->count<SnapshotEnd>() == 1; }));
  until_level();
  EXPECT_FALSE(peer_->heard<At>().front().restart);
  EXPECT_EQ(peer_->heard<SnapshotBegin>().front().owner, "A");
  EXPECT_EQ(peer_->heard<SnapshotBegin>().front().origin, (store::Cursor{5, 1}));
  EXPECT_THAT(keys(), ElementsAre("a", "+r2"));
}

TEST_F(SourceTest, AReplicaThatStandsWhereItStandsHereIsResumed) {
  pass_on({{"A", {"R"}, true, 0, ""}});
  put("machines", "a", "{}", "A");
  begin_with({{"A", false, store::Cursor{5, 1}}});
  until_level();
  EXPECT_EQ(peer_->count<SnapshotBegin>(), 0U);
  EXPECT_THAT(peer_->heard<Resume>().front().digests, ElementsAre(digest_of("machines", "A", {{"a", "{}"}})));
  put("machines", "a2", "{}", "A");
  until_level();
  EXPECT_THAT(keys(), ElementsAre("+a2"));
  EXPECT_EQ(peer_->heard<Commit>().back().origin, (store::Cursor{5, 2}));
  begin_with({{"A", false, store::Cursor{5, 1}}});
  ASSERT_TRUE(soon([&] { return peer_->count<SnapshotEnd>() == 1; }))
      << "one that stands elsewhere is copied";
}

TEST_F(SourceTest, WhatIsAnnouncedAndNotHereYetIsWaitedFor) {
  pass_on({{"A", {"R"}, true, 0, ""}});
  begin_with({{"A", false, std::nullopt}, {"X", false, std::nullopt}});
  until_level();
  EXPECT_EQ(peer_->count<SnapshotBegin>(), 0U);
  put("machines", "a", "{}", "A");
  ASSERT_TRUE(soon([&] { return peer_->count<SnapshotEnd>() == 1; }));
  EXPECT_EQ(peer_->heard<SnapshotEnd>().front().owner, "A");
}

TEST_F(SourceTest, AReplicaThatIsNewerThanOursDoesNotGoBack) {
  pass_on({{"A", {"R"}, false, 100, "dark"}});
  put("machines", "a", "{}", "A");
  begin_with({{"A", false, store::Cursor{5, 3}}});
  put("machines", "a", R"({"n":2})", "A");
  until_level();
  EXPECT_EQ(peer_->count<SnapshotBegin>() + peer_->count<Resume>(), 0U);
  put("machines", "a", R"({"n":3})", "A");
  ASSERT_TRUE(soon([&] { return peer_->count<Resume>() == 1; }));
  EXPECT_THAT(keys(), IsEmpty());
}

TEST_F(SourceTest, AnOwnerThatWentBackItselfIsCopied) {
  pass_on({{"A", {"R"}, true, 100, ""}});
  put("machines", "a", "{}", "A");
  begin_with({{"A", false, store::Cursor{5, 3}}});
  until_level();
  EXPECT_EQ(peer_->count<SnapshotBegin>(), 0U);
  pass(2s);
  pass_on({{"A", {"R"}, true, 1, ""}});  // all that A had when the sink asked is here, and there is no more
  ASSERT_TRUE(soon([&] { return peer_->count<SnapshotEnd>() == 1; }));
}

TEST_F(SourceTest, WhatIsNotAnnouncedAnyMoreIsNotCopied) {
  pass_on({{"A", {"R"}, true, 0, ""}});
  begin_with({{"A", false, std::nullopt}});
  pass_on({});
  ASSERT_TRUE(soon([&] { return peer_->heard<Owners>().back().owners.size() == 1; }));
  put("machines", "a", "{}", "A");
  until_level();
  EXPECT_EQ(peer_->count<SnapshotBegin>(), 0U);
  pass_on({{"A", {"R"}, true, 0, ""}});
  ASSERT_TRUE(soon([&] { return peer_->count<SnapshotEnd>() == 1; })) << "asked for still";
}

TEST_F(SourceTest, AReplicaThatWasDroppedHereIsCopiedAnewWhenItIsBack) {
  pass_on({{"A", {"R"}, true, 0, ""}});
  put("machines", "a", "{}", "A");
  begin_with({{"A", false, std::nullopt}});
  ASSERT_TRUE(soon([&] { return peer_->count<SnapshotEnd>() == 1; }));
  ASSERT_TRUE(store_->drop_owner("A"));
  const auto told_as_old = [&] {
    const auto pings = peer_->heard<Ping>();
    return !pings.empty() && !pings.back().ages.empty() && pings.back().ages.front().seconds > 1e9;
  };
  ASSERT_TRUE(soon(told_as_old)) << "what the sink has of it is as of nothing";
  put("machines", "b", "{}", "A");
  ASSERT_TRUE(soon([&] { return peer_->count<SnapshotEnd>() == 2; }));
  EXPECT_THAT(keys(), ElementsAre("a", "b"));
}

TEST_F(SourceTest, WhatIsGoneForAMomentWhenItIsAskedForIsCopiedWhenItIsBack) {
  put("machines", "a", "{}", "A");
  begin_with({{"R", true, std::nullopt}, {"A", true, store::Cursor{5, 1}}}, store_->newest());
  until_level();
  EXPECT_EQ(peer_->count<SnapshotBegin>() + peer_->count<Resume>(), 0U);
  pass_on({{"A", {"R"}, true, 0, ""}});
  ASSERT_TRUE(soon([&] { return peer_->count<Resume>() == 1; })) << "the sink takes itself to be followed";
}

TEST_F(SourceTest, WhatIsNotWantedAnyMoreIsNotSent) {
  pass_on({{"A", {"R"}, true, 0, ""}});
  put("machines", "a", "{}", "A");
  begin_with({{"A", false, std::nullopt}, {"R", false, std::nullopt}});
  ASSERT_TRUE(soon([&] { return peer_->count<SnapshotEnd>() == 2; }));
  peer_->say({Subscribe{{{"R", true, std::nullopt}}}});
  pass(1s);
  put("machines", "a2", "{}", "A");
  put("machines", "r", "{}");
  until_level();
  EXPECT_THAT(keys(), ElementsAre("a", "+r"));
  peer_->say({Subscribe{{{"A", false, std::nullopt}, {"R", true, std::nullopt}}}});
  ASSERT_TRUE(soon([&] { return peer_->count<SnapshotEnd>() == 3; })) << "it begins anew, the other goes on";
  EXPECT_EQ(peer_->heard<SnapshotEnd>().back().owner, "A");
}

TEST_F(SourceTest, ChangesOfWhatWasSentComeWithACopyAndWithoutDigests) {
  store::Batch batch;
  for (int i = 0; i < 400; ++i) {
    const std::string body = fmt::format(R"({{"Name":"{}"}})", std::string(1000, 'x'));
    batch.changes.push_back({{"machines", "", fmt::format("{:03}", i)}, body});
  }
  ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  begin({}, 1, false);
  peer_->say({hello(), Subscribe{{{"R", false, std::nullopt}}}});
  pass(1s);  // the first piece waits to be sent
  put("machines", "000", "{}");
  put("machines", "399", "{}");
  peer_->listen();
  ASSERT_TRUE(soon([&] { return peer_->count<SnapshotEnd>() == 1; }));
  const std::string kinds = peer_->kinds();
  EXPECT_LT(kinds.find('!'), kinds.find(')'));
  for (const Commit& commit : peer_->heard<Commit>()) EXPECT_THAT(commit.digests, IsEmpty());
  ASSERT_EQ(peer_->count<Change>(), 1U) << "what was not sent yet comes with its piece";
  EXPECT_EQ(peer_->heard<Change>().front().key, "000");
  EXPECT_EQ(peer_->heard<Object>().back().body, "{}");
  EXPECT_EQ(peer_->heard<SnapshotEnd>().front().seq, store_->newest().seq);
}

// ---- repair

TEST_F(SourceTest, RangesAreComparedAndFetched) {
  std::vector<std::pair<std::string, std::string>> objects;
  store::Batch batch;
  for (int i = 0; i < 300; ++i) {
    objects.emplace_back(fmt::format("{:03}", i), "{}");
    batch.changes.push_back({{"machines", "", objects.back().first}, "{}"});
  }
  ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  begin_with({{"R", true, std::nullopt}}, store_->newest());
  peer_->say({Compare{"R", "machines"}, Compare{"A", "machines"}, Compare{"R", "preferences"}});
  until_level();
  ASSERT_TRUE(soon([&] { return peer_->count<Ranges>() == 1; })) << "only of what is followed and travels";
  const Ranges ranges = peer_->heard<Ranges>().front();
  ASSERT_EQ(ranges.ranges.size(), 2U);
  EXPECT_EQ(ranges.ranges[0].from, "");
  EXPECT_EQ(ranges.ranges[0].to, "256");
  EXPECT_EQ(ranges.ranges[1].from, "256");
  EXPECT_EQ(ranges.ranges[1].to, "");
  EXPECT_EQ(ranges.ranges[1].digest,
            digest_of("machines", "R", {objects.begin() + 256, objects.end()}).digest);
  peer_->forget();
  peer_->say({Fetch{"R", "machines", "010", "012"}, Fetch{"A", "machines", "", ""},
              Fetch{"R", "preferences", "", ""}});
  ASSERT_TRUE(soon([&] { return peer_->count<RangeEnd>() == 1; }));
  EXPECT_THAT(keys(), ElementsAre("010", "011"));
  EXPECT_EQ(peer_->heard<RangeBegin>().front().to, "012");
  EXPECT_THAT(peer_->heard<RangeEnd>().front().digests, ElementsAre(digest_of("machines", "R", objects)));
  peer_->forget();
  peer_->say({Fetch{"R", "profiles", "", ""}});
  ASSERT_TRUE(soon([&] { return peer_->count<RangeEnd>() == 1; }));
  EXPECT_THAT(peer_->heard<RangeEnd>().front().digests, ElementsAre(digest_of("profiles", "R", {})))
      << "nothing is something to compare with";
}

// ---- what is told beside the log

TEST_F(SourceTest, AStampIsSentBackAtOnceButTenTimesASecondAtMost) {
  begin_with({{"R", true, std::nullopt}}, store_->newest());
  pass(1s);
  const size_t before = peer_->count<Ping>();
  Ping ping;
  ping.stamp = 4711;
  peer_->say({ping});
  ASSERT_TRUE(soon([&] { return peer_->count<Ping>() == before + 1; }));
  EXPECT_EQ(peer_->heard<Ping>().back().stamp, 4711U);
  EXPECT_EQ(peer_->heard<Ping>().back().newest, store_->newest().seq);
  const env::SteadyTime begun = time_.steady();
  for (int i = 0; i < 50; ++i) {
    ++ping.stamp;
    peer_->say({ping});
    pass(20ms);
  }
  const auto tenths = static_cast<size_t>((time_.steady() - begun) / 100ms);
  EXPECT_LE(peer_->count<Ping>() - before, tenths + 3);
  EXPECT_GE(peer_->count<Ping>() - before, 4U);
}

TEST_F(SourceTest, PingsComeEveryTwoSecondsWithoutBeingAskedFor) {
  begin_with({{"R", true, std::nullopt}}, store_->newest());
  const size_t before = peer_->count<Ping>();
  for (int i = 0; i < 10; ++i) {
    pass(1s);
    peer_->say({Ack{1}});
  }
  EXPECT_GE(peer_->count<Ping>() - before, 4U);
  EXPECT_LE(peer_->count<Ping>() - before, 6U);
}

TEST_F(SourceTest, PingsTellAges) {
  pass_on({{"A", {"R"}, true, 1, ""}, {"B", {"R"}, true, 3, ""}, {"C", {"R"}, false, 3.5, "cut"}});
  begin_with({{"R", true, std::nullopt}}, store_->newest());
  ASSERT_TRUE(soon([&] { return peer_->count<Ping>() > 0; }));
  EXPECT_EQ(peer_->heard<Ping>().back().age, 3);
  EXPECT_THAT(peer_->heard<Ping>().back().ages, ElementsAre(OwnerAge{"C", 3.5}));
  {
    Lock lock(mutex_);
    behind_.erase(behind_.begin());  // and nobody said so yet
  }
  const size_t before = peer_->count<Ping>();
  ASSERT_TRUE(soon([&] { return peer_->count<Ping>() > before; }));
  EXPECT_THAT(peer_->heard<Ping>().back().ages, ElementsAre(OwnerAge{"C", 3.5}, OwnerAge{"A", 3e9}));
}

TEST_F(SourceTest, OwnersAreToldWhenTheyChange) {
  begin_with({{"R", true, std::nullopt}}, store_->newest());
  pass(3s);
  EXPECT_EQ(peer_->count<Owners>(), 1U);
  pass_on({{"A", {"R"}, true, 0, ""}});
  ASSERT_TRUE(soon([&] { return peer_->count<Owners>() == 2; }));
  EXPECT_EQ(peer_->heard<Owners>().back().owners[1].owner, "A");
  pass_on({{"A", {"R"}, true, 1.5, ""}});
  pass(3s);
  EXPECT_EQ(peer_->count<Owners>(), 2U) << "ages travel in pings";
  pass_on({{"A", {"R"}, false, 1.5, "dark"}});
  ASSERT_TRUE(soon([&] { return peer_->count<Owners>() == 3; }));
}

TEST_F(SourceTest, AStateIsToldOnceASecondAtMostAndOnlyWhenItIsAnother) {
  begin_with({{"R", true, std::nullopt}}, store_->newest());
  pass(2s);
  const int made = states_made_;
  for (int i = 1; i <= 20; ++i) {
    {
      Lock lock(mutex_);
      state_ = fmt::format(R"({{"n":{}}})", i);
    }
    source_.state_changed();
    pass(100ms);
  }
  ASSERT_TRUE(soon([&] { return peer_->heard<State>().back().json == R"({"n":20})"; }));
  EXPECT_LE(states_made_ - made, 4);
  const size_t told = peer_->count<State>();
  source_.state_changed();
  pass(3s);
  EXPECT_EQ(peer_->count<State>(), told);
}

TEST_F(SourceTest, WhatTheStateIsMadeOfMakesItAnew) {
  begin_with({{"R", true, std::nullopt}}, store_->newest());
  const auto makes_anew = [&](const std::string& type, const std::string& key, const std::string& owner) {
    pass(2s);
    const int before = states_made_;
    put(type, key, fmt::format(R"({{"n":{}}})", ++origin_), owner);
    pass(2s);
    return states_made_ > before;
  };
  EXPECT_TRUE(makes_anew("preferences", "p", ""));
  EXPECT_TRUE(makes_anew("plugins", "p", ""));
  EXPECT_TRUE(makes_anew("profiles", "global", ""));
  EXPECT_FALSE(makes_anew("profiles", "other", ""));
  EXPECT_FALSE(makes_anew("machines", "m", ""));
  EXPECT_FALSE(makes_anew("plugins", "p", "A")) << "what another server has";
}

// ---- limits

TEST_F(SourceTest, WhoSaysNothingForHalfAMinuteIsCut) {
  begin_with({{"R", true, std::nullopt}}, store_->newest());
  pass(29s);
  EXPECT_FALSE(over());
  pass(5s);
  ASSERT_TRUE(soon([&] { return over(); }));
  begin_with({{"R", true, std::nullopt}}, store_->newest());
  for (int i = 0; i < 4; ++i) {
    pass(20s);
    peer_->say({Ack{1}});
  }
  EXPECT_FALSE(over()) << "any word will do";
}

TEST_F(SourceTest, WhoReadsNothingForHalfAMinuteIsCut) {
  begin({}, 1, false);
  for (int i = 0; i < 5 && !over(); ++i) {  // speaking does not help
    if (i == 2) {
      EXPECT_FALSE(over());
    }
    peer_->say({hello(), Subscribe{{{"R", false, std::nullopt}}}});
    pass(12s);
  }
  EXPECT_TRUE(over());
}

}  // namespace
}  // namespace mullion::replication
