// Work on large documents, beside the threads that serve.
#pragma once

#include <memory>
#include <string>

#include "base/mutex.h"
#include "env/run_on.h"
#include "env/turns.h"

namespace mullion::api {

/// Documents of many megabytes take seconds of a processor: to be parsed, checked, compared, written and let
/// go. So requests about them have threads of their own, of which one caller holds one at a time.
/// Thread-safe.
class LargeWork {
 public:
  /// Bytes of documents that a thread that serves deals with by itself.
  static constexpr size_t kLarge = size_t{256} << 10;

  /// The turn of `caller`; an error when too many of its large requests wait.
  env::Task<Result<env::Turns::Turn>> turn_of(std::string caller);

  template <typename Work>
  auto run(Work work) {
    return env::run_on(runtime(), std::move(work));
  }

 private:
  env::Runtime& runtime();

  env::Turns turns_{64};
  Mutex mutex_;
  std::unique_ptr<env::Runtime> runtime_ GUARDED_BY(mutex_);  // made when it is needed first
};

}  // namespace mullion::api
