// Who refers to whom: what must not be removed because something still uses it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/internal/call.h"

namespace mullion::api {

/// "In use by KIND NAME" for local objects that refer to (prefix, key), at most a few dozen.
std::vector<std::string> references_to(const Services& services, const store::Snapshot& snapshot,
                                       std::string_view prefix, const std::string& key);

}  // namespace mullion::api
