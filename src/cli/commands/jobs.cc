// Jobs, and jobs of a machine.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>
#include <functional>
#include <ostream>

#include "base/letters.h"
#include "base/text.h"
#include "cli/commands/handlers.h"
#include "cli/connection/transfer.h"
#include "cli/documents/document.h"
#include "cli/documents/source.h"
#include "cli/output/output.h"
#include "env/clock.h"
#include "env/file.h"

namespace mullion::cli {
namespace {

constexpr std::string_view kNoJob = "00000000-0000-0000-0000-000000000000";

Result<json::value> get_machine(Invocation& call, const std::string& id) {
  Result<json::value> machine = call.session.get(client::get_object("machines", id));
  if (machine || machine.error().status_override != 404 || id.find(':') != std::string::npos) return machine;
  Result<json::value> named = call.session.get(client::get_object("machines", "Name:" + id));
  return named ? std::move(named) : std::move(machine);
}

/// Id of the job a machine works on, or worked on last.
Result<std::string> current_job(Invocation& call) {
  Result<json::value> machine = get_machine(call, call.argument(0));
  if (!machine) return machine.error();
  std::string job = text_member(*machine, "CurrentJob");
  if (!job.empty() && job != kNoJob) return job;
  return Error(ErrorCode::kNotFound, "No current job on machine " + call.argument(0));
}

Result<void> create_job(Invocation& call, const json::value& body) {
  Result<json::value> job = call.session.send_value(client::post_jobs(), body);
  if (!job) return job.error();
  if (!job->is_null()) return print_result(call, *job);
  call.terminal.err << "nothing to do for this machine\n";
  return {};
}

Result<void> print_log(Invocation& call, const std::string& job) {
  return download_to_stream(call, client::get_jobs_log(job), call.terminal.out);
}

/// Jobs of a machine, the newest first.
Result<json::array> machine_jobs(Invocation& call, const json::value& machine,
                                 std::vector<std::pair<std::string, std::string>> more) {
  std::vector<std::pair<std::string, std::string>> query = {
      {"Machine", "Eq(" + text_member(machine, "Uuid") + ")"}, {"sort", "StartTime"}, {"reverse", "true"}};
  query.insert(query.end(), more.begin(), more.end());
  Result<json::value> jobs = call.session.get(client::get_collection("jobs").with(query));
  if (!jobs) return jobs.error();
  return jobs->is_array() ? jobs->get_array() : json::array();
}

/// A job with what it was to do and what it said.
Result<json::value> whole_job(Invocation& call, const json::value& job) {
  const std::string id = text_member(job, "Uuid");
  Result<net::TextResponse> log = call.session.send({client::get_jobs_log(id)});
  if (!log) return log.error();
  Result<json::value> actions = call.session.get(client::get_jobs_actions(id));
  if (!actions) return actions.error();
  return json::value(json::object{{"Job", job}, {"Log", log->body}, {"Actions", *actions}});
}

Result<void> print_jobs(Invocation& call, const json::array& jobs) {
  if (!call.flags.on("all")) {
    print_value(call.terminal, call.options, "jobs", json::value(jobs));
    return {};
  }
  json::array whole;
  for (const json::value& job : jobs) {
    Result<json::value> one = whole_job(call, job);
    if (!one) return one.error();
    whole.push_back(std::move(*one));
  }
  return print_answer(call, json::value(std::move(whole)));
}

/// The last argument as a number of jobs to look at; 0 when it is absent: all.
Result<uint64_t> count_argument(const Invocation& call, size_t index) {
  const std::string text = call.optional_argument(index);
  if (text.empty()) return uint64_t{0};
  return number_argument(text);
}

/// `kind`-`id`.json. What a server calls itself is no way out of this folder.
Result<void> write_support_file(Invocation& call, std::string_view kind, std::string id,
                                const json::value& bundle) {
  const auto is_plain = [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.'; };
  std::replace_if(id.begin(), id.end(), std::not_fn(is_plain), '_');
  const std::string path = fmt::format("{}-{}.json", kind, id);
  // Parameters and logs of a machine are nobody's business but the owner's.
  Result<void> written = env::write_file_atomic(path, pretty_json(bundle) + "\n", 0600);
  if (!written) return Error(written.error().code, "cannot write " + path);
  call.terminal.out << path << "\n";
  return {};
}

}  // namespace

Result<void> job_create(Invocation& call) {
  Result<json::value> body = read_object_of(call, call.argument(0), model::find_object_type("jobs"));
  if (body && body->is_object()) return create_job(call, *body);
  Result<json::value> machine = get_machine(call, call.argument(0));
  if (!machine) return machine.error();
  return create_job(call, json::object{{"Machine", text_member(*machine, "Uuid")}});
}

Result<void> job_purge(Invocation& call) {
  static constexpr std::pair<std::string_view, std::string_view> kFlags[] = {
      {"machine", "machine"},
      {"jobs-to-keep", "jobsToKeep"},
      {"failed-after", "failedJobsPurgedAfter"},
      {"complete-after", "completeJobsPurgedAfter"}};
  Result<json::value> info = call.session.get(client::get_info());
  if (!info) return info.error();
  std::vector<std::pair<std::string, std::string>> query;
  if (call.flags.on("dry-run")) query.emplace_back("dryrun", "true");
  for (const auto& [flag, name] : kFlags) {
    if (call.flags.has(flag)) query.emplace_back(name, call.flags.get(flag));
  }
  const std::vector<std::string> features = texts_member(*info, "features");
  // A server that does not know these words would purge by its own rules, and more than was asked for.
  if (!query.empty() &&
      std::find(features.begin(), features.end(), "selective-job-purge") == features.end()) {
    return Error(ErrorCode::kUnavailable,
                 "this server cannot purge selectively (feature selective-job-purge); nothing was purged");
  }
  return print_answer(call, call.session.send_json({client::delete_jobs().with(query)}));
}

Result<void> job_actions(Invocation& call) {
  const client::Request request = client::get_jobs_actions(call.argument(0));
  return print_answer(call, call.session.get(request.with("os", call.flags.get("for-os"))));
}

Result<void> job_log(Invocation& call) {
  if (call.arguments.size() == 1) return print_log(call, call.argument(0));
  const client::Request request = client::put_jobs_log(call.argument(0));
  const bool from_stdin = call.argument(1) == "-";
  Result<json::value> sent = from_stdin
                                 ? upload_source(call, request, "-")
                                 : call.session.upload(request, net::body_from_string(call.argument(1)));
  if (!sent) return sent.error();
  call.terminal.out << "Success\n";
  return {};
}

Result<void> machine_job_create(Invocation& call) {
  Result<json::value> machine = get_machine(call, call.argument(0));
  if (!machine) return machine.error();
  return create_job(call, json::object{{"Machine", text_member(*machine, "Uuid")}});
}

Result<void> machine_job_current(Invocation& call) {
  Result<std::string> job = current_job(call);
  if (!job) return job.error();
  return print_answer(call, call.session.get(client::get_object("jobs", *job)));
}

Result<void> machine_job_state(Invocation& call) {
  Result<std::string> id = current_job(call);
  if (!id) return id.error();
  Result<json::value> job = call.session.get(client::get_object("jobs", *id));
  if (!job) return job.error();
  const json::array patch = {patch_operation("test", "/State", json::value(text_member(*job, "State"))),
                             patch_operation("replace", "/State", json::value(call.argument(2)))};
  return print_answer(call, call.session.send_value(client::patch_object("jobs", *id), json::value(patch)));
}

Result<void> machine_current_log(Invocation& call) {
  Result<std::string> job = current_job(call);
  return job ? print_log(call, *job) : Result<void>(job.error());
}

Result<void> machine_delete_jobs(Invocation& call) {
  Result<json::value> machine = get_machine(call, call.argument(0));
  if (!machine) return machine.error();
  Result<json::array> jobs = machine_jobs(call, *machine, {});
  if (!jobs) return jobs.error();
  for (const json::value& job : *jobs) {
    const std::string id = text_member(job, "Uuid");
    Result<json::value> gone = call.session.send_json({client::delete_object("jobs", id)});
    if (!gone) return gone.error();
    call.terminal.out << "Deleted job " << escaped(id) << "\n";
  }
  return {};
}

Result<void> inspect_tasks(Invocation& call) {
  Result<uint64_t> offset = count_argument(call, 2);
  if (!offset) return offset.error();
  Result<json::value> machine = get_machine(call, call.argument(0));
  if (!machine) return machine.error();
  std::vector<std::pair<std::string, std::string>> query = {{"Task", call.argument(1)}};
  if (call.arguments.size() > 2) {
    query.emplace_back("offset", fmt::to_string(*offset));
    query.emplace_back("limit", "1");
  }
  Result<json::array> jobs = machine_jobs(call, *machine, std::move(query));
  return jobs ? print_jobs(call, *jobs) : Result<void>(jobs.error());
}

Result<void> inspect_jobs(Invocation& call) {
  Result<uint64_t> offset = count_argument(call, 1);
  if (!offset) return offset.error();
  Result<json::value> machine = get_machine(call, call.argument(0));
  if (!machine) return machine.error();
  std::vector<std::pair<std::string, std::string>> query;
  if (call.arguments.size() > 1) {
    query.emplace_back("offset", fmt::to_string(*offset));
    query.emplace_back("limit", "1");
  }
  Result<json::array> jobs = machine_jobs(call, *machine, std::move(query));
  return jobs ? print_jobs(call, *jobs) : Result<void>(jobs.error());
}

Result<void> support_machine(Invocation& call) {
  Result<json::value> machine =
      call.session.get(client::get_object("machines", call.argument(0)).with("aggregate", "true"));
  if (!machine) return machine.error();
  const std::string since =
      fmt::format("Gte({})", env::format_rfc3339(env::system_clock().wall() - std::chrono::hours(24)));
  Result<json::array> jobs = machine_jobs(call, *machine, {{"StartTime", since}});
  if (!jobs) return jobs.error();
  json::array whole;
  for (const json::value& job : *jobs) {
    Result<json::value> one = whole_job(call, job);
    // A job without log or script still belongs into the picture.
    whole.push_back(one ? std::move(*one) : json::value(json::object{{"Job", job}}));
  }
  Result<json::value> logs = call.session.get(client::get_logs());
  if (!logs) return logs.error();
  const json::value bundle =
      json::object{{"Machine", *machine}, {"Jobs", std::move(whole)}, {"Logs", std::move(*logs)}};
  return write_support_file(call, "machine", text_member(*machine, "Uuid"), bundle);
}

Result<void> support_server(Invocation& call) {
  Result<json::value> facts = call.session.get(client::get_debug("support"));
  if (!facts) return facts.error();
  Result<json::value> logs = call.session.get(client::get_logs());
  if (!logs) return logs.error();
  const json::value* info = facts->is_object() ? facts->get_object().if_contains("Info") : nullptr;
  const std::string id = info == nullptr ? "server" : text_member(*info, "id");
  const json::value bundle = json::object{{"Support", *facts}, {"Logs", std::move(*logs)}};
  return write_support_file(call, "support", id, bundle);
}

}  // namespace mullion::cli
