// Names of files below a directory.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "env/file.h"

namespace mullion::content {

/// Relative to `directory`, sorted, directories ending in '/'; links and other special files are left out.
/// `all` descends. kTooLarge beyond a million names.
Result<std::vector<std::string>> list_directory(const env::Path& directory, bool all);

}  // namespace mullion::content
