// Feeds and followers: what they are told of, in which order, and when no more.
#include "store/follower.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>

#include "base/mutex.h"
#include "env/waiting_testing.h"
#include "store/store_testing.h"

namespace mullion::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Owners = Interest::Owners;

/// What one commit is about, and whether an interest covers it.
struct InterestCase {
  std::string name;
  Interest interest;
  std::vector<Change> changes;
  bool concerned = false;
};

Interest about(Interest::Rule rule) { return {.rules = {std::move(rule)}}; }

class Interests : public testing::TestWithParam<InterestCase> {};

TEST_P(Interests, AreComparedWithWhatACommitTouches) {
  const auto store = open_memory_store();
  must_commit(*store, {put("jobs", "there", "1"), put("jobs", "there", "1", "east")});
  const auto feed = attach_feed(*store, "test", GetParam().interest);
  const uint64_t before = feed->newest();
  EXPECT_EQ(before, 1u);
  must_commit(*store, GetParam().changes);
  EXPECT_EQ(feed->newest(), GetParam().concerned ? 2u : 1u);
  EXPECT_EQ(feed->take().commits.size(), GetParam().concerned ? 1u : 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, Interests,
    testing::ValuesIn(std::vector<InterestCase>{
        {"Type", about({"jobs"}), {put("jobs", "a", "1")}, true},
        {"AnotherType", about({"jobs"}), {put("tasks", "a", "1")}, false},
        {"SecondChange", about({"jobs"}), {put("tasks", "a", "1"), put("jobs", "a", "1")}, true},
        {"LocalCoversLayers", about({"jobs"}), {put("jobs", "a", "1", kLayered)}, true},
        {"LocalIsNotRemote", about({"jobs"}), {put("jobs", "a", "1", "east")}, false},
        {"OwnIsNotLayered", about({"jobs", Owners::kOwn}), {put("jobs", "a", "1", kLayered)}, false},
        {"Layered", about({"", Owners::kLayered}), {put("jobs", "a", "1", kLayered)}, true},
        {"LayeredIsNotOwn", about({"", Owners::kLayered}), {put("jobs", "a", "1")}, false},
        {"Remote", about({"jobs", Owners::kRemote}), {put("jobs", "a", "1", "east")}, true},
        {"RemoteIsNotOwn", about({"jobs", Owners::kRemote}), {put("jobs", "a", "1")}, false},
        {"Anybody", about({"", Owners::kAny}), {put("jobs", "a", "1", "east")}, true},
        {"Removal", about({"jobs", Owners::kOwn, true}), {erase("jobs", "there")}, true},
        {"RemovalOnly", about({"jobs", Owners::kOwn, true}), {put("jobs", "there", "2")}, false},
        {"RemovalOfAnother",
         about({"jobs", Owners::kOwn, true}),
         {erase("jobs", "there", "east"), put("jobs", "a", "1")},
         false},
        {"Key", about({.type = "jobs", .key = "a"}), {put("jobs", "a", "1")}, true},
        {"AnotherKey", about({.type = "jobs", .key = "a"}), {put("jobs", "b", "1")}, false},
        {"KeyOfAnotherType",
         about({.type = "jobs", .key = "a"}),
         {put("tasks", "a", "1"), put("jobs", "b", "1")},
         false},
        {"NothingChanged", about({"", Owners::kAny}), {erase("jobs", "absent")}, false},
        {"Everything", {.everything = true}, {erase("jobs", "absent")}, true},
        {"Nothing", {}, {put("jobs", "a", "1")}, false},
    }),
    [](const auto& info) { return info.param.name; });

TEST(CommitFeed, PrivateValuesAndOriginsAreInterestsOfTheirOwn) {
  const auto store = open_memory_store();
  const auto secrets = attach_feed(*store, "secrets", {.secrets = true});
  const auto replicated = attach_feed(*store, "replicated", {.replicated = true});
  Batch secret;
  secret.secrets.push_back({"users", "ann", "hash"});
  must_commit(*store, secret);
  EXPECT_EQ(secrets->newest(), 1u);
  EXPECT_EQ(replicated->newest(), 0u);
  Batch from_elsewhere;
  from_elsewhere.origin = Origin{"east", {1, 2}};
  must_commit(*store, from_elsewhere);
  EXPECT_EQ(secrets->newest(), 1u);
  EXPECT_EQ(replicated->newest(), 2u);
}

TEST(CommitFeed, KeepsNothingWhenItIsNotToKeep) {
  const auto store = open_memory_store();
  const auto feed = attach_feed(*store, "test", {.everything = true}, CommitFeed::kNothing);
  const uint64_t seen = feed->signal()->version();
  must_commit(*store, {put("jobs", "a", "1")});
  EXPECT_EQ(feed->newest(), 1u);
  EXPECT_NE(feed->signal()->version(), seen);
  EXPECT_THAT(feed->take().commits, IsEmpty());
}

TEST(CommitFeed, ForgetsWhatNobodyTakesAndSaysSo) {
  const auto store = open_memory_store();
  const auto feed = attach_feed(*store, "test", {.everything = true});
  const std::string large = noise(CommitFeed::kCache / 4);
  for (int i = 0; i < 6; ++i) must_commit(*store, {put("jobs", std::to_string(i), large)});
  EXPECT_THAT(store->followers(), IsEmpty()) << "nobody follows";
  const CommitFeed::Taken taken = feed->take();
  EXPECT_FALSE(taken.whole);
  ASSERT_FALSE(taken.commits.empty()) << "the newest is always there";
  EXPECT_EQ(taken.commits.back()->cursor.seq, 6u);
  must_commit(*store, {put("jobs", "small", "1")});
  EXPECT_TRUE(feed->take().whole);
}

class Followers : public testing::Test {
 protected:
  Following writing_down(Interest interest) {
    return {"test", std::move(interest),
            [this](const auto& commit) { note(std::to_string(commit->cursor.seq)); },
            [this] { note("missed"); }};
  }
  void note(std::string what) {
    const Lock lock(mutex_);
    notes_.push_back(std::move(what));
  }
  std::vector<std::string> notes() {
    const Lock lock(mutex_);
    return notes_;
  }
  bool noted(size_t count) {
    return env::eventually([&] { return notes().size() >= count; });
  }

  env::Runtime runtime_{2};
  std::unique_ptr<Store> store_ = open_memory_store();
  Mutex mutex_;
  std::vector<std::string> notes_ GUARDED_BY(mutex_);
};

TEST_F(Followers, AreToldInOrderOfWhatConcernsThem) {
  must_commit(*store_, {put("jobs", "before", "1")});
  const Follower follower(*store_, runtime_, writing_down(about({"jobs"})));
  for (int i = 0; i < 4; ++i)
    must_commit(*store_, {put(i % 2 == 0 ? "jobs" : "tasks", "a", std::to_string(i))});
  ASSERT_TRUE(noted(2));
  EXPECT_THAT(notes(), ElementsAre("2", "4"));
}

TEST_F(Followers, OneThatHangsDelaysNeitherAnswersNorOthers) {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  const Follower hanging(
      *store_, runtime_,
      {"hanging", {.everything = true}, [released](const auto&) { released.wait(); }, [] {}});
  const Follower other(*store_, runtime_, writing_down({.everything = true}));
  for (int i = 0; i < 3; ++i) must_commit(*store_, {put("jobs", "a", std::to_string(i))});
  EXPECT_TRUE(noted(3));
  EXPECT_TRUE(env::eventually([&] { return store_->followers()[0].busy_seconds > 0; }));
  EXPECT_EQ(store_->followers()[0].name, "hanging");
  EXPECT_EQ(store_->followers()[0].waiting, 2u) << "behind the one that hangs";
  release.set_value();
}

TEST_F(Followers, OneThatThrowsIsCountedAndToldOfWhatFollows) {
  const Follower failing(*store_, runtime_,
                         {"failing",
                          {.everything = true},
                          [this](const auto& commit) {
                            note("called");
                            if (commit->cursor.seq == 1) throw std::runtime_error("no");
                          },
                          [] {}});
  must_commit(*store_, {put("jobs", "a", "1")});
  must_commit(*store_, {put("jobs", "a", "2")});
  ASSERT_TRUE(noted(2));
  EXPECT_EQ(store_->followers()[0].failures, 1u);
}

TEST_F(Followers, NothingIsCalledOnceItEnded) {
  std::promise<void> begun, release;
  std::atomic<bool> left{false};
  std::atomic<int> late{0};
  std::once_flag once;
  auto follower = std::make_unique<Follower>(*store_, runtime_,
                                             Following{"test",
                                                       {.everything = true},
                                                       [&](const auto&) {
                                                         if (left) ++late;
                                                         std::call_once(once, [&] { begun.set_value(); });
                                                         release.get_future().wait();
                                                       },
                                                       [] {}});
  must_commit(*store_, {put("jobs", "a", "1")});
  must_commit(*store_, {put("jobs", "a", "2")});
  begun.get_future().wait();
  auto gone = std::async(std::launch::async, [&] {
    follower.reset();
    left = true;
  });
  EXPECT_EQ(gone.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout)
      << "a call is under way";
  release.set_value();
  gone.wait();
  must_commit(*store_, {put("jobs", "a", "3")});
  EXPECT_EQ(late, 0);
  EXPECT_TRUE(env::eventually([&] { return store_->followers().empty(); }));
}

TEST_F(Followers, WorkInOrderComesBetweenTheCommitsAroundIt) {
  Follower follower(*store_, runtime_, writing_down({.everything = true}));
  for (int i = 0; i < 200; ++i) {
    must_commit(*store_, {put("jobs", "a", std::to_string(i))});
    follower.in_order([this, i] { note(fmt::format("after {}", i + 1)); });
  }
  ASSERT_TRUE(noted(400));
  const std::vector<std::string> all = notes();
  for (size_t i = 0; i < 200; ++i) {
    EXPECT_EQ(all[2 * i], std::to_string(i + 1));
    EXPECT_EQ(all[2 * i + 1], fmt::format("after {}", i + 1));
  }
}

TEST_F(Followers, AnEmptyOneMayBeStoppedAndReplaced) {
  Follower follower;
  follower.stop();
  follower.in_order([this] { note("never"); });
  follower = Follower(*store_, runtime_, writing_down({.everything = true}));
  follower = Follower(*store_, runtime_, writing_down({.everything = true}));
  must_commit(*store_, {put("jobs", "a", "1")});
  ASSERT_TRUE(noted(1));
  EXPECT_THAT(notes(), ElementsAre("1")) << "the first one has ended";
}

/// Holds its follower up until `released`, so that it falls behind.
class FallingBehind : public Followers {
 protected:
  Following held_up(Interest interest) {
    Following out = writing_down(std::move(interest));
    out.handle = [this](const std::shared_ptr<const Commit>& commit) {
      released_.wait();
      note(fmt::format("{}{}", commit->cursor.seq, commit->from_log ? " from the log" : ""));
    };
    return out;
  }
  /// The first commit is being handled, the next ones are forgotten but for the last.
  void fall_behind(std::string_view owner = kOwn) {
    must_commit(*store_, {put("jobs", "first", "1", owner)});
    ASSERT_TRUE(env::eventually([&] { return store_->followers()[0].busy_seconds > 0; }));
    const std::string large = noise(CommitFeed::kFollower / 2 + 1);
    for (int i = 0; i < 3; ++i) must_commit(*store_, {put("jobs", std::to_string(i), large, owner)});
    ASSERT_EQ(store_->followers()[0].forgotten, 1u);
  }

  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
};

TEST_F(FallingBehind, ReadsTheLog) {
  const Follower follower(*store_, runtime_, held_up(about({"jobs", Owners::kOwn})));
  fall_behind();
  release_.set_value();
  ASSERT_TRUE(noted(4));
  EXPECT_THAT(notes(), ElementsAre("1", "2 from the log", "3 from the log", "4"));
  must_commit(*store_, {put("jobs", "a", "1")});
  ASSERT_TRUE(noted(5));
  EXPECT_EQ(notes().back(), "5") << "it has caught up";
}

TEST_F(FallingBehind, IsToldThatTheLogHasNoLayeredObjects) {
  const Follower follower(*store_, runtime_, held_up(about({"jobs", Owners::kLocal})));
  fall_behind(kLayered);
  release_.set_value();
  ASSERT_TRUE(noted(3));
  EXPECT_THAT(notes(), ElementsAre("1", "missed", "4"));
}

TEST_F(FallingBehind, BeginsAnewUntilThatSucceeds) {
  std::atomic<int> attempts{0};
  Following wants = held_up(about({"jobs", Owners::kLocal}));
  wants.missed = [this, &attempts] {
    if (++attempts == 1) throw ReadFailure(Error(ErrorCode::kInternal, "the disk had no luck"));
    note("missed");
  };
  const Follower follower(*store_, runtime_, std::move(wants));
  fall_behind(kLayered);
  release_.set_value();
  ASSERT_TRUE(noted(3));
  EXPECT_THAT(notes(), ElementsAre("1", "missed", "4")) << "nothing is handled before";
  EXPECT_EQ(attempts, 2);
}

TEST_F(FallingBehind, BeginsAnewWhenTheLogNoLongerReachesBack) {
  Options options;
  const TempDirectory directory;
  options = options_in(directory.path());
  options.log_max_bytes = 1;
  store_ = must_open(options);
  const Follower follower(*store_, runtime_, held_up(about({"jobs", Owners::kOwn})));
  fall_behind();
  release_.set_value();
  ASSERT_TRUE(noted(3));
  EXPECT_THAT(notes(), ElementsAre("1", "missed", "4"));
}

}  // namespace
}  // namespace mullion::store
