#include "objects/rights.h"

#include "model/index_value.h"

namespace mullion::objects {
namespace {

std::string unquoted(std::string_view raw) {
  const bool text = raw.size() >= 2 && raw.front() == '"';
  return std::string(text ? raw.substr(1, raw.size() - 2) : raw);
}

}  // namespace

auth::Subject subject_of(const model::ObjectType& type, std::string_view owner, std::string_view key,
                         std::string_view body) {
  if (type.rights_by.empty()) return auth::Subject::of(owner, std::string(key));
  if (store::is_remote(owner)) return auth::Subject::everything();
  return auth::Subject::here(unquoted(model::raw_member(body, type.find_index(type.rights_by)->path)));
}

auth::Subject own_subject(const model::ObjectType& type, std::string_view key,
                          const boost::json::object& object) {
  if (type.rights_by.empty()) return auth::Subject::here(std::string(key));
  const boost::json::value* value = object.if_contains(type.find_index(type.rights_by)->path);
  const bool text = value != nullptr && value->is_string();
  return auth::Subject::here(text ? std::string(value->get_string()) : std::string());
}

bool may(const auth::Principal& principal, const model::ObjectType& type, std::string_view action,
         const store::ObjectRef& object, std::string_view body) {
  if (!principal.sees({type.prefix, object.owner, object.key})) return false;
  return auth::covers(principal.claims, {std::string(type.prefix), std::string(action),
                                         subject_of(type, object.owner, object.key, body)});
}

Result<void> PrincipalRights::authorise(const auth::Right& right) const {
  return auth::authorise(principal_, right, uri_);
}

bool PrincipalRights::may(const model::ObjectType& type, std::string_view action,
                          const store::ObjectRef& object, std::string_view body) const {
  return objects::may(principal_, type, action, object, body);
}

bool PrincipalRights::sees(const auth::Identity& object) const { return principal_.sees(object); }

bool PrincipalRights::reads_everything() const {
  return principal_.tenant == nullptr &&
         auth::covers(principal_.claims, {"*", "get", auth::Subject::everything()});
}

}  // namespace mullion::objects
