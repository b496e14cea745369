// The tree of commands as data, and what a running command has in its hands.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/connection/session.h"
#include "cli/terminal.h"
#include "cli/tree/options.h"
#include "model/object_type.h"

namespace mullion::cli {

struct Command;

/// One call of one command.
struct Invocation {
  Terminal& terminal;
  const Options& options;
  Session& session;
  const Command& command;
  std::string subject;            // collection or tree the command works on: "machines", "files", ""
  const model::ObjectType* type;  // descriptor of `subject`, or nullptr
  FlagValues flags;
  std::vector<std::string> arguments;

  const std::string& argument(size_t index) const { return arguments[index]; }
  /// "" when the command line is shorter.
  std::string optional_argument(size_t index) const {
    return index < arguments.size() ? arguments[index] : std::string();
  }
};

using Handler = Result<void> (*)(Invocation&);

/// A node: a group with children, or a command with a handler. `arguments` says what it takes, one word each:
/// "ID" is needed, "[ID]" may be left out, a trailing "..." takes any number. Words in small letters between
/// them are for people: whatever stands there will do, as scripts made for drpcli have it.
struct Command {
  std::string name;
  std::string arguments;
  std::string summary;
  Handler handler = nullptr;
  std::vector<FlagSpec> flags;
  std::string subject;
  std::vector<std::string> aliases;
  std::vector<Command> children;
  bool obeys_reference = false;  // --ref; other commands refuse it: a guard is obeyed or not accepted

  const Command* find_child(std::string_view word) const;
};

/// How many arguments a usage text allows; most is npos when there is no limit.
struct ArgumentCount {
  size_t least = 0;
  size_t most = 0;
};
ArgumentCount argument_count(std::string_view usage);

/// The whole tree; made once, without talking to a server.
const Command& command_tree();

/// What a command line says. `path` are the commands from the root to the one named last.
struct CommandLine {
  std::vector<const Command*> path;
  FlagValues global;
  FlagValues flags;  // of the command itself
  std::vector<std::string> arguments;
  bool help = false;
};
/// kBadRequest of type kUsageError when the line makes no sense; `line.path` is filled as far as it went.
Result<void> parse_command_line(const Command& root, const std::vector<std::string>& words,
                                CommandLine& line);

inline constexpr std::string_view kUsageError = "usage";
Error usage_error(std::string message);

/// How the command at the end of `path` is called, with `program` in place of the root's name; all there is
/// to know about it.
std::string usage_text(const std::vector<const Command*>& path, std::string_view program);
std::string help_text(const std::vector<const Command*>& path, std::string_view program);

}  // namespace mullion::cli
