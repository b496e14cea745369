// Writing that goes on where the system cut it short.
#pragma once

#include <string_view>

#include "env/file.h"

namespace mullion::env {

/// All of `content`; errors name `path`. Blocks.
Result<void> write_all(int descriptor, std::string_view content, const Path& path);

}  // namespace mullion::env
