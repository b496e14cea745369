// What some object types have when they are written, beyond what the schema says of them.
#pragma once

#include <vector>

#include "api/internal/call.h"
#include "objects/type_hooks.h"

namespace mullion::api {

/// One entry for each type that has any; what they are given stays while `services` does.
std::vector<objects::TypeHooks> type_hooks(Services& services);

}  // namespace mullion::api
