// What a server can do, and what packs may require of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mullion::packs {

/// What this server does (Info.features).
extern const std::vector<std::string> kFeatures;
/// Whether a content pack may require `feature`: one that the server has announced, or one that only says
/// what the objects of the pack were written for, which its name tells.
bool is_feature_accepted(std::string_view feature, const std::vector<std::string>& announced);

}  // namespace mullion::packs
