// Many writers and readers at once.
#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <set>
#include <thread>

#include "base/mutex.h"
#include "store/follower.h"
#include "store/store_testing.h"

namespace mullion::store {
namespace {

using ::testing::IsEmpty;

class Concurrency : public ::testing::Test {
 protected:
  void run(size_t threads, const std::function<void(size_t)>& work) {
    std::vector<std::thread> all;
    for (size_t i = 0; i < threads; ++i) all.emplace_back(work, i);
    for (std::thread& thread : all) thread.join();
  }

  TempDirectory directory_;
  std::unique_ptr<Store> store_ = must_open(options_in(directory_.path()));
};

uint64_t count_of(const Snapshot& view, std::string_view type, std::string_view owner) {
  Query query;
  query.type = type;
  query.filters = {{"Endpoint", Operator::kEq, {std::string(owner)}}};
  const Result<QueryResult> answer = view.query(query);
  EXPECT_TRUE(answer.ok());
  return answer ? answer->matching : 0;
}

TEST_F(Concurrency, AnswersOfOneWriterComeInOrderAndShareSyncs) {
  constexpr uint64_t kCommits = 2000;
  std::vector<uint64_t> answered;
  std::promise<void> last;
  for (uint64_t i = 1; i <= kCommits; ++i) {
    store_->commit(batch_of({put("jobs", std::to_string(i), "1")}), [&](const Result<Committed>& result) {
      answered.push_back(result ? result->cursor.seq : 0);
      if (answered.size() == kCommits) last.set_value();
    });
  }
  last.get_future().wait();
  for (uint64_t i = 0; i < kCommits; ++i) ASSERT_EQ(answered[i], i + 1);
  EXPECT_LT(store_->statistics().groups, kCommits / 4);
}

TEST_F(Concurrency, AcknowledgedIsVisibleToEverybody) {
  Mutex mutex;  // guards numbers
  std::set<uint64_t> numbers;
  run(8, [&](size_t thread) {
    for (int i = 0; i < 50; ++i) {
      const std::string key = fmt::format("{}-{}", thread, i), owner = fmt::format("site-{}", thread);
      const Cursor cursor = must_commit(*store_, {put("machines", key, "{}", owner), put("jobs", key, key)});
      const auto view = store_->snapshot();
      ASSERT_GE(view->cursor().seq, cursor.seq);
      ASSERT_GE(store_->newest().seq, cursor.seq);
      ASSERT_EQ(body_of(*view, "jobs", key), key);
      ASSERT_EQ(count_of(*view, "machines", owner), static_cast<uint64_t>(i) + 1);
      Lock lock(mutex);
      ASSERT_TRUE(numbers.insert(cursor.seq).second) << "a number was given twice";
    }
  });
  EXPECT_EQ(numbers.size(), 400u);
  EXPECT_EQ(store_->newest().seq, 400u);
  EXPECT_EQ(log_after(*store_, {store_->newest().epoch, 0}).size(), 400u);
  EXPECT_EQ(kept_digests(*store_->snapshot()), recomputed_digests(*store_->snapshot()));
}

TEST_F(Concurrency, ReadersSeeWholeBatchesAndFollowersAnUnbrokenOrder) {
  std::atomic<uint64_t> followed{0};
  env::Runtime runtime(2);
  const Follower follower(*store_, runtime,
                          {"test",
                           {.everything = true},
                           [&](const auto& commit) {
                             EXPECT_EQ(commit->cursor.seq, followed + 1);
                             followed = commit->cursor.seq;
                           },
                           [] { ADD_FAILURE() << "fell behind"; }});
  std::atomic<size_t> writers{4};
  run(8, [&](size_t thread) {
    if (thread < 4) {  // each batch keeps the three objects of a writer equal
      for (int i = 0; i < 100; ++i) {
        const std::string body = fmt::format(R"({{"Name":"{}"}})", i);
        must_commit(*store_, {put("machines", fmt::format("a{}", thread), body),
                              put("machines", fmt::format("b{}", thread), body, "east"),
                              put("jobs", fmt::format("c{}", thread), body)});
      }
      --writers;
      return;
    }
    uint64_t newest = 0;
    while (writers > 0) {
      const auto view = store_->snapshot();
      ASSERT_GE(view->cursor().seq, newest) << "time ran backwards";
      newest = view->cursor().seq;
      const std::string writer = std::to_string(thread - 4);
      const std::string body = body_of(*view, "machines", "a" + writer);
      ASSERT_EQ(body_of(*view, "machines", "b" + writer, "east"), body);
      ASSERT_EQ(body_of(*view, "jobs", "c" + writer), body);
      ASSERT_EQ(count_of(*view, "machines", ""), count_of(*view, "machines", "east"));
    }
  });
  EXPECT_EQ(followed, 400u);
}

TEST_F(Concurrency, HashPreconditionsLoseNoUpdate) {
  must_commit(*store_, {put("jobs", "counter", "0")});
  std::atomic<int> conflicts{0};
  run(4, [&](size_t) {
    for (int done = 0; done < 40;) {
      const std::string body = body_of(*store_, "jobs", "counter");
      Batch batch = batch_of({put("jobs", "counter", std::to_string(std::stoi(body) + 1))});
      batch.changes[0].expect = Expect::kSame;
      batch.changes[0].expected_hash = hash128(body);
      const Result<Cursor> result = store_->commit_sync(std::move(batch));
      if (result) {
        ++done;
      } else {
        ASSERT_EQ(result.error().code, ErrorCode::kConflict);
        ++conflicts;
      }
    }
  });
  EXPECT_EQ(body_of(*store_, "jobs", "counter"), "160");
}

TEST_F(Concurrency, FollowerThatLeftIsNotCalledAgain) {
  env::Runtime runtime(2);
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 0; !stop; ++i) must_commit(*store_, {put("jobs", "a", std::to_string(i))});
  });
  run(3, [&](size_t) {
    for (int i = 0; i < 60; ++i) {
      auto alive = std::make_unique<std::atomic<int>>(0);
      Follower follower(
          *store_, runtime,
          {"test", {.everything = true}, [&counter = *alive](const auto&) { ++counter; }, [] {}});
      std::this_thread::yield();
      follower.stop();
      alive.reset();  // a late call would touch freed memory
    }
  });
  stop = true;
  writer.join();
}

TEST_F(Concurrency, IndexBuiltWhileWritesGoOnMissesNothing) {
  Batch batch;
  for (int i = 0; i < 2000; ++i) batch.changes.push_back(put("machines", fmt::format("old{}", i), "{}"));
  must_commit(*store_, std::move(batch));
  store_.reset();
  store_ = must_open(options_in(directory_.path()));  // its indexes are built now
  run(4, [&](size_t thread) {
    for (int i = 0; i < 60; ++i) {
      if (thread < 2) {
        must_commit(*store_, {put("machines", fmt::format("new{}-{}", thread, i), "{}"),
                              erase("machines", fmt::format("old{}", thread * 60 + i))});
      } else {
        ASSERT_EQ(count_of(*store_->snapshot(), "machines", ""), 2000u);
      }
    }
  });
  EXPECT_EQ(count_of(*store_->snapshot(), "machines", ""), 2000u);
}

TEST_F(Concurrency, ViewsMayMoveBetweenThreadsAndBeMany) {
  std::vector<std::shared_ptr<const Snapshot>> views;
  for (int i = 0; i < 200; ++i) {
    must_commit(*store_, {put("jobs", "a", std::to_string(i))});
    views.push_back(store_->snapshot());
  }
  run(4, [&](size_t thread) {
    for (size_t i = thread; i < views.size(); i += 4) {
      EXPECT_EQ(body_of(*views[i], "jobs", "a"), std::to_string(i));
      views[i].reset();
    }
  });
}

TEST_F(Concurrency, OwnersLeaveWhileOthersWrite) {
  Batch batch;
  for (int i = 0; i < 3000; ++i) batch.changes.push_back(put("machines", std::to_string(i), "{}", "east"));
  must_commit(*store_, std::move(batch));
  run(3, [&](size_t thread) {
    if (thread == 0) {
      EXPECT_TRUE(store_->drop_owner("east").ok());
      return;
    }
    for (int i = 0; i < 50; ++i) {
      must_commit(*store_, {put("machines", fmt::format("{}-{}", thread, i), "{}")});
      store_->show_replicas(i % 2 == 0);
      static_cast<void>(store_->statistics());
    }
  });
  store_->show_replicas(true);
  EXPECT_EQ(count_of(*store_->snapshot(), "machines", ""), 100u);
  EXPECT_EQ(count_of(*store_->snapshot(), "machines", "east"), 0u);
  EXPECT_THAT(store_->snapshot()->remote_owners(), IsEmpty());
}

}  // namespace
}  // namespace mullion::store
