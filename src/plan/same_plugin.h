// When a plugin is as a set wants it: one rule for the plan and for carrying it out. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "versionset/values.h"

namespace mullion::plan {

namespace json = boost::json;

/// Whether the value that is shown for `place` stands for the one that is wanted.
using SameValue =
    std::function<bool(const std::string& place, const json::value& wanted, const json::value& shown)>;

/// "Plugin/NAME/PARAM".
std::string plugin_place(std::string_view plugin, std::string_view param);
/// Secrets that the set does not name were put there by hand, and stay.
bool stays(const json::object& wanted_params, std::string_view param, const json::value& shown);
/// Provider and parameters are the same but for what stays, and Meta as far as it is wanted.
bool same_plugin(const json::object& wanted, const json::object& shown, const SameValue& same_value);

}  // namespace mullion::plan
