// What claims say of objects.
#pragma once

#include <boost/json/object.hpp>

#include "objects/caller.h"

namespace mullion::objects {

/// What claims call an object of `owner`: its key, or for types with `rights_by` what that index reads from
/// it. Claims cannot name another owner's objects of such types one by one.
auth::Subject subject_of(const model::ObjectType& type, std::string_view owner, std::string_view key,
                         std::string_view body);
/// The same for an own object that is about to be stored.
auth::Subject own_subject(const model::ObjectType& type, std::string_view key,
                          const boost::json::object& object);

/// Whether the object exists for the principal and the principal may do `action` to it.
bool may(const auth::Principal& principal, const model::ObjectType& type, std::string_view action,
         const store::ObjectRef& object, std::string_view body);

/// The rights that a principal has by its claims and its tenant. Refusals name `uri`. Both outlive it.
class PrincipalRights : public Rights {
 public:
  PrincipalRights(const auth::Principal& principal, std::string_view uri)
      : principal_(principal), uri_(uri) {}
  Result<void> authorise(const auth::Right& right) const override;
  bool may(const model::ObjectType& type, std::string_view action, const store::ObjectRef& object,
           std::string_view body) const final;
  bool sees(const auth::Identity& object) const final;
  bool reads_everything() const final;

 private:
  const auth::Principal& principal_;
  const std::string_view uri_;
};

}  // namespace mullion::objects
