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
           auth::tenant_lists(*change.old_body, {event.type(), event.owner(), event.key()});
  });
}

}  // namespace

/// Words of posted events need be no collections.
bool EventReader::covers(const auth::Identity& object, std::string_view body) const {
  const model::ObjectType* known = model::find_object_type(object.type);
  const auth::Subject subject = known != nullptr && !body.empty()
                                    ? subject_of(*known, object.owner, object.key, body)
                                    : auth::Subject::of(object.owner, std::string(object.key));
  return auth::covers(principal().claims, {std::string(object.type), "get", subject});
}

bool EventReader::may_see(const Event& event) const {
  if (event.type() == kAnswers) return true;
  const auth::Identity object{event.type(), event.owner(), event.key()};
  const bool exists = principal().sees(object) || was_member(event, *principal().tenant);
  return exists && covers(object, event.body());
}

bool EventReader::may_see(std::string_view event_json, std::string_view endpoint) const {
  const std::string type = text_in(event_json, "Type");
  if (type == kAnswers) return true;
  const std::string key = text_in(event_json, "Key");
  std::string_view body = model::raw_member(event_json, "Object");
  if (!body.starts_with('{')) body = {};
  const std::string named = text_in(body, "Endpoint");
  const auth::Identity object{type, named.empty() ? endpoint : std::string_view(named), key};
  return principal().sees(object) && covers(object, body);
}

}  // namespace mullion::api
