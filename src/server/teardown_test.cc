#include "server/teardown.h"

#include <gtest/gtest.h>

#include <atomic>

#include "base/mutex.h"

namespace mullion::server {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

class TeardownTest : public ::testing::Test {
 protected:
  void add(const std::string& what, env::Signal* until = nullptr) {
    teardown_.add(what, [this, what, until]() -> env::Task<void> {
      note(what);
      if (until != nullptr) co_await until->wait(0, 1h);
      ++ended_;
    });
  }
  void note(const std::string& what) {
    Lock lock(mutex_);
    stopped_.push_back(what);
  }
  Names stopped() {
    Lock lock(mutex_);
    return stopped_;
  }

  Mutex mutex_;
  Names stopped_ GUARDED_BY(mutex_);
  std::atomic<int> ended_{0};
  env::Runtime runtime_{2};
  Teardown teardown_;
};

TEST_F(TeardownTest, StopsTheLastOneFirst) {
  add("store");
  add("manager");
  add("port");
  EXPECT_EQ(teardown_.run(runtime_, 1h, 1h), Names{});
  EXPECT_EQ(stopped(), (Names{"port", "manager", "store"}));
  EXPECT_EQ(ended_, 3);
}

TEST_F(TeardownTest, TellsWhatStillRunsAndStopsTheOthers) {
  env::Signal never;
  add("store");
  add("manager", &never);
  add("port");
  EXPECT_EQ(teardown_.run(runtime_, 5ms, 1s), Names{"manager"});
  EXPECT_EQ(stopped(), (Names{"port", "manager", "store"}));
  runtime_.stop();
  EXPECT_EQ(ended_, 2);
}

TEST_F(TeardownTest, WhoIsSlowerThanPatienceButEndsIsNotLeftRunning) {
  env::Signal soon;
  teardown_.add("store", [&]() -> env::Task<void> {
    soon.notify_all();
    co_return;
  });
  add("manager", &soon);
  EXPECT_EQ(teardown_.run(runtime_, 5ms, 1h), Names{});
  EXPECT_EQ(ended_, 1);
}

TEST_F(TeardownTest, StopsEverythingOnce) {
  add("store");
  EXPECT_EQ(teardown_.run(runtime_, 1h, 1h), Names{});
  EXPECT_EQ(teardown_.run(runtime_, 1h, 1h), Names{});
  EXPECT_EQ(ended_, 1);
}

}  // namespace
}  // namespace mullion::server
