// Paths below a bucket, as peers write them.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mullion::files {

/// "/a//b/" -> "a/b". Refused (kBadRequest): "..", ".", NUL and control characters, too long, too deep, and
/// empty unless `may_be_empty`.
Result<std::string> clean_path(std::string_view path, bool may_be_empty);

}  // namespace mullion::files
