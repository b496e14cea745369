#include "server/components.h"

#include <gmock/gmock.h>

#include <atomic>

#include "base/log.h"
#include "base/mutex.h"

namespace mullion::server {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using Names = std::vector<std::string>;

class ComponentsTest : public ::testing::Test {
 protected:
  void add(const std::string& name, env::Signal* until = nullptr, env::Duration deadline = 1h) {
    all_.push_back({name,
                    [this, name]() -> Result<void> {
                      note("start " + name);
                      return {};
                    },
                    [this, name, until]() -> env::Task<void> {
                      note("stop " + name);
                      if (until != nullptr) co_await until->wait(0, 1h);
                      ++ended_;
                    },
                    deadline});
  }
  void note(const std::string& what) {
    Lock lock(mutex_);
    happened_.push_back(what);
  }
  Names happened() {
    Lock lock(mutex_);
    return happened_;
  }
  Names logged() {
    Lock lock(mutex_);
    return logged_;
  }

  Mutex mutex_;
  Names happened_ GUARDED_BY(mutex_);
  Names logged_ GUARDED_BY(mutex_);
  std::atomic<int> ended_{0};
  const LogListener listener_{[this](const LogLine& line) {
    Lock lock(mutex_);
    logged_.push_back(line.text);
  }};
  env::Runtime runtime_{2};
  std::vector<Component> all_;
};

TEST_F(ComponentsTest, AreStartedInOrderAndStoppedInReverse) {
  for (const char* name : {"port", "manager", "rollouts"}) add(name);
  all_[0].start = nullptr;  // runs from its making on
  EXPECT_TRUE(start_all(all_));
  EXPECT_TRUE(stop_all(runtime_, all_, 1h));
  EXPECT_THAT(happened(),
              ElementsAre("start manager", "start rollouts", "stop rollouts", "stop manager", "stop port"));
  EXPECT_EQ(ended_, 3);
}

TEST_F(ComponentsTest, TheFirstFailureEndsTheStart) {
  for (const char* name : {"port", "plugins", "manager"}) add(name);
  all_[1].start = []() -> Result<void> { return Error(ErrorCode::kInternal, "no folder"); };
  const Result<void> started = start_all(all_);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().text(), "internal: no folder");
  EXPECT_THAT(happened(), ElementsAre("start port"));
}

TEST_F(ComponentsTest, WhoHasNotEndedByItsDeadlineIsNamedAndTheOthersAreStopped) {
  env::Signal never;
  add("port");
  add("manager", &never, 20ms);
  add("rollouts");
  EXPECT_FALSE(stop_all(runtime_, all_, 5ms));
  EXPECT_THAT(happened(), ElementsAre("stop rollouts", "stop manager", "stop port"));
  EXPECT_THAT(logged(), Contains(HasSubstr("still running: manager; nothing is freed")));
  runtime_.stop();
  EXPECT_EQ(ended_, 2);
}

TEST_F(ComponentsTest, EachHasADeadlineOfItsOwn) {
  env::Signal never, soon;
  add("port", &soon, 1h);  // ended by the last one that is stopped
  add("manager", &never, 20ms);
  all_.insert(all_.begin(), {"store", nullptr,
                             [&]() -> env::Task<void> {
                               soon.notify_all();
                               co_return;
                             },
                             1h});
  EXPECT_FALSE(stop_all(runtime_, all_, 5ms));
  EXPECT_THAT(logged(), Contains(HasSubstr("still running: manager;")));
  runtime_.stop();
}

TEST_F(ComponentsTest, WhoIsSlowerThanPatienceButEndsIsNotLeftRunning) {
  env::Signal soon;
  all_.push_back({"store", nullptr,
                  [&]() -> env::Task<void> {
                    soon.notify_all();
                    co_return;
                  },
                  1h});
  add("manager", &soon);
  EXPECT_TRUE(stop_all(runtime_, all_, 5ms));
  EXPECT_EQ(ended_, 1);
  EXPECT_THAT(logged(), Not(Contains(HasSubstr("still running"))));
}

}  // namespace
}  // namespace mullion::server
