// Rights of now, for whatever lasts longer than the check at its beginning.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "api/internal/call.h"

namespace mullion::api {

/// By which a conversation ends whose rights ended.
inline constexpr uint16_t kPolicyViolation = 1008;

/// What a caller was allowed when a transfer or a conversation began, and whether it still is. For one
/// coroutine at a time; copies are independent.
class LiveRights {
 public:
  /// `needed`: what has to stay covered; `object`: what has to go on existing for the caller, if anything;
  /// `whole`: a tenant must not hide anything from the caller.
  LiveRights(Services& services, auth::Principal principal, std::vector<auth::Right> needed = {},
             std::optional<store::ObjectId> object = {}, bool whole = false);

  /// Brings the rights up to date; cheap when nothing changed. Fails when the login ended (kUnauthorized) or
  /// does not allow any more what has begun (kForbidden, kNotFound).
  Result<void> renew();
  /// As of the last renew().
  const auth::Principal& principal() const { return principal_; }

 private:
  Services& services_;
  auth::Principal principal_;
  std::vector<auth::Right> needed_;
  std::optional<store::ObjectId> object_;
  bool whole_;
};

/// What the call's route was allowed for.
LiveRights live_rights(const Call& call);

/// A body that fails at the piece before which the rights ended. `inner` must outlive it.
class GuardedBody final : public net::BodySource {
 public:
  GuardedBody(net::BodySource& inner, LiveRights rights) : inner_(inner), rights_(std::move(rights)) {}
  GuardedBody(net::BodySourcePtr inner, LiveRights rights)
      : owned_(std::move(inner)), inner_(*owned_), rights_(std::move(rights)) {}
  env::Task<Result<std::string_view>> next() override;
  std::optional<uint64_t> size() const override { return inner_.size(); }

 private:
  net::BodySourcePtr owned_;
  net::BodySource& inner_;
  LiveRights rights_;
};

/// Closes the socket (1008) soon after the rights end, also when nothing is said on it. Runs until the socket
/// is gone; belongs into a task group.
env::Task<void> close_when_rights_end(env::Signal changes, LiveRights rights,
                                      std::weak_ptr<net::WebSocket> socket);

}  // namespace mullion::api
