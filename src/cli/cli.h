// The command line: a client of the HTTP API.
#pragma once

#include <string>
#include <vector>

#include "cli/terminal.h"

namespace mullion::cli {

/// Runs one command as called by a shell; the process's exit code: 0, or 1 with `Error: ...` on stderr.
int run(int argc, char** argv);

/// Same with everything that comes from the process given: for tests. `arguments` without the program name.
int run_in(Terminal& terminal, const std::vector<std::string>& arguments);

}  // namespace mullion::cli
