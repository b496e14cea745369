// Values of secure parameters in content documents: clear when uploaded, ciphertext from then on.
#pragma once

#include <boost/json/object.hpp>

#include "packs/internal/stack.h"
#include "packs/layers.h"

namespace mullion::packs {

/// Whether there is SecureData anywhere in the body of an object.
bool body_holds_sealed(std::string_view body);

/// Replaces clear values of secure parameters inside `document` by SecureData. A parameter is secure when the
/// document itself, the stack or the writable layer says so. kInvalid when there is such a value but no
/// sealer.
Result<void> seal_secure_values(boost::json::object& document, const Stack& stack,
                                const store::Snapshot& snapshot, const Layers::Sealer& sealer);

/// Whether there is such a clear value in a layer of the stack.
bool holds_clear_values(const Layer& layer, const Stack& stack, const store::Snapshot& snapshot);

}  // namespace mullion::packs
