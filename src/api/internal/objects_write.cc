// Routes that write objects: they parse the request and shape the answer. What a write means is
// objects::Write.
#include "api/internal/answers.h"
#include "api/internal/handlers.h"
#include "api/internal/objects.h"
#include "api/internal/write_support.h"
#include "base/json.h"
#include "model/index_value.h"

namespace mullion::api {

using objects::Extent;
using objects::Written;

namespace {

/// A patch of the object with some members set before.
env::Task<Result<net::Response>> patch_from(Call& call, json::object begin) {
  Result<json::value> patch = parse_body(call);
  if (!patch) co_return patch.error();
  objects::Edit edit = [operations = std::move(*patch), begin = std::move(begin),
                        limits = patch_limits(call)](json::object shown, model::Budget& budget) {
    for (const auto& [name, value] : begin) shown[name] = value;
    return model::apply_patch(json::value(std::move(shown)), operations, budget, limits);
  };
  RequestedWrite asked(call);
  Result<Written> written = co_await asked.write.change(call.target.key, std::move(edit), Extent::kObject);
  if (!written) co_return written.error();
  co_return written_response(call, 200, *written);
}

}  // namespace

model::PatchLimits patch_limits(const Call& call) { return {call.services.limits.body_bytes}; }

std::string text_in(std::string_view body, std::string_view field) {
  const Result<json::value> value = parse_json(model::raw_member(body, field));
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

Result<json::value> parse_body(const Call& call) {
  if (call.body.empty()) return json::value();  // nothing sent is null
  Result<json::value> value = parse_json(call.body, call.services.limits.json_depth);
  if (value) return value;
  Error error = value.error();
  if (call.type != nullptr && error.model.empty()) error.model = call.type->prefix;
  return error;
}

namespace handlers {

env::Task<Result<net::Response>> create_object(Call& call) {
  Result<json::value> wanted = parse_body(call);
  if (!wanted) co_return wanted.error();
  RequestedWrite asked(call);
  Result<Written> written = co_await asked.write.create(std::move(*wanted));
  if (!written) co_return written.error();
  co_return written_response(call, 201, *written);
}

env::Task<Result<net::Response>> replace_object(Call& call) {
  Result<json::value> wanted = parse_body(call);
  if (!wanted) co_return wanted.error();
  if (!wanted->is_object()) {
    co_return object_error(call, ErrorCode::kBadRequest, {"The body is not a JSON object"});
  }
  objects::Edit edit = [value = std::move(*wanted), type = call.type](const json::object& shown,
                                                                      model::Budget&) {
    json::value copy = value;
    json::value& named = copy.get_object()[type->key_field];
    if (named.is_null() || (named.is_string() && named.get_string().empty()))
      named = shown.at(type->key_field);
    return Result<json::value>(std::move(copy));
  };
  RequestedWrite asked(call);
  Result<Written> written = co_await asked.write.change(call.target.key, std::move(edit), Extent::kObject);
  if (!written) co_return written.error();
  co_return written_response(call, 200, *written);
}

env::Task<Result<net::Response>> patch_object(Call& call) {
  json::object as_it_is;
  co_return co_await patch_from(call, std::move(as_it_is));
}

/// Nothing goes on from where it stood: the patch may set another workflow.
env::Task<Result<net::Response>> start_machine(Call& call) {
  json::object stopped;
  stopped["Workflow"] = "";
  stopped["Runnable"] = false;
  co_return co_await patch_from(call, std::move(stopped));
}

env::Task<Result<net::Response>> remove_object(Call& call) {
  RequestedWrite asked(call);
  Result<Written> removed = co_await asked.write.remove(call.target.key, call.target.owner);
  if (!removed) co_return removed.error();
  co_return written_response(call, 200, *removed);
}

}  // namespace handlers
}  // namespace mullion::api
