// Who may do what to which object: the checks that every route passes, and the bounds of what a caller sees.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "api/internal/call.h"
#include "objects/rights.h"

namespace mullion::api {

using objects::may;
using objects::own_subject;
using objects::subject_of;

/// auth::authorise() for what this request is about; the refusal names the object as the client did.
Result<void> authorise(const Call& call, const auth::Right& right);
/// The rights of whoever makes a request, as the writes that it makes ask for them. The call must outlive it.
class RequestRights final : public objects::PrincipalRights {
 public:
  explicit RequestRights(const Call& call) : PrincipalRights(call.principal, call.uri), call_(call) {}
  Result<void> authorise(const auth::Right& right) const override { return api::authorise(call_, right); }

 private:
  const Call& call_;
};
/// The one check that every route passes before its work: right, secure reading, licence.
/// With Denied::kFilter, kFields and kCreated a missing right only clears call.right_covered.
Result<void> authorise_route(Call& call);

/// kForbidden for users of tenants: what is asked for is about everything that the server has.
Result<void> check_tenant(const auth::Principal& principal, std::string_view uri);

/// The right of the route for what this call is about.
auth::Right right_of(const Call& call);

/// Whether the object exists for the caller and the caller may do `action` to it.
inline bool may(const Call& call, const model::ObjectType& type, std::string_view action,
                const store::ObjectRef& object, std::string_view body) {
  return may(call.principal, type, action, object, body);
}

/// Limits a query about `type` to what exists for the caller and may be read.
void bound_by_rights(const auth::Principal& principal, const model::ObjectType& type, store::Query& query);
inline void bound_by_rights(const Call& call, store::Query& query) {
  bound_by_rights(call.principal, *call.type, query);
}
/// The same by tenant alone, without the own account that everybody may open: for counts that say nothing
/// about single objects.
void bound_by_tenant(const auth::Principal& principal, std::string_view prefix, store::Query& query);

/// Brings the caller's rights up to date when they may have changed, for requests that wait; fails when the
/// login ended or the route is not allowed any more.
Result<void> renew_rights(Call& call);

}  // namespace mullion::api
