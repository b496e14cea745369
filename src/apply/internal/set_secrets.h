// Secret values of version sets, which are sealed with the key of their set.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "base/result.h"
#include "store/store.h"

namespace mullion::apply {

namespace json = boost::json;

/// JSON text of what a version set of this server says, opened when it is sealed. kInvalid: it cannot be
/// opened.
Result<std::string> opened_secret(store::Store& store, const std::string& set, const json::value& wanted);

}  // namespace mullion::apply
