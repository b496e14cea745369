// Isos that wait to be unpacked, one at a time: each takes minutes of one of the few blocking threads.
#pragma once

#include <atomic>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"

namespace mullion::api {

/// One iso of a boot environment.
struct IsoInstall {
  std::string system;        // OS.Name
  std::string architecture;  // canonical
  std::string iso;           // its name in isos/
  std::string sha256;        // "": not given
  bool anew = true;          // also when this very iso is unpacked there already
  bool operator==(const IsoInstall&) const = default;
};

/// Thread-safe.
class IsoQueue {
 public:
  /// Those that do not wait already. True: the caller has to work until next() has nothing more.
  bool add(std::vector<IsoInstall> installs);
  std::optional<IsoInstall> next();
  /// Ends what is being unpacked; nothing begins any more.
  void stop() { stopping_ = true; }
  const std::atomic<bool>& stopping() const { return stopping_; }

 private:
  Mutex mutex_;
  std::deque<IsoInstall> waiting_ GUARDED_BY(mutex_);
  bool working_ GUARDED_BY(mutex_) = false;
  std::atomic<bool> stopping_{false};
};

}  // namespace mullion::api
