// Whose turn it is: work on one thing by many is put in a row, first come, first served.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "env/clock.h"
#include "env/runtime.h"

namespace mullion::env {

/// Rows by name. A row is there while somebody stands in it. Thread-safe; outlives its turns.
class Turns {
 public:
  /// `waiting`: how many may stand in one row; `patience`: how long anybody waits.
  explicit Turns(size_t waiting = 2'000, Duration patience = std::chrono::seconds(30))
      : waiting_(waiting), patience_(patience) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  class Place;
  /// The turn at some names, given on when it ends. Whoever has one asks for another only at names that come
  /// later in everybody's order, or two would wait for each other.
  class Turn {
   public:
    Turn();
    ~Turn();
    Turn(Turn&&) noexcept;
    Turn& operator=(Turn&&) noexcept;

   private:
    friend class Turns;
    std::vector<std::unique_ptr<Place>> places_;
  };
  /// Waits for the turn at every one of `names`. An error for a client that may try again soon (503 with
  /// Retry-After) when a row is full, when patience ends, and when the task is cancelled meanwhile.
  Task<Result<Turn>> take(std::vector<std::string> names);
  /// How many stand in the row of `name`, whoever has the turn included.
  size_t in_row(const std::string& name) const;

 private:
  using Row = std::list<std::shared_ptr<Signal>>;  // the first one has the turn
  std::unique_ptr<Place> line_up(const std::string& name);

  const size_t waiting_;
  const Duration patience_;
  mutable Mutex mutex_;
  std::map<std::string, Row> rows_ GUARDED_BY(mutex_);
};

}  // namespace mullion::env
