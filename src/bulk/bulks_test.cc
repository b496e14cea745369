// The service over a store, with users' requests that the test answers.
#include "bulk/bulks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "auth/named_users_testing.h"
#include "base/mutex.h"
#include "bulk/internal/records.h"
#include "env/launch.h"
#include "env/random.h"
#include "env/waiting_testing.h"
#include "model/members.h"
#include "model/object.h"
#include "store/flaky_testing.h"
#include "store/meddled_testing.h"
#include "store/query.h"

namespace mullion::bulk {
namespace {

using auth::testing::NamedUsers;
using ::testing::HasSubstr;

/// Finds every object; does to it what the test says.
class ScriptedRequests final : public UserRequests {
 public:
  explicit ScriptedRequests(store::Store& store) : store_(store) {}
  std::atomic<bool> held{false};          // requests wait
  std::atomic<int> waiting{0}, most{0};   // under way now, and at most
  std::set<std::string> forbidden;        // actions nobody may do; set before anything runs
  std::map<std::string, Answer> answers;  // by key of the object; else it is done
  std::vector<std::string> sent() const {
    const Lock lock(mutex_);
    return sent_;
  }
  void answer(const std::string& key, Answer answer) {
    const Lock lock(mutex_);
    answers[key] = std::move(answer);
  }

  Result<std::vector<store::ObjectRef>> select(const auth::Principal&, std::string_view type,
                                               const std::string&, uint64_t most) const override {
    store::Query query;
    query.type = type;
    query.limit = most;
    Result<store::QueryResult> found = store_.snapshot()->query(query);
    if (!found) return found.error();
    return std::move(found->refs);
  }
  bool allows(const auth::Principal&, std::string_view, std::string_view action, const store::ObjectRef&,
              std::string_view) const override {
    return !forbidden.contains(std::string(action));
  }
  Task<Answer> perform(auth::Principal principal, std::string method, std::string target,
                       std::string body) override {
    const int now = ++waiting;
    most = std::max<int>(most, now);
    while (held) co_await env::sleep_for(std::chrono::milliseconds(5));
    Answer out{200, "", false};
    std::string key = target.substr(target.rfind('/') + 1);
    {
      const Lock lock(mutex_);
      sent_.push_back(principal.name + " " + method + " " + target);
      if (const auto found = answers.find(key); found != answers.end()) out = found->second;
    }
    if (out.status == 200 && method == "PATCH") carry_out(key, body);
    --waiting;
    co_return out;
  }

 private:
  void carry_out(const std::string& key, const std::string& patch) {
    const store::ObjectId id{"profiles", "", key};
    const Result<json::value> after =
        model::apply_patch(model::parse_object(*store_.snapshot()->get(id)), json::parse(patch));
    store::Batch batch;
    batch.changes.push_back({id, json::serialize(*after)});
    store_.commit(std::move(batch), [](const Result<store::Committed>&) {});
  }

  store::Store& store_;
  mutable Mutex mutex_;
  std::vector<std::string> sent_ GUARDED_BY(mutex_);
};

class BulksTest : public ::testing::Test {
 protected:
  void SetUp() override { begin(); }
  void TearDown() override { end(); }

  void begin() {
    bulks_ = make_bulks({.runtime = runtime_,
                         .store = meddled_,
                         .authenticator = users_,
                         .requests = requests_,
                         .own_id = "M",
                         .in_touch = [](const std::string&) { return true; },
                         .new_run = env::random_uuid,
                         .clock = env::system_clock(),
                         .timers = env::system_timers()});
    bulks_->start();
  }
  void end() {
    if (!bulks_) return;
    wait_for(bulks_->stop());
    bulks_.reset();
  }
  /// What asks runs on the runtime, the test waits for it.
  template <typename T>
  T wait_for(Task<T> task) {
    return env::run(runtime_, std::move(task));
  }

  void put(const std::string& type, const std::string& key, const std::string& body) {
    store::Batch batch;
    batch.changes.push_back({{type, "", key}, body});
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }
  void profiles(size_t count) {
    store::Batch batch;
    for (size_t i = 0; i < count; ++i) {
      const std::string key = fmt::format("p{:04}", i);
      batch.changes.push_back(
          {{"profiles", "", key}, fmt::format(R"({{"Name":"{}","Description":"old"}})", key)});
    }
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }
  /// A bulk that describes all profiles anew.
  void create(const std::string& more = "") {
    json::object object = model::parse_object(
        R"({"Id":"b","What":{"Kind":"set","Fields":{"Description":"new"}},"Selection":{"Type":"profiles"},)"
        R"("Concurrency":4,"State":"created")" +
        more + "}");
    put("bulks", "b", model::canonical_body(*model::find_object_type("bulks"), object));
  }
  /// What was created becomes as a server leaves it that ends in the middle: of the first profiles.
  void leave_running(std::vector<Outcome> outcomes) {
    const size_t count = outcomes.size();
    internal::Record record = *internal::read_record(*store_->snapshot(), "b");
    record.bulk.state = State::kRunning;
    record.bulk.run = "run";
    record.bulk.selection.count = count;
    record.bulk.counts[Outcome::kPending] = count;
    store::Batch batch;
    batch.changes.push_back(*internal::change_of(record, record.bulk));
    OutcomePiece piece;
    piece.outcomes = std::move(outcomes);
    std::vector<store::ObjectRef> keys;
    for (size_t i = 0; i < count; ++i) keys.push_back({fmt::format("p{:04}", i), ""});
    batch.secrets = {{std::string(kSpace), keys_place("run", 0), encode_keys(keys)},
                     {std::string(kSpace), outcomes_place("run", 0), encode_outcomes(piece)},
                     {std::string(kSpace), login_place("run"), "ann"},
                     {std::string(kSpace), std::string(kRunsPlace), encode_runs({{"run", count}})}};
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }
  /// Somebody pauses it at the moment at which its first requests are about to be written down as sent.
  void be_overtaken_by_pause(size_t objects) {
    end();
    profiles(objects);
    create();
    leave_running(std::vector<Outcome>(objects, Outcome::kPending));
    meddled_.meddle_before({"bulks", "", "b"}, [this] {
      const internal::Record record = *internal::read_record(*store_->snapshot(), "b");
      const Result<Bulk> paused = obey(record.bulk, "pause", "user:ann", "", env::WallTime());
      store::Batch batch;
      batch.changes.push_back(*internal::change_of(record, *paused));
      ASSERT_TRUE(store_->commit_sync(std::move(batch)));
    });
    begin();
    wait_state(State::kPaused);
  }
  Result<std::string> tell(const std::string& command, const std::string& user = "ann") {
    return wait_for(bulks_->command("b", command, NamedUsers::principal(user)));
  }
  Bulk now() const { return internal::read_record(*store_->snapshot(), "b")->bulk; }
  Bulk wait_state(State state) {
    EXPECT_TRUE(env::eventually([&] { return now().state == state; }));
    EXPECT_EQ(state_name(now().state), state_name(state)) << now().reason;
    return now();
  }
  json::object page(Bulks::Page page) {
    const Result<std::string> text = wait_for(bulks_->items("b", page, NamedUsers::principal("ann")));
    EXPECT_TRUE(text);
    return model::parse_object(text ? *text : "");
  }

  env::Runtime runtime_{2};
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  store::FlakyStore flaky_{*store_};
  store::MeddledStore meddled_{flaky_};
  NamedUsers users_{*store_};
  ScriptedRequests requests_{*store_};
  std::unique_ptr<Bulks> bulks_;
};

TEST_F(BulksTest, ChangesEveryObjectOnceAsItsUser) {
  profiles(20);
  put("profiles", "p0003", R"({"Name":"p0003","Description":"new"})");
  create();
  const json::object preview = model::parse_object(*tell("preview"));
  EXPECT_EQ(preview.at("Count").to_number<int>(), 20);
  EXPECT_EQ(preview.at("WouldChange").to_number<int>(), 19);
  EXPECT_EQ(preview.at("AlreadySo").to_number<int>(), 1);
  EXPECT_EQ(now().state, State::kPreviewed);
  ASSERT_TRUE(tell("start"));
  const Bulk done = wait_state(State::kDone);
  EXPECT_EQ(done.counts[Outcome::kDone], 19U);
  EXPECT_EQ(done.counts[Outcome::kAlreadySo], 1U);
  EXPECT_EQ(done.started_by, "user:ann");
  std::vector<std::string> wanted;
  for (int i = 0; i < 20; ++i) {
    if (i != 3) wanted.push_back(fmt::format("user:ann PATCH /api/v3/profiles/p{:04}", i));
  }
  // Four at a time have no order among themselves.
  EXPECT_THAT(requests_.sent(), testing::UnorderedElementsAreArray(wanted));
  EXPECT_LE(requests_.most, 4);
  EXPECT_FALSE(store_->snapshot()->secret(kSpace, login_place(done.run))) << "the login is kept no longer";
}

TEST_F(BulksTest, AnotherNumberOfObjectsThanWasSeenIsRefused) {
  profiles(3);
  create();
  ASSERT_TRUE(tell("preview"));
  put("profiles", "q", R"({"Name":"q"})");
  EXPECT_EQ(tell("start").error().code, ErrorCode::kConflict);
  EXPECT_TRUE(requests_.sent().empty());
  ASSERT_TRUE(tell("preview"));
  EXPECT_TRUE(tell("start"));
  wait_state(State::kDone);
}

TEST_F(BulksTest, StopsAfterFailuresAndRetriesWhatWasRefused) {
  profiles(50);
  for (int i = 0; i < 50; i += 2) requests_.answer(fmt::format("p{:04}", i), {422, "no such thing", false});
  create(R"(,"StopAfter":3)");
  ASSERT_TRUE(tell("start"));
  const Bulk stopped = wait_state(State::kStopped);
  EXPECT_GE(stopped.counts[Outcome::kRefused], 3U);
  EXPECT_LE(stopped.counts[Outcome::kRefused], 3U + 4U) << "no more than were under way";
  EXPECT_GT(stopped.counts[Outcome::kPending], 30U);
  const json::object refused = page({.outcome = Outcome::kRefused});
  EXPECT_EQ(refused.at("Total").to_number<uint64_t>(), stopped.counts[Outcome::kRefused]);
  EXPECT_EQ(refused.at("Items").as_array()[0].at("Message").as_string(), "no such thing");
  for (int i = 0; i < 50; i += 2) requests_.answer(fmt::format("p{:04}", i), {200, "", false});
  ASSERT_TRUE(tell("retry", "bob"));
  const Bulk done = wait_state(State::kDone);
  EXPECT_EQ(done.counts[Outcome::kDone], 50U);
  EXPECT_EQ(done.started_by, "user:bob");
  EXPECT_THAT(requests_.sent().back(), HasSubstr("user:bob ")) << "whoever sets it going lends the rights";
}

TEST_F(BulksTest, WhatMayHaveRunIsNotRepeated) {
  profiles(3);
  requests_.answer("p0001", {503, "it may have been carried out", true});
  create();
  ASSERT_TRUE(tell("start"));
  const Bulk failed = wait_state(State::kFailed);
  EXPECT_EQ(failed.counts[Outcome::kUnknown], 1U);
  ASSERT_TRUE(tell("retry"));
  wait_state(State::kFailed);
  EXPECT_EQ(requests_.sent().size(), 3U);
}

TEST_F(BulksTest, AsksAfterTheFirstFew) {
  profiles(20);
  create(R"(,"First":5)");
  ASSERT_TRUE(tell("start"));
  const Bulk asking = wait_state(State::kAsking);
  EXPECT_EQ(asking.counts[Outcome::kDone], 5U);
  EXPECT_EQ(requests_.sent().size(), 5U);
  EXPECT_FALSE(not_removable(model::parse_object(*store_->snapshot()->get({"bulks", "", "b"}))).empty());
  ASSERT_TRUE(tell("continue"));
  EXPECT_EQ(wait_state(State::kDone).counts[Outcome::kDone], 20U);
}

TEST_F(BulksTest, PausedItBeginsNothingMore) {
  profiles(30);
  requests_.held = true;
  create();
  ASSERT_TRUE(tell("start"));
  EXPECT_TRUE(env::eventually([&] { return requests_.waiting == 4; }));
  ASSERT_TRUE(tell("pause"));
  requests_.held = false;
  EXPECT_TRUE(
      env::eventually([&] { return now().counts[Outcome::kRunning] == 0 && requests_.waiting == 0; }));
  EXPECT_TRUE(
      env::eventually([&] { return page({.outcome = Outcome::kDone}).at("Total").to_number<int>() == 4; }));
  EXPECT_EQ(requests_.sent().size(), 4U);
  ASSERT_TRUE(tell("resume"));
  EXPECT_EQ(wait_state(State::kDone).counts[Outcome::kDone], 30U);
}

TEST_F(BulksTest, WithoutTheRightNothingIsSent) {
  profiles(3);
  requests_.forbidden = {"update", "update:/Description"};
  create();
  ASSERT_TRUE(tell("start"));
  const Bulk done = wait_state(State::kDone);
  EXPECT_EQ(done.counts[Outcome::kNotAllowed], 3U);
  EXPECT_TRUE(requests_.sent().empty());
}

TEST_F(BulksTest, ALoginThatEndsStopsIt) {
  profiles(30);
  requests_.held = true;
  create();
  ASSERT_TRUE(tell("start"));
  EXPECT_TRUE(env::eventually([&] { return requests_.waiting == 4; }));
  users_.end_login("ann");
  requests_.held = false;
  const Bulk stopped = wait_state(State::kStopped);
  EXPECT_THAT(stopped.reason, HasSubstr("the login of user:ann ended"));
  EXPECT_EQ(stopped.counts[Outcome::kDone], 4U);
  ASSERT_TRUE(tell("resume", "bob"));
  EXPECT_EQ(wait_state(State::kDone).counts[Outcome::kDone], 30U);
}

/// What is under way goes on meanwhile, and nobody says that it is not known what became of it.
TEST_F(BulksTest, ReadsThatFailEndNeitherItNorTheLoginItGoesOnWith) {
  profiles(30);
  requests_.held = true;
  create(R"(,"StopAfter":1)");
  ASSERT_TRUE(tell("start"));
  EXPECT_TRUE(env::eventually([&] { return requests_.waiting == 4; }));
  users_.fail_reads(true);
  flaky_.fail(50);
  requests_.held = false;
  EXPECT_TRUE(env::eventually([&] { return flaky_.failures() > 2; }));
  EXPECT_EQ(state_name(now().state), state_name(State::kRunning)) << now().reason;
  flaky_.fail(0);
  const uint64_t before = users_.failures();
  EXPECT_TRUE(env::eventually([&] { return users_.failures() > before; }));
  EXPECT_EQ(requests_.sent().size(), 4U) << "nothing new begins for whom nobody knows";
  users_.fail_reads(false);
  EXPECT_EQ(wait_state(State::kDone).counts[Outcome::kDone], 30U);
  EXPECT_EQ(requests_.sent().size(), 30U) << "none was repeated";
}

/// As a crash leaves it: some objects were under way, one of which was changed.
TEST_F(BulksTest, AfterACrashNothingIsDoneTwice) {
  end();
  profiles(6);
  put("profiles", "p0001", R"({"Name":"p0001","Description":"new"})");
  create();
  leave_running({Outcome::kDone, Outcome::kRunning, Outcome::kRunning, Outcome::kPending, Outcome::kUnknown,
                 Outcome::kRefused});
  begin();
  const Bulk over = wait_state(State::kFailed);
  EXPECT_THAT(requests_.sent(), ::testing::ElementsAre("user:ann PATCH /api/v3/profiles/p0003"));
  EXPECT_EQ(over.counts[Outcome::kDone], 3U) << "p0001 shows that it was carried out";
  EXPECT_EQ(over.counts[Outcome::kUnknown], 2U) << "nobody can say it of p0002";
  EXPECT_EQ(over.counts[Outcome::kRefused], 1U);
}

TEST_F(BulksTest, WhatAPauseOvertookBeginsWhenItGoesOn) {
  be_overtaken_by_pause(6);
  ASSERT_TRUE(tell("resume"));
  EXPECT_EQ(wait_state(State::kDone).counts[Outcome::kDone], 6U);
  EXPECT_EQ(requests_.sent().size(), 6U);
}

TEST_F(BulksTest, WhatAPauseOvertookIsNotWrittenDownAsSent) {
  be_overtaken_by_pause(6);
  end();  // everything it has to say is stored
  EXPECT_TRUE(requests_.sent().empty());
  begin();
  EXPECT_EQ(page({.outcome = Outcome::kPending}).at("Total"), 6);
  ASSERT_TRUE(tell("resume"));
  EXPECT_EQ(wait_state(State::kDone).counts[Outcome::kDone], 6U);
}

/// The outcomes of the first requests came, the next ones were chosen, and what is stored could not be read.
TEST_F(BulksTest, WhatAStepThatFailedHadChosenBeginsLater) {
  profiles(12);
  requests_.held = true;
  create();
  ASSERT_TRUE(tell("start"));
  EXPECT_TRUE(env::eventually([&] { return requests_.waiting == 4; }));
  flaky_.fail_secret(outcomes_place(now().run, 0));
  requests_.held = false;
  EXPECT_TRUE(env::eventually([&] { return flaky_.failures() > 0; }));
  EXPECT_LE(requests_.sent().size(), 4U) << "nothing is sent before it is stored that it will be";
  flaky_.fail_secret("");
  EXPECT_EQ(wait_state(State::kDone).counts[Outcome::kDone], 12U);
  EXPECT_EQ(requests_.sent().size(), 12U) << "none was repeated";
}

TEST_F(BulksTest, GoesOnAfterARestart) {
  profiles(3000);
  create(R"(,"Concurrency":64)");
  ASSERT_TRUE(tell("start"));
  EXPECT_TRUE(env::eventually([&] { return requests_.sent().size() > 500; }));
  end();
  begin();
  const Bulk over = wait_state(State::kDone);
  EXPECT_EQ(over.counts[Outcome::kDone], 3000U);
  EXPECT_EQ(requests_.sent().size(), 3000U) << "none was repeated";
  const json::object last = page({.offset = 2998, .limit = 10});
  EXPECT_EQ(last.at("Total").to_number<int>(), 3000);
  EXPECT_EQ(last.at("Items").as_array().size(), 2U);
  EXPECT_EQ(last.at("Items").as_array()[1].at("Key").as_string(), "p2999");
}

TEST_F(BulksTest, OnlySoManyAreUnderWayAtOnce) {
  profiles(1);
  create();
  const auto other = [&](int number, const char* state) {
    const std::string id = fmt::format("other-{}", number);
    put("bulks", id, fmt::format(R"({{"Id":"{}","State":"{}"}})", id, state));
  };
  for (int i = 0; i < 32; ++i) other(i, "paused");
  const Result<std::string> refused = tell("start");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(refused.error().text(), HasSubstr("32 bulks are under way"));
  other(0, "stopped");
  ASSERT_TRUE(tell("start"));
  wait_state(State::kDone);
}

TEST_F(BulksTest, WhatTheReaderMayNotGetIsNeitherShownNorCounted) {
  profiles(3);
  create();
  ASSERT_TRUE(tell("start"));
  wait_state(State::kDone);
  EXPECT_EQ(page({}).at("Total"), 3);
  requests_.forbidden = {"get"};
  EXPECT_EQ(page({}).at("Total"), 0);
  EXPECT_EQ(page({}).at("Items"), json::array());
}

TEST_F(BulksTest, WhatARemovedOneKeptIsForgotten) {
  profiles(3);
  create();
  ASSERT_TRUE(tell("start"));
  const std::string run = wait_state(State::kDone).run;
  ASSERT_TRUE(store_->snapshot()->secret(kSpace, keys_place(run, 0)));
  store::Batch batch;
  batch.changes.push_back({{"bulks", "", "b"}, std::nullopt});
  ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  EXPECT_TRUE(env::eventually([&] { return store_->snapshot()->secret(kSpace, kRunsPlace) == "{}"; }));
  EXPECT_FALSE(store_->snapshot()->secret(kSpace, keys_place(run, 0)));
  EXPECT_FALSE(store_->snapshot()->secret(kSpace, outcomes_place(run, 0)));
}

TEST_F(BulksTest, WrongOnesAreRefusedWithTheFieldAtFault) {
  profiles(1);
  create(R"(,"Selection":{"Type":"profiles","Filter":"Nome=a"})");
  EXPECT_THAT(tell("start").error().text(),
              HasSubstr("Selection.Filter: Nome is neither an index of profiles"));
  create(R"(,"Selection":{"Type":"profiles","Keys":["p0000","absent"]})");
  EXPECT_THAT(tell("preview").error().text(), HasSubstr("Selection.Keys: absent is not there"));
  create(R"(,"Selection":{"Type":"profiles","Except":["p0000"]})");
  EXPECT_THAT(tell("start").error().text(), HasSubstr("no object fits"));
  create(R"(,"Selection":{"Type":"nothings"})");
  EXPECT_THAT(tell("start").error().text(), HasSubstr("there is no collection nothings"));
  EXPECT_EQ(wait_for(bulks_->command("absent", "start", NamedUsers::principal("ann"))).error().code,
            ErrorCode::kNotFound);
  EXPECT_THAT(tell("pause").error().text(), HasSubstr("the bulk is created"));
}

}  // namespace
}  // namespace mullion::bulk
