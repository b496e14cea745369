// What answers of a server mean.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/http.h"

namespace mullion::cli {

/// Type of errors whose words no server chose.
inline constexpr std::string_view kClientError = "CLIENT_ERROR";
/// The error an answer of `status` with `body` stands for; without a body the headers may say why.
/// kClientError when neither is one of ours.
Error error_from_answer(int status, std::string_view body, const net::Headers& headers);

}  // namespace mullion::cli
