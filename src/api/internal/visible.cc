#include "api/internal/visible.h"

#include "api/internal/hooks.h"

namespace mullion::api {

std::string rights_key(const model::ObjectType& type, std::string_view key, std::string_view body) {
  const TypeHooks& hooks = hooks_of(type.prefix);
  return hooks.rights_key == nullptr ? std::string(key) : hooks.rights_key(body);
}

bool may(const Call& call, const model::ObjectType& type, std::string_view action, std::string_view key,
         std::string_view body) {
  return auth::covers(call.principal.claims,
                      {std::string(type.prefix), std::string(action), rights_key(type, key, body)});
}

}  // namespace mullion::api
