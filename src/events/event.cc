#include "events/event.h"

#include "events/internal/json_text.h"
#include "model/object.h"

namespace mullion::events {
namespace {

void append_object(std::string& out, const std::optional<std::string>& body, std::string_view endpoint) {
  if (!body) {
    out += "null";
    return;
  }
  model::append_with_endpoint(out, *body, endpoint);
}

}  // namespace

std::string event_text(env::WallTime time, std::string_view type, std::string_view action,
                       std::string_view key, std::string_view principal, std::string_view object_json) {
  return fmt::format(
      R"({{"Time":"{}","Type":{},"Action":{},"Key":{},"Principal":{},"Object":{},"Original":null}})",
      env::format_rfc3339(time), json_text(type), json_text(action), json_text(key), json_text(principal),
      object_json);
}

Event::Event(std::shared_ptr<const store::Commit> commit, size_t index, std::string_view action,
             EndpointName endpoint)
    : type_(commit->changes[index].id.type),
      action_(action),
      key_(commit->changes[index].id.key),
      commit_(std::move(commit)),
      index_(index),
      endpoint_(std::move(endpoint)) {}

Event::Event(std::string type, std::string action, std::string key, std::string json)
    : type_(std::move(type)),
      action_(std::move(action)),
      key_(std::move(key)),
      json_(std::make_shared<const std::string>(std::move(json))) {}

std::shared_ptr<const Event> Event::addressed(std::string type, std::string action, std::string key,
                                              std::string json) {
  auto event = std::make_shared<Event>(std::move(type), std::move(action), std::move(key), std::move(json));
  event->addressed_ = true;
  return event;
}

std::string_view Event::owner() const {
  return commit_ == nullptr ? store::kOwn : std::string_view(commit_->changes[index_].id.owner);
}

std::string_view Event::body() const {
  if (!commit_) return {};
  const store::AppliedChange& change = commit_->changes[index_];
  if (change.body) return *change.body;
  return change.old_body ? std::string_view(*change.old_body) : std::string_view();
}

size_t Event::bytes() const {
  constexpr size_t kFrame = 256;
  if (!commit_) return kFrame + json_->size();
  const store::AppliedChange& change = commit_->changes[index_];
  return kFrame + (change.body ? change.body->size() : 0) + (change.old_body ? change.old_body->size() : 0);
}

std::shared_ptr<const std::string> Event::json() const {
  if (!commit_) return json_;
  std::call_once(made_, [this] {
    const store::AppliedChange& change = commit_->changes[index_];
    const std::string endpoint = endpoint_(change.id.owner);
    std::string text = fmt::format(R"({{"Time":"{}","Type":{},"Action":{},"Key":{},"Principal":{},"Object":)",
                                   env::format_rfc3339(commit_->time), json_text(type_), json_text(action_),
                                   json_text(key_), json_text(commit_->principal));
    append_object(text, change.body ? change.body : change.old_body, endpoint);
    text += R"(,"Original":)";
    append_object(text, change.body ? change.old_body : std::nullopt, endpoint);
    text += '}';
    json_ = std::make_shared<const std::string>(std::move(text));
  });
  return json_;
}

std::string Event::json_with_place() const {
  std::string text = *json();
  if (!commit_) return text;
  EventPlace place{commit_->cursor};
  if (index_ + 1 < commit_->changes.size()) place.changes = index_ + 1;
  text.pop_back();
  text += fmt::format(R"(,"Cursor":"{}"}})", place.text());
  return text;
}

}  // namespace mullion::events
