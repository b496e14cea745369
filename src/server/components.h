// The parts of a server that run: started one after the other, stopped in reverse, and never freed under
// their users.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "env/runtime.h"

namespace mullion::server {

/// One line of the list of what runs.
struct Component {
  /// As the log names it when it does not stop.
  std::string name;
  /// Empty for what runs from its making on.
  std::function<Result<void>()> start;
  /// Ends it and waits until nothing of it runs any more. Called once, started or not.
  std::function<env::Task<void>()> stop;
  /// When it must have ended, counted from the moment at which the first component is told to stop.
  env::Duration deadline;
};

/// Starts them, the first one first; the first failure ends it.
Result<void> start_all(const std::vector<Component>& components);

/// Stops them, the last one first, each after the one before it or after `patience`. False when some have not
/// ended by their deadlines, whom the log names then: what they use must not be freed, the process has to
/// end.
bool stop_all(env::Runtime& runtime, const std::vector<Component>& components, env::Duration patience);

}  // namespace mullion::server
