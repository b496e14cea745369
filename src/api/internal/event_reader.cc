#include "api/internal/event_reader.h"

#include "api/internal/objects.h"
#include "api/internal/rights.h"
#include "model/index_value.h"

namespace mullion::api {
namespace {

/// Answers to the reader's own commands.
constexpr std::string_view kAnswers = "websocket";

/// A deletion takes the object out of its tenant in the same commit: who saw it before hears of its end.
bool was_member(const Event& event, const auth::Tenancy& tenancy) {
  if (!event.deletes()) return false;
  return std::ranges::any_of(event.commit()->changes, [&](const store::AppliedChange& change) {
    return change.id.type == "tenants" && change.id.key == tenancy.name() && change.old_body &&
           auth::tenant_lists(*change.old_body, event.type(), event.key());
  });
}

std::string text_member(std::string_view json_text, std::string_view name) {
  const std::string_view raw = model::raw_member(json_text, name);
  boost::system::error_code failure;
  const json::value value = json::parse(raw, failure);
  return failure || !value.is_string() ? std::string() : std::string(value.get_string());
}

}  // namespace

bool EventReader::renew() {
  if (services_.authenticator.generation() == principal_.generation) return true;
  Result<auth::Principal> now = services_.authenticator.renew(principal_);
  if (!now) return false;
  principal_ = std::move(*now);
  return true;
}

/// Words of posted events need be no collections.
bool EventReader::covers(std::string_view type, std::string_view key, std::string_view body) const {
  const model::ObjectType* known = model::find_object_type(type);
  std::string specific(key);
  if (known != nullptr && !body.empty()) specific = right_specific(*known, key, body);
  return auth::covers(principal_.claims, {std::string(type), "get", std::move(specific)});
}

bool EventReader::may_see(const Event& event) const {
  if (event.type() == kAnswers) return true;
  const bool exists = principal_.sees(event.type(), event.key()) || was_member(event, *principal_.tenant);
  return exists && covers(event.type(), event.key(), event.body());
}

bool EventReader::may_see(std::string_view event_json) const {
  const std::string type = text_member(event_json, "Type");
  if (type == kAnswers) return true;
  const std::string key = text_member(event_json, "Key");
  const std::string_view object = model::raw_member(event_json, "Object");
  return principal_.sees(type, key) &&
         covers(type, key, object.starts_with('{') ? object : std::string_view());
}

}  // namespace mullion::api
