// The stack of content layers of a running server.
#include "packs/layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "base/json.h"
#include "base/mutex.h"
#include "model/object.h"
#include "packs/internal/builtin.h"
#include "packs/internal/documents.h"
#include "packs/internal/effective.h"
#include "packs/internal/first_start.h"
#include "packs/internal/in_use.h"
#include "packs/internal/layer_view.h"
#include "packs/internal/log.h"
#include "packs/internal/pack.h"
#include "packs/internal/pack_codec.h"
#include "packs/internal/pack_names.h"
#include "packs/internal/sealing.h"
#include "packs/internal/stack.h"
#include "packs/internal/stack_change.h"
#include "prefs/preference_table.h"
#include "yaml/yaml.h"

namespace mullion::packs {

namespace {

namespace json = boost::json;
constexpr std::string_view kSpace = "contents";

class StoreLayers final : public Layers {
 public:
  StoreLayers(store::Store& store, std::vector<std::string> features)
      : store_(store),
        features_(std::move(features)),
        backing_(empty_layer(kBackingStore, "", "Writable backing store")) {}

  Result<void> start() override;
  std::string summaries() const override;
  Result<std::string> summary(std::string_view name) const override;
  Result<std::string> show(std::string_view name, const Opener& opener) const override;
  Result<std::string> load(std::string_view content_json, bool replace, std::string_view expected_name,
                           bool replace_writable, std::string_view principal) override;
  Result<void> remove(std::string_view name, std::string_view principal) override;
  Result<void> load_provider(std::string_view document_json, bool replace_writable,
                             std::string_view principal, Along along) override;
  Result<void> remove_provider(std::string_view name, std::string_view principal, Along along) override;
  void set_sealer(Sealer sealer) override { sealer_ = std::move(sealer); }
  Result<void> seal_clear_values() override;
  std::vector<Component> components() const override;
  std::optional<std::string> read_only_layer(std::string_view type, std::string_view key) const override;
  void on_change(Listener listener) override {
    const Lock lock(mutex_);
    listeners_.push_back(std::move(listener));
  }

 private:
  /// Everything readers need, replaced as a whole.
  struct State {
    Stack stack;
    std::map<std::string, std::vector<std::string>> warnings;
    const std::vector<std::string>& warnings_of(const std::string& layer) const {
      static const std::vector<std::string> kNone;
      const auto found = warnings.find(layer);
      return found == warnings.end() ? kNone : found->second;
    }
  };

  std::shared_ptr<const State> state() const {
    const Lock lock(mutex_);
    return state_;
  }
  void publish(Stack stack, Effective effective) {
    auto next = std::make_shared<State>(State{std::move(stack), std::move(effective.warnings)});
    const Lock lock(mutex_);
    state_ = std::move(next);
  }
  void tell(std::string_view action, std::string_view name, std::string_view principal) const;

  Result<Stack> builtin_stack() const;
  void add_stored_packs(Stack& stack, const store::Snapshot& snapshot) const;
  json::object backing_summary() const;
  /// A layer on its way in; `along` is committed with it.
  struct Loading {
    bool replace = false;
    std::string expected_name;
    bool replace_writable = false;
    std::string principal;
    Along along;
  };
  Result<std::string> load_layer(json::object document, Loading loading);
  Result<void> remove_layer(const Layer& layer, std::string_view principal, Along along);
  Result<void> seal_layer(const std::string& name);
  Result<void> check_provider_layer(const State& current, std::string_view method,
                                    std::string_view name) const;
  Result<void> check_name(const State& current, const std::string& name, bool replace,
                          std::string_view expected_name) const;

  store::Store& store_;
  const std::vector<std::string> features_;
  const Layer backing_;
  Sealer sealer_;
  Mutex changing_;  // held while a change of the stack is checked and committed
  mutable Mutex mutex_;
  std::shared_ptr<const State> state_ GUARDED_BY(mutex_) = std::make_shared<State>();
  std::vector<Listener> listeners_ GUARDED_BY(mutex_);
};

void StoreLayers::tell(std::string_view action, std::string_view name, std::string_view principal) const {
  Lock lock(mutex_);
  const auto listeners = listeners_;
  lock.unlock();
  for (const auto& listener : listeners) listener(action, name, principal);
}

Result<Stack> StoreLayers::builtin_stack() const {
  auto document = yaml::read(basic_store_yaml());
  if (!document) return document.error();
  auto basic = read_layer(document->as_object());
  if (!basic) return basic.error();
  Stack stack;
  stack = with_layer(stack, std::make_shared<Layer>(std::move(*basic)));
  stack = with_layer(stack, std::make_shared<Layer>(empty_layer(kLocalStore, "", "Local Override Store")));
  return with_layer(stack,
                    std::make_shared<Layer>(empty_layer(kDefaultStore, "", "Initial Default Content")));
}

/// An uploaded pack as it rests in the store.
Result<json::object> stored_document(const store::Snapshot& snapshot, std::string_view name) {
  const auto bytes = snapshot.secret(kSpace, name);
  if (!bytes) return Error(ErrorCode::kCorrupt, "is missing");
  auto text = expand_document(*bytes);
  if (!text) return text.error();
  auto document = parse_json(*text);
  if (!document) return document.error();
  if (!document->is_object()) return Error(ErrorCode::kCorrupt, "is no object");
  return std::move(document->get_object());
}

void StoreLayers::add_stored_packs(Stack& stack, const store::Snapshot& snapshot) const {
  for (const std::string& name : stored_pack_names(snapshot)) {
    auto document = stored_document(snapshot, name);
    auto layer = document ? read_layer(*document) : Result<Layer>(document.error());
    if (!layer) {
      // One damaged pack must not keep the server from starting; its objects are missing until it is loaded
      // again.
      kLog.error("stored content pack cannot be loaded name={} error={}", name, layer.error().text());
      continue;
    }
    layer->uploaded = true;
    stack = with_layer(stack, std::make_shared<Layer>(std::move(*layer)));
  }
}

Result<void> StoreLayers::start() {
  const Lock lock(changing_);
  if (auto made = make_first_objects(store_); !made) return made;
  auto stack = builtin_stack();
  if (!stack) return stack.error();
  const auto snapshot = store_.snapshot();
  add_stored_packs(*stack, *snapshot);
  for (const Breach& breach : unmet_requirements(*stack, features_))
    kLog.warn("content packs do not fit together error={}", breach.error.text());
  Effective effective = judge(*stack, features_, *snapshot);
  store::Batch batch;
  batch.principal = "system";
  batch.changes = difference(*snapshot, effective.bodies);
  if (!batch.changes.empty()) {
    if (auto committed = store_.commit_sync(std::move(batch)); !committed) return committed.error();
  }
  publish(std::move(*stack), std::move(effective));
  return {};
}

json::object StoreLayers::backing_summary() const {
  json::object counts;
  for (const model::ObjectType& type : model::object_types()) counts[type.prefix] = 0;
  const auto snapshot = store_.snapshot();
  for (const store::TypeDigest& digest : snapshot->digests()) {
    if (digest.owner == store::kOwn) counts[digest.type] = digest.count;
  }
  counts["preferences"] = prefs::preference_table().size();
  counts.erase("plugin_providers");
  json::object summary = summary_of(backing_, {});
  summary["Counts"] = std::move(counts);
  return summary;
}

std::string StoreLayers::summaries() const {
  const auto current = state();
  json::array all;
  all.push_back(backing_summary());
  for (const LayerPtr& layer : current->stack.layers) {
    all.push_back(summary_of(*layer, current->warnings_of(layer->name)));
  }
  return json::serialize(all);
}

Result<std::string> StoreLayers::summary(std::string_view name) const {
  if (name == kBackingStore) return json::serialize(backing_summary());
  const auto current = state();
  const Layer* layer = current->stack.find(name);
  if (layer == nullptr) return about(ErrorCode::kNotFound, "GET", name, "No such content store");
  return json::serialize(summary_of(*layer, current->warnings_of(layer->name)));
}

Result<std::string> StoreLayers::show(std::string_view name, const Opener& opener) const {
  if (name == kBackingStore) return writable_document(backing_.meta, *store_.snapshot(), opener);
  const auto current = state();
  const Layer* layer = current->stack.find(name);
  if (layer == nullptr) return about(ErrorCode::kNotFound, "GET", name, "No such content store");
  return document_of(*layer, opener);
}

Result<void> StoreLayers::check_name(const State& current, const std::string& name, bool replace,
                                     std::string_view expected_name) const {
  const std::string_view method = replace ? "PUT" : "POST";
  const Layer* existing = current.stack.find(name);
  const bool exists = existing != nullptr || name == kBackingStore;
  if (!replace) {
    if (!exists) return {};
    return about(ErrorCode::kConflict, method, name, fmt::format("Content {} already exists", name));
  }
  const bool expected_exists = expected_name == kBackingStore || current.stack.find(expected_name) != nullptr;
  if (!expected_exists) return about(ErrorCode::kNotFound, method, expected_name, "No such content store");
  if (name != expected_name) {
    return about(ErrorCode::kInvalid, method, expected_name,
                 fmt::format("Name of the content is {}, not {}", name, expected_name));
  }
  if (existing == nullptr || !existing->uploaded) {
    return about(ErrorCode::kInvalid, method, name, fmt::format("readonly: {}", name));
  }
  return {};
}

Result<std::string> StoreLayers::load(std::string_view content_json, bool replace,
                                      std::string_view expected_name, bool replace_writable,
                                      std::string_view principal) {
  auto document = yaml::read(content_json);
  if (!document) return shaped(document.error(), replace, expected_name);
  if (!document->is_object()) {
    return shaped(Error(ErrorCode::kBadRequest, "content: expected an object"), replace, expected_name);
  }
  const Lock lock(changing_);
  if (replace) {
    auto free = check_provider_layer(*state(), "PUT", expected_name);
    if (!free) return free.error();
  }
  auto loaded =
      load_layer(std::move(document->get_object()),
                 {replace, std::string(expected_name), replace_writable, std::string(principal), {}});
  if (!loaded) return shaped(loaded.error(), replace, expected_name);
  return loaded;
}

Result<void> StoreLayers::check_provider_layer(const State& current, std::string_view method,
                                               std::string_view name) const {
  const Layer* layer = current.stack.find(name);
  const ObjectName provider("plugin_providers", name);
  if (layer == nullptr || layer->type != "plugin" || !own_has(*store_.snapshot(), provider)) return {};
  return Error(ErrorCode::kConflict, method == "DELETE" ? "StillInUseError" : std::string(method), "contents",
               std::string(name), {fmt::format("In use by plugin_providers {}", name)});
}

Result<void> StoreLayers::load_provider(std::string_view document_json, bool replace_writable,
                                        std::string_view principal, Along along) {
  auto document = parse_json(document_json);
  if (!document) return document.error();
  const Lock lock(changing_);
  auto meta = read_meta(document->get_object());
  if (!meta) return meta.error();
  const std::string name(std::string_view((*meta)["Name"].get_string()));
  const bool replace =
      own_has(*store_.snapshot(), {"plugin_providers", name}) && state()->stack.find(name) != nullptr;
  auto loaded = load_layer(std::move(document->get_object()),
                           {replace, name, replace_writable, std::string(principal), std::move(along)});
  if (!loaded) return shaped(loaded.error(), replace, name);
  return {};
}

Result<std::string> StoreLayers::load_layer(json::object document, Loading loading) {
  const auto& [replace, expected_name, replace_writable, principal, along] = loading;
  auto meta = read_meta(document);
  if (!meta) return meta.error();
  const std::string name(std::string_view((*meta)["Name"].get_string()));
  const auto current = state();
  if (auto checked = check_name(*current, name, replace, expected_name); !checked) return checked.error();

  const auto snapshot = store_.snapshot();
  if (auto sealed = seal_secure_values(document, current->stack, *snapshot, sealer_); !sealed)
    return sealed.error();
  auto read = read_layer(document);
  if (!read) return read.error();
  read->uploaded = true;
  const auto layer = std::make_shared<const Layer>(std::move(*read));

  const auto blocks = [&](const ObjectName& object) {
    return !replace_writable && own_has(*snapshot, object);
  };
  if (auto checked = check_conflicts(current->stack, *layer, blocks); !checked) return checked.error();
  Stack stack = with_layer(current->stack, layer);
  auto judged = judge_change(current->stack, stack, name, features_, *snapshot);
  if (!judged) return judged.error();

  Effective& effective = *judged;
  store::Batch batch;
  batch.principal = principal;
  batch.changes = difference(*snapshot, effective.bodies);
  batch.changes.insert(batch.changes.end(), along.changes.begin(), along.changes.end());
  if (replace_writable) {
    for (store::Change& change : removals_of_own(*snapshot, *layer))
      batch.changes.push_back(std::move(change));
  } else {
    guard_keys(batch, *layer);
  }
  batch.secrets = layer->secrets;
  batch.secrets.insert(batch.secrets.end(), along.secrets.begin(), along.secrets.end());
  batch.secrets.push_back({std::string(kSpace), name, compress_document(json::serialize(document))});
  remember_pack_name(*snapshot, batch, name, true);
  if (auto committed = store_.commit_sync(std::move(batch)); !committed) return committed.error();

  std::string answer = json::serialize(summary_of(*layer, effective.warnings[name]));
  kLog.info("content pack loaded name={} version={} objects={} warnings={}", name, layer->version.text(),
            layer->objects.size(), effective.warnings[name].size());
  publish(std::move(stack), std::move(effective));
  tell(replace ? "update" : "create", name, principal);
  return answer;
}

Result<void> StoreLayers::remove(std::string_view name, std::string_view principal) {
  const Lock lock(changing_);
  const auto current = state();
  const Layer* layer = current->stack.find(name);
  if (name == kBackingStore || (layer != nullptr && !layer->uploaded)) {
    return about(ErrorCode::kInvalid, "DELETE", name, fmt::format("readonly: {}", name));
  }
  if (layer == nullptr) return about(ErrorCode::kNotFound, "DELETE", name, "No such content store");
  if (auto free = check_provider_layer(*current, "DELETE", name); !free) return free;
  return remove_layer(*layer, principal, {});
}

Result<void> StoreLayers::remove_provider(std::string_view name, std::string_view principal, Along along) {
  const Lock lock(changing_);
  const auto current = state();
  if (const Layer* layer = current->stack.find(name))
    return remove_layer(*layer, principal, std::move(along));
  // Its layer got lost with a damaged pack; the provider can be removed all the same.
  store::Batch batch;
  batch.principal = std::string(principal);
  batch.changes = std::move(along.changes);
  batch.secrets = std::move(along.secrets);
  auto committed = store_.commit_sync(std::move(batch));
  return committed ? Result<void>() : Result<void>(committed.error());
}

Result<void> StoreLayers::remove_layer(const Layer& layer, std::string_view principal, Along along) {
  const auto current = state();
  const std::string name = layer.name;
  const auto needed_by = dependants(current->stack, name);
  if (!needed_by.empty()) {
    Error error(ErrorCode::kConflict, "StillInUseError", "contents", name, {});
    for (const std::string& other : needed_by)
      error.messages.push_back(fmt::format("In use by content {}", other));
    return error;
  }
  const auto snapshot = store_.snapshot();
  Stack stack = without_layer(current->stack, name);
  if (auto checked = check_vanishing(*snapshot, current->stack, stack); !checked) {
    return with_method(checked.error(), "DELETE", name);
  }
  Effective effective = judge(stack, features_, *snapshot);
  store::Batch batch;
  batch.principal = std::string(principal);
  batch.changes = difference(*snapshot, effective.bodies);
  std::move(along.changes.begin(), along.changes.end(), std::back_inserter(batch.changes));
  batch.secrets = std::move(along.secrets);
  batch.secrets.push_back({std::string(kSpace), name, std::nullopt});
  for (const store::SecretChange& secret : layer.secrets) {
    batch.secrets.push_back({secret.space, secret.key, std::nullopt});
  }
  remember_pack_name(*snapshot, batch, name, false);
  if (auto committed = store_.commit_sync(std::move(batch)); !committed) return committed.error();
  publish(std::move(stack), std::move(effective));
  tell("delete", name, principal);
  return {};
}

Result<void> StoreLayers::seal_clear_values() {
  const Lock lock(changing_);
  Result<void> outcome;
  const auto snapshot = store_.snapshot();
  const auto before = state();
  for (const LayerPtr& layer : before->stack.layers) {
    if (!layer->uploaded || !holds_clear_values(*layer, before->stack, *snapshot)) continue;
    if (Result<void> sealed = seal_layer(layer->name); !sealed && outcome) outcome = sealed;
  }
  return outcome;
}

/// Loads the pack once more as it is, sealed by what is secure now.
Result<void> StoreLayers::seal_layer(const std::string& name) {
  const auto current = state();
  const auto snapshot = store_.snapshot();
  auto document = stored_document(*snapshot, name);
  if (!document) return about(document.error().code, "PUT", name, document.error().messages.front());
  if (auto sealed = seal_secure_values(*document, current->stack, *snapshot, sealer_); !sealed) return sealed;
  auto read = read_layer(*document);
  if (!read) return read.error();
  read->uploaded = true;
  Stack stack = with_layer(current->stack, std::make_shared<const Layer>(std::move(*read)));
  Effective effective = judge(stack, features_, *snapshot);
  store::Batch batch;
  batch.principal = "system";
  batch.changes = difference(*snapshot, effective.bodies);
  batch.secrets.push_back({std::string(kSpace), name, compress_document(json::serialize(*document))});
  if (auto committed = store_.commit_sync(std::move(batch)); !committed) return committed.error();
  kLog.audit("sealed contents={} reason=a parameter in it became secure", name);
  publish(std::move(stack), std::move(effective));
  tell("update", name, "system");
  return {};
}

std::vector<Layers::Component> StoreLayers::components() const {
  std::vector<Component> out;
  const auto current = state();
  for (const LayerPtr& layer : current->stack.layers) {
    if (!layer->uploaded) continue;
    const std::string version(std::string_view(layer->meta.at("Version").get_string()));
    const json::value* needs = layer->meta.if_contains("Prerequisites");
    out.push_back({layer->type == "plugin" ? "PluginProvider" : "ContentPackage", layer->name, version,
                   needs != nullptr && needs->is_string() ? std::string(needs->get_string()) : "",
                   std::shared_ptr<const json::object>(layer, &layer->meta), layer->secret_holder});
  }
  return out;
}

std::optional<std::string> StoreLayers::read_only_layer(std::string_view type, std::string_view key) const {
  const auto current = state();
  const ObjectName name(type, key);
  for (const LayerPtr& layer : current->stack.layers) {
    if (!layer->overwritable && layer->objects.contains(name)) return layer->name;
  }
  return std::nullopt;
}

}  // namespace

std::unique_ptr<Layers> make_layers(store::Store& store, std::vector<std::string> features) {
  return std::make_unique<StoreLayers>(store, std::move(features));
}

}  // namespace mullion::packs
