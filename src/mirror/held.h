// Which writes concern replicas.
#pragma once

#include <string_view>

namespace mullion::mirror {

/// Whether replicas hold what a successful write to this target ("/api/v3/...") may change. Pure.
bool is_held(std::string_view target);

}  // namespace mullion::mirror
