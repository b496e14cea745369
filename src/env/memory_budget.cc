#include "env/memory_budget.h"

#include <array>

namespace mullion::env {

std::optional<MemoryBudget::Share> MemoryBudget::take(size_t bytes, const std::string& caller) {
  const Lock lock(mutex_);
  if (!fits(bytes, caller)) {
    ++refused_;
    return std::nullopt;
  }
  taken_ += bytes;
  if (!caller.empty()) held_[caller] += bytes;
  return Share(*this, caller, bytes);
}

bool MemoryBudget::fits(size_t bytes, const std::string& caller) const {
  if (taken_ != 0 && taken_ + bytes > bytes_) return false;
  const auto holder = held_.find(caller);
  return holder == held_.end() || holder->second + bytes <= bytes_ / 2;
}

MemoryBudget::Statistics MemoryBudget::statistics() const {
  const Lock lock(mutex_);
  return {name_, bytes_, taken_, refused_};
}

void MemoryBudget::give_back(const std::string& caller, size_t bytes) {
  const Lock lock(mutex_);
  taken_ -= bytes;
  const auto holder = held_.find(caller);
  if (holder == held_.end()) return;
  holder->second -= bytes;
  if (holder->second == 0) held_.erase(holder);
}

namespace {

/// In the order of Memory. Never destroyed: what is given back last may outlive everything.
std::array<MemoryBudget, 4>& budgets() {
  constexpr size_t kMegabyte = size_t{1} << 20;
  static auto* const all = new std::array<MemoryBudget, 4>{
      MemoryBudget(256 * kMegabyte, "lists"), MemoryBudget(512 * kMegabyte, "requests"),
      MemoryBudget(512 * kMegabyte, "answers"), MemoryBudget(32 * kMegabyte, "uploads")};
  return *all;
}

}  // namespace

MemoryBudget& memory_for(Memory use) { return budgets()[static_cast<size_t>(use)]; }

std::vector<MemoryBudget::Statistics> memory_statistics() {
  std::vector<MemoryBudget::Statistics> out;
  for (const MemoryBudget& budget : budgets()) out.push_back(budget.statistics());
  return out;
}

}  // namespace mullion::env
