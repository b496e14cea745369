#include "rollout/internal/lenders.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "client/routes.h"
#include "model/members.h"
#include "model/object.h"
#include "rollout/internal/targets.h"

namespace mullion::rollout::internal {
namespace {

constexpr std::string_view kReturn = "return";

std::string lender_place(const std::string& id) { return id + "/login"; }

/// Whether a turn of it is to come, or is under way.
bool may_change(const EndpointProgress& endpoint) {
  return endpoint.state == EndpointState::kWaiting || endpoint.state == EndpointState::kToReturn ||
         is_under_way(endpoint.state);
}

}  // namespace

bool lends_rights(std::string_view command) {
  return command == "start" || command == "resume" || command == kReturn;
}

Result<void> authorise_targets(const std::vector<RolloutTarget>& targets, const auth::Principal& principal) {
  for (const RolloutTarget& target : targets) {
    const std::string uri = client::patch_object(kEndpointObjects, target.id).target();
    const auth::Right right{std::string(kEndpointObjects), "update",
                            auth::Subject::of(target.owner, target.id)};
    Result<void> allowed = auth::authorise(principal, right, uri);
    if (!allowed) return allowed.error();
    if (!principal.sees({kEndpointObjects, target.owner, target.id}))
      return Error(ErrorCode::kForbidden, "AUTH", "", "", {fmt::format("Cannot access {}", uri)});
  }
  return {};
}

std::vector<RolloutTarget> open_targets(const Rollout& rollout) {
  std::vector<RolloutTarget> out;
  for (const Wave& wave : rollout.waves) {
    for (const EndpointProgress& endpoint : wave.endpoints) {
      if (may_change(endpoint)) out.push_back({endpoint.id, endpoint.owner, {}});
    }
  }
  return out;
}

Result<store::SecretChange> Lenders::keep(const std::string& id, const std::string& command,
                                          const auth::Principal& principal) const {
  Result<std::string> login = authenticator_.keep(principal);
  if (!login) return login.error();
  const json::object kept{
      {"Command", command}, {"Name", principal.audit_name()}, {"Login", std::move(*login)}};
  return store::SecretChange{std::string(kRollouts), lender_place(id), json::serialize(kept)};
}

store::SecretChange Lenders::forgotten(const std::string& id) {
  return {std::string(kRollouts), lender_place(id), std::nullopt};
}

void Lenders::keep_only(const std::vector<std::string>& ids) {
  std::erase_if(known_,
                [&ids](const auto& known) { return std::ranges::find(ids, known.first) == ids.end(); });
}

Result<std::string> Lenders::lapse(const store::Snapshot& snapshot, const Rollout& rollout) {
  const std::string& id = rollout.plan.id;
  const std::string kept = snapshot.secret(kRollouts, lender_place(id)).value_or("");
  const json::object lender = model::parse_object(kept);
  // A way back that the rollout went by itself is not gone for anybody, and neither is an end.
  const bool own_way =
      rollout.state == RolloutState::kReturning && model::text_member(lender, "Command") != kReturn;
  if (own_way || rollout.state == RolloutState::kAborting) return std::string();
  if (kept.empty()) return std::string("it was begun by a version that did not keep for whom: resume it");
  auto known = known_.find(id);
  const bool fresh = known != known_.end() && known->second.kept == kept &&
                     known->second.principal.generation == authenticator_.generation();
  const std::string name = model::text_member(lender, "Name");
  if (!fresh) {
    Result<auth::Principal> principal = authenticator_.recall(model::text_member(lender, "Login"));
    if (!principal) {
      known_.erase(id);
      if (principal.error().code != ErrorCode::kUnauthorized) return principal.error();
      return fmt::format("the login of {} ended: {}", name, principal.error().messages.front());
    }
    known = known_.insert_or_assign(id, Known{kept, std::move(*principal)}).first;
  }
  const Result<void> allowed = authorise_targets(open_targets(rollout), known->second.principal);
  if (allowed) return std::string();
  return fmt::format("{} may not change all of its endpoints any more: {}", name,
                     fmt::join(allowed.error().messages, "; "));
}

}  // namespace mullion::rollout::internal
