// What values of version sets and of endpoints look like. Pure.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "base/letters.h"

namespace mullion::versionset {

namespace json = boost::json;

/// Whether two words mean the same version ("v1.2.0" and "1.2.0").
bool same_version(std::string_view a, std::string_view b);

}  // namespace mullion::versionset
