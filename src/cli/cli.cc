#include "cli/cli.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>

#include "base/log.h"
#include "cli/connection/session.h"
#include "cli/output/escaping_stream.h"
#include "cli/output/output.h"
#include "cli/tree/command.h"

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

/// A command succeeded when its output is where it belongs: the one place that asks.
int succeed(Terminal& terminal) {
  errno = 0;
  terminal.out.flush();
  if (terminal.out) return terminal.exit_status;
  Error error(ErrorCode::kInternal, "the output cannot be written");
  if (errno != 0) error.messages[0] += fmt::format(": {}", std::strerror(errno));
  terminal.err << error_text(error) << "\n";
  return 1;
}

Result<void> execute(Terminal& terminal, CommandLine& line) {
  const Command& command = *line.path.back();
  if (line.global.has("ref") && !command.obeys_reference)
    return usage_error(
        fmt::format("{} does not look at --ref; update, params, set, remove and those that set "
                    "one field do",
                    command.name));
  Result<Options> options = resolve_options(terminal, line.global);
  if (!options) return options.error();
  if (options->debug) set_log_level(LogLevel::kInfo);
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

int run_guarded(Terminal& terminal, const std::vector<std::string>& arguments) {
  CommandLine line;
  Result<void> done = parse_command_line(command_tree(), arguments, line);
  if (!done) return fail(terminal, done.error(), line);
  if (line.help || line.path.back()->handler == nullptr) {
    terminal.out << help_text(line.path, terminal.program);
    return succeed(terminal);
  }
  done = execute(terminal, line);
  const int status = done ? succeed(terminal) : fail(terminal, done.error(), line);
  say_notes(terminal);
  return status;
}

}  // namespace

int run_in(Terminal& terminal, const std::vector<std::string>& arguments) {
  // Programs get the bytes as they are; people never do.
  EscapingStream out(terminal.out);
  EscapingStream err(terminal.err);
  Terminal guarded{terminal.out_is_terminal ? out : terminal.out,
                   err,
                   terminal.in,
                   terminal.variables,
                   terminal.out_is_terminal,
                   terminal.err_is_terminal,
                   terminal.width,
                   terminal.program,
                   0,
                   {}};
  const int status = run_guarded(guarded, arguments);
  terminal.exit_status = guarded.exit_status;
  return status;
}

int run(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  // Whoever reads the output and has enough of it ends this program without a word, whatever started it
  // ignores.
  std::signal(SIGPIPE, SIG_DFL);
  set_log_level(LogLevel::kAudit);  // what rooms below log is for those who look for mistakes in this program
  Terminal terminal = process_terminal();
  if (argc > 0 && std::string_view(argv[0]).ends_with("drpcli")) terminal.program = "drpcli";
  return run_in(terminal, std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
}

}  // namespace mullion::cli
