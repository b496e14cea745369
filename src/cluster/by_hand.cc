// A server that is started as a member of a cluster whose lead is switched by hand.
#include <fmt/format.h>

#include "client/api.h"
#include "client/login.h"
#include "client/routes.h"
#include "cluster/internal/admission.h"
#include "cluster/internal/log.h"
#include "env/launch.h"
#include "env/stop_wish.h"
#include "env/unless.h"
#include "net/http.h"

namespace mullion::cluster {
namespace {

constexpr auto kAskPause = std::chrono::seconds(2);
constexpr int kToldRounds = 15;  // of asking, between two lines of the log
constexpr uint64_t kLongestIntroduction = 1 << 20;

/// With the token of somebody who may make members; it goes to the server that is meant alone.
env::Task<Result<HaState>> introduction_from(env::Runtime& runtime, const ByHandStart& start) {
  net::ClientOptions options;
  options.base_url = start.join;
  while (options.base_url.ends_with('/')) options.base_url.pop_back();
  options.trust.pinned_fingerprint = start.fingerprint;
  options.trust.system_authorities = start.fingerprint.empty();
  Result<std::unique_ptr<net::Client>> client = net::make_client(runtime, options);
  if (!client) co_return client.error();
  net::ClientRequest request = client::bare_request(client::get_system_consensus_introduction());
  request.headers.set("Authorization", client::bearer(start.token));
  const Result<net::TextResponse> answer =
      co_await net::fetch(**client, std::move(request), kLongestIntroduction);
  (*client)->close();
  if (!answer) co_return answer.error();
  if (answer->status != 200)
    co_return Error(ErrorCode::kUnavailable, fmt::format("{} answers {} {}", start.join, answer->status,
                                                         client::refusal_texts(answer->body)));
  co_return decode_state(answer->body);
}

env::Task<Result<void>> ask_to_join(env::Runtime& runtime, const JoinRequest& request,
                                    const ByHandStart& start) {
  Result<HaState> wanted = co_await introduction_from(runtime, start);
  if (!wanted) co_return wanted.error();
  if (!by_hand(*wanted) || !joins(*wanted))
    co_return Error(ErrorCode::kConflict,
                    start.join + " serves no cluster that is switched by hand (--ha-enabled)");
  const Result<HaState> joined = co_await join(runtime, request, std::move(*wanted));
  co_return joined ? Result<void>() : Result<void>(joined.error());
}

Error stopped() { return Error(ErrorCode::kCancelled, "this server was to stop before it was admitted"); }

}  // namespace

Result<void> check_by_hand(const ByHandStart& start) {
  if (!start.passive) return {};
  if (start.join.empty())
    return Error(ErrorCode::kInvalid,
                 "--ha-passive needs --ha-join, or --ha-address, to find the active server");
  if (start.token.empty())
    return Error(ErrorCode::kInvalid,
                 "--ha-passive needs --ha-token, a token with the right `system active`");
  if (!start.join.starts_with("https://"))
    return Error(ErrorCode::kInvalid, "--ha-join is the https URL of the API of the active server");
  return {};
}

Result<void> enter_by_hand(env::Runtime& runtime, store::Store* store, const AloneOptions& options,
                           const ByHandStart& start, std::stop_token stop) {
  JoinRequest request;
  request.places = options.places;
  request.settings = options.settings;
  request.consensus_id = options.consensus_id;
  request.api_url = start.api_url;
  request.hostname = options.hostname;
  if (!start.passive) {
    HaState wanted;
    wanted.enabled = true;
    wanted.ha_id = options.ha_id;
    const Result<HaState> founded = found(request, *store, std::move(wanted));
    return founded ? Result<void>() : Result<void>(founded.error());
  }
  for (int round = 0;; ++round) {
    const std::optional<Result<void>> done = env::run(
        runtime, [&] { return env::unless(ask_to_join(runtime, request, start), env::until_wished(stop)); });
    if (!done) return stopped();
    if (*done || done->error().code == ErrorCode::kInvalid) return *done;
    if (round % kToldRounds == 0)
      kLog.warn("this passive server waits for the active one: {}", done->error().text());
    if (!env::pause(stop, kAskPause)) return stopped();
  }
}

}  // namespace mullion::cluster
