// One content document, read and made ready to become a layer.
#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/prerequisites.h"
#include "store/types.h"

namespace mullion::packs {

/// (prefix, key).
using ObjectName = std::pair<std::string, std::string>;

/// A layer of the stack. Immutable once it is part of one.
struct Layer {
  std::string name;
  std::string type;  // "writable", "local", "dynamic", "default", "plugin", "basic" or the pack's own word
  bool writable = false;
  bool overwritable = false;
  bool uploaded = false;  // came through load(): shown as component, may be removed
  Version version;
  boost::json::object meta;  // every field of ContentMetaData, in order
  /// Canonical bodies, ReadOnly and Bundle set, not yet validated against the rest of the stack.
  std::map<ObjectName, std::string> objects;
  std::map<std::string, uint64_t> counts;    // per section of the document
  std::vector<store::SecretChange> secrets;  // secret fields of its objects, e.g. password hashes
  std::string secret_holder;                 // "PREFIX/KEY" of an object with a secret; empty: there is none
  std::vector<std::string> warnings;         // found while reading
  /// "<Type>-<Name>", as error texts name layers.
  std::string label() const { return type + "-" + name; }
};
using LayerPtr = std::shared_ptr<const Layer>;

/// Error types that a POST tells by contract (errors.md section 5).
inline constexpr std::string_view kFeatureMissing = "STORE_ERROR";
inline constexpr std::string_view kUndecodable = "Failed to load backing objects from cache";

inline constexpr std::string_view kBackingStore = "BackingStore";
inline constexpr std::string_view kLocalStore = "LocalStore";
inline constexpr std::string_view kDefaultStore = "DefaultStore";
inline constexpr std::string_view kBasicStore = "BasicStore";
bool is_builtin_layer(std::string_view name);

/// The meta of a document: trimmed, complete, flags set by the rules of content.md section 1.
Result<boost::json::object> read_meta(const boost::json::object& document);
/// Builds the layer of a parsed document. kInvalid or kBadRequest name section and key.
Result<Layer> read_layer(const boost::json::object& document);
/// A layer without objects.
Layer empty_layer(std::string_view name, std::string_view type, std::string_view description);

}  // namespace mullion::packs
