// Rollouts: begin and steer them, see what they would do and what they do.
#include <sys/ioctl.h>
#include <unistd.h>

#include <iostream>
#include <thread>

#include "cli/document.h"
#include "cli/escaping_stream.h"
#include "cli/handlers.h"
#include "cli/output.h"
#include "cli/rollout_view.h"

namespace mullion::cli {
namespace {

constexpr auto kLook = std::chrono::seconds(1);
/// A manager that restarts is waited for.
constexpr int kMostMisses = 60;
constexpr std::string_view kClear = "\x1b[H\x1b[J";

Result<json::value> run_action(Invocation& call) {
  const std::string target = api_path({"rollouts", call.argument(0), "actions", call.command.name});
  return call.session.send_value("POST", target, json::object());
}

size_t terminal_lines() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 2 ? size.ws_row - 1 : 0;
}

void show(Invocation& call, const json::value& rollout, std::string& last) {
  std::ostream& out = call.terminal.out;
  if (call.terminal.out_is_terminal) {
    write_styled(out, kClear);
    out << rollout_text(rollout, env::system_clock().wall(), terminal_lines()) << std::flush;
    return;
  }
  const std::string line = rollout_line(rollout);
  if (line != last) out << line << std::endl;
  last = line;
}

bool may_come_back(const Error& error) {
  return error.code == ErrorCode::kUnreachable || error.code == ErrorCode::kUnavailable ||
         error.code == ErrorCode::kTimeout;
}

}  // namespace

Result<void> rollout_command(Invocation& call) {
  Result<json::value> answer = run_action(call);
  if (!answer) return answer.error();
  return print_result(call, *answer);
}

Result<void> rollout_dry_run(Invocation& call) {
  Result<json::value> answer = run_action(call);
  if (!answer) return answer.error();
  const bool as_data = call.options.format == Format::kJson || call.options.format == Format::kYaml;
  if (as_data && call.options.format_given) {
    print_value(call.terminal, call.options, "", *answer);
  } else {
    call.terminal.out << dry_run_text(*answer);
  }
  return {};
}

Result<void> rollout_watch(Invocation& call) {
  std::string last;
  int misses = 0;
  while (true) {
    Result<json::value> rollout = call.session.get(api_path({"rollouts", call.argument(0)}));
    if (!rollout && (!may_come_back(rollout.error()) || ++misses > kMostMisses)) return rollout.error();
    if (rollout) {
      misses = 0;
      show(call, *rollout, last);
      if (rollout_is_over(*rollout)) {
        if (text_member(*rollout, "State") == "done") return {};
        return Error(
            ErrorCode::kConflict, "", "rollouts", call.argument(0),
            {"the rollout is " + text_member(*rollout, "State") + ": " + text_member(*rollout, "Reason")});
      }
    }
    std::this_thread::sleep_for(kLook);
  }
}

}  // namespace mullion::cli
