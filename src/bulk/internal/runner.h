// Carries one bulk out: freezes its selection, judges objects, sends requests, writes outcomes down.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "bulk/board.h"
#include "bulk/bulks.h"
#include "bulk/internal/judge.h"
#include "bulk/internal/records.h"

namespace mullion::bulk::internal {

/// What requests that have ended leave for the runner. Thread-safe.
class Inbox {
 public:
  void put(uint64_t number, Verdict verdict);
  std::map<uint64_t, Verdict> take();
  env::Signal& signal() { return signal_; }

 private:
  Mutex mutex_;
  std::map<uint64_t, Verdict> ended_ GUARDED_BY(mutex_);
  env::Signal signal_;
};

/// One for each bulk that is under way, held by a shared_ptr: what it sent may outlive run() when the server
/// goes down. run() is for one task, wake() for any thread.
class Runner : public std::enable_shared_from_this<Runner> {
 public:
  /// `requests` is where requests run; it outlives run().
  Runner(const Dependencies& given, std::string id, env::TaskGroup& requests);

  /// Until the bulk is over, gone, or `stopping`: then until what is under way has ended, a few seconds.
  Task<void> run(const std::atomic<bool>& stopping);
  void wake() { inbox_.signal().notify_all(); }
  size_t under_way() const { return under_way_; }

 private:
  /// What one pass came to.
  struct Pass {
    bool over = false;    // there is nothing left to do
    bool again = false;   // at once: something was stored that changes what is next
    env::Duration pause;  // until the next one, when nothing happens
  };
  struct Begun {
    uint64_t number;
    ReadyRequest request;
  };
  /// A step as it is to be stored.
  struct Draft {
    store::Batch batch;
    std::vector<Begun> begun;
    bool shows = false;  // the object changes
    State state = State::kRunning;
  };

  Task<void> pass(Pass& pass, bool stopping);
  Task<void> step(Record record, bool stopping, Pass& pass);
  Task<Result<void>> freeze(Record record);
  Result<Draft> draft(const Record& record, bool stopping);
  Result<void> load(const Record& record);
  Result<std::vector<Begun>> begin_round(const std::shared_ptr<const store::Snapshot>& snapshot,
                                         const Bulk& bulk, const RoundLimits& limits);
  /// Why the login of who set it going ended; "" while it holds. An error: nobody can say, for it could not
  /// be read.
  Result<std::string> renew_login(const store::Snapshot& snapshot, const std::string& run);
  void note(uint64_t number, Verdict verdict);
  void begin(std::vector<Begun> begun);
  /// What was not stored did not begin.
  void give_back(const std::vector<Begun>& begun);
  const std::vector<store::ObjectRef>* keys_of(const store::Snapshot& snapshot, const std::string& run,
                                               uint64_t piece);
  Task<Result<store::Cursor>> commit(store::Batch batch);
  Task<Result<void>> fail(const Record& record, const Error& error, State state);

  const Dependencies& given_;
  const std::string id_;
  env::TaskGroup& requests_;
  Inbox inbox_;
  std::optional<Board> board_;
  std::map<uint64_t, Verdict> unsaved_;                     // outcomes that are not in the store yet
  std::set<uint64_t> asked_;                                // objects whose request is under way
  std::map<uint64_t, std::vector<store::ObjectRef>> keys_;  // pieces that were read lately
  std::string login_;                                       // what principal_ was recalled from
  std::optional<auth::Principal> principal_;
  env::SteadyTime shown_{};  // when the counts were last put into the object
  std::atomic<size_t> under_way_{0};
};

}  // namespace mullion::bulk::internal
