// The pieces from which command_tree.cc puts the tree together.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/tree/command.h"

namespace mullion::cli {

/// A command that one collection has besides the regular ones, or in place of the one of its name.
struct SpecialCommand {
  std::string_view collection;
  Command command;
};
std::vector<SpecialCommand> special_commands();

/// Everything that is no collection: contents, files, system, catalog ...
std::vector<Command> other_groups();

Command leaf(std::string name, std::string arguments, std::string summary, Handler handler,
             std::vector<FlagSpec> flags = {});
Command group(std::string name, std::string summary, std::vector<Command> children);
/// A command of drpcli that does not exist here; `why` says what it would do, in the help and when it is
/// called.
Command absent(std::string name, const std::string& why);
/// Gives the command and all below it what they work on.
Command about(std::string subject, Command command);

/// A command that does nothing unless the object is as --ref says.
Command guarded(Command command);

/// --plugin, of everything about actions.
std::vector<FlagSpec> action_flags();

}  // namespace mullion::cli
