// How often views are looked at: a pure decision from what the looks before cost and found.
#pragma once

#include "env/clock.h"

namespace mullion::api {

/// Of one view: at most two looks a second, fewer while so much changes that a look cannot name it.
class ViewPace {
 public:
  static constexpr env::Duration kShortest = std::chrono::milliseconds(500);
  static constexpr env::Duration kLongest = std::chrono::seconds(8);

  /// `flooded`: more had changed than could be named.
  void looked(env::SteadyTime now, bool flooded) {
    pause_ = flooded ? std::min(pause_ * 2, kLongest) : std::max(pause_ / 2, kShortest);
    due_ = now + pause_;
  }
  /// Not before.
  env::SteadyTime due() const { return due_; }

 private:
  env::Duration pause_ = kShortest;
  env::SteadyTime due_{};
};

/// Of all views of one reader: looks take at most a tenth of the time.
class ReaderPace {
 public:
  static constexpr int kShare = 10;
  void looked(env::SteadyTime now, env::Duration cost) { due_ = now + cost * (kShare - 1); }
  env::SteadyTime due() const { return due_; }

 private:
  env::SteadyTime due_{};
};

}  // namespace mullion::api
