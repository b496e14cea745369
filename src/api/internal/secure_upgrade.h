// A parameter that becomes secure: what was stored in clear until then is sealed.
#pragma once

#include "api/internal/call.h"

namespace mullion::api {

/// Seals every clear value of a secure parameter in this server's own objects and in the content packs that
/// are loaded. To be called after every change that may make a parameter secure: of Params, packs, providers.
env::Task<Result<void>> seal_clear_values(Services& services);

}  // namespace mullion::api
