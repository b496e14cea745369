// The journal behind a thread of its own, so that nobody who must not wait waits for its disk.
#pragma once

#include <deque>
#include <functional>
#include <thread>

#include "base/mutex.h"
#include "cluster/member.h"

namespace mullion::cluster {

class JournalThread final : public JournalWriter {
 public:
  /// Called on the thread: what Member::synced() and Member::failed() are to be told.
  struct Events {
    std::function<void(uint64_t number)> synced;
    std::function<void(Error why)> failed;
  };
  JournalThread(Journal& journal, Events events);
  JournalThread(const JournalThread&) = delete;
  JournalThread& operator=(const JournalThread&) = delete;
  ~JournalThread() override { stop(); }
  /// Writes what waits and ends.
  void stop();

  void append(std::vector<JournalEntry> entries, HardState hard, uint64_t number) override;
  Result<std::string> payload(uint64_t index) const override { return journal_.payload(index); }
  Result<void> reserve(uint64_t bytes) override { return journal_.reserve(bytes); }
  void trim(uint64_t index) override;
  /// The entry up to which can be forgotten so that at most so many bytes and entries are kept.
  uint64_t beyond(uint64_t bytes, uint64_t entries) const;

 private:
  struct Work {
    std::vector<JournalEntry> entries;
    HardState hard;
    uint64_t number = 0;
    uint64_t trim = 0;  // not 0: only this
  };
  void run();
  void put(Work work);
  void note_sizes(const std::vector<JournalEntry>& entries) REQUIRES(mutex_);
  bool take(Work& out);
  static bool goes_along(const Work& first, const Work& next);

  Journal& journal_;
  const Events events_;
  mutable Mutex mutex_;  // guards what follows
  /// Index and payload bytes of what is kept.
  std::deque<std::pair<uint64_t, uint64_t>> sizes_ GUARDED_BY(mutex_);
  ConditionVariable filled_;
  std::deque<Work> queue_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace mullion::cluster
