// Which version sets a plan was made for, in one short word. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "versionset/merge.h"

namespace mullion::versionset {

/// "NAMES-CONTENTS", for Endpoint.PlannedFor: a hash of the ordered names, and one of what the sets say
/// together. "" without sets. `wanted` is nullptr when they could not be merged.
std::string plan_fingerprint(const std::vector<std::string>& names, const Wanted* wanted);

/// Whether `word` was made for sets of these names, whatever they said.
bool is_fingerprint_of_names(std::string_view word, const std::vector<std::string>& names);

}  // namespace mullion::versionset
