// Random numbers of a seed, for worlds that are played again.
#pragma once

#include <cstdint>
#include <iterator>

#include "env/clock.h"

namespace mullion::env {

/// Numbers of a seed (splitmix64): the same on every machine, unlike the distributions of the standard
/// library.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
  uint64_t next() {
    uint64_t out = state_ += 0x9e3779b97f4a7c15;
    out = (out ^ (out >> 30)) * 0xbf58476d1ce4e5b9;
    out = (out ^ (out >> 27)) * 0x94d049bb133111eb;
    return out ^ (out >> 31);
  }
  /// In [0, end).
  uint64_t below(uint64_t end) { return end == 0 ? 0 : next() % end; }
  bool chance(uint64_t percent) { return below(100) < percent; }
  bool one_in(uint64_t count) { return below(count) == 0; }
  /// In [from, to].
  int64_t between(int64_t from, int64_t to) {
    return from + static_cast<int64_t>(below(static_cast<uint64_t>(to - from) + 1));
  }
  Duration between(Duration from, Duration to) { return Duration(between(from.count(), to.count())); }
  template <typename Items>
  const auto& one_of(const Items& items) {
    auto at = items.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(below(items.size())));
    return *at;
  }

 private:
  uint64_t state_;
};

}  // namespace mullion::env
