#include "versionset/internal/slots.h"

#include <algorithm>

namespace mullion::versionset {

Slots::Place::~Place() {
  {
    std::lock_guard lock(slots_.mutex_);
    slots_.places_.erase(at_);
  }
  slots_.changed_.notify_all();
}

void Slots::Place::touch() {
  std::lock_guard lock(slots_.mutex_);
  *at_ = env::system_clock().steady();
}

size_t Slots::busy(env::SteadyTime now) const {
  return static_cast<size_t>(
      std::ranges::count_if(places_, [&](env::SteadyTime touched) { return now - touched < still_; }));
}

size_t Slots::taken() const {
  std::lock_guard lock(mutex_);
  return places_.size();
}

/// With the mutex held.
std::unique_ptr<Slots::Place> Slots::place_if_free() {
  const env::SteadyTime now = env::system_clock().steady();
  if (busy(now) >= most_) return nullptr;
  std::unique_ptr<Place> place(new Place(*this));
  place->at_ = places_.insert(places_.end(), now);
  return place;
}

std::unique_ptr<Slots::Place> Slots::try_take() {
  std::lock_guard lock(mutex_);
  return queue_.empty() ? place_if_free() : nullptr;
}

env::Task<std::unique_ptr<Slots::Place>> Slots::take() {
  struct Ticket {  // also when the task is cancelled while it waits
    explicit Ticket(Slots& from) : slots(from) {
      std::lock_guard lock(slots.mutex_);
      at = slots.queue_.insert(slots.queue_.end(), 0);
    }
    ~Ticket() {
      {
        std::lock_guard lock(slots.mutex_);
        slots.queue_.erase(at);
      }
      slots.changed_.notify_all();
    }
    Slots& slots;
    std::list<int>::iterator at;
  };
  Ticket ticket(*this);
  while (true) {
    const uint64_t seen = changed_.version();
    {
      std::lock_guard lock(mutex_);
      if (queue_.begin() == ticket.at) {
        if (std::unique_ptr<Place> place = place_if_free()) co_return place;
      }
    }
    co_await changed_.wait(seen, still_ / 4);
  }
}

}  // namespace mullion::versionset
