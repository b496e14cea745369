// The settings of a server that this process runs.
#pragma once

#include <string>
#include <vector>

#include "settings/settings.h"

namespace mullion::server {

/// From the arguments after `serve` and the environment of this process.
Result<settings::Settings> process_settings(const std::vector<std::string>& arguments);

}  // namespace mullion::server
