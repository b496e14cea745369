// Rollouts: begin and steer them, see what they would do and what they do.
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <iostream>
#include <thread>

#include "cli/commands/handlers.h"
#include "cli/documents/document.h"
#include "cli/output/escaping_stream.h"
#include "cli/output/output.h"
#include "cli/output/rollout_view.h"

namespace mullion::cli {
namespace {

constexpr auto kLook = std::chrono::seconds(1);
constexpr std::string_view kClear = "\x1b[H\x1b[J";

Result<json::value> run_action(Invocation& call) {
  return call.session.send_value(client::post_object_actions("rollouts", call.argument(0), call.command.name),
                                 json::object());
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

/// `done` is the only good end, and only as long as nothing failed on the way: older managers say it of both.
Result<void> outcome_of(const Invocation& call, const json::value& rollout) {
  const std::string state = text_member(rollout, "State");
  const size_t failed = rollout_counts(rollout).failed;
  if (state == "done" && failed == 0) return {};
  const std::string reason = text_member(rollout, "Reason");
  std::string text = "the rollout is " + state;
  if (!reason.empty()) text += ": " + reason;
  if (state == "done" && reason.empty()) text += fmt::format(": {} endpoints failed", failed);
  return Error(ErrorCode::kConflict, "", "rollouts", call.argument(0), {std::move(text)});
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
  const client::Request look = client::get_object("rollouts", call.argument(0));
  Result<json::value> rollout = call.session.get(look);
  if (!rollout) return rollout.error();
  Reconnection connection(call.terminal, call.session.url());
  std::string last;
  while (true) {
    if (rollout) {
      connection.found();
      show(call, *rollout, last);
      if (rollout_is_over(*rollout)) return outcome_of(call, *rollout);
    } else if (!may_come_back(rollout.error())) {
      return rollout.error();
    }
    std::this_thread::sleep_for(rollout ? env::Duration(kLook) : connection.lost(rollout.error()));
    rollout = call.session.get(look);
  }
}

}  // namespace mullion::cli
