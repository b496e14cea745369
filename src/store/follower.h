// Work that follows the commits of a store, on the runtime, in a place of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "env/runtime.h"
#include "store/feed.h"
#include "store/store.h"

namespace mullion::store {

/// What follows, and how.
struct Following {
  std::string name;  // for metrics and the log
  Interest interest;
  /// Called with each commit of the interest, in order, never twice at once. What it throws is counted and
  /// logged, and the next commit follows. Commits that were read from the log (Commit::from_log) tell neither
  /// old bodies nor who asked.
  std::function<void(const std::shared_ptr<const Commit>&)> handle;
  /// Called behind those from the log when that is not all there was: what was derived is to be made anew
  /// from a snapshot. Until it does not throw it is called again, and no commit is handled.
  std::function<void()> missed;
};

/// Follows a store from the moment it is made until it is destroyed: when the destructor returns, no call is
/// under way and none will follow. Nobody waits for it: a commit is answered before it is handled here. It
/// reads what waits in memory, and the log when it fell too far behind. To be destroyed before the store;
/// not by its own handler. Thread-safe.
class Follower {
 public:
  Follower() = default;  // follows nothing
  Follower(Store& store, env::Runtime& runtime, Following following);
  Follower(Follower&&) noexcept = default;
  Follower& operator=(Follower&& other) noexcept;
  ~Follower();

  /// As the destructor.
  void stop();
  /// Sequence number of the newest commit of the interest, handled or not.
  uint64_t newest() const;
  /// Calls `work` after every commit of the interest that was made before this call, and before any that is
  /// made later, on the runtime.
  void in_order(std::function<void()> work);
  /// in_order() for whoever may outlive the follower; what is handed in afterwards is not called.
  std::function<void(std::function<void()>)> lane() const;

 private:
  struct State;
  static void enqueue(State& state, std::function<void()> work);
  static env::Task<void> pump(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace mullion::store
