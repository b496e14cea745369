#include "api/internal/secure_upgrade.h"

#include "api/internal/log.h"
#include "api/internal/objects.h"
#include "base/json.h"
#include "env/pools.h"
#include "model/secure_params.h"
#include "objects/lookup.h"
#include "objects/params.h"
#include "store/commit_async.h"

namespace mullion::api {
namespace {

namespace json = boost::json;

/// So often sealing is tried again when others change the same object in between.
constexpr int kUpgradeAttempts = 64;
constexpr uint64_t kEvery = UINT64_MAX;

std::vector<const model::ObjectType*> holders(const Services& services) {
  std::vector<const model::ObjectType*> types;
  const auto add = [&](const model::ObjectType& type) {
    if (objects::may_hold_secure_values(type)) types.push_back(&type);
  };
  for (const model::ObjectType& type : model::object_types()) add(type);
  for (const model::ObjectType* type : services.store.types().declared()) add(*type);
  return types;
}

bool lies_clear(const json::value& value) { return !model::is_sealed(value); }

/// Seals the clear values of one map of parameters, or, without keys, only says whether there are any.
bool seal_map(json::value* params, const std::set<std::string>& names, const auth::KeyPair* pair) {
  if (params == nullptr || !params->is_object()) return false;
  bool changed = false;
  for (auto& member : params->get_object()) {
    if (!names.contains(std::string(member.key())) || !lies_clear(member.value())) continue;
    changed = true;
    if (pair != nullptr)
      member.value() = own_json(auth::seal(pair->public_key, json::serialize(member.value())));
  }
  return changed;
}

/// The object with its clear values sealed; absent when there are none.
std::optional<std::string> sealed_body(const model::ObjectType& type, const std::string& body,
                                       const std::set<std::string>& names, const auth::KeyPair* pair) {
  Result<json::object> object = parse_stored(body);
  if (!object) return std::nullopt;
  const auto [map, items] = model::param_places(type.prefix);
  bool changed = seal_map(object->if_contains(map), names, pair);
  json::value* list = items.empty() ? nullptr : object->if_contains(items);
  if (list != nullptr && list->is_array()) {
    for (json::value& item : list->get_array()) {
      if (item.is_object())
        changed = seal_map(item.get_object().if_contains("Params"), names, pair) || changed;
    }
  }
  if (!changed) return std::nullopt;
  return model::canonical_body(type, *object);
}

/// Own objects that may hold values of these parameters: those that an index names, all where there is none.
std::set<std::string> own_keys(const Services& services, const store::Snapshot& snapshot,
                               const model::ObjectType& type, const std::set<std::string>& names) {
  std::set<std::string> keys;
  if (type.find_index("Params") == nullptr) {
    snapshot.scan_owner(type.prefix, store::kOwn, "", [&](std::string_view key, std::string_view) {
      keys.emplace(key);
      return true;
    });
    return keys;
  }
  for (const std::string& name : names) {
    for (store::ObjectRef& ref :
         objects::refs_by_index(services, snapshot, type.prefix, "Params", name, true, kEvery)) {
      if (ref.owner == store::kOwn) keys.insert(std::move(ref.key));
    }
  }
  return keys;
}

env::Task<Result<void>> seal_packs(Services& services) {
  Result<void> sealed;
  co_await env::run_blocking(env::Pool::kLong, [&] { sealed = services.layers.seal_clear_values(); });
  co_return sealed;
}

/// One object; nothing to do when nothing in it lies clear.
env::Task<Result<void>> seal_object(Services& services, const model::ObjectType& type, std::string key,
                                    const std::set<std::string>& names) {
  const store::ObjectId id{std::string(type.prefix), std::string(store::kOwn), key};
  for (int attempt = 0; attempt < kUpgradeAttempts; ++attempt) {
    std::optional<std::string> before = services.store.snapshot()->get(id);
    if (!before || !sealed_body(type, *before, names, nullptr)) co_return Result<void>();
    std::optional<Result<auth::KeyPair>> pair;
    co_await env::run_blocking([&] { pair = auth::kept_key_pair(services.store, type.prefix, key); });
    if (!*pair) co_return pair->error();
    store::Batch batch;
    batch.changes.push_back(
        {id, sealed_body(type, *before, names, &**pair), store::Expect::kSame, hash128(*before)});
    batch.secret_guards.push_back(objects::box_guard(type, key, **pair));
    batch.principal = "system";
    Result<store::Cursor> done = co_await store::commit_async(services.store, std::move(batch));
    if (done) {
      kLog.audit("sealed {}={} reason=its parameter became secure", type.prefix, key);
      co_return Result<void>();
    }
    if (done.error().code != ErrorCode::kConflict) co_return done.error();
  }
  co_return Error(ErrorCode::kConflict, "PUT", std::string(type.prefix), key,
                  {"Too many others change this object at the same time"});
}

}  // namespace

std::set<std::string> secure_param_names(const Services& services, const store::Snapshot& snapshot) {
  std::set<std::string> names;
  for (store::ObjectRef& ref :
       objects::refs_by_index(services, snapshot, "params", "Secure", "true", true, kEvery)) {
    names.insert(std::move(ref.key));
  }
  return names;
}

env::Task<Result<void>> seal_clear_values(Services& services) {
  Result<void> packs = co_await seal_packs(services);
  if (!packs) co_return packs;
  std::set<std::string> names;
  std::vector<std::pair<const model::ObjectType*, std::string>> found;
  {
    const std::shared_ptr<const store::Snapshot> snapshot = services.store.snapshot();
    names = secure_param_names(services, *snapshot);
    for (const model::ObjectType* type : holders(services)) {
      for (const std::string& key : own_keys(services, *snapshot, *type, names))
        found.emplace_back(type, key);
    }
  }
  for (auto& [type, key] : found) {
    Result<void> sealed = co_await seal_object(services, *type, std::move(key), names);
    if (!sealed) co_return sealed;
  }
  co_return Result<void>();
}

}  // namespace mullion::api
