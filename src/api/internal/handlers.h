// Declarations of every handler the route table names; a handler that does not exist does not link.
#pragma once

#include "api/internal/call.h"

namespace mullion::api::handlers {

#include "api/handlers.inc"

}  // namespace mullion::api::handlers
