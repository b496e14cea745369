// What exists for whoever asks.
#pragma once

#include <functional>

#include "auth/tenants.h"

namespace mullion::objects {

/// Whether an object exists for whoever asks: what does not is counted, but never named. This room knows
/// nothing else of rights.
using Sees = std::function<bool(const auth::Identity& object)>;

}  // namespace mullion::objects
