// The payload of an entry: the commands of one group.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/command.h"

namespace mullion::cluster {

std::string encode_group(const std::vector<store::Command>& commands);
/// kCorrupt.
Result<std::vector<store::Command>> decode_group(std::string_view bytes);

}  // namespace mullion::cluster
