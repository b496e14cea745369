#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <iostream>

#include "base/text.h"

extern char** environ;

namespace mullion::cli {
namespace {

std::map<std::string, std::string, std::less<>> environment() {
  std::map<std::string, std::string, std::less<>> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

size_t terminal_width(const Terminal& terminal) {
  winsize size{};
  if (terminal.out_is_terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col;
  }
  const std::string columns = terminal.variable("COLUMNS");
  size_t width = 0;
  std::from_chars(columns.data(), columns.data() + columns.size(), width);
  return width;
}

}  // namespace

void say_notes(Terminal& terminal) {
  for (const std::string& note : terminal.notes) terminal.err << escaped(note) << "\n";
  terminal.notes.clear();
  terminal.err.flush();
}

Terminal process_terminal() {
  Terminal terminal{std::cout, std::cerr, std::cin, environment()};
  terminal.out_is_terminal = isatty(STDOUT_FILENO) == 1;
  terminal.err_is_terminal = isatty(STDERR_FILENO) == 1;
  terminal.width = terminal_width(terminal);
  return terminal;
}

}  // namespace mullion::cli
