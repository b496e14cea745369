// What every implementation promises to those who read: secrets, log, followers, views, limits.
#include <gmock/gmock.h>

#include <atomic>

#include "store/secrets.h"
#include "store/store_contract.h"

namespace mullion::store {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class StoreReading : public StoreContract {};

INSTANTIATE_TEST_SUITE_P(Engines, StoreReading, every_engine(), engine_name);

// Secrets.

TEST_P(StoreReading, SecretsStayBesideTheLog) {
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
  std::vector<std::string> seen;
  const auto note = [&seen](std::string_view key, std::string_view value) {
    seen.push_back(std::string(key) + "=" + std::string(value));
    return true;
  };
  scan_secrets(*store_->snapshot(), "users", "", note);
  scan_secrets(*store_->snapshot(), "users", "rob2", note);
  scan_secrets(*store_->snapshot(), "user", "", note);
  scan_secrets(*store_->snapshot(), "state", "", note);
  EXPECT_EQ(seen, (std::vector<std::string>{"rob=top-secret", "=empty key"}));
  Batch removal;
  removal.secrets = {{"users", "rob", std::nullopt}};
  must_commit(*store_, removal);
  EXPECT_FALSE(store_->snapshot()->secret("users", "rob").has_value());
}

// The log and followers.

TEST_P(StoreReading, LogTellsCommitsInOrder) {
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

TEST_P(StoreReading, LogRefusesPlacesItCannotContinueFrom) {
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

TEST_P(StoreReading, FeedsHaveCommitsInOrderBeforeTheAnswer) {
  auto feed = attach_feed(*store_, "test", {.everything = true});
  std::vector<std::shared_ptr<const Commit>> seen;
  const auto take = [&] { std::ranges::copy(feed->take().commits, std::back_inserter(seen)); };
  Batch batch = batch_of({put("jobs", "a", "1")});
  batch.principal = "user:rob";
  batch.update_action = "update";
  must_commit(*store_, batch);
  take();
  ASSERT_THAT(seen, SizeIs(1));
  EXPECT_EQ(seen[0]->principal, "user:rob");
  EXPECT_EQ(seen[0]->update_action, "update");
  must_commit(*store_, {put("jobs", "a", "2"), erase("jobs", "a")});
  take();
  ASSERT_THAT(seen, SizeIs(2));
  EXPECT_FALSE(seen[0]->changes[0].old_body.has_value());
  ASSERT_THAT(seen[1]->changes, SizeIs(2));
  EXPECT_EQ(seen[1]->changes[0].old_body, "1");
  EXPECT_EQ(seen[1]->changes[1].old_body, "2");
  EXPECT_FALSE(seen[1]->changes[1].body.has_value());
}

// Views.

TEST_P(StoreReading, SnapshotStaysWhileTheStoreMovesOn) {
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

TEST_P(StoreReading, ScansRunInKeyOrderFromAPlace) {
  must_commit(*store_, {put("jobs", "b", "2"), put("jobs", "a", "1"), put("jobs", "ab", "3"),
                        put("jobs", "b", "4", "east"), put("machines", "0", "5")});
  const auto view = store_->snapshot();
  std::string all;
  view->scan("jobs", "ab", [&](auto key, auto owner, auto body) {
    all += fmt::format("{}@{}={} ", key, owner, body);
    return true;
  });
  EXPECT_EQ(all, "ab@=3 b@=2 b@east=4 ");
  std::string own;
  view->scan_owner("jobs", kOwn, "aa", [&](auto key, auto) { return own += key, own.size() < 3; });
  EXPECT_EQ(own, "abb");
  view->scan("none", "", [](auto, auto, auto) {
    ADD_FAILURE() << "an object of no type";
    return true;
  });
}

// Limits.

TEST_P(StoreReading, LargeBodiesComeBackWhole) {
  const std::string random = noise(3 << 20);
  must_commit(*store_, {put("jobs", "noise", random), put("jobs", "even", std::string(20 << 20, 'x')),
                        put("jobs", "empty", "")});
  EXPECT_TRUE(body_of(*store_, "jobs", "noise") == random);
  EXPECT_EQ(body_of(*store_, "jobs", "even").size(), size_t{20} << 20);
  EXPECT_EQ(body_of(*store_, "jobs", "empty"), "");
  EXPECT_TRUE(log_after(*store_, {store_->newest().epoch, 0})[0].changes[0].body == random);
}

TEST_P(StoreReading, KeysThatCannotBeStoredAreInvalid) {
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

TEST_P(StoreReading, DictionaryTakesOverWithoutATrace) {
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

TEST_P(StoreReading, StatisticsCount) {
  must_commit(*store_, {put("jobs", "a", "1"), put("jobs", "b", "1", "east")});
  must_commit(*store_, {put("jobs", "c", "1")});
  const Store::Statistics statistics = store_->statistics();
  EXPECT_EQ(statistics.objects, 3u);
  EXPECT_EQ(statistics.commits, 2u);
  EXPECT_EQ(statistics.log_commits, 2u);
  EXPECT_GT(statistics.log_bytes, 0u);
}

TEST_P(StoreReading, IndexMemoryIsAccountedFor) {
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

TEST_P(StoreReading, WaitingCommitsAreAnsweredWhenTheStoreCloses) {
  std::atomic<int> answered{0};
  for (int i = 0; i < 200; ++i)
    store_->commit(batch_of({put("jobs", fmt::format("{}", i), "1")}),
                   [&](const Result<Committed>&) { ++answered; });
  store_.reset();
  EXPECT_EQ(answered, 200);
}

}  // namespace
}  // namespace mullion::store
