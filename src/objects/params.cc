#include "objects/params.h"

#include <set>

#include "base/json.h"
#include "manager/endpoint_object.h"
#include "model/index_value.h"
#include "model/json_schema.h"
#include "model/object.h"
#include "model/secure_params.h"
#include "objects/stored.h"
#include "packs/url_params.h"

namespace mullion::objects {

namespace json = boost::json;

namespace {

/// Profiles within profiles are followed so deep.
constexpr int kDeepestProfiles = 16;
/// So many different inheritances one list remembers.
constexpr size_t kMostInherited = 100'000;

/// Nesting of defaults.
constexpr size_t kDeepestDefault = 128;
/// What an error repeats of a value.
constexpr size_t kShownBytes = 4096;

struct ParamRule {
  bool secure = false;
  std::string schema;  // JSON text; empty: everything fits
};

/// The declaration as the owner of an object has it, else as it is here (content packs are not replicated).
std::optional<std::string> declaration(const store::Snapshot& snapshot, const std::string& owner,
                                       std::string_view name) {
  if (store::is_remote(owner)) {
    std::optional<std::string> remote = snapshot.get({"params", owner, std::string(name)});
    if (remote) return std::move(*remote);
  }
  std::optional<store::StoredObject> local = snapshot.get_local("params", name);
  if (!local) return std::nullopt;
  return std::move(local->body);
}

std::optional<ParamRule> declared_rule(const store::Snapshot& snapshot, std::string_view name,
                                       const std::string& owner) {
  const std::optional<std::string> stored = declaration(snapshot, owner, name);
  if (!stored) return std::nullopt;
  return ParamRule{model::raw_member(*stored, "Secure") == "true",
                   std::string(model::raw_member(*stored, "Schema"))};
}

std::optional<ParamRule> rule_of(const store::Snapshot& snapshot, std::string_view name,
                                 const std::string& owner = std::string(store::kOwn)) {
  std::optional<ParamRule> rule = declared_rule(snapshot, name, owner);
  if (!model::is_always_secure(name)) return rule;
  if (!rule) rule.emplace();
  rule->secure = true;
  return rule;
}

std::string bad_value(std::string_view name, const json::value& value, std::string_view reason) {
  std::string text;
  model::append_json(text, value);
  if (text.size() > kShownBytes) text = fmt::format("{} bytes", text.size());
  return fmt::format("Key '{}': invalid val '{}': : {}", name, text, reason);
}

/// What a schema says against a value; nothing when the value fits.
using Breaches = std::vector<std::string>;

Breaches breaches_of(const std::string& schema, const json::value& value, model::Budget& budget) {
  const Result<void> valid = model::check_by_schema(schema, value, budget);
  return valid ? Breaches() : valid.error().messages;
}

/// Judges the values of one object by their schemas: within a small budget on the thread that serves, what
/// needs more on another one, on the account of `caller`. All values share both budgets.
class ValueCheck {
 public:
  explicit ValueCheck(env::Caller caller) : caller_(std::move(caller)) {}

  /// Fails when the pool has too much to do.
  env::Task<Result<Breaches>> check(const ParamRule& rule, const json::value& value) {
    if (rule.schema.empty()) co_return Breaches();
    Breaches breaches = breaches_of(rule.schema, value, small_);
    if (!small_.exhausted()) co_return breaches;
    env::Caller caller = caller_;
    Result<void> run = co_await env::run_blocking(env::Pool::kProcessor, std::move(caller), [&] {
      breaches = breaches_of(rule.schema, value, large_);
    });
    if (!run) co_return run.error();
    co_return breaches;
  }

 private:
  env::Caller caller_;
  model::Budget small_{model::kInlineSchemaSteps};
  model::Budget large_{model::kSchemaSteps};
};

/// The value inside sealed data.
Result<json::value> opened_value(const auth::KeyPair& pair, const std::string& sealed) {
  Result<std::string> clear = auth::open_sealed(pair, sealed);
  if (!clear) return clear.error();
  Result<json::value> opened = parse_json(*clear);
  if (!opened) return Error(ErrorCode::kInvalid, "SecureData corrupted");
  return opened;
}

std::vector<std::string> string_list(const json::object& object, std::string_view name) {
  std::vector<std::string> items;
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_array()) return items;
  for (const json::value& item : value->get_array()) {
    if (item.is_string()) items.emplace_back(item.get_string());
  }
  return items;
}

std::string string_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// Adds to `nearer` what only `farther` has: members of maps, items of lists.
void compose(json::value& nearer, const json::value& farther) {
  if (nearer.is_array() && farther.is_array()) {
    for (const json::value& item : farther.get_array()) nearer.get_array().push_back(item);
  } else if (nearer.is_object() && farther.is_object()) {
    for (const auto& [name, value] : farther.get_object()) {
      const auto [member, fresh] = nearer.get_object().emplace(name, value);
      if (!fresh) compose(member->value(), value);
    }
  }
}

/// Collects parameters level by level; what is already there wins.
class Aggregator {
 public:
  Aggregator(const store::Snapshot& snapshot, std::string_view owner, Aggregation how = {})
      : snapshot_(snapshot), owner_(owner), how_(how) {}

  void add_params(const json::object& object, std::string_view prefix, const std::string& key) {
    const json::object* params = object_member(&object, "Params");
    if (params == nullptr) return;
    json::object level = *params;
    if (how_.decoder != nullptr) decode_params(*how_.decoder, prefix, key, level);
    for (const auto& [name, value] : level) {
      const auto [member, fresh] = result.emplace(name, value);
      if (!fresh && how_.compose) compose(member->value(), value);
    }
  }
  void add_profiles(const json::object& object, int depth = 0) {
    if (depth > kDeepestProfiles) return;
    for (const std::string& name : string_list(object, "Profiles")) add_profile(name, depth);
  }
  void add_profile(const std::string& name, int depth = 0) {
    if (!seen_.insert(name).second) return;
    const std::optional<json::object> profile = find("profiles", name);
    if (!profile) return;
    add_params(*profile, "profiles", name);
    add_profiles(*profile, depth + 1);
  }
  void add_stage(const std::string& name) {
    if (name.empty()) return;
    const std::optional<json::object> stage = find("stages", name);
    if (!stage) return;
    add_params(*stage, "stages", name);
    add_profiles(*stage);
  }

  json::object result;

 private:
  std::optional<json::object> find(std::string_view type, const std::string& key) const {
    std::optional<std::string> body;
    if (store::is_remote(owner_)) {
      std::optional<std::string> remote = snapshot_.get({std::string(type), owner_, key});
      if (remote) body = std::move(*remote);
    }
    if (!body) {
      // Packs are alike at owner and manager; an object of this server's own is another one.
      std::optional<store::StoredObject> local = snapshot_.get_local(type, key);
      const bool same = local && (!store::is_remote(owner_) || local->id.owner == store::kLayered);
      if (same) body = std::move(local->body);
    }
    if (!body) return std::nullopt;
    Result<json::object> parsed = parse_stored(*body);
    if (!parsed) return std::nullopt;
    return std::move(*parsed);
  }

  const store::Snapshot& snapshot_;
  std::string owner_;
  Aggregation how_;
  std::set<std::string> seen_;
};

json::value default_of(const store::Snapshot& snapshot, const std::string& owner, std::string_view name) {
  const std::optional<ParamRule> rule = rule_of(snapshot, name, owner);
  if (!rule) return nullptr;
  const std::string_view text = model::raw_member(rule->schema, "default");
  if (text.empty()) return nullptr;
  Result<json::value> value = parse_json(text, kDeepestDefault);
  return value ? std::move(*value) : json::value();
}

/// What an object of `owner` with these Profiles and this Stage has of a parameter that it does not set
/// itself.
std::optional<std::string> inherited_param(const store::Snapshot& snapshot, std::string_view owner,
                                           std::string_view body, std::string_view parameter) {
  Result<json::object> object = parse_stored(body);
  if (!object) return std::nullopt;
  Aggregator aggregator(snapshot, owner);
  aggregator.add_profiles(*object);
  aggregator.add_stage(string_of(*object, "Stage"));
  aggregator.add_profile("global");
  if (const json::value* value = aggregator.result.if_contains(parameter)) return json::serialize(*value);
  const json::value fallback = default_of(snapshot, std::string(owner), parameter);
  if (fallback.is_null()) return std::nullopt;
  return json::serialize(fallback);
}

}  // namespace

const json::object* object_member(const json::object* object, std::string_view name) {
  if (object == nullptr) return nullptr;
  const json::value* value = object->if_contains(name);
  return value != nullptr && value->is_object() ? &value->get_object() : nullptr;
}

json::value param_default(const store::Snapshot& snapshot, std::string_view name, std::string_view owner) {
  return default_of(snapshot, std::string(owner), name);
}

std::vector<std::string> param_problems(const store::Snapshot& snapshot, std::string_view name,
                                        const json::value& value, model::Budget& budget) {
  const std::optional<ParamRule> rule = rule_of(snapshot, name);
  if (!rule || rule->schema.empty()) return {};
  return breaches_of(rule->schema, value, budget);
}

namespace {

/// Checks and seals the changed values of one map of parameters.
class ParamSealer {
 public:
  ParamSealer(Context& context, env::Caller caller, const store::Snapshot& snapshot, std::string_view prefix,
              const std::string& key, std::optional<auth::KeyPair>& pair)
      : context_(context),
        snapshot_(snapshot),
        prefix_(prefix),
        key_(key),
        pair_(pair),
        check_(std::move(caller)) {}

  env::Task<Result<void>> seal(json::value* params, const json::object* before) {
    if (params == nullptr || !params->is_object()) co_return Result<void>{};
    for (auto& member : params->get_object()) {
      const std::string name(member.key());
      const json::value* old_value = before == nullptr ? nullptr : before->if_contains(name);
      if (old_value != nullptr && *old_value == member.value()) continue;
      check_meaning(name, member.value());
      const std::optional<ParamRule> rule = rule_of(snapshot_, name);
      const bool secure = rule && rule->secure;
      // What came sealed can be opened later, whatever is declared here: the set of a site may be sealed for
      // it.
      if (secure || model::is_sealed(member.value())) {
        Result<void> paired = co_await find_pair();
        if (!paired) co_return paired;
      }
      if (!rule) continue;
      if (!secure) {
        Result<void> checked = co_await check(name, *rule, member.value(), member.value());
        if (!checked) co_return checked;
        continue;
      }
      Result<json::value> sealed = co_await seal_value(name, *rule, member.value());
      if (!sealed) co_return sealed.error();
      member.value() = std::move(*sealed);
    }
    co_return Result<void>{};
  }
  Result<void> verdict() {
    if (problems_.empty()) return {};
    Error error(ErrorCode::kInvalid, "", "", "", std::move(problems_));
    if (faulty_.size() == 1) error.field = "Params." + *faulty_.begin();
    return error;
  }

 private:
  /// Parameters that this server itself understands.
  void check_meaning(std::string_view name, json::value& value) {
    manager::spell_connection_param(name, value);
    for (std::string& problem : packs::url_param_problems(name, value)) {
      problems_.push_back(std::move(problem));
      faulty_.emplace(name);
    }
  }

  /// Fails when the value could not be judged now; what is wrong with it becomes a problem.
  env::Task<Result<void>> check(std::string_view name, const ParamRule& rule, const json::value& value,
                                const json::value& shown) {
    Result<Breaches> breaches = co_await check_.check(rule, value);
    if (!breaches) co_return breaches.error();
    for (const std::string& reason : *breaches) problems_.push_back(bad_value(name, shown, reason));
    if (!breaches->empty()) faulty_.emplace(name);
    co_return Result<void>{};
  }

  /// A sealed or to be sealed value.
  env::Task<Result<json::value>> seal_value(std::string_view name, const ParamRule& rule,
                                            const json::value& value) {
    const std::string text = json::serialize(value);
    const json::value shown(auth::is_secure_data(text) ? "sealed" : "secure");
    if (!auth::is_secure_data(text)) {
      Result<void> checked = co_await check(name, rule, value, shown);
      if (!checked) co_return checked.error();
      co_return own_json(auth::seal(pair_->public_key, text));
    }
    const Result<json::value> opened = opened_value(*pair_, text);
    if (!opened) co_return opened.error();
    Result<void> checked = co_await check(name, rule, *opened, shown);
    if (!checked) co_return checked.error();
    co_return value;
  }

  env::Task<Result<void>> find_pair() {
    if (pair_) co_return Result<void>{};
    // Another thread only to store one: while it is waited for, others change the object, and this write
    // starts again.
    Result<auth::KeyPair> known = auth::object_key_pair(context_.store, prefix_, key_);
    if (known) {
      pair_ = std::move(*known);
      co_return Result<void>{};
    }
    std::optional<Result<auth::KeyPair>> made;
    co_await env::run_blocking([&] { made = auth::kept_key_pair(context_.store, prefix_, key_); });
    if (!*made) co_return made->error();
    pair_ = std::move(**made);
    co_return Result<void>{};
  }

  Context& context_;
  const store::Snapshot& snapshot_;
  std::string_view prefix_;
  const std::string& key_;
  std::optional<auth::KeyPair>& pair_;
  ValueCheck check_;
  std::vector<std::string> problems_;
  std::set<std::string> faulty_;  // names of the parameters that they are about
};

/// The Params that an equally named object of an earlier list had.
const json::object* params_of_named(const json::object* before, std::string_view list,
                                    const json::object& item) {
  const json::value* old_list = before == nullptr ? nullptr : before->if_contains(list);
  const json::value* name = item.if_contains("Name");
  if (old_list == nullptr || !old_list->is_array() || name == nullptr) return nullptr;
  for (const json::value& old_item : old_list->get_array()) {
    if (!old_item.is_object()) continue;
    const json::value* old_name = old_item.get_object().if_contains("Name");
    if (old_name != nullptr && *old_name == *name) return object_member(&old_item.get_object(), "Params");
  }
  return nullptr;
}

}  // namespace

std::string box_name(const model::ObjectType& type, std::string_view key) {
  return fmt::format("{}/{}", type.prefix, key);
}

store::SecretGuard box_guard(const model::ObjectType& type, std::string_view key, const auth::KeyPair& pair) {
  return {std::string(kBoxSpace), box_name(type, key), pair.public_key + pair.private_key};
}

bool may_hold_secure_values(const model::ObjectType& type) {
  return type.traits.has_params || !model::param_places(type.prefix).list.empty();
}

env::Task<Result<void>> prepare_params(Context& context, env::Caller caller, const store::Snapshot& snapshot,
                                       const model::ObjectType& type, std::string key, json::object& object,
                                       const json::object* before, std::optional<auth::KeyPair>& pair) {
  const auto [map, items] = model::param_places(type.prefix);
  ParamSealer sealer(context, std::move(caller), snapshot, type.prefix, key, pair);
  Result<void> sealed = co_await sealer.seal(object.if_contains(map), object_member(before, map));
  if (!sealed) co_return sealed;
  json::value* list = items.empty() ? nullptr : object.if_contains(items);
  if (list != nullptr && list->is_array()) {
    for (json::value& item : list->get_array()) {
      if (!item.is_object()) continue;
      const json::object* old_params = params_of_named(before, items, item.get_object());
      sealed = co_await sealer.seal(item.get_object().if_contains("Params"), old_params);
      if (!sealed) co_return sealed;
    }
  }
  co_return sealer.verdict();
}

void keep_params(json::object& params, const std::vector<std::string>& names) {
  if (names.empty()) return;
  json::object kept;
  for (const std::string& name : names) {
    if (const json::value* value = params.if_contains(name)) kept[name] = *value;
  }
  params = std::move(kept);
}

void decode_params(Context& context, std::string_view prefix, const std::string& key, json::object& params) {
  std::optional<Result<auth::KeyPair>> pair;
  for (auto& member : params) {
    if (!member.value().is_object()) continue;
    if (model::is_always_secure(member.key())) continue;  // shown in clear to nobody
    const std::string text = json::serialize(member.value());
    if (!auth::is_secure_data(text)) continue;
    if (!pair) pair = auth::object_key_pair(context.store, prefix, key);
    if (!*pair) return;
    Result<std::string> clear = auth::open_sealed(**pair, text);
    if (!clear) continue;
    if (Result<json::value> value = parse_json(*clear)) member.value() = std::move(*value);
  }
}

json::object aggregated_params(const model::ObjectType& type, const store::Snapshot& snapshot,
                               const json::object& object, const Target& target, Aggregation how) {
  Aggregator aggregator(snapshot, target.owner, how);
  aggregator.add_params(object, type.prefix, target.key);
  aggregator.add_profiles(object);
  if (type.find_field("Stage") != nullptr && type.traits.has_params)
    aggregator.add_stage(string_of(object, "Stage"));
  aggregator.add_profile("global");
  return std::move(aggregator.result);
}

std::string with_aggregated_params(const model::ObjectType& type, const store::Snapshot& snapshot,
                                   const Target& target, Aggregation how) {
  Result<json::object> object = parse_stored(target.body);
  if (!object) return target.body;
  (*object)["Params"] = aggregated_params(type, snapshot, *object, target, how);
  return json::serialize(*object);
}

std::vector<std::string> aggregated_collections() { return {"profiles", "stages", "params"}; }

store::ParamResolver aggregate_resolver(std::shared_ptr<const store::Snapshot> snapshot) {
  auto inherited = std::make_shared<std::unordered_map<std::string, std::optional<std::string>>>();
  const auto value_of = [snapshot = std::move(snapshot), inherited](
                            std::string_view owner, std::string_view body,
                            std::string_view parameter) -> std::optional<std::string> {
    const std::string_view own = model::raw_param(body, parameter);
    if (!own.empty()) return std::string(own);
    // Machines with the same profiles and stage inherit the same.
    const std::string_view profiles = model::raw_member(body, "Profiles");
    const std::string_view stage = model::raw_member(body, "Stage");
    const std::string name = fmt::format("{}\n{}\n{}\n{}", owner, profiles, stage, parameter);
    const auto known = inherited->find(name);
    if (known != inherited->end()) return known->second;
    std::optional<std::string> value =
        inherited_param(*snapshot, owner,
                        fmt::format(R"({{"Profiles":{},"Stage":{}}})", profiles.empty() ? "[]" : profiles,
                                    stage.empty() ? R"("")" : stage),
                        parameter);
    if (inherited->size() < kMostInherited) inherited->emplace(name, value);
    return value;
  };
  return {value_of, aggregated_collections()};
}

}  // namespace mullion::objects
