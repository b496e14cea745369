// The newest commits, for readers who come back with a place.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "events/event_place.h"

namespace mullion::events {

/// Holds all commits behind one place, as they were told: with old bodies, actions and who asked, which the
/// log does not have. Nothing is kept before keep(). Not thread-safe: belongs to the bus's turn.
class RecentCommits {
 public:
  /// What is held at most: changes, and about how many bytes.
  struct Limit {
    size_t changes = 20'000;
    size_t bytes = size_t{16} << 20;
  };
  explicit RecentCommits(Limit limit) : limit_(limit) {}

  /// From `now` on commits are kept; nothing new when they are already.
  void keep(const store::Cursor& now);
  /// The next commit.
  void add(const std::shared_ptr<const store::Commit>& commit);
  /// Some that stand before the next one will not be seen.
  void lost();

  /// Calls `visit` with each commit behind `place` up to `now`, oldest first, and with the index of its first
  /// change that lies behind it. kNotFound when these are not all: then it is not called.
  using Visit = std::function<void(const std::shared_ptr<const store::Commit>& commit, size_t first)>;
  Result<void> since(const EventPlace& place, const store::Cursor& now, const Visit& visit) const;

 private:
  void forget_oldest();

  const Limit limit_;
  bool kept_ = false;
  bool gap_ = false;     // before the next commit
  store::Cursor floor_;  // everything behind it is held
  std::deque<std::shared_ptr<const store::Commit>> commits_;
  size_t changes_ = 0;
  size_t bytes_ = 0;
};

}  // namespace mullion::events
