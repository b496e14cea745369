// A parameter that becomes secure: what was stored in clear until then is sealed.
#pragma once

#include <set>

#include "api/internal/call.h"

namespace mullion::api {

/// The parameters that are secure at this server now.
std::set<std::string> secure_param_names(const Services& services, const store::Snapshot& snapshot);

/// Seals every clear value of a secure parameter in this server's own objects and in the content packs that
/// are loaded. To be called after every change that may make a parameter secure: of Params, packs, providers.
env::Task<Result<void>> seal_clear_values(Services& services);

}  // namespace mullion::api
