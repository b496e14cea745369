// Content packs as layers below the writable one.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace mullion::packs {

/// The stack of layers (contract content.md). Packs are kept in the store's secrets space "contents" as
/// compressed JSON and their effective objects as store owner kLayered; a change of the stack is one commit.
/// Thread-safe. start(), load(), remove(), show() and seal_clear_values() block on the disk: call them
/// through env::run_blocking, not from coroutines.
class Layers {
 public:
  virtual ~Layers() = default;
  /// Loads built-ins and stored packs; first start creates profile `global` and user `rocketskates`.
  virtual Result<void> start() = 0;
  /// JSON array of ContentSummary, top layer first.
  virtual std::string summaries() const = 0;
  /// ContentSummary of one layer; kNotFound "No such content store".
  virtual Result<std::string> summary(std::string_view name) const = 0;
  /// What a reader may see of a secure value: (prefix, key of the object, SecureData JSON) -> clear JSON, or
  /// absent: the SecureData itself is shown.
  using Opener = std::function<std::optional<std::string>(std::string_view prefix, std::string_view key,
                                                          std::string_view sealed_json)>;
  /// The whole document {"meta","sections"}; kNotFound "No such content store". Without opener secure values
  /// stay sealed.
  virtual Result<std::string> show(std::string_view name, const Opener& opener = {}) const = 0;
  /// `replace`: PUT (must exist, names match) instead of POST (must not exist). Answers ContentSummary JSON.
  /// The document may be YAML. Refused as a whole with the texts of errors.md section 5, the old stack stays:
  /// kBadRequest (unreadable), kConflict (exists), kNotFound, kInvalid (a rule of the stack).
  virtual Result<std::string> load(std::string_view content_json, bool replace,
                                   std::string_view expected_name, bool replace_writable,
                                   std::string_view principal) = 0;
  /// kNotFound, kConflict when other layers require it or objects in use would vanish, kInvalid for
  /// built-ins.
  virtual Result<void> remove(std::string_view name, std::string_view principal) = 0;
  /// What is committed together with the layer of a plugin provider.
  struct Along {
    std::vector<store::Change> changes;
    std::vector<store::SecretChange> secrets;
  };
  /// The same for the content of a plugin provider, whose layer belongs to it: load() and remove() leave it
  /// alone (kConflict). Replaces the layer when the provider is known already.
  virtual Result<void> load_provider(std::string_view document_json, bool replace_writable,
                                     std::string_view principal, Along along) = 0;
  virtual Result<void> remove_provider(std::string_view name, std::string_view principal, Along along) = 0;
  /// A value of a secure parameter inside a pack, and the object that holds it: in clear, or as SecureData.
  struct SecureValue {
    std::string prefix, key, json;
  };
  /// How they become ciphertext: all of a pack at once -> SecureData JSON of each, in their order; what is
  /// SecureData comes back as it is, and can be opened from then on. To be set before start(); without it
  /// clear values are refused.
  using Sealer = std::function<Result<std::vector<std::string>>(const std::vector<SecureValue>& values)>;
  virtual void set_sealer(Sealer sealer) = 0;
  /// Seals what lies clear in packs that were loaded before its parameter became secure. Every pack is tried;
  /// the first error is told.
  virtual Result<void> seal_clear_values() = 0;
  /// Name and version of every uploaded pack and provider: Components of an Endpoint object.
  struct Component {
    std::string type, name, version;
    std::string prerequisites;                        // as its meta has them
    std::shared_ptr<const boost::json::object> meta;  // never null
    /// "PREFIX/KEY" of an object of it with a secret: a sealed value or a password. Empty: none has any.
    std::string secret_holder;
  };
  virtual std::vector<Component> components() const = 0;
  /// Whether local object (type, key) is held by a layer that must not be overridden: its layer name, or
  /// absent.
  virtual std::optional<std::string> read_only_layer(std::string_view type, std::string_view key) const = 0;
  /// Called after every change of the stack.
  using Listener =
      std::function<void(std::string_view action, std::string_view pack, std::string_view principal)>;
  virtual void on_change(Listener listener) = 0;
};
std::unique_ptr<Layers> make_layers(store::Store& store, std::vector<std::string> features);

}  // namespace mullion::packs
