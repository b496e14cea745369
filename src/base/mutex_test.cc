#include "base/mutex.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

namespace mullion {
namespace {

using namespace std::chrono_literals;

/// A number that one thread waits for and another one sets.
class Number {
 public:
  void set(int value) {
    {
      Lock lock(mutex_);
      value_ = value;
    }
    changed_.notify_all();
  }
  void wait_for(int value) {
    Lock lock(mutex_);
    changed_.wait(lock, [&]() REQUIRES(mutex_) { return value_ == value; });
  }
  bool becomes(int value, std::chrono::steady_clock::duration patience) {
    Lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&]() REQUIRES(mutex_) { return value_ == value; });
  }
  bool becomes_until(int value, std::chrono::steady_clock::time_point until) {
    Lock lock(mutex_);
    return changed_.wait_until(lock, until, [&]() REQUIRES(mutex_) { return value_ == value; });
  }

 private:
  Mutex mutex_;
  ConditionVariable changed_;
  int value_ GUARDED_BY(mutex_) = 0;
};

TEST(ConditionVariable, WaitsForWhatAnotherThreadDoes) {
  Number number;
  std::thread other([&] {
    number.wait_for(1);
    number.set(2);
  });
  number.set(1);
  EXPECT_TRUE(number.becomes(2, 1h));
  other.join();
}

TEST(ConditionVariable, SaysWhenItsTimeIsOver) {
  Number number;
  EXPECT_FALSE(number.becomes(1, 1ms));
  EXPECT_FALSE(number.becomes_until(1, std::chrono::steady_clock::now()));
  number.set(1);
  EXPECT_TRUE(number.becomes_until(1, std::chrono::steady_clock::now()));
}

TEST(Lock, GivesTheMutexBackEarly) {
  Mutex mutex;  // guards seen
  int seen = 0;
  Lock lock(mutex);
  seen = 1;
  lock.unlock();
  std::thread([&] {
    Lock other(mutex);
    EXPECT_EQ(std::exchange(seen, 2), 1);
  }).join();
  Lock again(mutex);
  EXPECT_EQ(seen, 2);
}

TEST(SharedMutex, IsSharedByReaders) {
  SharedMutex mutex;  // guards nothing
  ReadLock lock(mutex);
  std::thread([&] { ReadLock other(mutex); }).join();  // hangs if it is not
}

TEST(SharedMutex, NoStreamOfReadersHoldsUpAWriterThatTheyQueueBehind) {
  SharedMutex mutex(SharedMutex::Readers::kQueue);
  std::atomic<bool> written{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      while (!written) ReadLock lock(mutex);
    });
  }
  {
    const WriteLock lock(mutex);
    written = true;
  }
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace mullion
