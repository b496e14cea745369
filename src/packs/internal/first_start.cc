#include "packs/internal/first_start.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "env/random.h"
#include "model/object.h"
#include "packs/internal/builtin.h"
#include "packs/internal/pack.h"
#include "yaml/yaml.h"

namespace mullion::packs {

namespace {

namespace json = boost::json;
constexpr std::string_view kMark = "first-start";

Result<store::Change> creation(const model::ObjectType& type, const json::value& input) {
  auto object = model::normalise(type, input, nullptr);
  if (!object) return object.error();
  (void)model::take_secrets(type, *object);
  (*object)["Validated"] = true;
  (*object)["Available"] = true;
  (*object)["Errors"] = json::array();
  // As what reference servers load from their writable layer; what clients create shows none.
  if (type.traits.has_bundle) (*object)["Bundle"] = kBackingStore;
  const std::string key = model::object_key(type, *object);
  return store::Change{{std::string(type.prefix), std::string(store::kOwn), key},
                       model::canonical_body(type, *object)};
}

}  // namespace

Result<void> make_first_objects(store::Store& store) {
  const auto snapshot = store.snapshot();
  if (snapshot->secret("state", kMark)) return {};
  const auto document = yaml::read(first_start_yaml());
  if (!document) return document.error();
  store::Batch batch;
  batch.principal = "system";
  for (const auto& [section, items] : document->as_object()) {
    const model::ObjectType* type = model::find_object_type(section);
    if (type == nullptr) continue;
    for (const auto& [key, input] : items.as_object()) {
      if (snapshot->get_local(section, key)) continue;
      auto change = creation(*type, input);
      if (!change) return change.error();
      if (section == "users") {
        const json::object secrets{{"Secret", env::random_text(12)}};
        batch.secrets.push_back({"users", std::string(key), json::serialize(secrets)});
      }
      batch.changes.push_back(std::move(*change));
    }
  }
  batch.secrets.push_back({"state", std::string(kMark), "done"});
  if (auto committed = store.commit_sync(std::move(batch)); !committed) return committed.error();
  return {};
}

}  // namespace mullion::packs
