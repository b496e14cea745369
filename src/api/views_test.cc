// Views that websockets watch: how often they are looked at, what is told of them, and to whom.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/api_testing.h"
#include "api/internal/view_look.h"
#include "api/internal/view_watches.h"
#include "base/mutex.h"
#include "env/time_testing.h"
#include "env/waiting_testing.h"

namespace mullion::api {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

TEST(ViewPace, SlowsDownInAFloodAndComesBack) {
  ViewPace pace;
  const env::SteadyTime start{};
  EXPECT_LE(pace.due(), start);
  const std::pair<bool, env::Duration> steps[] = {{false, 500ms}, {true, 1s},     {true, 2s},    {true, 4s},
                                                  {true, 8s},     {true, 8s},     {false, 4s},   {false, 2s},
                                                  {false, 1s},    {false, 500ms}, {false, 500ms}};
  for (const auto& [flooded, pause] : steps) {
    pace.looked(start, flooded);
    EXPECT_EQ(pace.due() - start, pause);
  }
}

TEST(ReaderPace, LeavesNineTenthsOfTheTimeToOthers) {
  ReaderPace pace;
  pace.looked(env::SteadyTime(1s), 100ms);
  EXPECT_EQ(pace.due(), env::SteadyTime(1900ms));
}

store::Commit commit_of(std::vector<store::AppliedChange> changes) {
  store::Commit commit;
  commit.changes = std::move(changes);
  return commit;
}

store::AppliedChange change_of(const std::string& key, std::optional<std::string> before,
                               std::optional<std::string> after) {
  return {{"machines", "", key}, std::move(before), std::move(after)};
}

void note(ViewChanges& changes, const store::Commit& commit, size_t index) {
  const std::optional<std::string>& old = commit.changes[index].old_body;
  changes.note(commit, index, old ? std::make_shared<const std::string>(*old) : nullptr);
}

TEST(ViewChanges, RemembersHowItWasAtTheLastLook) {
  ViewChanges changes;
  const store::Commit commit = commit_of({change_of("a", "1", "2"), change_of("a", "2", "3"),
                                          change_of("b", std::nullopt, "1"), change_of("c", "same", "same")});
  for (size_t i = 0; i < commit.changes.size(); ++i) note(changes, commit, i);
  ASSERT_EQ(changes.objects().size(), 2U);
  EXPECT_EQ(*changes.objects().at({"a", ""}), "1");
  EXPECT_EQ(changes.objects().at({"b", ""}), nullptr);
  EXPECT_FALSE(changes.more());
}

TEST(ViewChanges, KnowsOnlySoMany) {
  ViewChanges changes;
  for (size_t i = 0; i <= ViewChanges::kMostObjects; ++i) {
    const store::Commit commit = commit_of({change_of(fmt::format("m{}", i), std::nullopt, "1")});
    note(changes, commit, 0);
    EXPECT_EQ(changes.more(), i == ViewChanges::kMostObjects);
  }
  EXPECT_EQ(changes.objects().size(), ViewChanges::kMostObjects);
  ViewChanges large;
  const store::Commit commit =
      commit_of({change_of("a", std::string(ViewChanges::kMostBytes + 1, 'x'), "1")});
  note(large, commit, 0);
  EXPECT_TRUE(large.more());
  EXPECT_TRUE(large.objects().empty());
  store::Commit logged = commit_of({change_of("a", std::nullopt, "1")});
  logged.from_log = true;
  ViewChanges unknown;
  note(unknown, logged, 0);
  EXPECT_TRUE(unknown.more()) << "what was there before is not known";
}

/// Many views may remember the same change.
TEST(ViewChanges, KeepsNoCopiesOfItsOwn) {
  const store::Commit commit = commit_of({change_of("a", "1", "2")});
  const auto before = std::make_shared<const std::string>("1");
  ViewChanges changes;
  changes.note(commit, 0, before);
  EXPECT_EQ(changes.objects().at({"a", ""}), before);
}

/// Watches over time that stands still, with looks that a test answers.
class ViewWatchesTest : public ::testing::Test {
 protected:
  ViewWatchesTest() : running(env::launch(runtime, [watched = watches] { return watched->run(); })) {}
  ~ViewWatchesTest() override {
    watches->close();
    hub.stop();
    running.get();
  }
  void put(const std::string& type, const std::string& key, const std::string& body) {
    store::Batch batch;
    batch.changes.push_back({{type, "", key}, body, store::Expect::kAnything, {}});
    ASSERT_TRUE(store->commit_sync(std::move(batch)));
  }
  size_t looks() {
    Lock lock(mutex);
    return asked.size();
  }
  std::vector<std::string> asked_now() {
    Lock lock(mutex);
    return asked;
  }
  std::vector<std::string> told_now() {
    Lock lock(mutex);
    return told;
  }
  void wait_for_looks(size_t count) {
    EXPECT_TRUE(env::eventually([&] { return looks() >= count; }));
  }
  void wait_for_told(size_t count) {
    EXPECT_TRUE(env::eventually([&] { return told_now().size() >= count; }));
  }

  env::Runtime runtime{2};
  env::ManualTime time;
  std::unique_ptr<store::Store> store = store::open_memory_store();
  ViewHub hub{*store, runtime};
  Mutex mutex;
  std::vector<std::string> asked GUARDED_BY(mutex);
  std::vector<std::string> told GUARDED_BY(mutex);
  Result<ViewLook> answer GUARDED_BY(mutex) = ViewLook{};
  env::Duration cost GUARDED_BY(mutex){};
  std::shared_ptr<ViewWatches> watches =
      ViewWatches::make({hub, time, time,
                         [this](const std::string& collection, const std::string& query,
                                ViewChanges changes) { return look(collection, query, std::move(changes)); },
                         [this](std::string_view action, const std::string& name, const std::string& object) {
                           Lock lock(mutex);
                           told.push_back(fmt::format("{} {} {}", action, name, object));
                         }});

  std::future<void> running;

 private:
  env::Task<Result<ViewLook>> look(std::string collection, std::string query, ViewChanges changes) {
    Lock lock(mutex);
    asked.push_back(fmt::format("{}?{}", collection, query));
    if (cost != env::Duration()) time.advance(cost);
    Result<ViewLook> out = answer;
    if (out) {
      for (const auto& [object, before] : changes.objects()) out->keys.push_back(object.key);
      out->more = changes.more();
    }
    co_return out;
  }
};

TEST_F(ViewWatchesTest, TellsAtMostTwiceASecondWhatChanged) {
  watches->watch("v machines?Stage=local");
  wait_for_told(1);
  EXPECT_EQ(told_now().front(), R"(changed v {"Count":0,"Total":0,"Keys":[],"More":false,"Stale":{}})");
  EXPECT_THAT(asked_now(), ElementsAre("machines?Stage=local"));
  put("machines", "a", "{}");
  put("machines", "b", "{}");
  put("profiles", "p", "{}");
  EXPECT_TRUE(env::eventually([&] { return time.waits_for(500ms); }));
  EXPECT_EQ(looks(), 1U) << "half a second has not gone by";
  time.advance(500ms);
  wait_for_told(2);
  EXPECT_THAT(told_now().back(), HasSubstr(R"("Keys":["a","b"])"));
  time.advance(10min);
  EXPECT_EQ(looks(), 2U) << "nothing changed: nobody looks";
}

TEST_F(ViewWatchesTest, SaysNothingWhereNothingIsNew) {
  watches->watch("v machines?");
  wait_for_told(1);
  time.advance(1s);
  put("endpoints", "A", "{}");
  wait_for_looks(2);
  time.advance(1s);
  {
    Lock lock(mutex);
    answer->stale["A"] = 7;
  }
  put("endpoints", "A", R"({"ConnectionStatus":"Lost"})");
  wait_for_told(2);
  EXPECT_THAT(told_now().back(), HasSubstr(R"("Stale":{"A":7})"));
  time.advance(1s);
  {
    Lock lock(mutex);
    answer->stale["A"] = 8;
  }
  put("endpoints", "A", R"({"ConnectionStatus":"Lost: x"})");
  wait_for_looks(4);
  put("machines", "m", "{}");
  time.advance(1s);
  wait_for_told(3);
  EXPECT_EQ(told_now().size(), 3U) << "an age alone is no news";
}

TEST_F(ViewWatchesTest, ManyChangesAreToldAsMoreAndLessOften) {
  watches->watch("v machines?");
  wait_for_told(1);
  for (size_t i = 0; i <= ViewChanges::kMostObjects; ++i) put("machines", fmt::format("m{}", i), "{}");
  time.advance(500ms);
  wait_for_told(2);
  if (told_now().back().find(R"("More":true)") == std::string::npos) {  // some had not been followed yet
    time.advance(500ms);
    wait_for_told(3);
  }
  put("machines", "again", "{}");
  EXPECT_TRUE(env::eventually([&] { return time.waits_for(1s) || time.waits_for(500ms); }));
}

TEST_F(ViewWatchesTest, LooksThatCostMuchAreRare) {
  {
    Lock lock(mutex);
    cost = 1s;
  }
  watches->watch("v machines?");
  wait_for_told(1);
  put("machines", "a", "{}");
  EXPECT_TRUE(env::eventually([&] { return time.waits_for(9s); }));
  time.advance(8s);
  EXPECT_EQ(looks(), 1U);
  time.advance(1s);
  wait_for_looks(2);
}

TEST_F(ViewWatchesTest, WhatIsWrongIsNamed) {
  const std::pair<std::string, std::string> wrong[] = {
      {"", R"(error  "Expected: watch NAME COLLECTION?QUERY")"},
      {"v", R"(error v "Expected: watch NAME COLLECTION?QUERY")"},
      {"v ?x=1", R"(error v "Expected: watch NAME COLLECTION?QUERY")"},
      {"v machines?" + std::string(ViewWatches::kMostQuery, 'x'),
       R"(error v "At most 8192 bytes of query")"}};
  for (const auto& [text, refusal] : wrong) {
    watches->watch(text);
    EXPECT_EQ(told_now().back(), refusal);
  }
  {
    Lock lock(mutex);
    answer = Error(ErrorCode::kNotAcceptable, "Foo is not an index of machines");
  }
  watches->watch("bad machines?Foo=1");
  wait_for_told(5);
  EXPECT_EQ(told_now().back(), R"(error bad "Foo is not an index of machines")");
  put("machines", "a", "{}");
  time.advance(1s);
  EXPECT_EQ(looks(), 1U) << "it is not watched any more";
  EXPECT_EQ(hub.listeners(), 0U) << "nor followed";
}

TEST_F(ViewWatchesTest, SoManyAndNoMore) {
  for (size_t i = 0; i < ViewWatches::kMostViews; ++i) watches->watch(fmt::format("v{} machines?", i));
  wait_for_told(ViewWatches::kMostViews);
  watches->watch("more machines?");
  EXPECT_EQ(told_now().back(), R"(error more "At most 50 views per connection")");
  watches->watch("v7 machines?Stage=x");
  wait_for_looks(ViewWatches::kMostViews + 1);
  EXPECT_EQ(asked_now().back(), "machines?Stage=x") << "in place of the one of that name";
  for (int i = 0; i < 100; ++i) watches->watch(fmt::format("x{} nowhere{}?", i, i));
  EXPECT_EQ(hub.listeners(), 2U) << "machines and endpoints: what is refused is not followed";
  watches->unwatch("v7");
  EXPECT_EQ(told_now().back(), "unwatch v7 null");
  watches->watch("more machines?");
  wait_for_looks(ViewWatches::kMostViews + 2);
}

TEST_F(ViewWatchesTest, WhatIsNotWatchedAnyMoreCostsNothing) {
  watches->watch("v machines?");
  wait_for_told(1);
  watches->unwatch("v");
  time.advance(1min);
  put("machines", "a", "{}");
  watches->watch("w profiles?");
  wait_for_looks(2);
  EXPECT_THAT(asked_now(), ElementsAre("machines?", "profiles?"));
}

}  // namespace
}  // namespace mullion::api
