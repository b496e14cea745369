// Logs of jobs, and the removal of old jobs.
#include "api/internal/answers.h"
#include "api/internal/finder.h"
#include "api/internal/handlers.h"
#include "api/internal/heavy.h"
#include "api/internal/job_purge_plan.h"
#include "api/internal/objects.h"
#include "api/internal/transfer.h"
#include "api/internal/write_support.h"
#include "auth/tenants.h"
#include "model/members.h"
#include "store/commit_async.h"

namespace mullion::api {
namespace {

/// The largest piece of a log that one request may bring: it is held in memory.
constexpr uint64_t kLargestLogPiece = uint64_t{16} << 20;
constexpr size_t kPurgedTogether = 500;
constexpr int kMostRounds = 8;

PurgeWords purge_words(const Call& call) {
  const prefs::Preferences& preferences = call.services.preferences;
  return {call.query_text("machine"),
          call.query_text("jobsToKeep"),
          call.query_text("failedJobsPurgedAfter"),
          call.query_text("completeJobsPurgedAfter"),
          preferences.get("jobsToKeep"),
          preferences.get("failedJobsPurgedAfter"),
          preferences.get("completeJobsPurgedAfter")};
}

env::Task<Result<std::vector<store::Change>>> plan_aside(const Call& call, const PurgeRules& rules) {
  co_return co_await heavy(call, env::Pool::kProcessor, [&] { return plan_purge(call, rules); });
}

/// One commit; false when one of its objects changed meanwhile and the rest needs a new plan.
env::Task<Result<bool>> commit_removals(const Call& call, std::vector<store::Change> changes,
                                        std::vector<std::string>& removed) {
  store::Batch batch;
  batch.principal = call.principal.audit_name();
  std::vector<std::string> keys;
  for (const store::Change& change : changes) {
    if (!change.body) keys.push_back(change.id.key);
  }
  batch.changes = std::move(changes);
  Result<store::Cursor> done = co_await store::commit_async(call.services.store, std::move(batch));
  if (!done && done.error().code == ErrorCode::kConflict) co_return false;
  if (!done) co_return done.error();
  removed.insert(removed.end(), keys.begin(), keys.end());
  co_return true;
}

/// Removes what is planned, many together; a job that tenants list goes alone, with its entries there. False
/// when something changed meanwhile and the rest needs a new plan.
env::Task<Result<bool>> carry_out(const Call& call, std::vector<store::Change> plan,
                                  std::vector<std::string>& removed) {
  Services& services = call.services;
  bool complete = true;
  std::vector<store::Change> together;
  for (size_t i = 0; i < plan.size(); ++i) {
    std::vector<store::Change> alone = auth::leave_tenants(
        *services.store.snapshot(), services.authenticator.tenants(), {"jobs", store::kOwn, plan[i].id.key});
    std::vector<store::Change>& batch = alone.empty() ? together : alone;
    batch.push_back(std::move(plan[i]));
    if (&batch == &together && together.size() < kPurgedTogether) continue;
    Result<bool> done = co_await commit_removals(call, std::exchange(batch, {}), removed);
    if (!done) co_return done;
    complete = complete && *done;
  }
  if (together.empty()) co_return complete;
  Result<bool> done = co_await commit_removals(call, std::move(together), removed);
  if (!done) co_return done;
  co_return complete&&* done;
}

net::Response keys_response(std::vector<std::string> keys) {
  json::array out;
  for (std::string& key : keys) out.emplace_back(std::move(key));
  return json_response(200, json::value(std::move(out)));
}

/// Whether a runner in `context` has nothing to do on the machine: all tasks are done, or another runner is
/// wanted there.
bool has_no_task_for(const json::object& machine, std::string_view context) {
  if (model::text_member(machine, "Context") != context) return true;
  const json::value* tasks = machine.if_contains("Tasks");
  const json::value* current = machine.if_contains("CurrentTask");
  if (tasks == nullptr || !tasks->is_array() || tasks->get_array().empty()) return true;
  const auto count = static_cast<int64_t>(tasks->get_array().size());
  return current != nullptr && current->is_int64() && current->get_int64() >= count;
}

/// A job without a state is a runner's question for its next task; with one it is a record of what was run.
bool asks_for_work(const json::value& wanted) {
  const json::object* job = wanted.if_object();
  const json::value* state = job == nullptr ? nullptr : job->if_contains("State");
  return job != nullptr && (state == nullptr || state->is_null() || *state == json::value(""));
}

/// Of a job that may be created: there is no work for it.
bool has_no_work(const Call& call, const json::object& job) {
  const model::ObjectType& machines = *model::find_object_type("machines");
  const std::optional<Target> found =
      find_here(call, *call.services.store.snapshot(), machines, model::text_member(job, "Machine"));
  if (!found) return false;
  const Result<json::object> machine = parse_stored(found->body);
  return machine && has_no_task_for(*machine, model::text_member(job, "Context"));
}

/// The log, or the part of it that a Range asks for. It grows all the time: what has a size has the one of
/// now.
Result<net::Response> log_response(joblogs::JobLogs& logs, const std::string& job,
                                   const net::Request& request) {
  const Result<uint64_t> size = logs.size(job);
  if (!size) return size.error();
  const FileVersion file{"", {}, *size};
  net::Headers asked;  // a log has no version that conditions could name
  if (const auto range = request.headers.get("Range")) asked.set("Range", std::string(*range));
  const Transfer transfer = choose_transfer(request.method, asked, file);
  if (transfer.status == 416) return range_refused("jobs", job, request.method, *size);
  net::Response response;
  response.status = transfer.status;
  response.headers.set("Content-Type", "application/octet-stream");
  response.headers.set("Accept-Ranges", "bytes");
  response.headers.set("Content-Length", std::to_string(transfer.length));
  if (transfer.status == 206) response.headers.set("Content-Range", content_range(transfer.bytes, *size));
  if (request.method == "HEAD" || transfer.length == 0) return response;
  Result<net::BodySourcePtr> body = logs.open_part(job, transfer.bytes.first, transfer.length);
  if (!body) return body.error();
  response.body = std::move(*body);
  return response;
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> create_job(Call& call) {
  Result<json::value> wanted = parse_body(call);
  if (!wanted) co_return wanted.error();
  objects::Unless unless;
  if (asks_for_work(*wanted)) unless = [&call](const json::object& job) { return has_no_work(call, job); };
  RequestedWrite asked(call);
  Result<objects::Written> written = co_await asked.write.create(std::move(*wanted), std::move(unless));
  if (!written) co_return written.error();
  if (written->target.key.empty()) co_return json_response(204, std::string());
  co_return written_response(call, 201, *written);
}

env::Task<Result<net::Response>> show_job_log(Call& call) {
  std::optional<Result<net::Response>> response;
  co_await env::run_blocking(
      [&] { response = log_response(call.services.job_logs, call.target.key, call.request); });
  co_return std::move(*response);
}

env::Task<Result<net::Response>> append_job_log(Call& call) {
  Result<std::string> text = co_await read_held_body(call, kLargestLogPiece);
  if (!text) co_return text.error();
  Result<void> appended;
  Services& services = call.services;
  co_await env::run_blocking([&] {
    appended = services.job_logs.append(call.target.key, *text);
    // Deleted meanwhile: whoever removed the log did so before this line was written.
    if (!find_again(call, *services.store.snapshot())) services.job_logs.remove(call.target.key);
  });
  if (!appended) {
    co_return object_error(call, appended.error().code, appended.error().messages);
  }
  services.job_log_news.grown(call.target.key, text_in(call.target.body, "Machine"));
  co_return json_response(204, std::string());
}

env::Task<Result<net::Response>> purge_jobs(Call& call) {
  Result<PurgeRules> rules = purge_rules(purge_words(call));
  if (!rules) co_return rules.error();
  std::vector<std::string> removed;
  for (int round = 0; round < kMostRounds; ++round) {
    Result<std::vector<store::Change>> plan = co_await plan_aside(call, *rules);
    if (!plan) co_return plan.error();
    if (call.flag("dryrun")) {
      for (const store::Change& change : *plan) removed.push_back(change.id.key);
      break;
    }
    Result<bool> complete = co_await carry_out(call, std::move(*plan), removed);
    if (!complete) co_return complete.error();
    if (*complete) break;
  }
  std::sort(removed.begin(), removed.end());
  co_return keys_response(std::move(removed));
}

}  // namespace handlers
}  // namespace mullion::api
