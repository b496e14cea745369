// The parts of requests and answers that need no connection.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/http.h"

namespace mullion::cli {

/// A path below /api/v3 from parts; each part is encoded except its slashes.
std::string api_path(const std::vector<std::string>& parts);
/// "?a=b&c=d" from pairs, encoded; "" when there are none.
std::string query_text(const std::vector<std::pair<std::string, std::string>>& items);
/// Type of errors whose words no server chose.
inline constexpr std::string_view kClientError = "CLIENT_ERROR";
/// The error an answer of `status` with `body` stands for; without a body the headers may say why.
/// kClientError when neither is one of ours.
Error error_from_answer(int status, std::string_view body, const net::Headers& headers);

}  // namespace mullion::cli
