// What every implementation of the store promises, checked on each.
#include "store/store.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <random>

#include "store/store_testing.h"

namespace mullion::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class StoreContract : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "Memory") {
      store_ = open_memory_store(clock_);
    } else {
      Options options = options_in(directory_.path());
      options.clock = &clock_;
      store_ = must_open(options);
    }
  }

  Error refusal(Batch batch) {
    const Cursor before = store_->newest();
    const Result<Cursor> result = store_->commit_sync(std::move(batch));
    EXPECT_FALSE(result.ok());
    EXPECT_EQ(store_->newest(), before) << "a refused batch took a number";
    return result ? Error() : result.error();
  }

  TempDirectory directory_;
  env::ManualClock clock_;
  std::unique_ptr<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(Engines, StoreContract, testing::Values("Lmdb", "Memory"),
                         [](const auto& info) { return info.param; });

TEST_P(StoreContract, StartsEmptyWithAnEpoch) {
  EXPECT_NE(store_->newest().epoch, 0u);
  EXPECT_EQ(store_->newest().seq, 0u);
  const auto view = store_->snapshot();
  EXPECT_EQ(view->cursor(), store_->newest());
  EXPECT_THAT(view->types(), IsEmpty());
  EXPECT_THAT(view->digests(), IsEmpty());
  EXPECT_EQ(body_of(*view, "machines", "a"), "-");
  EXPECT_FALSE(view->get_local("machines", "a").has_value());
  EXPECT_THAT(log_after(*store_, store_->newest()), IsEmpty());
}

TEST_P(StoreContract, MissingObjectIsNamed) {
  const Result<std::string> missing = store_->snapshot()->get({"machines", "", "a"});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(missing.error().model, "machines");
  EXPECT_EQ(missing.error().key, "a");
}

TEST_P(StoreContract, BatchOfManyObjectsTakesOneNumber) {
  const Cursor cursor =
      must_commit(*store_, {put("machines", "a", "1"), put("jobs", "b", "2"), put("jobs", "c", "3", "site")});
  EXPECT_EQ(cursor.seq, 1u);
  EXPECT_EQ(store_->newest(), cursor);
  const auto view = store_->snapshot();
  EXPECT_EQ(body_of(*view, "machines", "a"), "1");
  EXPECT_EQ(body_of(*view, "jobs", "b"), "2");
  EXPECT_EQ(body_of(*view, "jobs", "c", "site"), "3");
  EXPECT_THAT(view->types(), testing::UnorderedElementsAre("machines", "jobs"));
}

TEST_P(StoreContract, LaterChangeOfABatchSeesTheEarlierOne) {
  must_commit(*store_,
              {put("jobs", "a", "1"), put("jobs", "a", "2"), put("jobs", "b", "1"), erase("jobs", "b")});
  const auto view = store_->snapshot();
  EXPECT_EQ(body_of(*view, "jobs", "a"), "2");
  EXPECT_EQ(body_of(*view, "jobs", "b"), "-");
  EXPECT_EQ(kept_digests(*view), recomputed_digests(*view));
}

TEST_P(StoreContract, BatchWithoutEffectStillCommits) {
  must_commit(*store_, {put("jobs", "a", "1")});
  int seen = 0;
  store_->subscribe([&](const std::shared_ptr<const Commit>&) { ++seen; });
  const auto before = kept_digests(*store_->snapshot());
  EXPECT_EQ(must_commit(*store_, {put("jobs", "a", "1")}).seq, 2u);
  EXPECT_EQ(must_commit(*store_, {erase("jobs", "none")}).seq, 3u);
  EXPECT_EQ(must_commit(*store_, Batch()).seq, 4u);
  EXPECT_EQ(seen, 3);
  EXPECT_EQ(kept_digests(*store_->snapshot()), before);
}

// Preconditions.

struct Precondition {
  Expect expect;
  std::string key;
  std::string body;  // for kSame
  bool holds;
};

TEST_P(StoreContract, PreconditionsHoldForTheWholeBatch) {
  const std::vector<Precondition> cases = {
      {Expect::kAbsent, "new", "", true},  {Expect::kAbsent, "old", "", false},
      {Expect::kExists, "old", "", true},  {Expect::kExists, "new", "", false},
      {Expect::kSame, "old", "old", true}, {Expect::kSame, "old", "else", false},
      {Expect::kSame, "new", "old", false}};
  for (const Precondition& one : cases) {
    SCOPED_TRACE(fmt::format("expect={} key={} body={}", static_cast<int>(one.expect), one.key, one.body));
    must_commit(*store_, {put("jobs", "old", "old"), erase("jobs", "new"), erase("jobs", "other")});
    Batch batch = batch_of({put("jobs", "other", "x"), put("jobs", one.key, "y")});
    batch.changes[1].expect = one.expect;
    batch.changes[1].expected_hash = hash128(one.body);
    if (one.holds) {
      must_commit(*store_, std::move(batch));
      EXPECT_EQ(body_of(*store_, "jobs", one.key), "y");
      continue;
    }
    const Error error = refusal(std::move(batch));
    EXPECT_EQ(error.code, ErrorCode::kConflict);
    EXPECT_EQ(error.model, "jobs");
    EXPECT_EQ(error.key, one.key);
    EXPECT_EQ(body_of(*store_, "jobs", "other"), "-");
  }
}

TEST_P(StoreContract, GuardsRefuseTheWholeBatch) {
  must_commit(*store_, {put("profiles", "global", "1")});
  Batch batch = batch_of({put("jobs", "a", "1")});
  batch.secrets = {{"users", "a", "hash"}};
  batch.guards = {{{"profiles", "", "global"}, Expect::kSame, hash128("2")}};
  const Error error = refusal(batch);
  EXPECT_EQ(error.code, ErrorCode::kConflict);
  EXPECT_EQ(error.model, "profiles");
  EXPECT_EQ(error.key, "global");
  EXPECT_EQ(body_of(*store_, "jobs", "a"), "-");
  EXPECT_FALSE(store_->snapshot()->secret("users", "a").has_value());
  batch.guards.front().expected_hash = hash128("1");
  must_commit(*store_, batch);
  EXPECT_EQ(body_of(*store_, "jobs", "a"), "1");
}

TEST_P(StoreContract, ConflictLeavesItsNeighboursInTheGroupAlone) {
  must_commit(*store_, {put("jobs", "a", "1")});
  std::vector<std::promise<Result<Cursor>>> promises(3);
  for (size_t i = 0; i < 3; ++i) {
    Batch batch = batch_of({put("jobs", i == 1 ? "a" : fmt::format("n{}", i), "2")});
    batch.changes.front().expect = Expect::kAbsent;
    store_->commit(std::move(batch),
                   [&, i](Result<Cursor> result) { promises[i].set_value(std::move(result)); });
  }
  EXPECT_TRUE(promises[0].get_future().get().ok());
  EXPECT_FALSE(promises[1].get_future().get().ok());
  EXPECT_TRUE(promises[2].get_future().get().ok());
  EXPECT_EQ(store_->newest().seq, 3u);
}

// Owners and layers.

TEST_P(StoreContract, OwnersKeepTheirObjectsApart) {
  must_commit(*store_, {put("jobs", "a", "z", "zoo"), put("jobs", "a", "own"), put("jobs", "a", "b", "bar")});
  const auto view = store_->snapshot();
  std::vector<std::string> found;
  for (const StoredObject& object : view->get_all_owners("jobs", "a"))
    found.push_back(object.id.owner + "=" + object.body);
  EXPECT_THAT(found, ElementsAre("=own", "bar=b", "zoo=z"));
  EXPECT_EQ(view->get_local("jobs", "a")->body, "own");
  EXPECT_THAT(view->remote_owners(), ElementsAre("bar", "zoo"));
  EXPECT_THAT(view->get_all_owners("jobs", "none"), IsEmpty());
}

TEST_P(StoreContract, OwnObjectHidesTheLayeredOneAndRevealsItAgain) {
  must_commit(*store_, {put("stages", "a", "layer", kLayered)});
  EXPECT_EQ(store_->snapshot()->get_local("stages", "a")->body, "layer");
  EXPECT_EQ(body_of(*store_, "stages", "a"), "-") << "kOwn finds the writable layer alone";

  Batch batch = batch_of({put("stages", "a", "own")});
  batch.changes.front().expect = Expect::kAbsent;  // absent from the writable layer
  must_commit(*store_, std::move(batch));
  EXPECT_THAT(store_->snapshot()->get_all_owners("stages", "a"), SizeIs(1));
  EXPECT_EQ(body_of(*store_, "stages", "a", kLayered), "-");

  must_commit(*store_, {put("stages", "a", "newer layer", kLayered)});  // stays hidden
  EXPECT_EQ(store_->snapshot()->get_local("stages", "a")->body, "own");

  must_commit(*store_, {erase("stages", "a")});
  EXPECT_EQ(store_->snapshot()->get_local("stages", "a")->body, "newer layer");
  EXPECT_EQ(store_->snapshot()->get_local("stages", "a")->id.owner, kLayered);
}

TEST_P(StoreContract, HiddenLayeredObjectCanBeRemoved) {
  must_commit(*store_, {put("stages", "a", "layer", kLayered), put("stages", "a", "own")});
  Batch batch = batch_of({erase("stages", "a", kLayered)});
  batch.changes.front().expect = Expect::kExists;  // hidden ones exist for preconditions
  must_commit(*store_, std::move(batch));
  must_commit(*store_, {erase("stages", "a")});
  EXPECT_FALSE(store_->snapshot()->get_local("stages", "a").has_value());
}

TEST_P(StoreContract, LayeredObjectsStayOutOfLogAndDigests) {
  const Cursor before = store_->newest();
  must_commit(*store_, {put("stages", "a", "layer", kLayered), put("stages", "b", "own")});
  EXPECT_EQ(kept_digests(*store_->snapshot()), recomputed_digests(*store_->snapshot()));
  const std::vector<LoggedCommit> log = log_after(*store_, before);
  ASSERT_THAT(log, SizeIs(1));
  ASSERT_THAT(log[0].changes, SizeIs(1));
  EXPECT_EQ(log[0].changes[0].id.key, "b");
}

TEST_P(StoreContract, DigestsEqualTheSumOfTheObjects) {
  std::mt19937 random(7);
  auto pick = [&](size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random); };
  const std::vector<std::string> owners = {"", "", std::string(kLayered), "east", "west"};
  for (int round = 0; round < 120; ++round) {
    Batch batch;
    for (size_t i = 0; i <= pick(6); ++i) {
      const std::string type = pick(2) == 0 ? "machines" : "jobs";
      Change change = put(type, fmt::format("k{}", pick(9)), fmt::format("{}", pick(5)), owners[pick(5)]);
      if (pick(3) == 0) change.body.reset();
      batch.changes.push_back(std::move(change));
    }
    must_commit(*store_, std::move(batch));
    ASSERT_EQ(kept_digests(*store_->snapshot()), recomputed_digests(*store_->snapshot())) << round;
  }
}

TEST_P(StoreContract, UnexpectedDigestIsToldNotRefused) {
  must_commit(*store_, {put("jobs", "a", "1", "east")});
  std::vector<TypeDigest> told;
  Batch batch = batch_of({put("jobs", "b", "2", "east")});
  Digest sum = object_digest("jobs", "a", "1");
  sum += object_digest("jobs", "b", "2");
  batch.on_difference = [&](const TypeDigest& actual) { told.push_back(actual); };
  batch.expected = {{"jobs", "east", sum, 2}, {"tasks", "east", {}, 0}};
  must_commit(*store_, batch);
  EXPECT_THAT(told, IsEmpty());
  batch.expected = {{"jobs", "east", sum, 3}, {"tasks", "east", {1, 1}, 1}};
  must_commit(*store_, batch);
  EXPECT_THAT(told, ElementsAre(TypeDigest{"jobs", "east", sum, 2}, TypeDigest{"tasks", "east", {}, 0}));
}

TEST_P(StoreContract, DigestOfNothingIsForgotten) {
  must_commit(*store_, {put("jobs", "a", "1", "east")});
  must_commit(*store_, {erase("jobs", "a", "east")});
  EXPECT_THAT(store_->snapshot()->digests(), IsEmpty());
  EXPECT_THAT(store_->snapshot()->remote_owners(), IsEmpty());
}

TEST_P(StoreContract, OriginIsKeptWithItsCommit) {
  Batch batch = batch_of({put("jobs", "a", "1", "east")});
  batch.origin = Origin{"east", {77, 5}};
  const Cursor before = store_->newest();
  must_commit(*store_, batch);
  EXPECT_EQ(store_->snapshot()->origin_cursor("east"), (Cursor{77, 5}));
  EXPECT_FALSE(store_->snapshot()->origin_cursor("west").has_value());
  const std::vector<LoggedCommit> log = log_after(*store_, before);
  ASSERT_THAT(log, SizeIs(1));
  ASSERT_TRUE(log[0].origin.has_value());
  EXPECT_EQ(log[0].origin->cursor, (Cursor{77, 5}));

  Batch forget;
  forget.forget_origin = "east";
  must_commit(*store_, forget);
  EXPECT_FALSE(store_->snapshot()->origin_cursor("east").has_value());
  EXPECT_EQ(body_of(*store_, "jobs", "a", "east"), "1");
}

TEST_P(StoreContract, DropOwnerTakesEverythingInBoundedCommits) {
  constexpr size_t kObjects = 45'000;  // more than one commit may take
  Batch batch = batch_of({put("jobs", "kept", "1"), put("jobs", "kept", "1", "west")});
  for (size_t i = 0; i < kObjects; ++i)
    batch.changes.push_back(put(i % 2 == 0 ? "jobs" : "tasks", fmt::format("j{}", i), "1", "east"));
  batch.origin = Origin{"east", {1, 1}};
  must_commit(*store_, std::move(batch));
  size_t largest = 0, commits = 0;
  store_->subscribe([&](const auto& commit) {
    largest = std::max(largest, commit->changes.size());
    ++commits;
  });
  ASSERT_TRUE(store_->drop_owner("east").ok());
  EXPECT_LT(largest, kObjects);
  EXPECT_GT(commits, 1u);
  EXPECT_THAT(store_->snapshot()->remote_owners(), ElementsAre("west"));
  EXPECT_THAT(contents(*store_->snapshot()), SizeIs(2));
  EXPECT_EQ(store_->drop_owner(kOwn).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(store_->drop_owner(kLayered).error().code, ErrorCode::kInvalid);
}

TEST_P(StoreContract, ReplicasCanBeHidden) {
  must_commit(*store_, {put("machines", "a", "{}"), put("machines", "a", "{}", "east"),
                        put("machines", "b", "{}", "east")});
  Query query;
  query.type = "machines";
  EXPECT_EQ(store_->snapshot()->query(query)->total, 3u);
  EXPECT_THAT(store_->snapshot()->query(query)->owners, ElementsAre("east"));
  store_->show_replicas(false);
  EXPECT_FALSE(store_->replicas_shown());
  EXPECT_EQ(store_->snapshot()->query(query)->total, 1u);
  EXPECT_THAT(store_->snapshot()->query(query)->owners, IsEmpty());
  query.filters = {{"Key", Operator::kIn, {"a", "b"}}};  // from the index, too
  EXPECT_EQ(store_->snapshot()->query(query)->matching, 1u);
  EXPECT_THAT(store_->snapshot()->get_all_owners("machines", "a"), SizeIs(1));
  EXPECT_THAT(store_->snapshot()->get_all_owners("machines", "b"), IsEmpty());
}

// Secrets.

TEST_P(StoreContract, SecretsStayBesideTheLog) {
  const Cursor before = store_->newest();
  Batch batch = batch_of({put("users", "rob", "{}")});
  batch.secrets = {
      {"users", "rob", "top-secret"}, {"users", "eve", std::nullopt}, {"state", "", "empty key"}};
  must_commit(*store_, batch);
  EXPECT_EQ(store_->snapshot()->secret("users", "rob"), "top-secret");
  EXPECT_EQ(store_->snapshot()->secret("state", ""), "empty key");
  EXPECT_FALSE(store_->snapshot()->secret("user", "srob").has_value());
  for (const LoggedCommit& commit : log_after(*store_, before)) {
    EXPECT_THAT(commit.changes, SizeIs(1));
    for (const auto& change : commit.changes) EXPECT_EQ(change.body->find("secret"), std::string::npos);
  }
  Batch removal;
  removal.secrets = {{"users", "rob", std::nullopt}};
  must_commit(*store_, removal);
  EXPECT_FALSE(store_->snapshot()->secret("users", "rob").has_value());
}

// The log and followers.

TEST_P(StoreContract, LogTellsCommitsInOrder) {
  clock_.advance(std::chrono::hours(1));
  const Cursor before = store_->newest();
  must_commit(*store_, {put("jobs", "a", "1"), put("machines", "m", "2")});
  must_commit(*store_, {erase("jobs", "a")});
  must_commit(*store_, {put("jobs", "r", "3", "east")});
  const std::vector<LoggedCommit> log = log_after(*store_, before);
  ASSERT_THAT(log, SizeIs(3));
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(log[i].cursor, (Cursor{before.epoch, i + 1}));
  EXPECT_EQ(log[0].time, clock_.wall());
  ASSERT_THAT(log[0].changes, SizeIs(2));
  EXPECT_EQ(log[0].changes[1].id, (ObjectId{"machines", "", "m"}));
  EXPECT_EQ(log[0].changes[1].body, "2");
  EXPECT_FALSE(log[1].changes[0].body.has_value());
  ASSERT_THAT(log[1].digests, SizeIs(1));
  EXPECT_EQ(log[1].digests[0].count, 0u) << "followers must learn that nothing is left";
  EXPECT_EQ(log[2].digests[0].owner, "east");
  EXPECT_EQ(log[2].digests[0].digest, object_digest("jobs", "r", "3"));

  int visited = 0;
  EXPECT_TRUE(
      store_->read_log({before.epoch, 1}, [&](const LoggedCommit&) { return ++visited, false; }).ok());
  EXPECT_EQ(visited, 1);
}

TEST_P(StoreContract, LogRefusesPlacesItCannotContinueFrom) {
  must_commit(*store_, {put("jobs", "a", "1")});
  const Cursor here = store_->newest();
  auto refused = [&](Cursor after) {
    const Result<void> read = store_->read_log(after, [](const LoggedCommit&) { return true; });
    return !read && read.error().code == ErrorCode::kNotFound;
  };
  EXPECT_TRUE(refused({here.epoch + 1, here.seq}));
  EXPECT_TRUE(refused({here.epoch, here.seq + 1})) << "a place never reached";
  EXPECT_FALSE(refused({here.epoch, 0}));
  clock_.advance(std::chrono::hours(25));
  must_commit(*store_, {put("jobs", "b", "1")});
  EXPECT_TRUE(refused({here.epoch, 0})) << "compacted";
  EXPECT_FALSE(refused(here));
}

TEST_P(StoreContract, FollowersSeeCommitsInOrderBeforeTheAnswer) {
  std::vector<std::shared_ptr<const Commit>> seen;
  const uint64_t id = store_->subscribe([&](const auto& commit) { seen.push_back(commit); });
  Batch batch = batch_of({put("jobs", "a", "1")});
  batch.principal = "user:rob";
  batch.update_action = "update";
  must_commit(*store_, batch);
  ASSERT_THAT(seen, SizeIs(1));
  EXPECT_EQ(seen[0]->principal, "user:rob");
  EXPECT_EQ(seen[0]->update_action, "update");
  must_commit(*store_, {put("jobs", "a", "2"), erase("jobs", "a")});
  ASSERT_THAT(seen, SizeIs(2));
  EXPECT_FALSE(seen[0]->changes[0].old_body.has_value());
  ASSERT_THAT(seen[1]->changes, SizeIs(2));
  EXPECT_EQ(seen[1]->changes[0].old_body, "1");
  EXPECT_EQ(seen[1]->changes[1].old_body, "2");
  EXPECT_FALSE(seen[1]->changes[1].body.has_value());
  store_->unsubscribe(id);
  must_commit(*store_, {put("jobs", "b", "1")});
  EXPECT_THAT(seen, SizeIs(2));
}

TEST_P(StoreContract, FollowerMayLeaveWhileItIsCalled) {
  int first = 0, second = 0;
  uint64_t id = 0, other = 0;
  id = store_->subscribe([&](const auto&) {
    ++first;
    store_->unsubscribe(other);
    store_->unsubscribe(id);
  });
  other = store_->subscribe([&](const auto&) { ++second; });
  must_commit(*store_, {put("jobs", "a", "1")});
  must_commit(*store_, {put("jobs", "a", "2")});
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 0) << "called after it was unsubscribed";
}

// Views.

TEST_P(StoreContract, SnapshotStaysWhileTheStoreMovesOn) {
  must_commit(*store_, {put("machines", "a", "{\"Name\":\"old\"}"), put("machines", "b", "{}")});
  const auto view = store_->snapshot();
  const auto before = contents(*view);
  const auto digests = kept_digests(*view);
  for (int i = 0; i < 50; ++i) {
    must_commit(*store_,
                {put("machines", fmt::format("n{}", i), "{}"), put("machines", "a", "{\"Name\":\"new\"}"),
                 erase("machines", "b"), put("machines", "b", "{}", "east")});
  }
  EXPECT_EQ(contents(*view), before);
  EXPECT_EQ(kept_digests(*view), digests);
  EXPECT_EQ(view->cursor().seq, 1u);
  EXPECT_THAT(view->remote_owners(), IsEmpty());
  EXPECT_THAT(contents(*store_->snapshot()), SizeIs(52));
}

TEST_P(StoreContract, ScansRunInKeyOrderFromAPlace) {
  must_commit(*store_, {put("jobs", "b", "2"), put("jobs", "a", "1"), put("jobs", "ab", "3"),
                        put("jobs", "b", "4", "east"), put("machines", "0", "5")});
  const auto view = store_->snapshot();
  std::string all;
  ASSERT_TRUE(view->scan("jobs", "ab",
                         [&](auto key, auto owner, auto body) {
                           all += fmt::format("{}@{}={} ", key, owner, body);
                           return true;
                         })
                  .ok());
  EXPECT_EQ(all, "ab@=3 b@=2 b@east=4 ");
  std::string own;
  ASSERT_TRUE(
      view->scan_owner("jobs", kOwn, "aa", [&](auto key, auto) { return own += key, own.size() < 3; }).ok());
  EXPECT_EQ(own, "abb");
  EXPECT_TRUE(view->scan("none", "", [](auto, auto, auto) { return true; }).ok());
}

// Limits.

TEST_P(StoreContract, LargeBodiesComeBackWhole) {
  const std::string random = noise(3 << 20);
  must_commit(*store_, {put("jobs", "noise", random), put("jobs", "even", std::string(20 << 20, 'x')),
                        put("jobs", "empty", "")});
  EXPECT_TRUE(body_of(*store_, "jobs", "noise") == random);
  EXPECT_EQ(body_of(*store_, "jobs", "even").size(), size_t{20} << 20);
  EXPECT_EQ(body_of(*store_, "jobs", "empty"), "");
  EXPECT_TRUE(log_after(*store_, {store_->newest().epoch, 0})[0].changes[0].body == random);
}

TEST_P(StoreContract, KeysThatCannotBeStoredAreInvalid) {
  const std::string longest(480, 'k');
  must_commit(*store_, {put("jobs", longest, "1"), put("jobs", longest, "1", "east")});
  EXPECT_EQ(body_of(*store_, "jobs", longest), "1");
  const std::vector<Change> bad = {put("jobs", "", "1"),
                                   put("jobs", longest + "k", "1"),
                                   put("jobs", std::string("a\0b", 3), "1"),
                                   put("", "a", "1"),
                                   put("a\nb", "a", "1"),
                                   put(std::string(300, 't'), "a", "1"),
                                   put("jobs", "a", "1", "\x01other"),
                                   put("jobs", "a", "1", std::string(300, 'o'))};
  for (const Change& change : bad) {
    EXPECT_EQ(refusal(batch_of({put("jobs", "fine", "1"), change})).code, ErrorCode::kInvalid)
        << change.id.type << '/' << change.id.key;
  }
  EXPECT_EQ(body_of(*store_, "jobs", "fine"), "-");
  Batch secret;
  secret.secrets = {{std::string("a\0b", 3), "k", "v"}};
  EXPECT_EQ(refusal(secret).code, ErrorCode::kInvalid);
  secret.secrets = {{"space", std::string(600, 'k'), "v"}};
  EXPECT_EQ(refusal(secret).code, ErrorCode::kInvalid);
  Batch origin;
  origin.origin = Origin{"", {1, 1}};
  EXPECT_EQ(refusal(origin).code, ErrorCode::kInvalid);
  EXPECT_FALSE(store_->snapshot()->secret("space", std::string(600, 'k')).has_value());
  EXPECT_EQ(body_of(*store_, "jobs", std::string(600, 'k')), "-");
}

TEST_P(StoreContract, DictionaryTakesOverWithoutATrace) {
  // More objects of a type than it takes to train a dictionary; old and new bodies are read alike.
  std::map<std::string, std::string> bodies;
  for (int i = 0; i < 700; ++i) {
    const std::string key = fmt::format("machine-{:04}", i);
    bodies[key] =
        fmt::format(R"({{"Name":"{}","Description":"rack {} of the hall","Runnable":true}})", key, i % 7);
    if (i % 10 == 9 || i > 650) must_commit(*store_, {put("machines", key, bodies[key])});
  }
  Batch rest;
  for (const auto& [key, body] : bodies) rest.changes.push_back(put("machines", key, body));
  must_commit(*store_, std::move(rest));
  must_commit(*store_, {put("machines", "late", bodies["machine-0001"])});
  for (const auto& [key, body] : bodies) ASSERT_EQ(body_of(*store_, "machines", key), body);
  EXPECT_EQ(body_of(*store_, "machines", "late"), bodies["machine-0001"]);
}

TEST_P(StoreContract, StatisticsCount) {
  must_commit(*store_, {put("jobs", "a", "1"), put("jobs", "b", "1", "east")});
  must_commit(*store_, {put("jobs", "c", "1")});
  const Store::Statistics statistics = store_->statistics();
  EXPECT_EQ(statistics.objects, 3u);
  EXPECT_EQ(statistics.commits, 2u);
  EXPECT_EQ(statistics.log_commits, 2u);
  EXPECT_GT(statistics.log_bytes, 0u);
}

TEST_P(StoreContract, IndexMemoryIsAccountedFor) {
  const std::string body =
      R"({"Name":"a name of some length","Tasks":["one","one","two"],"Params":{"rack":1}})";
  Query query;
  query.type = "machines";
  query.sort = "Name";
  must_commit(*store_, {put("machines", "a", "{}")});
  ASSERT_TRUE(store_->snapshot()->query(query).ok());
  const uint64_t before = store_->statistics().index_bytes;
  EXPECT_GT(before, 0u);
  must_commit(*store_, {put("machines", "b", body), put("machines", "b", body, "east")});
  EXPECT_GT(store_->statistics().index_bytes, before);
  must_commit(*store_, {erase("machines", "b"), erase("machines", "b", "east")});
  EXPECT_EQ(store_->statistics().index_bytes, before);
}

TEST_P(StoreContract, WaitingCommitsAreAnsweredWhenTheStoreCloses) {
  std::atomic<int> answered{0};
  for (int i = 0; i < 200; ++i)
    store_->commit(batch_of({put("jobs", fmt::format("{}", i), "1")}),
                   [&](const Result<Cursor>&) { ++answered; });
  store_.reset();
  EXPECT_EQ(answered, 200);
}

}  // namespace
}  // namespace mullion::store
