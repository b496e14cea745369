// What a command sees of the process around it; tests put their own in its place.
#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mullion::cli {

struct Terminal {
  std::ostream& out;
  std::ostream& err;
  std::istream& in;
  std::map<std::string, std::string, std::less<>> variables;  // of the environment
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  size_t width = 0;                 // columns of the output; 0: unlimited
  std::string program = "mullion";  // as it was called: "mullion" or "drpcli"
  int exit_status = 0;              // of a command that succeeded, when it says something by it
  std::vector<std::string> notes;   // lines for stderr once the command is done

  /// Value of a variable of the environment, or "".
  std::string variable(std::string_view name) const {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  }
};

/// Writes the notes to stderr, once.
void say_notes(Terminal& terminal);

/// The terminal of this process.
Terminal process_terminal();

}  // namespace mullion::cli
