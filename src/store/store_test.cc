// What every implementation promises to those who write: batches, preconditions, owners, digests.
#include <gmock/gmock.h>

#include <future>
#include <map>
#include <random>

#include "model/index_value.h"
#include "store/store_contract.h"

namespace mullion::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class StoreCommits : public StoreContract {};

INSTANTIATE_TEST_SUITE_P(Engines, StoreCommits, every_engine(), engine_name);

TEST_P(StoreCommits, StartsEmptyWithAnEpoch) {
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

TEST_P(StoreCommits, AMissingObjectIsNothing) {
  EXPECT_EQ(store_->snapshot()->get({"machines", "", "a"}), std::nullopt);
}

TEST_P(StoreCommits, BatchOfManyObjectsTakesOneNumber) {
  const Cursor cursor =
      must_commit(*store_, {put("machines", "a", "1"), put("jobs", "b", "2"), put("jobs", "c", "3", "site")});
  EXPECT_EQ(cursor.seq, 1u);
  EXPECT_EQ(store_->newest(), cursor);
  const auto view = store_->snapshot();
  EXPECT_EQ(body_of(*view, "machines", "a"), "1");
  EXPECT_EQ(body_of(*view, "jobs", "b"), "2");
  EXPECT_EQ(body_of(*view, "jobs", "c", "site"), "3");
  EXPECT_THAT(view->types(), ::testing::UnorderedElementsAre("machines", "jobs"));
}

TEST_P(StoreCommits, LaterChangeOfABatchSeesTheEarlierOne) {
  must_commit(*store_,
              {put("jobs", "a", "1"), put("jobs", "a", "2"), put("jobs", "b", "1"), erase("jobs", "b")});
  const auto view = store_->snapshot();
  EXPECT_EQ(body_of(*view, "jobs", "a"), "2");
  EXPECT_EQ(body_of(*view, "jobs", "b"), "-");
  EXPECT_EQ(kept_digests(*view), recomputed_digests(*view));
}

TEST_P(StoreCommits, LaterChangeOfABatchSeesTheEarlierOneWhenBothAreExpected) {
  must_commit(*store_, {put("jobs", "a", "1")});
  const auto feed = attach_feed(*store_, "test", {.everything = true});
  Batch batch = batch_of({put("jobs", "a", "2"), put("jobs", "a", "3"), erase("jobs", "a")});
  for (Change& change : batch.changes) {
    change.expect = Expect::kSame;
    change.expected_hash = hash128("1");  // as it was before the batch
  }
  must_commit(*store_, std::move(batch));
  std::vector<std::string> before;
  for (const auto& commit : feed->take().commits) {
    for (const AppliedChange& change : commit->changes) before.push_back(*change.old_body);
  }
  EXPECT_EQ(before, (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(kept_digests(*store_->snapshot()), recomputed_digests(*store_->snapshot()));
}

TEST_P(StoreCommits, BatchWithoutEffectStillCommits) {
  must_commit(*store_, {put("jobs", "a", "1")});
  const auto feed = attach_feed(*store_, "test", {.everything = true});
  const auto before = kept_digests(*store_->snapshot());
  EXPECT_EQ(must_commit(*store_, {put("jobs", "a", "1")}).seq, 2u);
  EXPECT_EQ(must_commit(*store_, {erase("jobs", "none")}).seq, 3u);
  EXPECT_EQ(must_commit(*store_, Batch()).seq, 4u);
  EXPECT_THAT(feed->take().commits, SizeIs(3));
  EXPECT_EQ(kept_digests(*store_->snapshot()), before);
}

// Preconditions.

struct Precondition {
  Expect expect;
  std::string key;
  std::string body;  // for kSame
  bool holds;
};

TEST_P(StoreCommits, PreconditionsHoldForTheWholeBatch) {
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

TEST_P(StoreCommits, GuardsRefuseTheWholeBatch) {
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

TEST_P(StoreCommits, ConflictLeavesItsNeighboursInTheGroupAlone) {
  must_commit(*store_, {put("jobs", "a", "1")});
  std::vector<std::promise<Result<Committed>>> promises(3);
  for (size_t i = 0; i < 3; ++i) {
    Batch batch = batch_of({put("jobs", i == 1 ? "a" : fmt::format("n{}", i), "2")});
    batch.changes.front().expect = Expect::kAbsent;
    store_->commit(std::move(batch),
                   [&, i](Result<Committed> result) { promises[i].set_value(std::move(result)); });
  }
  EXPECT_TRUE(promises[0].get_future().get().ok());
  EXPECT_FALSE(promises[1].get_future().get().ok());
  EXPECT_TRUE(promises[2].get_future().get().ok());
  EXPECT_EQ(store_->newest().seq, 3u);
}

// Values that only one object may have.

/// A machine of this name, which no other machine may have.
Batch named(std::string key, std::string name, std::string_view owner = kOwn) {
  const model::ObjectType* type = model::find_object_type("machines");
  Batch batch = batch_of({put("machines", key, fmt::format(R"({{"Name":"{}"}})", name), owner)});
  batch.unique.push_back(
      {"machines", "Name", *model::encode_index_argument(*type->find_index("Name"), "machines", name), key});
  return batch;
}

TEST_P(StoreCommits, UniqueValuesAreComparedWithLocalObjects) {
  must_commit(*store_, {put("machines", "own", R"({"Name":"taken"})"),
                        put("machines", "pack", R"({"Name":"layered"})", kLayered),
                        put("machines", "far", R"({"Name":"remote"})", "east")});
  const Result<Cursor> refused = store_->commit_sync(named("new", "taken"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_EQ(refused.error().key, "new");
  EXPECT_EQ(store_->commit_sync(named("new", "layered")).error().code, ErrorCode::kConflict);
  EXPECT_TRUE(store_->commit_sync(named("new", "remote"))) << "what others have binds nobody here";
  EXPECT_TRUE(store_->commit_sync(named("own", "taken"))) << "it has it itself";
  must_commit(*store_, {erase("machines", "own")});
  EXPECT_TRUE(store_->commit_sync(named("new", "taken")));
  EXPECT_TRUE(store_->commit_sync(named("own", "remote"))) << "given up by the commit before";
}

TEST_P(StoreCommits, OneOfManyWritersGetsAUniqueValue) {
  constexpr size_t kWriters = 50;
  std::vector<std::promise<bool>> done(kWriters);
  for (size_t i = 0; i < kWriters; ++i) {  // many of them share a group
    Batch batch = named(fmt::format("m{}", i), fmt::format("name-{}", i % 5));
    store_->commit(std::move(batch),
                   [&, i](const Result<Committed>& result) { done[i].set_value(result.ok()); });
  }
  std::map<size_t, int> winners;
  for (size_t i = 0; i < kWriters; ++i) winners[i % 5] += done[i].get_future().get() ? 1 : 0;
  for (const auto& [name, count] : winners) EXPECT_EQ(count, 1) << name;
}

TEST_P(StoreCommits, AUniqueValueMovesWithinAGroup) {
  must_commit(*store_, named("a", "one"));
  std::promise<bool> given, taken;
  store_->commit(named("a", "two"), [&](const Result<Committed>& result) { given.set_value(result.ok()); });
  store_->commit(named("b", "one"), [&](const Result<Committed>& result) { taken.set_value(result.ok()); });
  EXPECT_TRUE(given.get_future().get());
  EXPECT_TRUE(taken.get_future().get());
}

// Owners and layers.

TEST_P(StoreCommits, OwnersKeepTheirObjectsApart) {
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

TEST_P(StoreCommits, OwnObjectHidesTheLayeredOneAndRevealsItAgain) {
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

TEST_P(StoreCommits, HiddenLayeredObjectCanBeRemoved) {
  must_commit(*store_, {put("stages", "a", "layer", kLayered), put("stages", "a", "own")});
  Batch batch = batch_of({erase("stages", "a", kLayered)});
  batch.changes.front().expect = Expect::kExists;  // hidden ones exist for preconditions
  must_commit(*store_, std::move(batch));
  must_commit(*store_, {erase("stages", "a")});
  EXPECT_FALSE(store_->snapshot()->get_local("stages", "a").has_value());
}

TEST_P(StoreCommits, LayeredObjectsStayOutOfLogAndDigests) {
  const Cursor before = store_->newest();
  must_commit(*store_, {put("stages", "a", "layer", kLayered), put("stages", "b", "own")});
  EXPECT_EQ(kept_digests(*store_->snapshot()), recomputed_digests(*store_->snapshot()));
  const std::vector<LoggedCommit> log = log_after(*store_, before);
  ASSERT_THAT(log, SizeIs(1));
  ASSERT_THAT(log[0].changes, SizeIs(1));
  EXPECT_EQ(log[0].changes[0].id.key, "b");
}

TEST_P(StoreCommits, DigestsEqualTheSumOfTheObjects) {
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

TEST_P(StoreCommits, UnexpectedDigestIsToldNotRefused) {
  must_commit(*store_, {put("jobs", "a", "1", "east")});
  const auto differences = [&](Batch batch) {
    std::promise<Result<Committed>> done;
    store_->commit(std::move(batch), [&](Result<Committed> result) { done.set_value(std::move(result)); });
    return done.get_future().get()->differences;
  };
  Batch batch = batch_of({put("jobs", "b", "2", "east")});
  Digest sum = object_digest("jobs", "a", "1");
  sum += object_digest("jobs", "b", "2");
  batch.expected = {{"jobs", "east", sum, 2}, {"tasks", "east", {}, 0}};
  EXPECT_THAT(differences(batch), IsEmpty());
  batch.expected = {{"jobs", "east", sum, 3}, {"tasks", "east", {1, 1}, 1}};
  EXPECT_THAT(differences(batch),
              ElementsAre(TypeDigest{"jobs", "east", sum, 2}, TypeDigest{"tasks", "east", {}, 0}));
}

TEST_P(StoreCommits, DigestOfNothingIsForgotten) {
  must_commit(*store_, {put("jobs", "a", "1", "east")});
  must_commit(*store_, {erase("jobs", "a", "east")});
  EXPECT_THAT(store_->snapshot()->digests(), IsEmpty());
  EXPECT_THAT(store_->snapshot()->remote_owners(), IsEmpty());
}

TEST_P(StoreCommits, OriginIsKeptWithItsCommit) {
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

TEST_P(StoreCommits, DropOwnerTakesEverythingInBoundedCommits) {
  constexpr size_t kObjects = 45'000;  // more than one commit may take
  Batch batch = batch_of({put("jobs", "kept", "1"), put("jobs", "kept", "1", "west")});
  for (size_t i = 0; i < kObjects; ++i)
    batch.changes.push_back(put(i % 2 == 0 ? "jobs" : "tasks", fmt::format("j{}", i), "1", "east"));
  batch.origin = Origin{"east", {1, 1}};
  must_commit(*store_, std::move(batch));
  const auto feed = attach_feed(*store_, "test", {.everything = true}, CommitFeed::kFollower);
  ASSERT_TRUE(store_->drop_owner("east").ok());
  size_t largest = 0;
  const auto commits = feed->take().commits;
  for (const auto& commit : commits) largest = std::max(largest, commit->changes.size());
  EXPECT_LT(largest, kObjects);
  EXPECT_GT(commits.size(), 1u);
  EXPECT_THAT(store_->snapshot()->remote_owners(), ElementsAre("west"));
  EXPECT_THAT(contents(*store_->snapshot()), SizeIs(2));
  EXPECT_EQ(store_->drop_owner(kOwn).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(store_->drop_owner(kLayered).error().code, ErrorCode::kInvalid);
}

TEST_P(StoreCommits, ReplicasCanBeHidden) {
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

TEST_P(StoreCommits, AFollowedOwnerWithoutObjectsTakesPart) {
  must_commit(*store_, {put("machines", "a", "{}", "east")});
  Batch batch = batch_of({put("stages", "s", "{}", "west")});
  batch.origin = Origin{"west", {1, 1}};
  must_commit(*store_, std::move(batch));
  const auto owners = [this](std::string type, std::vector<Filter> filters, std::vector<Filter> bounds = {}) {
    Query query;
    query.type = std::move(type);
    query.filters = std::move(filters);
    query.bounds = std::move(bounds);
    query.count_only = true;
    return store_->snapshot()->query(query)->owners;
  };
  EXPECT_THAT(owners("machines", {}), ElementsAre("east", "west"));
  EXPECT_THAT(owners("machines", {{"Endpoint", Operator::kEq, {"west"}}}), ElementsAre("west"));
  EXPECT_THAT(owners("machines", {{"Endpoint", Operator::kNe, {"west"}}}), ElementsAre("east"));
  EXPECT_THAT(owners("pools", {}), ElementsAre("west")) << "no owner has any";
  EXPECT_THAT(owners("interfaces", {}), IsEmpty()) << "never replicated";
  const Filter key{"Key", Operator::kEq, {"a"}};
  EXPECT_THAT(owners("machines", {}, {key}), ElementsAre("east"))
      << "a bounded reader learns of no other owners";
  store_->show_replicas(false);
  EXPECT_THAT(owners("machines", {}), IsEmpty());
}

TEST_P(StoreCommits, SecretGuardsRefuseWhatChangedMeanwhile) {
  const auto attempt = [this](std::optional<std::string> expected) {
    Batch batch;
    batch.changes = {put("jobs", "a", "1")};
    batch.secret_guards.push_back({"keys", "k", std::move(expected)});
    return store_->commit_sync(std::move(batch));
  };
  EXPECT_TRUE(attempt(std::nullopt));
  EXPECT_EQ(attempt("v").error().code, ErrorCode::kConflict);
  const auto feed = attach_feed(*store_, "test", {.everything = true});
  Batch batch;
  batch.secrets.push_back({"keys", "k", "v"});
  must_commit(*store_, std::move(batch));
  EXPECT_TRUE(attempt("v"));
  EXPECT_EQ(attempt(std::nullopt).error().code, ErrorCode::kConflict) << "somebody else has taken it";
  const Result<Cursor> refused = attempt("w");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().key, "k");
  std::vector<bool> told;
  for (const auto& commit : feed->take().commits) told.push_back(commit->secrets);
  EXPECT_EQ(told, (std::vector<bool>{true, false})) << "followers hear that secrets changed, not which";
}

TEST_P(StoreCommits, SecretsThatStayAsTheyAreAreNoChange) {
  const auto feed = attach_feed(*store_, "test", {.everything = true});
  const std::optional<std::string> values[] = {"v", "v", "w", std::nullopt, std::nullopt};
  for (const std::optional<std::string>& value : values) {
    Batch batch;
    batch.secrets.push_back({"keys", "k", value});
    must_commit(*store_, std::move(batch));
  }
  std::vector<bool> told;
  for (const auto& commit : feed->take().commits) told.push_back(commit->secrets);
  EXPECT_EQ(told, (std::vector<bool>{true, false, true, true, false}));
}

TEST_P(StoreCommits, ComputedFromIsToldToFollowers) {
  const auto feed = attach_feed(*store_, "test", {.everything = true});
  Batch batch = batch_of({put("jobs", "a", "1"), put("jobs", "b", "1")});
  batch.changes.back().computed_from = 7;
  must_commit(*store_, std::move(batch));
  const auto commits = feed->take().commits;
  ASSERT_EQ(commits.size(), 1U);
  EXPECT_EQ(commits.front()->changes.front().computed_from, 0U);
  EXPECT_EQ(commits.front()->changes.back().computed_from, 7U);
}

/// What waits is written when the test says so; or not at all, as when the process ends before.
TEST(WriterByHand, WritesWhenItIsTold) {
  std::vector<std::function<void()>> writes;
  Options options;
  options.writer = [&](std::function<void()> write) { writes.push_back(std::move(write)); };
  const std::unique_ptr<Store> store = open_memory_store(options);
  std::string answers;
  for (const char* key : {"a", "b"}) {
    store->commit(batch_of({put("jobs", key, "{}")}),
                  [&answers, key](const Result<Committed>& done) { answers += done ? key : "?"; });
  }
  ASSERT_EQ(writes.size(), 2U);
  EXPECT_EQ(store->newest().seq, 0U);
  writes.front()();
  EXPECT_EQ(answers, "ab") << "one group";
  EXPECT_EQ(store->newest().seq, 2U);
  writes.back()();
  EXPECT_EQ(store->newest().seq, 2U);
}

}  // namespace
}  // namespace mullion::store
