// Which endpoints need a new plan.
#pragma once

#include <set>
#include <string>

#include "base/mutex.h"
#include "env/runtime.h"

namespace mullion::apply {

/// Thread-safe and quick: called by whoever sees a change. Many marks of one
/// endpoint are one plan.
class ReplanQueue {
 public:
  struct Work {
    bool all = false;
    std::set<std::string> endpoints;
    std::set<std::string> sets;   // endpoints that name one of them
    std::set<std::string> files;  // of this server: endpoints that want a copy
    bool empty() const { return !all && endpoints.empty() && sets.empty() && files.empty(); }
  };

  void mark_all() {
    change([](Work& work) { work.all = true; });
  }
  void mark_endpoint(const std::string& id) {
    change([&](Work& work) { work.endpoints.insert(id); });
  }
  void mark_set(const std::string& name) {
    change([&](Work& work) { work.sets.insert(name); });
  }
  void mark_file(const std::string& name) {
    change([&](Work& work) { work.files.insert(name); });
  }
  Work take() {
    const Lock lock(mutex_);
    return std::exchange(work_, {});
  }
  env::Signal& signal() { return signal_; }

 private:
  template <typename Change>
  void change(Change change) {
    {
      const Lock lock(mutex_);
      change(work_);
    }
    signal_.notify_all();
  }

  Mutex mutex_;
  Work work_ GUARDED_BY(mutex_);
  env::Signal signal_;
};

}  // namespace mullion::apply
