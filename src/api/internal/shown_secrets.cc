#include "api/internal/shown_secrets.h"

#include "api/internal/answers.h"
#include "api/internal/hooks.h"
#include "api/internal/rights.h"
#include "model/index_value.h"
#include "model/members.h"

namespace mullion::api {

std::string visible_secret(const auth::Principal& principal, const store::Snapshot& snapshot,
                           const model::ObjectType& type, const Target& target) {
  const std::string_view field = hooks_of(type.prefix).shown_secret;
  if (field.empty() || target.owner != store::kOwn) return {};
  // What a manager may see is not what whoever it asks for may see.
  if (!principal.on_behalf_of.empty()) return {};
  if (!may(principal, type, "getSecure", {target.key, target.owner}, target.body)) return {};
  const std::optional<std::string> stored = snapshot.secret(type.prefix, target.key);
  const json::object secrets = stored ? model::parse_object(*stored) : json::object();
  return model::flag_member(secrets, kChosenMark) ? model::text_member(secrets, field) : std::string();
}

std::string with_secret(const model::ObjectType& type, std::string body, const std::string& secret) {
  if (secret.empty()) return body;
  const std::string_view empty = model::raw_member(body, hooks_of(type.prefix).shown_secret);
  if (empty.empty()) return body;
  body.replace(static_cast<size_t>(empty.data() - body.data()), empty.size(), quoted_json(secret));
  return body;
}

void fill_secret(const model::ObjectType& type, json::object& object, const std::string& secret) {
  if (!secret.empty()) object[hooks_of(type.prefix).shown_secret] = secret;
}

}  // namespace mullion::api
