#include "api/internal/write_support.h"

#include <algorithm>

#include "api/internal/answers.h"
#include "api/internal/heavy.h"
#include "api/internal/shown_secrets.h"
#include "model/members.h"

namespace mullion::api {

RequestCaller::RequestCaller(const Call& call)
    : rights_(call), caller_{call.principal, rights_, caller_of(call), call.log, call.right_covered} {}

std::vector<std::string> tenant_turn(const Call& call) {
  if (call.principal.tenant == nullptr) return {};
  return {object_turn("tenants", call.principal.tenant->name())};
}

bool bool_member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

bool has_secret_fields(const model::ObjectType& type) {
  return std::any_of(type.fields.begin(), type.fields.end(),
                     [](const model::Field& field) { return field.secret; });
}

Error validation_error(const Call& call, const std::string& key, std::vector<std::string> messages) {
  return Error(ErrorCode::kInvalid, "ValidationError", std::string(call.type->prefix), key,
               std::move(messages));
}

Error commit_error(const Call& call, Error error, const std::string& key) {
  if (error.model.empty()) error.model = call.type->prefix;
  if (error.key.empty()) error.key = key;
  return error;
}

namespace {

json::object stored_secrets(const Call& call, const store::Snapshot& snapshot, const std::string& key) {
  const std::optional<std::string> stored = snapshot.secret(call.type->prefix, key);
  Result<json::object> parsed = stored ? parse_stored(*stored) : json::object();
  return parsed ? std::move(*parsed) : json::object();
}

}  // namespace

json::object changed_secrets(const Call& call, const store::Snapshot& snapshot, const std::string& key,
                             json::object given) {
  if (given.empty()) return given;
  const json::object stored = stored_secrets(call, snapshot, key);
  json::object changed;
  for (auto& [name, value] : given) {
    const json::value* known = stored.if_contains(name);
    if (known == nullptr || *known != value) changed[name] = std::move(value);
  }
  return changed;
}

std::optional<std::string> merged_secrets(const Call& call, const store::Snapshot& snapshot,
                                          const std::string& key, const json::object& given) {
  if (!has_secret_fields(*call.type)) return std::nullopt;
  json::object secrets = stored_secrets(call, snapshot, key);
  bool changed = false;
  for (const auto& [name, value] : given) {
    secrets[name] = value;
    if (std::string_view(name) == objects::shown_secret_field(*call.type))
      secrets[objects::kChosenMark] = true;
    changed = true;
  }
  const model::Field* token_secret = call.type->find_field("Secret");
  if (token_secret != nullptr && token_secret->secret && model::text_member(secrets, "Secret").empty()) {
    secrets["Secret"] = random_secret();
    changed = true;
  }
  if (!changed) return std::nullopt;
  return json::serialize(secrets);
}

net::Response written_response(const Call& call, int status, const Written& written) {
  std::string text;
  const Target& target = written.target;
  const std::string secret =
      written.secret.empty()
          ? visible_secret(call.principal, *call.services.store.snapshot(), *call.type, target)
          : written.secret;
  const std::string body = objects::with_secret(*call.type, target.body, secret);
  if (call.type->traits.has_endpoint) {
    model::append_with_endpoint(text, body, call.services.endpoint_name(target.owner));
  } else {
    text = body;
  }
  net::Response response = json_response(status, std::move(text));
  response.headers.set("ETag", etag_of(written.target.body));
  add_commit_header(call, written.cursor, response);
  return response;
}

}  // namespace mullion::api
