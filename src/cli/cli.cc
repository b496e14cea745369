#include "cli/cli.h"

#include <algorithm>
#include <iostream>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/session.h"

namespace mullion::cli {
namespace {

int fail(Terminal& terminal, const Error& error, const CommandLine& line) {
  terminal.out.flush();
  if (error.type != kUsageError) {
    terminal.err << error_text(error) << "\n";
    return 1;
  }
  Error plain = error;
  plain.type.clear();
  terminal.err << error_text(plain) << "\n\n" << usage_text(line.path, terminal.program);
  return 1;
}

Result<void> execute(Terminal& terminal, CommandLine& line) {
  const Command& command = *line.path.back();
  Result<Options> options = resolve_options(terminal, line.global);
  if (!options) return options.error();
  Session session(terminal, *options);
  std::string subject = command.subject;
  if (line.flags.has("ldata")) subject = line.flags.get("ldata");
  if (subject.empty() && line.path[1]->name == "extended") return usage_error("-l TYPE is needed");
  Invocation invocation{terminal,   *options,
                        session,    command,
                        subject,    model::find_object_type(subject),
                        line.flags, std::move(line.arguments)};
  return command.handler(invocation);
}

}  // namespace

int run_in(Terminal& terminal, const std::vector<std::string>& arguments) {
  CommandLine line;
  terminal.exit_status = 0;
  Result<void> done = parse_command_line(command_tree(), arguments, line);
  if (!done) return fail(terminal, done.error(), line);
  if (line.help || line.path.back()->handler == nullptr) {
    terminal.out << help_text(line.path, terminal.program);
    return 0;
  }
  done = execute(terminal, line);
  if (!done) return fail(terminal, done.error(), line);
  terminal.out.flush();
  return terminal.exit_status;
}

int run(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  Terminal terminal = process_terminal();
  if (argc > 0 && std::string_view(argv[0]).ends_with("drpcli")) terminal.program = "drpcli";
  return run_in(terminal, std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
}

}  // namespace mullion::cli
