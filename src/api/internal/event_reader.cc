#include "api/internal/event_reader.h"

#include "api/internal/job_log_news.h"
#include "api/internal/objects.h"
#include "api/internal/rights.h"
#include "model/index_value.h"

namespace mullion::api {
namespace {

/// Answers to the reader's own commands.
constexpr std::string_view kAnswers = "websocket";
/// What is told of watched views.
constexpr std::string_view kViews = "view";

/// A deletion takes the object out of its tenant in the same commit: who saw it before hears of its end.
bool was_member(const events::Event& event, const auth::TenancyPtr& tenancy) {
  if (tenancy == nullptr || !event.deletes()) return false;
  return std::ranges::any_of(event.commit()->changes, [&](const store::AppliedChange& change) {
    return change.id.type == "tenants" && change.id.key == tenancy->name() && change.old_body &&
           auth::tenant_lists(*change.old_body, {event.type(), event.owner(), event.key()});
  });
}

/// What an event is about: the log of a job is read by who may read it at the job.
struct Topic {
  std::string_view type, action;
};
Topic topic_of(std::string_view type) {
  return type == kJobLogEvents ? Topic{"jobs", "log"} : Topic{type, "get"};
}

/// Object of the text of an event; empty when it is none.
std::string_view body_in(std::string_view event_json) {
  const std::string_view body = model::raw_member(event_json, "Object");
  return body.starts_with('{') ? body : std::string_view();
}

}  // namespace

/// Words of posted events need be no collections.
bool EventReader::covers(std::string_view type, std::string_view owner, std::string_view key,
                         std::string_view body) const {
  const Topic topic = topic_of(type);
  const model::ObjectType* known = model::find_object_type(topic.type);
  const auth::Subject subject = known != nullptr && !body.empty()
                                    ? subject_of(*known, owner, key, body)
                                    : auth::Subject::of(owner, std::string(key));
  return auth::covers(principal().claims, {std::string(topic.type), std::string(topic.action), subject});
}

bool EventReader::may_see(const events::Event& event) const {
  if (event.is_addressed() || event.type() == kAnswers) return true;
  const auth::Identity object{topic_of(event.type()).type, event.owner(), event.key()};
  const bool exists = principal().sees(object) || was_member(event, principal().tenant);
  std::shared_ptr<const std::string> text;
  std::string_view body = event.body();
  if (event.type() == kJobLogEvents) {
    text = event.json();
    body = body_in(*text);
  }
  return exists && covers(event.type(), event.owner(), event.key(), body);
}

bool EventReader::may_see(std::string_view event_json, std::string_view endpoint) const {
  const std::string type = text_in(event_json, "Type");
  if (type == kAnswers) return true;
  if (type == kViews) return false;  // counted with the rights of this server, not of the reader
  const std::string key = text_in(event_json, "Key");
  const std::string_view body = body_in(event_json);
  const std::string named = text_in(body, "Endpoint");
  const std::string_view owner = named.empty() ? endpoint : std::string_view(named);
  return principal().sees({topic_of(type).type, owner, key}) && covers(type, owner, key, body);
}

}  // namespace mullion::api
