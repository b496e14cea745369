// Which views of a database are open: how many, since when, and of which moment.
#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <utility>

#include "base/mutex.h"
#include "base/result.h"
#include "env/clock.h"

namespace mullion::store::internal {

/// Thread-safe. Outlives its tickets.
class ViewRegister {
  struct View {
    env::SteadyTime since;
    uint64_t transaction;
  };

 public:
  /// One open view; it is over when the ticket goes.
  class Ticket {
   public:
    Ticket(Ticket&& other) noexcept
        : register_(std::exchange(other.register_, nullptr)), view_(other.view_) {}
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket() {
      if (register_ != nullptr) register_->leave(view_);
    }
    /// Says which transaction the view shows the state after.
    void shows(uint64_t transaction);

   private:
    friend class ViewRegister;
    Ticket(ViewRegister& owner, std::list<View>::iterator view) : register_(&owner), view_(view) {}
    ViewRegister* register_;
    std::list<View>::iterator view_;
  };

  /// At most `most` views are open at a time.
  ViewRegister(size_t most, const env::Clock& clock) : most_(most), clock_(clock) {}

  /// kUnavailable: as many views as there may be are open.
  Result<Ticket> enter();

  size_t open() const;
  /// The age of the oldest view; zero when there is none.
  env::Duration oldest_age() const;
  /// The oldest transaction that a view shows the state after; absent when there is none.
  std::optional<uint64_t> oldest_transaction() const;

 private:
  void leave(std::list<View>::iterator view);

  const size_t most_;
  const env::Clock& clock_;
  mutable Mutex mutex_;
  std::list<View> views_ GUARDED_BY(mutex_);  // oldest first
};

}  // namespace mullion::store::internal
