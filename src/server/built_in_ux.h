// The web interface that was linked into this program (cmake/ux.cmake).
#pragma once

#include <string_view>

namespace mullion::server {

/// Empty in programs that were built without it.
std::string_view built_in_ux();

}  // namespace mullion::server
