// The reference pages of the command line, made of the tree of commands.
#pragma once

#include <map>
#include <string>

#include "cli/tree/command.h"

namespace mullion::cli {

/// Markdown by file name: one page for each command of the first level, and README.md with the list of them
/// and the flags of every command.
std::map<std::string, std::string> reference_pages(const Command& root);

}  // namespace mullion::cli
