#include "api/internal/unique_names.h"

#include "api/internal/lookup.h"
#include "model/index_value.h"
#include "model/members.h"

namespace mullion::api {

namespace json = boost::json;

Result<void> keep_unique(const Call& call, const std::string& key, const json::object* before,
                         const json::object& object, store::Batch& batch) {
  for (const model::Index& index : call.type->indexes) {
    if (!index.unique || index.path.starts_with('@') || index.path == call.type->key_field) continue;
    const std::string value = model::text_member(object, index.path);
    if (value.empty() || (before != nullptr && model::text_member(*before, index.path) == value)) continue;
    const Result<std::string> encoded = model::encode_index_argument(index, call.type->prefix, value);
    if (!encoded) continue;  // no value of this kind: the rules of the type say so
    const auto taken = [&](const std::string& by) {
      Error error(ErrorCode::kConflict, before == nullptr ? "CREATE" : "ValidationError",
                  std::string(call.type->prefix), key, {});
      if (before == nullptr) error.messages.emplace_back("already exists");  // as of a key that is taken
      error.messages.push_back(fmt::format("{} {} is already used by {}", index.name, value, by));
      return error;
    };
    batch.unique.push_back({std::string(call.type->prefix), std::string(index.name), *encoded, key});
    const std::shared_ptr<const store::Snapshot> now = call.services.store.snapshot();
    for (const store::ObjectRef& ref :
         refs_by_index(call.services, *now, call.type->prefix, index.name, value, true)) {
      if (ref.key == key) continue;
      return taken(call.principal.sees({call.type->prefix, ref.owner, ref.key}) ? ref.key : "another object");
    }
  }
  return {};
}

bool is_taken(const store::Snapshot& snapshot, const model::ObjectType& type, std::string_view key) {
  return snapshot.get_local(type.prefix, key).has_value();
}

}  // namespace mullion::api
