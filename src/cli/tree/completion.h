// Shell completion: scripts for three shells that ask the program itself what may follow.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/tree/command.h"

namespace mullion::cli {

/// The script for bash, zsh or fish; kBadRequest for another shell.
Result<std::string> completion_script(std::string_view shell);

/// What may stand in place of the last of `words` (which may be empty or half a word), sorted.
std::vector<std::string> completions(const Command& root, const std::vector<std::string>& words);

}  // namespace mullion::cli
