#include "objects/internal/private_values.h"

#include <algorithm>
#include <boost/json.hpp>

#include "auth/auth.h"
#include "model/members.h"
#include "objects/shown_secrets.h"
#include "objects/stored.h"

namespace mullion::objects {

namespace json = boost::json;

namespace {

json::object stored_secrets(const store::Snapshot& snapshot, const model::ObjectType& type,
                            const std::string& key) {
  const std::optional<std::string> stored = snapshot.secret(type.prefix, key);
  Result<json::object> parsed = stored ? parse_stored(*stored) : json::object();
  return parsed ? std::move(*parsed) : json::object();
}

}  // namespace

bool has_secret_fields(const model::ObjectType& type) {
  return std::any_of(type.fields.begin(), type.fields.end(),
                     [](const model::Field& field) { return field.secret; });
}

json::object set_members(const json::object& secrets) {
  json::object out;
  for (const auto& [name, value] : secrets) {
    if (value.is_string() && !value.get_string().empty()) out[name] = value;
  }
  return out;
}

json::object changed_secrets(const store::Snapshot& snapshot, const model::ObjectType& type,
                             const std::string& key, json::object given) {
  if (given.empty()) return given;
  const json::object stored = stored_secrets(snapshot, type, key);
  json::object changed;
  for (auto& [name, value] : given) {
    const json::value* known = stored.if_contains(name);
    if (known == nullptr || *known != value) changed[name] = std::move(value);
  }
  return changed;
}

std::optional<std::string> merged_secrets(const store::Snapshot& snapshot, const model::ObjectType& type,
                                          const std::string& key, const json::object& given) {
  if (!has_secret_fields(type)) return std::nullopt;
  json::object secrets = stored_secrets(snapshot, type, key);
  bool changed = false;
  for (const auto& [name, value] : given) {
    secrets[name] = value;
    if (std::string_view(name) == shown_secret_field(type)) secrets[kChosenMark] = true;
    changed = true;
  }
  const model::Field* token_secret = type.find_field("Secret");
  if (token_secret != nullptr && token_secret->secret && model::text_member(secrets, "Secret").empty()) {
    secrets["Secret"] = auth::make_secret();
    changed = true;
  }
  if (!changed) return std::nullopt;
  return json::serialize(secrets);
}

}  // namespace mullion::objects
