// Preferences, info, events, logs, users, system, version.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <iostream>

#include "base/version.h"
#include "cli/commands/handlers.h"
#include "cli/documents/document.h"
#include "cli/documents/source.h"
#include "cli/output/output.h"
#include "cli/tree/completion.h"
#include "cli/tree/reference.h"
#include "env/file.h"

namespace mullion::cli {
namespace {

/// Pairs of words or one document as an object of texts.
Result<json::value> pairs_or_document(Invocation& call) {
  if (call.arguments.size() == 1) {
    Result<json::value> document = read_document(call, call.argument(0));
    if (!document || document->is_object()) return document;
    return usage_error("expected one object, or pairs of name and value");
  }
  if (call.arguments.size() % 2 != 0) return usage_error("expected one object, or pairs of name and value");
  json::object pairs;
  for (size_t i = 0; i < call.arguments.size(); i += 2) pairs[call.argument(i)] = call.argument(i + 1);
  return json::value(std::move(pairs));
}

Result<void> watch_events(Invocation& call, const std::string& pattern, bool objects_only) {
  bool gap = false;
  const auto ready = [&call, &gap]() -> Result<bool> {
    if (gap) call.terminal.err << "what happened in between is not shown\n" << std::flush;
    gap = true;
    return true;
  };
  const auto on_event = [&call, objects_only](const json::value& event) -> Result<bool> {
    const json::object* object = event.if_object();
    const json::value* inner = objects_only && object != nullptr ? object->if_contains("Object") : nullptr;
    print_value(call.terminal, call.options, "", inner != nullptr ? *inner : event);
    call.terminal.out.flush();
    return true;
  };
  Result<Session::WatchEnd> end = call.session.watch({pattern}, env::Duration(0), ready, on_event);
  return end ? Result<void>() : Result<void>(end.error());
}

/// Whether the static file server answers: "up", "off", or what is wrong.
std::string static_server_state(Invocation& call) {
  Result<std::string> origin = static_origin(call);
  if (!origin) return "off";
  Result<net::BodySourcePtr> body = call.session.open_static(*origin + "/");
  // Any answer shows that it serves; most trees have no front page.
  const bool answered = body || body.error().messages[0].find("HTTP status") != std::string::npos;
  return answered ? "up" : body.error().messages[0];
}

/// What a subject of the tree of commands stands for.
struct SystemStep {
  std::string_view subject;
  client::Request (*request)();
};
constexpr SystemStep kSystemShown[] = {{"system/cert", client::get_system_cert},
                                       {"static/cert", client::get_static_cert},
                                       {"system/upgrade", client::get_system_upgrade}};
constexpr SystemStep kSystemSteps[] = {{"system/backup", client::post_system_backup},
                                       {"system/active", client::post_system_active},
                                       {"system/passive", client::post_system_passive}};

/// One of those, or what a member knows of its cluster: "system/consensus/state".
client::Request shown_of(std::string_view subject) {
  for (const SystemStep& shown : kSystemShown) {
    if (shown.subject == subject) return shown.request();
  }
  return client::get_system_consensus(subject.substr(subject.rfind('/') + 1));
}

}  // namespace

Result<void> prefs_list(Invocation& call) {
  return print_answer(call, call.session.get(client::get_prefs()));
}

Result<void> prefs_set(Invocation& call) {
  Result<json::value> changes = pairs_or_document(call);
  if (!changes) return changes.error();
  return print_answer(call, call.session.send_value(client::post_prefs(), *changes));
}

Result<void> info_get(Invocation& call) { return print_answer(call, call.session.get(client::get_info())); }

Result<void> info_check(Invocation& call) {
  Result<json::value> info = call.session.get(client::get_info());
  if (!info) return info.error();
  return print_answer(call, json::value(json::object{{"active", true}}));
}

Result<void> info_status(Invocation& call) {
  Result<json::value> info = call.session.get(client::get_info());
  if (!info) return info.error();
  json::object status;
  static constexpr std::string_view kFields[] = {"id",           "ha_id",        "version",   "manager",
                                                 "ha_status",    "api_port",     "file_port", "dhcp_enabled",
                                                 "tftp_enabled", "binl_enabled", "errors"};
  for (const std::string_view field : kFields) {
    const json::value* found = member(*info, field);
    if (found != nullptr) status[field] = *found;
  }
  status["api"] = "up";
  status["static"] = static_server_state(call);
  return print_answer(call, json::value(std::move(status)));
}

Result<void> events_post(Invocation& call) {
  Result<json::value> event = read_document(call, call.argument(0));
  if (!event) return event.error();
  if (!event->is_object())
    return Error(ErrorCode::kBadRequest, "an event is an object with Type, Action and Key");
  Result<json::value> posted = call.session.send_value(client::post_events(), *event);
  if (!posted) return posted.error();
  return posted->is_null() ? Result<void>() : print_answer(call, posted);
}

Result<void> events_watch(Invocation& call) {
  const std::string pattern = call.optional_argument(0);
  return watch_events(call, pattern.empty() ? "*.*.*" : pattern, false);
}

Result<void> logs_get(Invocation& call) { return print_answer(call, call.session.get(client::get_logs())); }
Result<void> logs_watch(Invocation& call) { return watch_events(call, "log.*.*", true); }
Result<void> objects_list(Invocation& call) {
  return print_answer(call, call.session.get(client::get_objects()));
}
Result<void> system_get(Invocation& call) {
  return print_answer(call, call.session.get(shown_of(call.subject)));
}

Result<void> system_metrics(Invocation& call) {
  std::vector<std::pair<std::string, std::string>> query;
  if (!call.arguments.empty()) query.emplace_back("names", fmt::format("{}", fmt::join(call.arguments, ",")));
  return print_answer(call, call.session.get(client::get_system_metrics().with(query)));
}

Result<void> system_post(Invocation& call) {
  for (const SystemStep& step : kSystemSteps) {
    if (step.subject != call.subject) continue;
    client::Request request = step.request();
    if (call.flags.on("force")) request = request.with("force", "true");
    return print_answer(call, call.session.send_json({request}));
  }
  return usage_error("no such step of the system");
}

Result<void> user_password(Invocation& call) {
  json::object body;
  body["Password"] = read_secret(call, call.argument(1));
  return print_answer(call, call.session.send_value(client::put_users_password(call.argument(0)),
                                                    json::value(std::move(body))));
}

Result<void> user_token(Invocation& call) {
  static constexpr std::string_view kWords[] = {"ttl", "scope", "action", "specific", "roles"};
  std::vector<std::pair<std::string, std::string>> query;
  if (call.arguments.size() % 2 == 0) return usage_error("options are pairs such as `ttl 3600`");
  for (size_t i = 1; i < call.arguments.size(); i += 2) {
    if (std::find(std::begin(kWords), std::end(kWords), call.argument(i)) == std::end(kWords)) {
      return usage_error(
          fmt::format("unknown option `{}`: expected one of {}", call.argument(i), fmt::join(kWords, ", ")));
    }
    query.emplace_back(call.argument(i), call.argument(i + 1));
  }
  return print_answer(call, call.session.get(client::get_users_token(call.argument(0)).with(query)));
}

Result<void> show_version(Invocation& call) {
  call.terminal.out << "Version: " << program_version() << "\n";
  return {};
}

Result<void> print_completion(Invocation& call) {
  Result<std::string> script = completion_script(call.argument(0));
  if (!script) return usage_error(script.error().messages[0]);
  call.terminal.out << *script;
  return {};
}

Result<void> write_completion(Invocation& call) {
  Result<std::string> script = completion_script("bash");
  if (!script) return script.error();
  if (call.arguments.empty()) {
    call.terminal.out << *script;
    return {};
  }
  Result<void> written = env::write_file_atomic(call.argument(0), *script);
  return written ? Result<void>()
                 : Result<void>(Error(written.error().code, "cannot write " + call.argument(0)));
}

Result<void> write_reference(Invocation& call) {
  for (const auto& [name, text] : reference_pages(command_tree())) {
    Result<void> written = env::write_file_atomic(env::Path(call.argument(0)) / name, text);
    if (!written) return written;
  }
  return {};
}

Result<void> serve_proxy(Invocation& call) { return call.session.serve_proxy(call.argument(0)); }

Result<void> complete_words(Invocation& call) {
  for (const std::string& candidate : completions(command_tree(), call.arguments)) {
    call.terminal.out << candidate << "\n";
  }
  return {};
}

Result<void> misplaced_serve(Invocation&) { return usage_error("serve comes first: mullion serve --help"); }

}  // namespace mullion::cli
