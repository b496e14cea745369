// Work that may be done for one question.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mullion::model {

/// What one step pays for where bytes are compared, copied or sorted.
inline constexpr size_t kBytesPerStep = 16;

/// Steps that are left for one question whose cost its author chooses. Whoever works spends; once more is
/// asked for than is left, nothing is left any more and the question ends with an error. Not thread-safe.
class Budget {
 public:
  explicit Budget(uint64_t steps) : total_(steps), left_(steps) {}

  /// False from the first time on that the steps are not there.
  bool spend(uint64_t steps = 1) {
    if (steps > left_) {
      exhausted_ = true;
      left_ = 0;
    } else {
      left_ -= steps;
    }
    return !exhausted_;
  }
  bool exhausted() const { return exhausted_; }
  uint64_t total() const { return total_; }
  uint64_t used() const { return total_ - left_; }

 private:
  uint64_t total_;
  uint64_t left_;
  bool exhausted_ = false;
};

}  // namespace mullion::model
