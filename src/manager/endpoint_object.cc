#include "manager/endpoint_object.h"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "auth/auth.h"
#include "model/object.h"
#include "store/commit_async.h"

namespace mullion::manager {
namespace {

namespace json = boost::json;

constexpr int kAttempts = 16;

Error invalid(std::string_view name, std::string_view what) {
  return Error(ErrorCode::kInvalid, fmt::format("{}: {}", name, what));
}

Result<std::string> text_param(const json::object& params, std::string_view name, bool required) {
  const json::value* value = params.if_contains(name);
  if (value == nullptr) {
    if (required) return invalid(name, "is missing");
    return std::string();
  }
  if (!value->is_string()) return invalid(name, "expected a string");
  std::string text(value->get_string());
  if (required && text.empty()) return invalid(name, "is empty");
  return text;
}

Result<std::string> read_password(store::Store& store, std::string_view id, const json::object& params) {
  const json::value* value = params.if_contains(kPassword);
  if (value == nullptr || value->is_string()) return text_param(params, kPassword, true);
  const std::string sealed = json::serialize(*value);
  if (!auth::is_secure_data(sealed)) return invalid(kPassword, "expected a string");
  Result<auth::KeyPair> pair = auth::object_key_pair(store, kEndpoints, id, false);
  if (!pair) return invalid(kPassword, "its key is not here");
  Result<std::string> clear = auth::open_sealed(*pair, sealed);
  if (!clear) return invalid(kPassword, clear.error().messages.front());
  Result<json::value> parsed = model::parse_json(*clear);
  if (!parsed || !parsed->is_string()) return invalid(kPassword, "expected a string");
  return std::string(parsed->get_string());
}

void copy_text(const json::object& from, const char* name, json::object& to, const char* field) {
  const json::value* value = from.if_contains(name);
  if (value != nullptr && value->is_string()) to[field] = *value;
}

}  // namespace

Result<std::string> checked_url(std::string_view url) {
  const auto parsed = boost::urls::parse_uri(boost::core::string_view(url.data(), url.size()));
  if (!parsed) return invalid(kUrl, fmt::format("`{:.200}` is no URL; expected https://HOST:PORT", url));
  const boost::urls::url_view& view = *parsed;
  if (view.scheme() != "https") return invalid(kUrl, "expected https://HOST:PORT");
  if (view.host().empty()) return invalid(kUrl, "the host is missing; expected https://HOST:PORT");
  if (view.has_userinfo()) return invalid(kUrl, "user and password belong into parameters of their own");
  const bool more = (!view.path().empty() && view.path() != "/") || view.has_query() || view.has_fragment();
  if (more) return invalid(kUrl, "expected https://HOST:PORT without a path");
  const std::string port = view.has_port() ? std::string(view.port()) : "443";
  return fmt::format("https://{}:{}", std::string(view.encoded_host()), port);
}

Result<Connection> read_connection(store::Store& store, std::string_view id, const json::object& params) {
  Connection out;
  Result<std::string> given = text_param(params, kUrl, true);
  if (!given) return given.error();
  Result<std::string> url = checked_url(*given);
  if (!url) return url.error();
  out.url = std::move(*url);
  for (const auto& [name, required, target] :
       {std::tuple(kUsername, true, &out.username), std::tuple(kFingerprint, false, &out.fingerprint),
        std::tuple(kAuthorities, false, &out.ca_file)}) {
    Result<std::string> text = text_param(params, name, required);
    if (!text) return text.error();
    *target = std::move(*text);
  }
  Result<std::string> password = read_password(store, id, params);
  if (!password) return password.error();
  out.password = std::move(*password);
  return out;
}

Result<Connection> read_connection(store::Store& store, std::string_view id, std::string_view body) {
  Result<json::value> parsed = model::parse_json(body);
  if (!parsed) return parsed.error();
  const json::object& object = parsed->get_object();
  static const json::object kNone;
  const json::value* params = object.if_contains("Params");
  Result<Connection> out =
      read_connection(store, id, params != nullptr && params->is_object() ? params->get_object() : kNone);
  if (!out) return out;
  const json::value* disabled = object.if_contains("SinglePaneDisabled");
  out->single_pane = disabled == nullptr || !disabled->is_bool() || !disabled->get_bool();
  return out;
}

void apply_state(const json::object& state, json::object& endpoint) {
  if (const json::value* info = state.if_contains("info"); info != nullptr && info->is_object()) {
    const json::object& facts = info->get_object();
    copy_text(facts, "arch", endpoint, "Arch");
    copy_text(facts, "os", endpoint, "Os");
    copy_text(facts, "version", endpoint, "DRPVersion");
    copy_text(facts, "ha_id", endpoint, "HaId");
  }
  copy_text(state, "ux_version", endpoint, "DRPUXVersion");
  if (const json::value* holder = state.if_contains("configured_by");
      holder != nullptr && holder->is_string()) {
    json::value& meta = endpoint["Meta"];
    if (!meta.is_object()) meta = json::object();
    if (holder->get_string().empty()) {
      meta.get_object().erase(kConfiguredBy);
    } else {
      meta.get_object()[kConfiguredBy] = *holder;
    }
  }
  for (const auto& [from, to] : {std::pair{"components", "Components"}, std::pair{"plugins", "Plugins"}}) {
    const json::value* list = state.if_contains(from);
    if (list != nullptr && list->is_array()) endpoint[to] = *list;
  }
  for (const auto& [from, to] : {std::pair{"prefs", "Prefs"}, std::pair{"global", "Global"}}) {
    const json::value* map = state.if_contains(from);
    if (map != nullptr && map->is_object()) endpoint[to] = *map;
  }
}

env::Task<Result<void>> change_endpoint(store::Store& store, std::string id,
                                        std::function<void(json::object&)> change) {
  const model::ObjectType& type = *model::find_object_type(kEndpoints);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    store::Change wanted;
    wanted.id = {std::string(kEndpoints), std::string(store::kOwn), id};
    const Result<std::string> before = store.snapshot()->get(wanted.id);
    if (!before) co_return Result<void>{};
    Result<json::value> parsed = model::parse_json(*before, 256);
    if (!parsed || !parsed->is_object())
      co_return Error(ErrorCode::kCorrupt, "an Endpoint object is unreadable");
    change(parsed->get_object());
    wanted.body = model::canonical_body(type, parsed->get_object());
    if (*wanted.body == *before) co_return Result<void>{};
    wanted.expect = store::Expect::kSame;
    wanted.expected_hash = hash128(*before);
    store::Batch batch;
    batch.changes.push_back(std::move(wanted));
    batch.principal = "system";
    Result<store::Cursor> done = co_await store::commit_async(store, std::move(batch));
    if (done) co_return Result<void>{};
    if (done.error().code != ErrorCode::kConflict) co_return done.error();
  }
  co_return Error(ErrorCode::kConflict, fmt::format("endpoint {} changes all the time", id));
}

}  // namespace mullion::manager
