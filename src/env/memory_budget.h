// Amounts of memory that many share: what the process holds for its clients, whatever they do with their
// time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace mullion::env {

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
  struct Statistics {
    std::string name;
    size_t size = 0;
    size_t taken = 0;
    uint64_t refused = 0;
  };

  explicit MemoryBudget(size_t bytes, std::string name = "") : bytes_(bytes), name_(std::move(name)) {}

  /// Absent when it does not fit beside what others hold, or what the caller holds already. One share alone
  /// may be larger than the whole. `caller`: Caller::name; empty is the server itself, which may hold all.
  std::optional<Share> take(size_t bytes, const std::string& caller);
  Statistics statistics() const;

 private:
  bool fits(size_t bytes, const std::string& caller) const REQUIRES(mutex_);
  void give_back(const std::string& caller, size_t bytes);

  const size_t bytes_;
  const std::string name_;
  mutable Mutex mutex_;
  size_t taken_ GUARDED_BY(mutex_) = 0;
  uint64_t refused_ GUARDED_BY(mutex_) = 0;
  std::map<std::string, size_t> held_ GUARDED_BY(mutex_);  // by callers, of more than 0 bytes
};

/// What the process holds memory for, like its pools for whole processes (pools.h).
enum class Memory {
  kLists,     // what lists that are being sent remember of their objects
  kRequests,  // bodies that are read whole, until they are carried out or sent on
  kAnswers,   // large answers that are being sent
  kUploads,   // what has come of uploads and is not on the disk yet
};
MemoryBudget& memory_for(Memory use);
std::vector<MemoryBudget::Statistics> memory_statistics();

}  // namespace mullion::env
