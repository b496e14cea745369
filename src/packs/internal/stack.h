// The stack of layers as a value, and the rules it must obey. Pure: knows no store.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "packs/internal/pack.h"

namespace mullion::packs {

/// Layers from top to bottom; the first that holds a key wins. The writable layer itself is not in the list:
/// its objects live in the store.
struct Stack {
  std::vector<LayerPtr> layers;

  const Layer* find(std::string_view name) const;
  /// The layer whose object is effective, or nullptr.
  const Layer* holder(const ObjectName& object) const;
  /// The effective objects: layer and body by name. Pointers live as long as the layers.
  std::map<ObjectName, const std::string*> effective() const;
};

/// Puts `layer` in the place of the one with its name, or adds it; keeps the documented order.
Stack with_layer(const Stack& stack, LayerPtr layer);
Stack without_layer(const Stack& stack, std::string_view name);

/// First violation of the rules by `candidate` against the others: keys held by layers that must not be
/// overridden. `own_has` tells whether the writable layer holds a key.
Result<void> check_conflicts(const Stack& stack, const Layer& candidate,
                             const std::function<bool(const ObjectName&)>& own_has);
/// A feature, prerequisite or version that a layer asks for and does not find, or a loop.
struct Breach {
  std::string layer;
  Error error;
  bool tolerated;  // a warning: the layer may be there nevertheless
};
/// Of every layer, in their order.
std::vector<Breach> unmet_requirements(const Stack& stack, const std::vector<std::string>& features);
/// The first breach that forbids to go from `before` to `after` by a change of layer `changed`. What another
/// layer lacked already is not held against it.
Result<void> check_requirements(const Stack& before, const Stack& after, std::string_view changed,
                                const std::vector<std::string>& features);
/// Names of the layers that require `name`.
std::vector<std::string> dependants(const Stack& stack, std::string_view name);

}  // namespace mullion::packs
