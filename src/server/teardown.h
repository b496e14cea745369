// How the parts of a server end: one after the other, the last one first, and never freed under their users.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "env/runtime.h"

namespace mullion::server {

/// The parts of a server that run, in start order. One user at a time.
class Teardown {
 public:
  using Stop = std::function<env::Task<void>()>;

  /// `stop` ends the part and waits until nothing of it runs any more. It is called once, by run().
  void add(std::string what, Stop stop);
  /// Stops every part, the last one first, each after the one before it or after `patience`. Answers those
  /// that still ran when `limit` was over, counted from the call: what they and all parts use must not be
  /// freed, the process has to end.
  std::vector<std::string> run(env::Runtime& runtime, env::Duration patience, env::Duration limit);

 private:
  struct Part {
    std::string what;
    Stop stop;
  };
  std::vector<Part> parts_;
};

}  // namespace mullion::server
