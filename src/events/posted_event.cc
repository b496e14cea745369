#include "events/posted_event.h"

#include <algorithm>
#include <boost/json.hpp>

namespace mullion::events {
namespace {

namespace json = boost::json;

/// Answers to commands, which clients count; what watched views show; how long a log is.
constexpr std::string_view kTypesOfServer[] = {"websocket", "view", "job_logs"};

Error event_refused(std::string message) {
  return Error(ErrorCode::kBadRequest, "", "events", "", {std::move(message)});
}

Result<std::string> posted_text(const json::object& event, std::string_view name) {
  const json::value* value = event.if_contains(name);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_string()) return event_refused(fmt::format("{}: expected a text", name));
  return std::string(value->get_string());
}

json::value event_member(const json::object& event, std::string_view name) {
  const json::value* value = event.if_contains(name);
  return value == nullptr ? json::value() : *value;
}

/// Go clients send the year 1 for "no time".
Result<std::string> event_time(const json::object& event, env::WallTime now) {
  Result<std::string> text = posted_text(event, "Time");
  if (!text) return text;
  env::WallTime time;
  if (!text->empty() && !env::parse_rfc3339(*text, time)) {
    return event_refused(fmt::format("Time: {} is not a time", *text));
  }
  if (text->empty() || time.time_since_epoch().count() <= 0) return env::format_rfc3339(now);
  return text;
}

}  // namespace

Result<PostedEvent> posted_event(const json::value& body, std::string_view principal, env::WallTime now) {
  if (!body.is_object()) return event_refused("The body is not a JSON object");
  const json::object& event = body.get_object();
  PostedEvent out;
  for (const auto& [name, target] :
       {std::pair{"Type", &out.type}, std::pair{"Action", &out.action}, std::pair{"Key", &out.key}}) {
    Result<std::string> text = posted_text(event, name);
    if (!text) return text.error();
    *target = std::move(*text);
  }
  if (out.type.empty() || out.action.empty()) return event_refused("Type and Action must not be empty");
  if (std::ranges::find(kTypesOfServer, out.type) != std::end(kTypesOfServer))
    return event_refused(fmt::format("Type {} belongs to the server", out.type));
  Result<std::string> time = event_time(event, now);
  if (!time) return time.error();
  json::object shown;
  shown["Time"] = *time;
  shown["Type"] = out.type;
  shown["Action"] = out.action;
  shown["Key"] = out.key;
  shown["Principal"] = principal;
  shown["Object"] = event_member(event, "Object");
  shown["Original"] = event_member(event, "Original");
  out.json = json::serialize(shown);
  return out;
}

}  // namespace mullion::events
