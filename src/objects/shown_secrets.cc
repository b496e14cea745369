#include "objects/shown_secrets.h"

#include <boost/json.hpp>
#include <utility>

#include "model/index_value.h"
#include "model/members.h"

namespace mullion::objects {

namespace json = boost::json;

namespace {

/// Collection and field.
constexpr std::pair<std::string_view, std::string_view> kShownSecrets[] = {{"machines", "Secret"}};

}  // namespace

std::string_view shown_secret_field(const model::ObjectType& type) {
  for (const auto& [prefix, field] : kShownSecrets) {
    if (prefix == type.prefix) return field;
  }
  return {};
}

std::string visible_secret(const auth::Principal& principal, const Rights& rights,
                           const store::Snapshot& snapshot, const model::ObjectType& type,
                           const Target& target) {
  const std::string_view field = shown_secret_field(type);
  if (field.empty() || target.owner != store::kOwn) return {};
  // What a manager may see is not what whoever it asks for may see.
  if (!principal.on_behalf_of.empty()) return {};
  if (!rights.may(type, "getSecure", {target.key, target.owner}, target.body)) return {};
  const std::optional<std::string> stored = snapshot.secret(type.prefix, target.key);
  const json::object secrets = stored ? model::parse_object(*stored) : json::object();
  return model::flag_member(secrets, kChosenMark) ? model::text_member(secrets, field) : std::string();
}

std::string with_secret(const model::ObjectType& type, std::string body, const std::string& secret) {
  if (secret.empty()) return body;
  const std::string_view empty = model::raw_member(body, shown_secret_field(type));
  if (empty.empty()) return body;
  body.replace(static_cast<size_t>(empty.data() - body.data()), empty.size(),
               json::serialize(json::string(secret)));
  return body;
}

void fill_secret(const model::ObjectType& type, json::object& object, const std::string& secret) {
  if (!secret.empty()) object[shown_secret_field(type)] = secret;
}

}  // namespace mullion::objects
