#include "manager/endpoint_object.h"

#include <algorithm>

#include "auth/auth.h"
#include "base/json.h"
#include "base/letters.h"
#include "base/text.h"
#include "model/members.h"
#include "model/object.h"
#include "net/user_url.h"
#include "store/commit_async.h"

namespace mullion::manager {
namespace {

namespace json = boost::json;

constexpr int kAttempts = 16;
constexpr size_t kMostMembers = 16;  // of a cluster, whose addresses are kept

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
  Result<auth::KeyPair> pair = auth::object_key_pair(store, kEndpoints, id);
  if (!pair) return invalid(kPassword, "its key is not here");
  Result<std::string> clear = auth::open_sealed(*pair, sealed);
  if (!clear) return invalid(kPassword, clear.error().messages.front());
  Result<json::value> parsed = parse_json(*clear);
  if (!parsed || !parsed->is_string()) return invalid(kPassword, "expected a string");
  return std::string(parsed->get_string());
}

/// Whether `params` changed.
Result<bool> seal_params(store::Store& store, const std::string& id, json::object& params) {
  bool changed = false;
  if (json::value* url = params.if_contains(kUrl); url != nullptr && url->is_string()) {
    std::string kept = net::without_login(url->get_string());
    changed = kept != std::string_view(url->get_string());
    *url = json::string(kept);
  }
  json::value* password = params.if_contains(kPassword);
  if (password == nullptr) return changed;
  const std::string clear = json::serialize(*password);
  if (auth::is_secure_data(clear)) return changed;
  Result<auth::KeyPair> pair = auth::kept_key_pair(store, kEndpoints, id);
  if (!pair) return pair.error();
  *password = own_json(auth::seal(pair->public_key, clear));
  return true;
}

Result<std::optional<store::Change>> sealed_endpoint(store::Store& store, const std::string& id,
                                                     const std::string& body) {
  Result<json::value> parsed = parse_json(body, 256);
  if (!parsed || !parsed->is_object()) return Error(ErrorCode::kCorrupt, "an Endpoint object is unreadable");
  json::value* params = parsed->get_object().if_contains("Params");
  if (params == nullptr || !params->is_object()) return std::optional<store::Change>();
  const Result<bool> changed = seal_params(store, id, params->get_object());
  if (!changed) return changed.error();
  if (!*changed) return std::optional<store::Change>();
  store::Change change;
  change.id = {std::string(kEndpoints), std::string(store::kOwn), id};
  change.body = model::canonical_body(*model::find_object_type(kEndpoints), parsed->get_object());
  change.expect = store::Expect::kSame;
  change.expected_hash = hash128(body);
  return std::optional(std::move(change));
}

}  // namespace

Result<std::string> checked_url(std::string_view text) {
  const Result<net::UserUrl> url = net::parse_user_url(text);
  if (!url) return invalid(kUrl, url.error().messages.front());
  if (!url->tls || !url->bare) return invalid(kUrl, "expected https://HOST:PORT without a path");
  return fmt::format("https://{}:{}", url->host, url->port.empty() ? "443" : url->port);
}

bool moves_login(const json::object& before, const json::object& after) {
  const json::object& had = model::object_member(before, "Params");
  const json::object& has = model::object_member(after, "Params");
  const bool fresh = !had.contains(kPassword) && !had.contains(kUrl) && !had.contains(kFingerprint) &&
                     !had.contains(kAuthorities);
  if (fresh) return false;
  const auto same = [&](std::string_view name) {
    const json::value* old = had.if_contains(name);
    const json::value* now = has.if_contains(name);
    return (old == nullptr || now == nullptr) ? old == now : *old == *now;
  };
  const std::string pinned = plain_fingerprint(model::text_member(had, kFingerprint));
  if (pinned != plain_fingerprint(model::text_member(has, kFingerprint))) return true;
  if (!pinned.empty()) return false;  // whatever the address, only the one server is spoken to
  return !same(kUrl) || !same(kAuthorities);
}

void spell_connection_param(std::string_view parameter, json::value& value) {
  if (parameter == kFingerprint && value.is_string())
    value = json::string(plain_fingerprint(value.get_string()));
}

Result<env::Path> authorities_file(const env::Path& folder, std::string_view name) {
  const env::Path given{std::string(name)};
  const env::Path file = given.filename();
  const bool inside = given == file || given == folder / file;
  const bool plain =
      !file.empty() && file != "." && file != ".." && name.find('\0') == std::string_view::npos;
  if (inside && plain) return folder / file;
  return invalid(kAuthorities, "expected the name of a file in the folder of authorities");
}

/// Absent: not given.
Result<std::optional<int64_t>> number_param(const json::object& params, std::string_view name, int64_t least,
                                            int64_t most) {
  const json::value* value = params.if_contains(name);
  if (value == nullptr || value->is_null()) return std::optional<int64_t>();
  boost::system::error_code failure;
  const int64_t number = value->to_number<int64_t>(failure);
  if (failure || number < least || number > most)
    return Error(ErrorCode::kInvalid, fmt::format("{} must be a number from {} to {}", name, least, most));
  return std::optional(number);
}

Result<mirror::Limits> read_limits(const json::object& params) {
  constexpr int64_t kDay = 24 * 60 * 60;
  mirror::Limits out;
  const Result<std::optional<int64_t>> interval = number_param(params, kWalkInterval, 10, kDay);
  if (!interval) return interval.error();
  if (*interval) out.walk_every = std::chrono::seconds(**interval);
  const Result<std::optional<int64_t>> at_once = number_param(params, kRequestsAtOnce, 2, 32);
  if (!at_once) return at_once.error();
  if (*at_once) out.at_once = static_cast<size_t>(**at_once);
  return out;
}

Result<Connection> read_connection(const ConnectionPlaces& places, std::string_view id,
                                   const json::object& params) {
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
  out.fingerprint = plain_fingerprint(out.fingerprint);
  if (!out.ca_file.empty()) {
    Result<env::Path> file = authorities_file(places.authorities, out.ca_file);
    if (!file) return file.error();
    out.authorities = std::move(*file);
  }
  Result<mirror::Limits> limits = read_limits(params);
  if (!limits) return limits.error();
  out.limits = *limits;
  const Result<std::string> follow = text_param(params, kFollow, false);
  if (!follow) return follow.error();
  if (!follow->empty() && *follow != "events" && *follow != "auto")
    return Error(ErrorCode::kInvalid, fmt::format("{} must be auto or events", kFollow));
  out.by_events = *follow == "events";
  Result<std::string> password = read_password(places.store, id, params);
  if (!password) return password.error();
  out.password = std::move(*password);
  return out;
}

Result<Connection> read_connection(const ConnectionPlaces& places, std::string_view id,
                                   std::string_view body) {
  Result<json::value> parsed = parse_json(body);
  if (!parsed) return parsed.error();
  const json::object& object = parsed->get_object();
  static const json::object kNone;
  const json::value* params = object.if_contains("Params");
  Result<Connection> out =
      read_connection(places, id, params != nullptr && params->is_object() ? params->get_object() : kNone);
  if (!out) return out;
  const json::value* disabled = object.if_contains("SinglePaneDisabled");
  out->single_pane = disabled == nullptr || !disabled->is_bool() || !disabled->get_bool();
  if (const json::value* meta = object.if_contains("Meta"); meta != nullptr && meta->is_object())
    out->members = split_list(model::text_member(meta->get_object(), kMembers));
  return out;
}

void add_following(const Connection& connection, json::object& params) {
  constexpr mirror::Limits kUsual;
  if (connection.by_events) params[kFollow] = "events";
  if (connection.limits.walk_every != kUsual.walk_every)
    params[kWalkInterval] =
        std::chrono::duration_cast<std::chrono::seconds>(connection.limits.walk_every).count();
  if (connection.limits.at_once != kUsual.at_once) params[kRequestsAtOnce] = connection.limits.at_once;
}

Result<void> seal_stored_passwords(store::Store& store) {
  std::vector<std::pair<std::string, std::string>> endpoints;
  store.snapshot()->scan_owner(kEndpoints, store::kOwn, "", [&](std::string_view key, std::string_view body) {
    endpoints.emplace_back(key, body);
    return true;
  });
  store::Batch batch;
  batch.principal = "system";
  for (const auto& [id, body] : endpoints) {
    Result<std::optional<store::Change>> change = sealed_endpoint(store, id, body);
    if (!change) return change.error();
    if (*change) batch.changes.push_back(std::move(**change));
  }
  if (batch.changes.empty()) return {};
  const Result<store::Cursor> done = store.commit_sync(std::move(batch));
  return done ? Result<void>() : Result<void>(done.error());
}

std::vector<std::string> other_ways(const Connection& connection) {
  if (connection.fingerprint.empty() || !connection.authorities.empty()) return {};
  std::vector<std::string> out = connection.members;
  std::erase(out, connection.url);
  return out;
}

std::vector<std::string> told_members(const model::EndpointState& state) {
  std::vector<std::string> out;
  for (const std::string& one : state.members.value_or(std::vector<std::string>())) {
    if (out.size() >= kMostMembers) break;
    Result<std::string> url = checked_url(one);
    if (url) out.push_back(std::move(*url));
  }
  return out;
}

void apply_state(const model::EndpointState& state, json::object& endpoint) {
  if (state.members) {
    json::value& meta = endpoint["Meta"];
    if (!meta.is_object()) meta = json::object();
    const std::vector<std::string> members = told_members(state);
    if (members.empty()) meta.get_object().erase(kMembers);
    if (!members.empty()) meta.get_object()[kMembers] = fmt::format("{}", fmt::join(members, ","));
  }
  const auto tell = [&endpoint](std::string_view member, const std::optional<std::string>& text) {
    if (text) endpoint[member] = *text;
  };
  const model::EndpointInfo info = state.info.value_or(model::EndpointInfo{});
  tell("Arch", info.arch);
  tell("Os", info.os);
  tell("DRPVersion", info.version);
  tell("HaId", info.ha_id);
  tell("DRPUXVersion", state.ux_version);
  if (state.configured_by) {
    json::value& meta = endpoint["Meta"];
    if (!meta.is_object()) meta = json::object();
    if (state.configured_by->empty()) {
      meta.get_object().erase(kConfiguredBy);
    } else {
      meta.get_object()[kConfiguredBy] = *state.configured_by;
    }
  }
  // What it does not tell stays as it was.
  const json::object told = state.write();
  for (const auto& [from, to] : {std::pair{"components", "Components"}, std::pair{"plugins", "Plugins"},
                                 std::pair{"prefs", "Prefs"}, std::pair{"global", "Global"}}) {
    if (const json::value* value = told.if_contains(from)) endpoint[to] = *value;
  }
}

void tell_connection(std::string_view status, env::WallTime now, json::object& endpoint) {
  const size_t colon = std::min(status.find(": "), status.size());
  const std::string_view state = status.substr(0, colon);
  const std::string_view reason = status.substr(std::min(colon + 2, status.size()));
  if (model::text_member(endpoint, "ConnectionState") != state)
    endpoint["ConnectionSince"] = env::format_rfc3339(now);
  endpoint["ConnectionStatus"] = status;
  endpoint["ConnectionState"] = state;
  endpoint["ConnectionReason"] = reason;
}

void tell_way(std::string_view followed_by, env::Duration resolution, env::WallTime now,
              json::object& endpoint) {
  json::value& meta = endpoint["Meta"];
  if (!meta.is_object()) meta = json::object();
  meta.get_object()[kFollowedResolution] =
      std::to_string(std::chrono::ceil<std::chrono::seconds>(resolution).count());
  const json::value* known = meta.get_object().if_contains(kFollowedBy);
  if (known != nullptr && known->is_string() && std::string_view(known->get_string()) == followed_by) return;
  meta.get_object()[kFollowedBy] = followed_by;
  meta.get_object()[kFollowedSince] = env::format_rfc3339(now);
}

void tell_shortcomings(const mirror::Shortcomings& shortcomings, json::object& endpoint) {
  constexpr size_t kMostTold = 10;
  std::string troubles;
  for (const mirror::Trouble& one : shortcomings.troubles) {
    if (&one == shortcomings.troubles.data() + kMostTold) {
      troubles += fmt::format("; and {} more", shortcomings.troubles.size() - kMostTold);
      break;
    }
    troubles += fmt::format("{}{} cannot be read since {}: {:.200}", troubles.empty() ? "" : "; ", one.prefix,
                            env::format_rfc3339(one.since), one.reason);
  }
  const auto tell = [&endpoint](std::string_view name, std::string_view text) {
    json::value& meta = endpoint["Meta"];
    if (!meta.is_object()) meta = json::object();
    if (text.empty())
      meta.get_object().erase(name);
    else
      meta.get_object()[name] = text;
  };
  tell(kFollowedTroubles, troubles);
  tell(kFollowedRights, shortcomings.rights_unknown);
}

env::Task<Result<void>> change_endpoint(store::Store& store, std::string id,
                                        std::function<void(json::object&)> change) {
  const model::ObjectType& type = *model::find_object_type(kEndpoints);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    store::Change wanted;
    wanted.id = {std::string(kEndpoints), std::string(store::kOwn), id};
    const Result<std::optional<std::string>> read =
        store::as_result([&] { return store.snapshot()->get(wanted.id); });
    if (!read) co_return read.error();
    const std::optional<std::string>& before = *read;
    if (!before) co_return Result<void>{};
    Result<json::value> parsed = parse_json(*before, 256);
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
