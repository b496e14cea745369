// Filters as people type them -> the query the API understands.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mullion::cli {

using QueryItems = std::vector<std::pair<std::string, std::string>>;

/// `NAME OP value NAME OP value ...`, or, when the first word holds '=', `NAME=value` and `NAME=OP(value)`;
/// between them `sort NAME`, `reverse`, `limit N`, `offset N`, `slim A,B`, `params A,B`, `decode`.
/// A usage error names the word that does not fit.
Result<QueryItems> parse_filters(std::span<const std::string> words);

}  // namespace mullion::cli
