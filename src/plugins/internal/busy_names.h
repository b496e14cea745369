// Names of things that are being changed, so that each has one change at a time.
#pragma once

#include <set>
#include <string>

#include "base/mutex.h"
#include "env/runtime.h"

namespace mullion::plugins {

/// Thread-safe.
class BusyNames {
 public:
  /// `released` is told when a change is over.
  explicit BusyNames(env::Signal& released) : released_(released) {}

  /// Holds a name while it lives, if nobody else did.
  class Claim {
   public:
    Claim(BusyNames& names, std::string name) : names_(names), name_(std::move(name)) {
      const Lock lock(names_.mutex_);
      mine_ = names_.held_.insert(name_).second;
    }
    ~Claim() {
      if (!mine_) return;
      {
        const Lock lock(names_.mutex_);
        names_.held_.erase(name_);
      }
      names_.released_.notify_all();
    }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;
    bool mine() const { return mine_; }

   private:
    BusyNames& names_;
    const std::string name_;
    bool mine_ = false;
  };

  std::set<std::string> names() const {
    const Lock lock(mutex_);
    return held_;
  }

 private:
  env::Signal& released_;
  mutable Mutex mutex_;
  std::set<std::string> held_ GUARDED_BY(mutex_);
};

}  // namespace mullion::plugins
