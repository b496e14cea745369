// An amount of memory that many share.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "base/mutex.h"

namespace mullion::api {

/// Thread-safe. Outlives its shares.
class MemoryBudget {
 public:
  class Share {
   public:
    Share(Share&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}
    Share& operator=(Share&&) = delete;
    ~Share() {
      if (budget_ != nullptr) budget_->give_back(bytes_);
    }

   private:
    friend class MemoryBudget;
    Share(MemoryBudget& budget, size_t bytes) : budget_(&budget), bytes_(bytes) {}
    MemoryBudget* budget_;
    size_t bytes_;
  };

  explicit MemoryBudget(size_t bytes) : bytes_(bytes) {}

  /// Absent when it does not fit beside what others hold. One alone may be larger than the whole.
  std::optional<Share> take(size_t bytes) {
    Lock lock(mutex_);
    if (taken_ != 0 && taken_ + bytes > bytes_) return std::nullopt;
    taken_ += bytes;
    return Share(*this, bytes);
  }

 private:
  void give_back(size_t bytes) {
    Lock lock(mutex_);
    taken_ -= bytes;
  }

  const size_t bytes_;
  Mutex mutex_;
  size_t taken_ GUARDED_BY(mutex_) = 0;
};

}  // namespace mullion::api
