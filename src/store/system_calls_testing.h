// Faults of the system calls through which the database library reaches the disk.
#pragma once

#include <atomic>
#include <string>
#include <vector>

namespace mullion::store {

/// Of the whole process. The functions that heed it stand in power_cut_test.cc.
struct SystemCallFaults {
  /// Writes take half of what they are given, as on a disk that becomes full.
  std::atomic<bool> short_writes{false};
  /// The process ends at the call that brings this down to zero; negative: never.
  std::atomic<long> calls_to_live{-1};
};
SystemCallFaults& system_call_faults();

/// What is synced and renamed while it lives, in order: "sync PATH", "rename PATH" with the new name. One at
/// a time. Thread-safe.
class DiskSteps {
 public:
  DiskSteps();
  ~DiskSteps();
  DiskSteps(const DiskSteps&) = delete;
  DiskSteps& operator=(const DiskSteps&) = delete;
  std::vector<std::string> taken() const;
};

}  // namespace mullion::store
