// A bounded number of things at once, of which those that stand still do not count.
#pragma once

#include <list>
#include <memory>

#include "base/mutex.h"
#include "env/timers.h"

namespace mullion::apply {

/// Thread-safe. Outlives its places.
class ConcurrencyLimiter {
 public:
  /// `still`: a place that was not touched for so long is lent to somebody else.
  ConcurrencyLimiter(size_t most, env::Duration still, const env::Clock& clock, const env::Timers& timers)
      : most_(std::max<size_t>(most, 1)), still_(still), clock_(clock), timers_(timers) {}

  class Place {
   public:
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    /// There is progress.
    void touch();

   private:
    friend class ConcurrencyLimiter;
    explicit Place(ConcurrencyLimiter& limiter) : limiter_(limiter) {}
    ConcurrencyLimiter& limiter_;
    std::list<env::SteadyTime>::iterator at_;
  };
  /// Waits for a place; first come, first served.
  env::Task<std::unique_ptr<Place>> take();
  /// A place that is free and for which nobody waits; nullptr.
  std::unique_ptr<Place> try_take();
  size_t taken() const;

 private:
  size_t busy(env::SteadyTime now) const REQUIRES(mutex_);
  std::unique_ptr<Place> place_if_free() REQUIRES(mutex_);

  const size_t most_;
  const env::Duration still_;
  const env::Clock& clock_;
  const env::Timers& timers_;
  mutable Mutex mutex_;
  std::list<env::SteadyTime> places_ GUARDED_BY(mutex_);  // when each was touched last
  std::list<int> queue_ GUARDED_BY(mutex_);
  env::Signal changed_;
};

}  // namespace mullion::apply
