// An amount of memory that many share.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/mutex.h"

namespace mullion::api {

/// One caller holds half of it at most, so that the others find room whatever one does. Thread-safe. Outlives
/// its shares.
class MemoryBudget {
 public:
  class Share {
   public:
    Share(Share&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)),
          caller_(std::move(other.caller_)),
          bytes_(other.bytes_) {}
    Share& operator=(Share&&) = delete;
    ~Share() {
      if (budget_ != nullptr) budget_->give_back(caller_, bytes_);
    }

   private:
    friend class MemoryBudget;
    Share(MemoryBudget& budget, std::string caller, size_t bytes)
        : budget_(&budget), caller_(std::move(caller)), bytes_(bytes) {}
    MemoryBudget* budget_;
    std::string caller_;
    size_t bytes_;
  };

  explicit MemoryBudget(size_t bytes) : bytes_(bytes) {}

  /// Absent when it does not fit beside what others hold, or what the caller holds already. One share alone
  /// may be larger than the whole. `caller`: env::Caller::name; empty is the server itself, which may hold
  /// all.
  std::optional<Share> take(size_t bytes, const std::string& caller) {
    Lock lock(mutex_);
    if (taken_ != 0 && taken_ + bytes > bytes_) return std::nullopt;
    if (!caller.empty()) {
      size_t& held = held_[caller];
      if (held != 0 && held + bytes > bytes_ / 2) return std::nullopt;
      held += bytes;
    }
    taken_ += bytes;
    return Share(*this, caller, bytes);
  }

 private:
  void give_back(const std::string& caller, size_t bytes) {
    Lock lock(mutex_);
    taken_ -= bytes;
    const auto holder = held_.find(caller);
    if (holder == held_.end()) return;
    holder->second -= bytes;
    if (holder->second == 0) held_.erase(holder);
  }

  const size_t bytes_;
  Mutex mutex_;
  size_t taken_ GUARDED_BY(mutex_) = 0;
  std::map<std::string, size_t> held_ GUARDED_BY(mutex_);  // by callers, of more than 0 bytes
};

}  // namespace mullion::api
