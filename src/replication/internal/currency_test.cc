#include "replication/internal/currency.h"

#include <gtest/gtest.h>

#include "env/clock_testing.h"
#include "replication/position.h"

namespace mullion::replication {
namespace {

using namespace std::chrono_literals;

/// The stream of a manager R that passes A and B on.
class CurrencyTest : public ::testing::Test {
 protected:
  double age(const std::string& owner) {
    const auto found = as_of_.find(owner);
    if (found == as_of_.end()) return -1;
    return std::chrono::duration<double>(clock_.steady() - found->second).count();
  }
  /// A ping goes and comes back, `way` each; what it says of ages is as of the moment in between.
  void exchange(uint64_t newest, double age = 0, std::vector<OwnerAge> ages = {}, env::Duration way = 0s,
                std::vector<OwnerHeldUp> held_up = {}) {
    const uint64_t stamp = currency_.stamp(clock_.steady());
    clock_.advance(way);
    clock_.advance(way);
    currency_.take_ping({newest, 0, stamp, age, std::move(ages), std::move(held_up)}, clock_.steady());
  }
  /// "stages 70 answers 500; pools never", the ages of what is held up.
  std::string held_up(const std::string& owner) {
    std::string out;
    for (const auto& [collection, one] : held_up_[owner]) {
      const double age = one.as_of ? std::chrono::duration<double>(clock_.steady() - *one.as_of).count() : -1;
      out += fmt::format("{}{} {:.0f} {}", out.empty() ? "" : "; ", collection, age, one.reason);
    }
    return out;
  }
  void store(uint64_t seq) {
    currency_.received(seq, ++batches_);
    settle();
  }
  void settle() {
    currency_.stored(batches_, follows_,
                     [this](const std::string& owner) { return !doubtful_.contains(owner); });
  }

  env::TwoHandedClock clock_;
  AsOf as_of_;
  HeldUpOwners held_up_;
  std::set<std::string, std::less<>> follows_{"R", "A", "B"}, doubtful_;
  uint64_t batches_ = 0;
  Currency currency_{"R", clock_.steady(), as_of_, held_up_};
};

TEST_F(CurrencyTest, NothingIsKnownBeforeTheFirstPing) {
  currency_.take_owners({{"R", {}, true, 0, ""}, {"A", {"R"}, true, 0, ""}});
  store(100);
  EXPECT_EQ(age("R"), -1);
  EXPECT_EQ(age("A"), -1);
}

TEST_F(CurrencyTest, AnAgeCountsFromWhenTheAnsweredPingWasSent) {
  exchange(5, 0, {}, 4s);
  store(5);
  EXPECT_EQ(age("R"), 8) << "however long it was on the way";
  clock_.advance(10s);
  EXPECT_EQ(age("R"), 18);
  exchange(5, 0, {}, 1s);
  store(5);
  EXPECT_EQ(age("R"), 2);
}

TEST_F(CurrencyTest, BehindByCommitsIsNotCurrent) {
  exchange(5);
  store(5);
  clock_.advance(7s);
  exchange(9);
  store(8);
  EXPECT_EQ(age("R"), 7) << "one commit is missing";
  clock_.advance(1s);
  store(9);
  EXPECT_EQ(age("R"), 1) << "current when the ping was sent";
}

TEST_F(CurrencyTest, WhatArrivedCountsOnceItIsStored) {
  exchange(5);
  currency_.received(5, batches_ + 1);
  settle();
  EXPECT_EQ(age("R"), -1);
  ++batches_;
  settle();
  EXPECT_EQ(age("R"), 0);
}

TEST_F(CurrencyTest, WhatWasSaidBeforeAGapHoldsOnceWhatCameWithItIsStored) {
  exchange(5);
  currency_.received(5, batches_ + 1);
  currency_.begin_anew();
  ++batches_;
  settle();
  EXPECT_EQ(age("R"), -1) << "the end of a copy is still on its way into the store";
  store(5);
  EXPECT_EQ(age("R"), 0);
}

TEST_F(CurrencyTest, ACopyThatEndsIsAsNewAsWhatWasProvenOfTheOthers) {
  follows_.erase("A");
  exchange(5);
  store(5);
  clock_.advance(1s);
  EXPECT_EQ(age("A"), -1);
  follows_.insert("A");
  currency_.begin_anew();
  store(5);
  EXPECT_EQ(age("A"), 1);
  EXPECT_EQ(age("R"), 1);
}

TEST_F(CurrencyTest, TheFirstWordsAreAsOfTheBeginOfTheStream) {
  clock_.advance(4s);
  currency_.take_hello(5);
  currency_.take_owners({{"R", {}, true, 0, ""}, {"A", {"R"}, true, 2, ""}, {"B", {"R"}, false, 40, "cut"}});
  store(4);
  EXPECT_EQ(age("R"), -1);
  store(5);
  EXPECT_EQ(age("R"), 4);
  EXPECT_EQ(age("A"), 6);
  EXPECT_EQ(age("B"), 44);
}

TEST_F(CurrencyTest, IncompleteAndDoubtfulReplicasStayAsOldAsTheyWere) {
  exchange(5);
  store(5);
  clock_.advance(30s);
  follows_.erase("A");
  doubtful_.insert("B");
  exchange(5);
  store(5);
  EXPECT_EQ(age("A"), 30);
  EXPECT_EQ(age("B"), 30);
  EXPECT_EQ(age("R"), 0);
}

TEST_F(CurrencyTest, TheSourcesOwnAgesAddUp) {
  exchange(5, 1.5, {{"B", 75}}, 1s);
  store(5);
  EXPECT_EQ(age("R"), 2);
  EXPECT_EQ(age("A"), 3.5);
  EXPECT_EQ(age("B"), 77);
  clock_.advance(15s);
  EXPECT_EQ(age("A"), 18.5) << "silence at this level on top of that at the level below";
}

TEST_F(CurrencyTest, AnOwnerThatFallsBackBelowFallsBackHere) {
  exchange(5, 0);
  store(5);
  clock_.advance(2s);
  exchange(6, 0, {{"A", 60}});
  store(6);
  EXPECT_EQ(age("A"), 60);
  EXPECT_EQ(age("B"), 0);
}

TEST_F(CurrencyTest, WordsFromBeforeAnOwnerWasAnnouncedAreNotAboutIt) {
  currency_.take_owners({{"R", {}, true, 0, ""}, {"A", {"R"}, true, 0, ""}});
  exchange(5, 0);
  currency_.take_owners({{"R", {}, true, 0, ""}, {"A", {"R"}, true, 0, ""}, {"B", {"R"}, false, 60, "dark"}});
  EXPECT_EQ(std::chrono::duration<double>(clock_.steady() - *currency_.told("B")).count(), 60);
  currency_.begin_anew();  // its copy has ended
  store(5);
  EXPECT_EQ(age("A"), 0);
  EXPECT_EQ(age("B"), 60);
  exchange(6, 0, {{"B", 50}});
  store(6);
  EXPECT_EQ(age("B"), 50);
}

TEST_F(CurrencyTest, AnAnswerCountsOnceAndOnlyWhenItWasAskedFor) {
  const uint64_t stamp = currency_.stamp(clock_.steady());
  currency_.take_ping({5, 0, stamp + 1, 0, {}}, clock_.steady());
  store(5);
  EXPECT_EQ(age("R"), -1) << "a number that was never sent";
  currency_.take_ping({5, 0, stamp, 0, {}}, clock_.steady());
  store(5);
  clock_.advance(20s);
  currency_.take_ping({5, 0, stamp, 0, {}}, clock_.steady());
  store(5);
  EXPECT_EQ(age("R"), 20) << "the same answer again says nothing new";
  currency_.take_ping({5, 0, 0, 0, {}}, clock_.steady());
  store(5);
  EXPECT_EQ(age("R"), 20) << "nor does a word that answers nothing";
}

TEST_F(CurrencyTest, WordsOfAPeerAreCutToWhatTimeCanHold) {
  exchange(5, -7, {{"A", 1e300}, {"B", -1e300}});
  store(5);
  EXPECT_EQ(age("R"), 0);
  EXPECT_EQ(age("A"), 3e9);
  EXPECT_EQ(age("B"), 0);
}

TEST_F(CurrencyTest, ASourceThatSendsNothingBackIsBelievedAsOfItsWords) {
  currency_.take_owners({{"R", {}, true, 0, ""}, {"A", {"R"}, true, 0, ""}, {"B", {"R"}, false, 40, "cut"}});
  clock_.advance(5s);
  currency_.take_ping({5, 0, 0, std::nullopt, {}}, clock_.steady());
  store(5);
  EXPECT_EQ(age("R"), 0);
  EXPECT_EQ(age("A"), 0);
  EXPECT_EQ(age("B"), 45) << "the age grows between two announcements";
}

TEST_F(CurrencyTest, FarBehindIsProvenByTheWordsOfThen) {
  for (uint64_t i = 1; i <= 1000; ++i) {
    exchange(i * 10);
    clock_.advance(2s);
  }
  store(10);
  EXPECT_EQ(age("R"), 2000);
  store(20);
  EXPECT_EQ(age("R"), 1998);
}

TEST_F(CurrencyTest, TellsAsOfWhenTheSourceItselfIs) {
  EXPECT_EQ(currency_.told("A"), std::nullopt);
  const env::SteadyTime begun = clock_.steady();
  clock_.advance(3s);
  currency_.take_owners({{"R", {}, true, 0, ""}, {"A", {"R"}, true, 20, ""}});
  EXPECT_EQ(currency_.told("A"), begun - 20s) << "said after the stream had begun";
  clock_.advance(3s);
  const env::SteadyTime sent = clock_.steady();
  exchange(5, 1);
  EXPECT_EQ(currency_.told("A"), sent - 1s);
  EXPECT_EQ(currency_.told("R"), sent);
  EXPECT_EQ(currency_.told("B"), std::nullopt);
}

// ---- collections that are older than the rest

constexpr const char* kWhy = "answers 500";

TEST_F(CurrencyTest, WhatIsHeldUpBelowIsAsOldHereAndTheRestIsNot) {
  exchange(5, 1, {}, 1s, {{"A", {"stages", 70, kWhy}}});
  store(5);
  EXPECT_EQ(age("A"), 3);
  EXPECT_EQ(held_up("A"), "stages 72 answers 500") << "as of when the ping was sent";
  EXPECT_EQ(held_up("B"), "");
  clock_.advance(10s);
  EXPECT_EQ(held_up("A"), "stages 82 answers 500");
}

TEST_F(CurrencyTest, WhatIsReadAgainIsYoungOnceItIsStoredHere) {
  exchange(5, 0, {}, 0s, {{"A", {"stages", 70, kWhy}}});
  store(5);
  currency_.take_owners({{"R", {}, true, 0, ""}, {"A", {"R"}, true, 0, ""}});
  clock_.advance(2s);
  exchange(9);  // the source has read it, and its objects are commits 6 to 9
  store(8);
  EXPECT_EQ(held_up("A"), "stages 72 answers 500") << "one of them is still on its way";
  EXPECT_EQ(age("A"), 2);
  store(9);
  EXPECT_EQ(held_up("A"), "");
  EXPECT_EQ(age("A"), 0);
}

TEST_F(CurrencyTest, TheFirstWordsTellOfWhatIsHeldUp) {
  clock_.advance(4s);
  currency_.take_hello(5);
  Announcement a{"A", {"R"}, true, 2, ""};
  a.held_up = {{"stages", 70, kWhy}, {"pools", 1e300, ""}};
  currency_.take_owners({{"R", {}, true, 0, ""}, a});
  store(4);
  EXPECT_EQ(held_up("A"), "");
  store(5);
  EXPECT_EQ(held_up("A"), "pools 3000000004 ; stages 74 answers 500");
  currency_.take_owners({{"R", {}, true, 0, ""}, {"A", {"R"}, true, 0, ""}});
  store(6);
  EXPECT_EQ(held_up("A"), "pools 3000000004 ; stages 74 answers 500")
      << "until a word that came later is stored";
}

TEST_F(CurrencyTest, WordsFromBeforeAnOwnerWasAnnouncedDoNotSayWhatOfItIsHeldUp) {
  exchange(5, 0);
  Announcement b{"B", {"R"}, true, 60, ""};
  b.held_up = {{"stages", 70, kWhy}};
  currency_.take_owners({{"R", {}, true, 0, ""}, b});
  currency_.begin_anew();  // its copy has ended
  store(5);
  EXPECT_EQ(age("B"), 60);
  EXPECT_EQ(held_up("B"), "stages 70 answers 500");
}

TEST_F(CurrencyTest, TellsWhatIsHeldUpAtTheSourceItself) {
  EXPECT_TRUE(currency_.told_held_up("A").empty());
  Announcement a{"A", {"R"}, true, 0, ""};
  a.held_up = {{"stages", 70, kWhy}};
  currency_.take_owners({{"R", {}, true, 0, ""}, a});
  EXPECT_TRUE(currency_.told_held_up("A").contains("stages"));
  exchange(5, 0, {}, 0s, {{"A", {"pools", 7, ""}}, {"B", {"pools", 7, ""}}});
  EXPECT_EQ(currency_.told_held_up("A"), (HeldUpCollections{{"pools", {clock_.steady() - 7s, ""}}}));
  EXPECT_TRUE(currency_.told_held_up("B").empty()) << "it does not announce it";
}

TEST_F(CurrencyTest, WhatIsHeldUpOfDoubtfulReplicasStaysSo) {
  exchange(5, 0, {}, 0s, {{"A", {"stages", 70, kWhy}}});
  store(5);
  doubtful_.insert("A");
  clock_.advance(10s);
  exchange(6);
  store(6);
  EXPECT_EQ(held_up("A"), "stages 80 answers 500");
}

TEST(HeldUp, WhatIsSaidTwiceIsAsOldAsTheOlderWord) {
  const env::SteadyTime now{1h};
  const HeldUpCollections one{{"a", {now, "x"}}, {"b", {now - 5s, "x"}}, {"c", {now, "x"}}, {"d", {{}, "x"}}};
  const HeldUpCollections other{{"b", {now, "y"}}, {"c", {{}, "y"}}, {"d", {now, "y"}}, {"e", {now, "y"}}};
  const HeldUpCollections both{
      {"a", {now, "x"}}, {"b", {now - 5s, "x"}}, {"c", {{}, "x"}}, {"d", {{}, "x"}}, {"e", {now, "y"}}};
  EXPECT_EQ(older_of(one, other), both);
}

// ---- over restarts

class PositionTest : public ::testing::Test {
 protected:
  PositionTest() {
    position_.cursor = {7, 5};
    position_.announced = {{"R", {}, true, 0, ""},
                           {"A", {"R"}, true, 0, ""},
                           {"B", {"R"}, false, 40, "cut"},
                           {"C", {"R"}, true, 0, ""}};
    position_.follows = {"R", "A", "B"};
    const env::SteadyTime now = clock_.steady();
    position_.as_of = {{"R", now - 1s}, {"A", now - 2s}, {"B", now - 40s}};
  }
  void save() {
    store::Batch batch;
    batch.secrets = save_position("R", position_, clock_);
    for (const std::string owner : {"R", "A", "B"}) {
      store::Batch replica;
      replica.origin = store::Origin{owner, {7, 5}};
      replica.secrets.push_back(keeper_change(owner, "R"));
      ASSERT_TRUE(store_->commit_sync(std::move(replica)));
    }
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }
  double age(const std::string& owner) {
    const SavedPosition loaded = load_position(*store_->snapshot(), "R", clock_);
    const auto found = loaded.as_of.find(owner);
    if (found == loaded.as_of.end()) return -1;
    return std::chrono::duration<double>(clock_.steady() - found->second).count();
  }

  env::TwoHandedClock clock_;
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  SavedPosition position_;
};

TEST_F(PositionTest, AgesGoOnOverARestart) {
  save();
  clock_.advance(100s);
  clock_.restart();
  EXPECT_EQ(age("R"), 102) << "with the oldest of those that are in touch";
  EXPECT_EQ(age("A"), 102);
  EXPECT_EQ(age("B"), 140) << "stale behind R before, and so afterwards";
  EXPECT_EQ(age("C"), -1) << "never complete";
  const SavedPosition loaded = load_position(*store_->snapshot(), "R", clock_);
  EXPECT_EQ(loaded.follows, position_.follows);
  EXPECT_TRUE(loaded.announced[1].in_touch);
  EXPECT_FALSE(loaded.announced[2].in_touch);
}

TEST_F(PositionTest, WhatIsHeldUpStaysAsOldAsItIsOverARestart) {
  const env::SteadyTime now = clock_.steady();
  position_.held_up = {{"A", {{"stages", {now - 70s, "answers 500"}}, {"pools", {std::nullopt, ""}}}},
                       {"B", {{"stages", {now - 80s, ""}}}}};
  save();
  store::Batch batch;
  batch.secrets.push_back(keeper_change("B", "R2"));
  ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  clock_.advance(100s);
  clock_.restart();
  const SavedPosition loaded = load_position(*store_->snapshot(), "R", clock_);
  EXPECT_EQ(loaded.held_up,
            (HeldUpOwners{
                {"A", {{"stages", {clock_.steady() - 170s, "answers 500"}}, {"pools", {std::nullopt, ""}}}}}))
      << "of what another stream wrote since it says nothing";
  clock_.set_wall_by(-1h);
  EXPECT_EQ(load_position(*store_->snapshot(), "R", clock_).held_up.at("A").at("stages").as_of, std::nullopt);
}

TEST_F(PositionTest, NobodyKnowsTheAgesWhenTheClockWasSetBack) {
  save();
  clock_.restart();
  clock_.set_wall_by(-1h);
  EXPECT_EQ(age("A"), -1);
  EXPECT_EQ(age("B"), -1);
}

TEST_F(PositionTest, TheClockMayBeSetBetweenTheWordAndTheSaving) {
  clock_.set_wall_by(-1h);
  save();
  clock_.restart();
  EXPECT_EQ(age("A"), 2);
  EXPECT_EQ(age("B"), 40);
}

TEST_F(PositionTest, WhatAnotherStreamWroteSinceIsNotItsOwn) {
  save();
  store::Batch batch;
  batch.secrets.push_back(keeper_change("A", "R2"));
  ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  EXPECT_EQ(age("A"), -1);
  EXPECT_EQ(age("R"), 2);
}

}  // namespace
}  // namespace mullion::replication
