#include "api/internal/rights.h"

#include <array>

namespace mullion::api {
namespace {

constexpr std::string_view kSecureFeature = "secure-params";

bool reads(const auth::Right& right) {
  static constexpr std::array<std::string_view, 3> kReading{"list", "get", "actions"};
  return std::ranges::find(kReading, right.action) != kReading.end();
}

/// A refusal names the object as the client does: what its key is, is not for everybody.
Result<void> in_words_of_client(const Call& call, const auth::Right& right, Result<void> allowed) {
  const bool named = call.type != nullptr && call.type->rights_by.empty() && call.route->object &&
                     !call.requested_id().empty();
  if (allowed || !named) return allowed;
  Error error = allowed.error();
  error.messages.back() = fmt::format("Requires: {} {} {}", right.scope, right.action, call.requested_id());
  return error;
}

bool decodes(const Call& call, const auth::Right& right) {
  return call.flag("decode") && call.type != nullptr && reads(right);
}

std::string_view verb_of(const auth::Right& right) {
  return std::string_view(right.action).substr(0, right.action.find(':'));
}

/// The licensed feature that a request needs, or "".
std::string_view feature_needed(const Call& call, const auth::Right& right) {
  if (decodes(call, right) || right.action == "updateSecure") return kSecureFeature;
  if (call.type == nullptr || reads(right)) return {};
  return call.type->licence;
}

Result<void> check_licence(const Call& call, const auth::Right& right) {
  const std::string_view feature = feature_needed(call, right);
  if (feature.empty()) return {};
  const Services& services = call.services;
  if (auth::current_licence(services.store, services.facts.trusted_keys, services.clock).has(feature))
    return {};
  const std::string_view verb = decodes(call, right) ? std::string_view("getSecure") : verb_of(right);
  return Error(
      ErrorCode::kForbidden, "AUTH", "", "",
      {fmt::format("Cannot access {}", call.uri),
       fmt::format("{} {} is a licensed enterprise feature.  Contact support@rackn.com", right.scope, verb)});
}

Error not_found(const Call& call, const auth::Right& right) {
  if (call.type != nullptr) return object_error(call, ErrorCode::kNotFound, {"Not Found"});
  return Error(ErrorCode::kNotFound, "", right.scope, call.requested_id(), {"Not Found"});
}

/// What an object may not even be read for does not exist for the caller.
Error refused(const Call& call, const auth::Right& right, Error refusal) {
  const bool unseen =
      call.route->object && !auth::covers(call.principal.claims, {right.scope, "get", right.subject});
  return unseen ? not_found(call, right) : std::move(refusal);
}

bool creates_some(const auth::Principal& principal, const auth::Right& right) {
  const auto objects = auth::allowed_objects(principal.claims, right.scope, right.action);
  return !objects || !objects->empty();
}

Result<void> without_right(const Call& call, const auth::Right& right, Error refusal) {
  switch (call.route->denied) {
    case Denied::kAlways:
      return refusal;
    case Denied::kNotFound:
      return not_found(call, right);
    case Denied::kFilter:
      return {};
    case Denied::kCreated:
      if (creates_some(call.principal, right)) return {};
      return refusal;
    case Denied::kFields:
      if (auth::covers_partly(call.principal.claims, right)) return {};
      break;
    case Denied::kForbidden:
      break;
  }
  return refused(call, right, std::move(refusal));
}

}  // namespace

auth::Right right_of(const Call& call) {
  auth::Subject subject = auth::Subject::none();
  if (call.subject) {
    subject = *call.subject;
  } else if (!call.route->specific.empty()) {
    subject = auth::Subject::of(call.owner, call.arguments.expand(call.route->specific));
  }
  return {call.arguments.expand(call.route->scope), call.arguments.expand(call.route->action),
          std::move(subject)};
}

Result<void> authorise(const Call& call, const auth::Right& right) {
  return in_words_of_client(call, right, auth::authorise(call.principal, right, call.uri));
}

Result<void> check_tenant(const auth::Principal& principal, std::string_view uri) {
  if (principal.tenant == nullptr) return {};
  return Error(
      ErrorCode::kForbidden, "AUTH", "", "",
      {fmt::format("Cannot access {}", uri), "This is about everything: it is not for users of tenants"});
}

Result<void> authorise_route(Call& call) {
  if (call.route->access != Access::kRight) return {};
  const auth::Right right = right_of(call);
  Result<void> allowed = authorise(call, right);
  call.right_covered = allowed.ok();
  if (!allowed) allowed = without_right(call, right, allowed.error());
  if (allowed && call.route->whole) allowed = check_tenant(call.principal, call.uri);
  if (!allowed) return allowed;
  if (decodes(call, right)) {
    allowed = authorise(call, {right.scope, "getSecure", right.subject});
    if (!allowed) return allowed;
  }
  return check_licence(call, right);
}

namespace {

bool is_own(std::string_view, std::string_view owner) { return !store::is_remote(owner); }

/// Without the right that everybody has to the own account: it opens the account, and lists nobody.
std::vector<auth::Claim> listing_claims(const auth::Principal& principal, std::string_view prefix) {
  std::vector<auth::Claim> claims = principal.claims;
  const bool implied = prefix == "users" && !claims.empty() && claims.back().scope == "users" &&
                       claims.back().specific == principal.user;
  if (implied) claims.pop_back();
  return claims;
}

/// What the tenant shows of a collection; null when it does not restrict it.
store::ObjectSetPtr listed_members(const auth::Principal& principal, std::string_view prefix) {
  return principal.tenant == nullptr ? nullptr : principal.tenant->members(prefix);
}

}  // namespace

void bound_by_tenant(const auth::Principal& principal, std::string_view prefix, store::Query& query) {
  store::ObjectSetPtr objects = listed_members(principal, prefix);
  if (objects != nullptr) query.among.push_back(std::move(objects));
  if (principal.is_machine()) query.visible = is_own;
}

void bound_by_rights(const auth::Principal& principal, const model::ObjectType& type, store::Query& query) {
  bound_by_tenant(principal, type.prefix, query);
  auto objects = auth::allowed_objects(listing_claims(principal, type.prefix), type.prefix, "get");
  if (!objects) return;
  if (type.rights_by.empty()) {
    query.among.push_back(std::make_shared<store::ObjectSet>(std::move(*objects)));
    return;
  }
  store::Filter bound;
  bound.name = type.rights_by;
  bound.op = store::Operator::kIn;
  for (store::ObjectRef& object : *objects) {
    if (object.owner == store::kOwn) bound.arguments.push_back(std::move(object.key));
  }
  query.bounds.push_back(std::move(bound));
  query.visible = is_own;
}

Result<void> renew_rights(Call& call) {
  if (call.services.authenticator.generation() == call.principal.generation) return {};
  Result<auth::Principal> renewed = call.services.authenticator.renew(call.principal);
  if (!renewed) return renewed.error();
  call.principal = std::move(*renewed);
  return authorise_route(call);
}

}  // namespace mullion::api
