// How far the clock of another server is from this one's, by the dates of its answers.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/mutex.h"
#include "manager/link.h"

namespace mullion::manager {

/// Thread-safe.
class ClockApart {
 public:
  /// An answer with this `Date` was asked for at `sent` and began to come at `received`, by our clock.
  void told(std::string_view date, env::WallTime sent, env::WallTime received);
  /// Seconds that its clock is ahead of ours, negative when it is behind; 0 while what it told fits to ours.
  /// Of the newest answer that came soon enough to say something; absent before the first.
  std::optional<double> seconds() const;

 private:
  mutable Mutex mutex_;
  std::optional<double> seconds_ GUARDED_BY(mutex_);
};

/// Links whose answers tell `clocks`; `own` is our clock. It and `dial` outlive them.
Dial compared(const Dial& dial, std::shared_ptr<ClockApart> clocks, const env::Clock& own);

}  // namespace mullion::manager
