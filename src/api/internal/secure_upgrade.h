// A parameter that becomes secure: what was stored in clear until then is sealed.
#pragma once

#include "api/internal/call.h"

namespace mullion::api {

/// Seals every clear value of a secure parameter in this server's own objects. Looks only at objects that
/// indexes name. Values of content packs are sealed when their pack is loaded.
env::Task<Result<void>> seal_clear_values(Services& services);

}  // namespace mullion::api
