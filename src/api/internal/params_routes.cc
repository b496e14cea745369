// Parameters and meta data of one object, read and written on their own.
#include "api/internal/answers.h"
#include "api/internal/handlers.h"
#include "api/internal/objects.h"
#include "api/internal/write_support.h"
#include "base/text.h"
#include "model/index_value.h"
#include "objects/params.h"

namespace mullion::api {

using objects::Edit;
using objects::Extent;
using objects::Written;

namespace {

/// Answer of a write to parameters: the Params of the stored object.
Result<json::object> params_of(const std::string& body) {
  const std::string_view params = model::raw_member(body, "Params");
  return params.starts_with('{') ? parse_stored(params) : json::object();
}

/// The Params of an object as it is shown, which loses them.
json::object take_params(json::object& shown) {
  json::value* params = shown.if_contains("Params");
  return params != nullptr && params->is_object() ? std::move(params->get_object()) : json::object();
}

Result<net::Response> params_response(const Call& call, const Written& written) {
  Result<json::object> params = params_of(written.target.body);
  if (!params) return params.error();
  net::Response response = json_response(200, json::value(std::move(*params)));
  add_commit_header(call, written.cursor, response);
  return response;
}

/// An Edit of the Params member alone.
Edit edit_params(Edit change) {
  return [change = std::move(change)](json::object shown, model::Budget& budget) -> Result<json::value> {
    Result<json::value> wanted = change(take_params(shown), budget);
    if (!wanted) return wanted;
    if (!wanted->is_object()) return Error(ErrorCode::kBadRequest, "Params must be a JSON object");
    shown["Params"] = std::move(*wanted);
    return json::value(std::move(shown));
  };
}

Result<json::object> wanted_params(Call& call) {
  Result<json::object> object = parse_stored(call.target.body);
  if (!object) return object;
  const bool decode = call.flag("decode");
  if (call.flag("aggregate") || call.flag("compose")) {
    return objects::aggregated_params(*call.type, *call.services.store.snapshot(), *object, call.target,
                                      {call.flag("compose"), decode ? &call.services : nullptr});
  }
  const json::object* own = objects::object_member(&*object, "Params");
  json::object params = own == nullptr ? json::object() : *own;
  if (decode) objects::decode_params(call.services, call.type->prefix, call.target.key, params);
  return params;
}

Result<void> add_age(Call& call, net::Response& response) {
  if (!store::is_remote(call.target.owner)) return {};
  return apply_freshness(call, {call.target.owner}, {std::string(call.type->prefix)}, response);
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> list_params(Call& call) {
  Result<json::object> params = wanted_params(call);
  if (!params) co_return params.error();
  objects::keep_params(*params, trimmed_list(call.query_text("params")));
  net::Response response = json_response(200, json::value(std::move(*params)));
  Result<void> fresh = add_age(call, response);
  if (!fresh) co_return fresh.error();
  co_return response;
}

env::Task<Result<net::Response>> show_param(Call& call) {
  const std::string& name = call.argument("rest");
  Result<json::object> params = wanted_params(call);
  if (!params) co_return params.error();
  json::value shown;
  if (const json::value* value = params->if_contains(name))
    shown = *value;
  else if (call.flag("aggregate") || call.flag("compose"))
    shown = objects::param_default(*call.services.store.snapshot(), name, call.target.owner);
  net::Response response = json_response(200, shown);
  Result<void> fresh = add_age(call, response);
  if (!fresh) co_return fresh.error();
  co_return response;
}

env::Task<Result<net::Response>> replace_params(Call& call) {
  Result<json::value> wanted = parse_body(call);
  if (!wanted) co_return wanted.error();
  Edit edit = edit_params([value = std::move(*wanted)](const json::object&, model::Budget&) {
    return Result<json::value>(value);
  });
  RequestedWrite asked(call);
  Result<Written> written = co_await asked.write.change(call.target.key, std::move(edit), Extent::kPart);
  if (!written) co_return written.error();
  co_return params_response(call, *written);
}

env::Task<Result<net::Response>> patch_params(Call& call) {
  Result<json::value> patch = parse_body(call);
  if (!patch) co_return patch.error();
  Edit edit = edit_params([operations = std::move(*patch), limits = patch_limits(call)](
                              json::object params, model::Budget& budget) {
    return model::apply_patch(json::value(std::move(params)), operations, budget, limits);
  });
  RequestedWrite asked(call);
  Result<Written> written = co_await asked.write.change(call.target.key, std::move(edit), Extent::kPart);
  if (!written) co_return written.error();
  co_return params_response(call, *written);
}

env::Task<Result<net::Response>> set_param(Call& call) {
  Result<json::value> value = parse_body(call);
  if (!value) co_return value.error();
  const std::string name = call.argument("rest");
  Edit edit = edit_params([name, value = std::move(*value)](json::object params, model::Budget&) {
    params[name] = value;
    return Result<json::value>(json::value(std::move(params)));
  });
  RequestedWrite asked(call);
  Result<Written> written = co_await asked.write.change(call.target.key, std::move(edit), Extent::kPart);
  if (!written) co_return written.error();
  Result<json::object> params = params_of(written->target.body);
  if (!params) co_return params.error();
  const json::value* stored = params->if_contains(name);
  net::Response response = json_response(200, stored == nullptr ? json::value() : *stored);
  add_commit_header(call, written->cursor, response);
  co_return response;
}

env::Task<Result<net::Response>> remove_param(Call& call) {
  const std::string name = call.argument("rest");
  auto removed = std::make_shared<json::value>();
  Edit edit = edit_params([name, removed](json::object params, model::Budget&) -> Result<json::value> {
    json::value* value = params.if_contains(name);
    if (value == nullptr) return Error(ErrorCode::kNotFound, "", "params", name, {"Not Found"});
    *removed = std::move(*value);
    params.erase(name);
    return json::value(std::move(params));
  });
  RequestedWrite asked(call);
  Result<Written> written = co_await asked.write.change(call.target.key, std::move(edit), Extent::kPart);
  if (!written) co_return written.error();
  net::Response response = json_response(200, *removed);
  add_commit_header(call, written->cursor, response);
  co_return response;
}

env::Task<Result<net::Response>> show_meta(Call& call) {
  Result<json::object> object = parse_stored(call.target.body);
  if (!object) co_return object.error();
  const json::object* meta = objects::object_member(&*object, "Meta");
  net::Response response = json_response(200, json::value(meta == nullptr ? json::object() : *meta));
  Result<void> fresh = add_age(call, response);
  if (!fresh) co_return fresh.error();
  co_return response;
}

env::Task<Result<net::Response>> patch_meta(Call& call) {
  Result<json::value> patch = parse_body(call);
  if (!patch) co_return patch.error();
  Edit edit = [operations = std::move(*patch), limits = patch_limits(call)](
                  json::object shown, model::Budget& budget) -> Result<json::value> {
    const json::object* meta = objects::object_member(&shown, "Meta");
    Result<json::value> wanted =
        model::apply_patch(json::value(meta == nullptr ? json::object() : *meta), operations, budget, limits);
    if (!wanted) return wanted;
    shown["Meta"] = std::move(*wanted);
    return json::value(std::move(shown));
  };
  RequestedWrite asked(call);
  Result<Written> written = co_await asked.write.change(call.target.key, std::move(edit), Extent::kPart);
  if (!written) co_return written.error();
  Result<json::object> object = parse_stored(written->target.body);
  if (!object) co_return object.error();
  const json::object* meta = objects::object_member(&*object, "Meta");
  net::Response response = json_response(200, json::value(meta == nullptr ? json::object() : *meta));
  add_commit_header(call, written->cursor, response);
  co_return response;
}

}  // namespace handlers
}  // namespace mullion::api
