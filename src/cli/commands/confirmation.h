// What is asked before something that cannot be undone.
#pragma once

#include <string>

#include "cli/tree/command.h"

namespace mullion::cli {

/// Asks on stderr; whether the next line is `wanted`. Never, when nobody can answer.
bool confirmed(Invocation& call, const std::string& question, const std::string& wanted);

}  // namespace mullion::cli
