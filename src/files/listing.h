// Names of files below a directory.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "env/file.h"

namespace mullion::files {

/// Relative to `directory`, sorted, directories ending in '/'; links and other special files are left out.
/// `all` descends. kNotFound: it is no directory, which one that cannot be looked at is not. kTooLarge beyond
/// a million names.
Result<std::vector<std::string>> list_directory(const env::Path& directory, bool all);

}  // namespace mullion::files
