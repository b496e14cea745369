#include "api/internal/live_rights.h"

#include "api/internal/log.h"
#include "api/internal/rights.h"

namespace mullion::api {
namespace {

/// Rights change in bursts, and each change concerns few: this much later is still soon.
constexpr env::Duration kPause = std::chrono::milliseconds(500);
/// So often a watcher looks whether its socket is gone.
constexpr env::Duration kLook = std::chrono::seconds(30);

}  // namespace

LiveRights::LiveRights(Services& services, auth::Principal principal, std::vector<auth::Right> needed,
                       std::optional<store::ObjectId> object, bool whole)
    : services_(services),
      principal_(std::move(principal)),
      needed_(std::move(needed)),
      object_(std::move(object)),
      whole_(whole) {}

Result<void> LiveRights::renew() {
  if (services_.authenticator.generation() == principal_.generation) return {};
  Result<auth::Principal> now = services_.authenticator.renew(principal_);
  if (!now) return now.error();
  principal_ = std::move(*now);
  if (Result<void> fine = whole_ ? check_tenant(principal_, "what has begun") : Result<void>(); !fine)
    return fine;
  if (object_ && !principal_.sees({object_->type, object_->owner, object_->key}))
    return Error(ErrorCode::kNotFound, "", object_->type, object_->key, {"Not Found"});
  for (const auth::Right& right : needed_) {
    Result<void> allowed = auth::authorise(principal_, right, "what has begun");
    if (!allowed) return allowed;
  }
  return {};
}

LiveRights live_rights(const Call& call) {
  std::vector<auth::Right> needed;
  if (call.route != nullptr && call.route->access == Access::kRight && call.right_covered) {
    needed.push_back(right_of(call));
    if (call.flag("decode")) needed.push_back({needed[0].scope, "getSecure", needed[0].subject});
  }
  std::optional<store::ObjectId> object;
  if (call.subject && call.type != nullptr && !call.target.key.empty())
    object = store::ObjectId{std::string(call.type->prefix), call.target.owner, call.target.key};
  const bool whole = call.route != nullptr && call.route->whole;
  return {call.services, call.principal, std::move(needed), std::move(object), whole};
}

env::Task<Result<std::string_view>> GuardedBody::next() {
  if (Result<void> allowed = rights_.renew(); !allowed) co_return allowed.error();
  co_return co_await inner_.next();
}

env::Task<void> close_when_rights_end(env::Signal changes, LiveRights rights,
                                      std::weak_ptr<net::WebSocket> socket) {
  while (!socket.expired()) {
    const uint64_t seen = changes.version();
    if (Result<void> allowed = rights.renew(); !allowed) {
      kLog.info("websocket closed: the login ended or lost its right principal={}", rights.principal().name);
      if (const std::shared_ptr<net::WebSocket> open = socket.lock())
        co_await open->close(kPolicyViolation, "The login ended");
      co_return;
    }
    const bool changed = co_await changes.wait(seen, kLook);
    if (!changed) continue;
    const bool slept = co_await env::sleep_for(kPause);
    if (!slept) co_return;
  }
}

}  // namespace mullion::api
