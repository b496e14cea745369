#include "objects/unique_names.h"

#include "model/index_value.h"
#include "model/members.h"
#include "objects/lookup.h"

namespace mullion::objects {

namespace json = boost::json;

Result<void> keep_unique(const Context& context, const model::ObjectType& type, const Rights& rights,
                         const std::string& key, const json::object* before, const json::object& object,
                         store::Batch& batch) {
  for (const model::Index& index : type.indexes) {
    if (!index.unique || index.path.starts_with('@') || index.path == type.key_field) continue;
    const std::string value = model::text_member(object, index.path);
    if (value.empty() || (before != nullptr && model::text_member(*before, index.path) == value)) continue;
    const Result<std::string> encoded = model::encode_index_argument(index, type.prefix, value);
    if (!encoded) continue;  // no value of this kind: the rules of the type say so
    const auto taken = [&](const std::string& by) {
      Error error(ErrorCode::kConflict, before == nullptr ? "CREATE" : "ValidationError",
                  std::string(type.prefix), key, {});
      if (before == nullptr) error.messages.emplace_back("already exists");  // as of a key that is taken
      error.messages.push_back(fmt::format("{} {} is already used by {}", index.name, value, by));
      return error;
    };
    batch.unique.push_back({std::string(type.prefix), std::string(index.name), *encoded, key});
    const std::shared_ptr<const store::Snapshot> now = context.store.snapshot();
    for (const store::ObjectRef& ref : refs_by_index(context, *now, type.prefix, index.name, value, true)) {
      if (ref.key == key) continue;
      return taken(rights.sees({type.prefix, ref.owner, ref.key}) ? ref.key : "another object");
    }
  }
  return {};
}

bool is_taken(const store::Snapshot& snapshot, const model::ObjectType& type, std::string_view key) {
  return snapshot.get_local(type.prefix, key).has_value();
}

}  // namespace mullion::objects
