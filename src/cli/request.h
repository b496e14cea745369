// The parts of requests and answers that need no connection.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mullion::cli {

/// A path below /api/v3 from parts; each part is encoded except its slashes.
std::string api_path(const std::vector<std::string>& parts);
/// "?a=b&c=d" from pairs, encoded; "" when there are none.
std::string query_text(const std::vector<std::pair<std::string, std::string>>& items);
/// The error an answer of `status` with `body` stands for; CLIENT_ERROR when the body is not one of ours.
Error error_from_answer(int status, std::string_view body);

}  // namespace mullion::cli
