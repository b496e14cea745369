// Where lists are made: little of them by the thread that serves, the rest on the account of who asked.
#include <gtest/gtest.h>

#include "api/api_testing.h"
#include "env/pools.h"

namespace mullion::api {
namespace {

namespace json = boost::json;
using testing::Answer;
using testing::Fixture;

class ListsTest : public ::testing::Test {
 protected:
  /// Objects whose texts have about `bytes` bytes each.
  void put(int count, size_t bytes) {
    store::Batch batch;
    for (int i = 0; i < count; ++i) {
      store::Change change;
      change.id = {"profiles", "", fmt::format("p{:05}", i)};
      change.body = fmt::format(R"({{"Description":"{}","Name":"p{:05}"}})", std::string(bytes, 'd'), i);
      batch.changes.push_back(std::move(change));
    }
    ASSERT_TRUE(fixture.store->commit_sync(std::move(batch)));
  }

  static uint64_t done_elsewhere() {
    for (const env::WorkerPool::Statistics& pool : env::pool_statistics()) {
      if (pool.name == "processor") return pool.waited.count;  // of those that began
    }
    return 0;
  }

  /// The answer, and how many pieces of work for it other threads did than those that serve.
  std::pair<Answer, uint64_t> list(const std::string& query) {
    const uint64_t before = done_elsewhere();
    Answer answer = fixture.call("GET", "/api/v3/profiles" + query);
    EXPECT_EQ(answer.status, 200);
    return {std::move(answer), done_elsewhere() - before};
  }

  Fixture fixture;
};

TEST_F(ListsTest, AShortOneIsMadeAtOnce) {
  put(3000, 100);
  for (const char* query : {"?limit=100", "?limit=100&offset=2950", "?limit=256&sort=Name", "?Name=p00007"}) {
    const auto [answer, elsewhere] = list(query);
    EXPECT_EQ(elsewhere, 0U) << query;
    EXPECT_GE(answer.json().as_array().size(), 1U);
  }
}

TEST_F(ListsTest, ALongOneIsMadeBesideTheThreadsThatServe) {
  put(3000, 1000);
  const auto [answer, elsewhere] = list("");
  const json::array all = answer.json().as_array();
  ASSERT_EQ(all.size(), 3000U);
  EXPECT_EQ(all.front().at("Name"), "p00000");
  EXPECT_EQ(all.back().at("Name"), "p02999");
  EXPECT_EQ(answer.header("X-DRP-LIST-COUNT"), "3000");
  EXPECT_GE(elsewhere, 1 + answer.body.size() / (256 * 1024)) << "the query, and each piece";
  const auto [part, elsewhere_too] = list("?limit=2000&offset=500");
  EXPECT_EQ(part.json().as_array().size(), 2000U);
  EXPECT_EQ(part.json().at(0).at("Name"), "p00500");
  EXPECT_EQ(part.header("X-DRP-LIST-COUNT"), "2000");
  EXPECT_GE(elsewhere_too, 2U);
}

TEST_F(ListsTest, AFewLargeObjectsAreMadeElsewhereAndStayOneSizedText) {
  put(30, 50'000);
  const auto [answer, elsewhere] = list("");
  EXPECT_EQ(answer.json().as_array().size(), 30U);
  EXPECT_EQ(answer.header("X-DRP-LIST-COUNT"), "30");
  EXPECT_EQ(elsewhere, 1U) << "all of one moment";
}

TEST_F(ListsTest, CountsNeedNoOtherThread) {
  put(3000, 100);
  const uint64_t before = done_elsewhere();
  const Answer answer = fixture.call("HEAD", "/api/v3/profiles");
  EXPECT_EQ(answer.header("X-DRP-LIST-COUNT"), "3000");
  EXPECT_EQ(done_elsewhere(), before);
}

}  // namespace
}  // namespace mullion::api
