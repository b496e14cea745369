// Another version of the server itself: the endpoint tries it, and comes back with it or with the old one.
#include <fmt/format.h>

#include "versionset/internal/carry_out.h"
#include "versionset/internal/json_read.h"
#include "versionset/internal/planner.h"

namespace mullion::versionset {
namespace {

constexpr auto kLook = std::chrono::seconds(5);

/// Asked while it restarts: not to be waited for long.
net::ClientRequest quick_request(std::string target) {
  net::ClientRequest request = get_request(std::move(target));
  request.timeout = kLook;
  return request;
}

Task<Result<json::object>> read_object(EndpointCalls& calls, std::string target) {
  Result<Answer> answer = co_await ask(calls, quick_request(std::move(target)));
  if (!answer) co_return answer.error();
  boost::system::error_code failure;
  json::value parsed = json::parse(answer->body, failure);
  if (failure || !parsed.is_object()) co_return Error(ErrorCode::kInternal, "the answer is no JSON object");
  co_return std::move(parsed.get_object());
}

/// Why the endpoint went back from this version; "" when it did not, or does not tell.
Task<std::string> way_back(EndpointCalls& calls, std::string version) {
  Result<json::object> status = co_await read_object(calls, "/api/v3/system/upgrade");
  if (!status || text_member(*status, "State") != "rolled back") co_return std::string();
  if (!same_version(text_member(*status, "To"), version)) co_return std::string();
  co_return text_member(*status, "Text");
}

Task<Result<Effect>> await_version(const Target& target, const Action& action, RestartPatience patience) {
  const env::SteadyTime deadline = env::system_clock().steady() + patience.deadline;
  std::string seen = "it did not answer";
  while (env::system_clock().steady() < deadline) {
    co_await env::sleep_for(patience.pause);
    Result<json::object> info = co_await read_object(target.calls, "/api/v3/info");
    if (!info) continue;
    seen = "it runs " + text_member(*info, "version");
    if (same_version(text_member(*info, "version"), action.actual_version)) co_return Effect::kChanged;
    const std::string reason = co_await way_back(target.calls, action.actual_version);
    if (!reason.empty()) co_return Error(ErrorCode::kInvalid, reason);
  }
  co_return Error(
      ErrorCode::kInternal,
      fmt::format("the endpoint did not come back with {} within {} s: {}", action.actual_version,
                  std::chrono::duration_cast<std::chrono::seconds>(patience.deadline).count(), seen));
}

}  // namespace

Task<Result<Effect>> carry_out_server(const Target& target, const Action& action, RestartPatience patience) {
  Result<json::object> info = co_await read_object(target.calls, "/api/v3/info");
  if (!info) co_return info.error();
  if (same_version(text_member(*info, "version"), action.actual_version)) co_return Effect::kNone;
  const std::string reason = co_await way_back(target.calls, action.actual_version);
  if (!reason.empty()) {
    co_return Error(ErrorCode::kInvalid,
                    fmt::format("{}; it is not tried again before DELETE /system/upgrade there", reason));
  }
  if (!action.artifact) co_return Error(ErrorCode::kInvalid, "the version names nothing to send");
  Result<content::Blobs::Info> package = co_await target.artifacts.fetch(*action.artifact);
  if (!package) co_return package.error();
  net::ClientRequest request;
  request.method = "POST";
  request.target = "/api/v3/system/upgrade?force=true";  // an older version is wanted when it is declared
  request.headers.set("Content-Type", "application/octet-stream");
  Result<Answer> sent = co_await send_file(target, std::move(request), std::move(*package));
  // The restart may cut the answer; whether it was staged is seen by what comes back.
  if (!sent && !is_broken(sent.error())) co_return sent.error();
  if (!sent) {
    Result<json::object> again = co_await read_object(target.calls, "/api/v3/info");
    if (again) co_return sent.error();
  }
  co_return co_await await_version(target, action, patience);
}

}  // namespace mullion::versionset
