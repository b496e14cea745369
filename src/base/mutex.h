// Mutexes, their locks and condition variables, which clang checks: the only place that names those of the
// standard library.
//
// A member that a mutex guards says so, and a function that expects its caller to hold one too:
//
//   int size() const { Lock lock(mutex_); return size_; }
//   void grow() REQUIRES(mutex_) { ++size_; }
//   mutable Mutex mutex_;
//   int size_ GUARDED_BY(mutex_) = 0;
//
// Clang (-Wthread-safety) refuses what reads or writes such a member without the lock; GCC sees nothing of
// it. A lambda is a function of its own: one that is called while the lock is held says `[this]()
// REQUIRES(mutex_) { ... }`. A coroutine never holds a lock across an await: another thread may go on with
// it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <utility>

#if defined(__clang__)
#define MULLION_THREAD_SAFETY(attribute) __attribute__((attribute))
#else
#define MULLION_THREAD_SAFETY(attribute)
#endif

/// Of a member: read and written only while the mutex is held (shared: may be read).
#define GUARDED_BY(mutex) MULLION_THREAD_SAFETY(guarded_by(mutex))
/// Of a function: its caller holds the mutexes.
#define REQUIRES(...) MULLION_THREAD_SAFETY(requires_capability(__VA_ARGS__))
#define REQUIRES_SHARED(...) MULLION_THREAD_SAFETY(requires_shared_capability(__VA_ARGS__))
/// Of a function: takes or gives back the mutexes (of a lock, where none is named: the one that it was made
/// with).
#define ACQUIRE(...) MULLION_THREAD_SAFETY(acquire_capability(__VA_ARGS__))
#define ACQUIRE_SHARED(...) MULLION_THREAD_SAFETY(acquire_shared_capability(__VA_ARGS__))
#define RELEASE(...) MULLION_THREAD_SAFETY(release_capability(__VA_ARGS__))
#define RELEASE_GENERIC(...) MULLION_THREAD_SAFETY(release_generic_capability(__VA_ARGS__))
/// Of a function: the analysis takes it from here on that the mutex is held.
#define ASSERT_CAPABILITY(mutex) MULLION_THREAD_SAFETY(assert_capability(mutex))

#define MULLION_CAPABILITY MULLION_THREAD_SAFETY(capability("mutex"))
#define MULLION_SCOPED_CAPABILITY MULLION_THREAD_SAFETY(scoped_lockable)

namespace mullion {

/// A std::mutex. Taken by a Lock.
class MULLION_CAPABILITY Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  /// Tells the analysis, and the reader, that the caller holds it, where neither can see that: in a function
  /// that is called through something that is no part of this program, or through a std::function. Checks
  /// nothing; the reason stands beside it.
  void assume_held() const ASSERT_CAPABILITY(this) {}

 private:
  friend class Lock;
  std::mutex mutex_;
};

/// Holds a Mutex while it lives; may give it back earlier. For one thread.
class MULLION_SCOPED_CAPABILITY Lock {
 public:
  explicit Lock(Mutex& mutex) ACQUIRE(mutex) : lock_(mutex.mutex_) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() RELEASE() {}

  void unlock() RELEASE() { lock_.unlock(); }

 private:
  friend class ConditionVariable;
  std::unique_lock<std::mutex> lock_;
};

/// A std::shared_mutex: one writer (WriteLock) or many readers (ReadLock).
class MULLION_CAPABILITY SharedMutex {
 public:
  /// What a reader does while a writer waits: kQueue, it waits behind the writer, which no stream of readers
  /// can hold up then.
  enum class Readers { kPass, kQueue };
  explicit SharedMutex(Readers readers = Readers::kPass) : queue_(readers == Readers::kQueue) {}
  SharedMutex(const SharedMutex&) = delete;
  SharedMutex& operator=(const SharedMutex&) = delete;

 private:
  friend class ReadLock;
  friend class WriteLock;
  template <typename Taken>
  Taken take() {
    std::unique_lock gate(gate_, std::defer_lock);
    if (queue_) gate.lock();
    return Taken(mutex_);
  }

  const bool queue_;
  std::mutex gate_;  // held while the mutex is waited for
  std::shared_mutex mutex_;
};

/// Shares a SharedMutex with other readers while it lives. For one thread.
class MULLION_SCOPED_CAPABILITY ReadLock {
 public:
  explicit ReadLock(SharedMutex& mutex) ACQUIRE_SHARED(mutex)
      : lock_(mutex.take<std::shared_lock<std::shared_mutex>>()) {}
  ReadLock(const ReadLock&) = delete;
  ReadLock& operator=(const ReadLock&) = delete;
  ~ReadLock() RELEASE_GENERIC() {}

 private:
  std::shared_lock<std::shared_mutex> lock_;
};

/// Has a SharedMutex for itself while it lives. For one thread.
class MULLION_SCOPED_CAPABILITY WriteLock {
 public:
  explicit WriteLock(SharedMutex& mutex) ACQUIRE(mutex)
      : lock_(mutex.take<std::unique_lock<std::shared_mutex>>()) {}
  WriteLock(const WriteLock&) = delete;
  WriteLock& operator=(const WriteLock&) = delete;
  ~WriteLock() RELEASE() {}

 private:
  std::unique_lock<std::shared_mutex> lock_;
};

/// A std::condition_variable. Every wait gives the lock back while it lasts and holds it again when it
/// returns; `ready` is called with the lock held, and says so by REQUIRES.
class ConditionVariable {
 public:
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

  template <typename Ready>
  void wait(Lock& lock, Ready ready) {
    condition_.wait(lock.lock_, std::move(ready));
  }

  /// Whether it was ready before the time was over.
  template <typename Ready>
  bool wait_for(Lock& lock, std::chrono::steady_clock::duration patience, Ready ready) {
    return condition_.wait_for(lock.lock_, patience, std::move(ready));
  }

  template <typename Ready>
  bool wait_until(Lock& lock, std::chrono::steady_clock::time_point until, Ready ready) {
    return condition_.wait_until(lock.lock_, until, std::move(ready));
  }

 private:
  std::condition_variable condition_;
};

}  // namespace mullion
