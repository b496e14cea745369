#include "apply/internal/concurrency_limiter.h"

#include <algorithm>

#include "base/mutex.h"

namespace mullion::apply {

ConcurrencyLimiter::Place::~Place() {
  {
    Lock lock(limiter_.mutex_);
    limiter_.places_.erase(at_);
  }
  limiter_.changed_.notify_all();
}

void ConcurrencyLimiter::Place::touch() {
  Lock lock(limiter_.mutex_);
  *at_ = limiter_.clock_.steady();
}

size_t ConcurrencyLimiter::busy(env::SteadyTime now) const {
  return static_cast<size_t>(
      std::ranges::count_if(places_, [&](env::SteadyTime touched) { return now - touched < still_; }));
}

size_t ConcurrencyLimiter::taken() const {
  Lock lock(mutex_);
  return places_.size();
}

/// With the mutex held.
std::unique_ptr<ConcurrencyLimiter::Place> ConcurrencyLimiter::place_if_free() {
  const env::SteadyTime now = clock_.steady();
  if (busy(now) >= most_) return nullptr;
  std::unique_ptr<Place> place(new Place(*this));
  place->at_ = places_.insert(places_.end(), now);
  return place;
}

std::unique_ptr<ConcurrencyLimiter::Place> ConcurrencyLimiter::try_take() {
  Lock lock(mutex_);
  return queue_.empty() ? place_if_free() : nullptr;
}

env::Task<std::unique_ptr<ConcurrencyLimiter::Place>> ConcurrencyLimiter::take() {
  struct Ticket {  // also when the task is cancelled while it waits
    explicit Ticket(ConcurrencyLimiter& from) : limiter(from) {
      Lock lock(limiter.mutex_);
      at = limiter.queue_.insert(limiter.queue_.end(), 0);
    }
    ~Ticket() {
      {
        Lock lock(limiter.mutex_);
        limiter.queue_.erase(at);
      }
      limiter.changed_.notify_all();
    }
    ConcurrencyLimiter& limiter;
    std::list<int>::iterator at;
  };
  Ticket ticket(*this);
  while (true) {
    const uint64_t seen = changed_.version();
    {
      Lock lock(mutex_);
      if (queue_.begin() == ticket.at) {
        if (std::unique_ptr<Place> place = place_if_free()) co_return place;
      }
    }
    co_await timers_.wait(changed_, seen, still_ / 4);
  }
}

}  // namespace mullion::apply
