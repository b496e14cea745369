#include "server/upgrade_supervisor.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <csignal>
#include <cstdlib>

#include "base/version.h"
#include "client/api.h"
#include "client/login.h"
#include "client/routes.h"
#include "env/launch.h"
#include "env/runtime.h"
#include "model/members.h"
#include "net/http.h"
#include "server/internal/log.h"
#include "server/process_settings.h"
#include "server/upgrade_package.h"
#include "server/upgrade_state.h"
#include "server/upgrade_trial.h"

namespace mullion::server {
namespace {

using namespace std::chrono_literals;
constexpr auto kPause = 50ms;
constexpr auto kSettle = 500ms;
constexpr auto kProbeLimit = 5s;
constexpr auto kChildPatience = 10s;
constexpr uint64_t kLargestInfo = uint64_t{4} << 20;

/// Why a member of a cluster does not do its part yet, by its /info; "" when it does, or is no member.
std::string why_out_of_step(const boost::json::object& info) {
  const boost::json::value* member = info.if_contains("ha_enabled");
  const boost::json::value* status = info.if_contains("ha_status");
  if (member == nullptr || !member->is_bool() || !member->get_bool()) return {};
  const std::string_view word = status != nullptr && status->is_string()
                                    ? std::string_view(status->get_string())
                                    : std::string_view("nothing");
  if (word == "Up" || word == "In-Sync") return {};
  return fmt::format("it is not in step with the cluster: {}", word);
}

/// What GET /info of the new program says its version is, once it does its part.
Result<std::string> ask_version(env::Runtime& runtime, const std::string& url, const std::string& fingerprint,
                                const std::string& token) {
  net::ClientOptions options;
  options.base_url = url;
  options.trust.pinned_fingerprint = fingerprint;
  options.idle_timeout = kProbeLimit;
  Result<std::unique_ptr<net::Client>> client = net::make_client(runtime, std::move(options));
  if (!client) return client.error();
  net::ClientRequest request = client::bare_request(client::get_info());
  request.headers.set("Authorization", client::bearer(token));
  const Result<net::TextResponse> answer =
      env::run(runtime, net::fetch(**client, std::move(request), kLargestInfo));
  if (!answer) return answer.error();
  if (answer->status != 200)
    return Error(ErrorCode::kUnavailable, fmt::format("/info answers {}", answer->status));
  const boost::json::object info = model::parse_object(answer->body);
  const boost::json::value* version = info.if_contains("version");
  if (version == nullptr || !version->is_string())
    return Error(ErrorCode::kUnavailable, "/info names no version");
  if (const std::string why = why_out_of_step(info); !why.empty()) return Error(ErrorCode::kUnavailable, why);
  return std::string(version->get_string());
}

/// SIGTERM and SIGINT are waited for, never delivered.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }
  /// Whether one came within `patience`.
  bool wait(std::chrono::milliseconds patience) const {
    const timespec time{0, std::chrono::nanoseconds(patience).count()};
    return ::sigtimedwait(&set_, nullptr, &time) > 0;
  }

 private:
  sigset_t set_;
};

class Trial {
 public:
  Trial(const UpgradeFolder& folder, const PendingUpgrade& pending, std::string token,
        const env::ProcessImage& server)
      : folder_(folder), pending_(pending), token_(std::move(token)), server_(server) {}

  /// Has the new program run until it is clear what becomes of it. It still runs afterwards if it is proven.
  TrialVerdict run(const StopSignals& signals) {
    folder_.forget_ready();
    env::ProcessImage image = server_;
    image.program = pending_.candidate;
    image.environment = env::with_variables(image.environment, {{kTrialVariable, "1"}});
    Result<env::Trainee> started = env::Trainee::start(image);
    if (!started) return {TrialVerdict::Kind::kRollBack, started.error().messages.front()};
    trainee_.emplace(std::move(*started));
    env::Runtime runtime(1);  // after the fork: the child gets no threads
    const env::SteadyTime begun = env::system_clock().steady();
    while (true) {
      sight_.stop_asked = signals.wait(kPause);
      look(runtime, begun);
      const TrialVerdict verdict =
          judge_trial(sight_, pending_.to, std::chrono::seconds(pending_.deadline), kSettle);
      if (verdict.kind != TrialVerdict::Kind::kWait) return verdict;
    }
  }

  void stop(env::Duration patience) {
    if (trainee_) trainee_->stop(patience);
  }

 private:
  void look(env::Runtime& runtime, env::SteadyTime begun) {
    const env::SteadyTime now = env::system_clock().steady();
    sight_.age = now - begun;
    if (const auto end = trainee_->poll()) sight_.ended = end->text();
    const std::optional<ReadyNote> note = folder_.ready();
    if (!note || sight_.ended) return;
    sight_.ready_version = note->version;
    const Result<std::string> version = ask_version(runtime, note->url, pending_.fingerprint, token_);
    if (!version) {
      sight_.problem = version.error().messages.front();
      sight_.info_version.reset();
      serving_since_.reset();
      return;
    }
    if (!serving_since_) serving_since_ = now;
    sight_.info_version = *version;
    sight_.serving = now - *serving_since_;
  }

  const UpgradeFolder& folder_;
  const PendingUpgrade& pending_;
  const std::string token_;
  const env::ProcessImage& server_;
  std::optional<env::Trainee> trainee_;
  TrialSight sight_;
  std::optional<env::SteadyTime> serving_since_;
};

/// The one moment of the change: before it the old program starts after a power cut, after it the new one.
Result<void> put_in_place(const PendingUpgrade& pending) {
  std::error_code problem;
  std::filesystem::rename(pending.candidate, pending.program, problem);
  if (problem) return env::error_from_errno(problem.value(), "rename to " + pending.program.string());
  // The new program is in place already: after a power cut either of the two starts, both whole.
  if (Result<void> synced = env::sync_directory(pending.program.parent_path()); !synced)
    kUpgradeLog.error("{}", synced.error().text());
  return {};
}

void keep_outcome(const UpgradeFolder& folder, const PendingUpgrade& pending, bool upgraded,
                  std::string reason) {
  const UpgradeOutcome outcome{upgraded, pending.from, pending.to, std::move(reason),
                               env::format_rfc3339(env::system_clock().wall())};
  if (upgraded) {
    kUpgradeLog.audit("{}", outcome.text());
  } else {
    kUpgradeLog.error("{}", outcome.text());
  }
  if (Result<void> kept = folder.finish(pending, outcome); !kept)
    kUpgradeLog.error("the outcome was not kept: {}", kept.error().text());
}

/// What the server's file holds now becomes this process; the copy of the old program only if that file is
/// gone.
int start_server(env::ProcessImage server, const UpgradeFolder& folder) {
  for (const env::Path& program : {server.program, folder.previous()}) {
    server.program = program;
    kUpgradeLog.error("{}", env::become(server).text());
  }
  return 1;
}

/// Whatever goes wrong with watching speaks against the new program.
TrialVerdict watch(Trial& trial, const StopSignals& signals) try {
  return trial.run(signals);
} catch (const std::exception& failure) {
  return {TrialVerdict::Kind::kRollBack, fmt::format("its trial could not be watched: {}", failure.what())};
}

/// From the trial to the outcome that is kept; whether a server is to run afterwards.
bool oversee(const UpgradeFolder& folder, const PendingUpgrade& pending, const env::ProcessImage& server,
             const StopSignals& signals) {
  const char* token = std::getenv(kTokenVariable);
  Trial trial(folder, pending, token != nullptr ? token : "", server);
  TrialVerdict verdict = watch(trial, signals);
  if (verdict.kind == TrialVerdict::Kind::kProven) {
    if (Result<void> placed = put_in_place(pending); !placed)
      verdict = {TrialVerdict::Kind::kRollBack, placed.error().messages.front()};
  }
  const bool proven = verdict.kind == TrialVerdict::Kind::kProven;
  trial.stop(verdict.kind == TrialVerdict::Kind::kRollBack ? env::Duration(0)
                                                           : env::Duration(kChildPatience));
  keep_outcome(folder, pending, proven, verdict.reason);
  return verdict.kind != TrialVerdict::Kind::kStop;
}

/// The server as it was started, without what only the supervisor was told.
env::ProcessImage server_image(const std::vector<std::string>& arguments) {
  return {arguments[1],
          {arguments.begin() + 2, arguments.end()},
          env::with_variables(env::own_environment(), {{kTokenVariable, ""}})};
}

}  // namespace

Error hand_over(const env::ProcessImage& server, const env::Path& base_root, const std::string& token) {
  env::ProcessImage supervisor = server;
  supervisor.program = UpgradeFolder(base_root).previous();
  supervisor.arguments = {"mullion", std::string(kSuperviseWord), base_root.string(),
                          server.program.string()};
  supervisor.arguments.insert(supervisor.arguments.end(), server.arguments.begin(), server.arguments.end());
  supervisor.environment = env::with_variables(server.environment, {{kTokenVariable, token}});
  return env::become(supervisor);
}

int supervise_upgrade(const std::vector<std::string>& arguments) {
  if (arguments.size() < 3) return 2;
  const StopSignals signals;
  std::signal(SIGPIPE, SIG_IGN);
  const UpgradeFolder folder{env::Path(arguments[0])};
  const env::ProcessImage server = server_image(arguments);
  // Every way out but a wish to stop ends in a server that runs.
  try {
    const std::optional<PendingUpgrade> pending = folder.pending();
    if (!pending) kUpgradeLog.error("no upgrade is pending in {}", folder.path().string());
    if (pending && !oversee(folder, *pending, server, signals)) return 0;
  } catch (const std::exception& failure) {
    kUpgradeLog.error("the upgrade was given up: {}", failure.what());
  }
  return start_server(server, folder);
}

int self_check(const std::vector<std::string>& arguments) {
  if (Result<settings::Settings> settings = process_settings(arguments); !settings) {
    fmt::print(stderr, "{}\n", settings.error().messages.front());
    return 1;
  }
  fmt::print("{}\n", self_report({std::string(program_version()), std::string(program_arch()),
                                  std::string(program_os())}));
  return 0;
}

}  // namespace mullion::server
