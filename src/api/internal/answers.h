// Answers: JSON bodies, error objects, freshness headers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/internal/call.h"

namespace mullion::api {

net::Response json_response(int status, std::string body);
net::Response json_response(int status, const boost::json::value& body);
/// Why a request was refused, in one line: on answers to HEAD, which have no body.
inline constexpr std::string_view kReasonHeader = "X-Mullion-Error";
/// The contract's error object; `method` stands in for an empty Type.
net::Response error_response(const Error& error, std::string_view method);
std::string error_json(const Error& error, std::string_view method);

/// Strong ETag of a stored body.
std::string etag_of(std::string_view body);
/// Whether an If-None-Match header value names `etag` (list, weak marks and `*` included).
bool etag_matches(std::string_view header, std::string_view etag);

/// "10", "1m30s", "250ms", "2h" -> duration; false when it is none.
bool parse_duration(std::string_view text, env::Duration& out);

/// Adds X-Mullion-Age and X-Mullion-Stale for an answer built from `collections` of `owners`, and from what
/// aggregated parameters are made of where the request asks for them; or refuses with kUnavailable when one
/// is older than X-Mullion-Max-Age.
Result<void> apply_freshness(const Call& call, const std::vector<std::string>& owners,
                             std::vector<std::string> collections, net::Response& response);

/// How many a list shows (or would show), how many there are, and how many of those the filters leave.
void add_counts(net::Response& response, uint64_t shown, uint64_t total, uint64_t matching);

/// Header that names the commit an answer follows: "OWNER EPOCHHEX SEQ".
void add_commit_header(const Call& call, const store::Cursor& cursor, net::Response& response);

boost::json::array to_array(const std::vector<std::string>& texts);
std::string quoted_json(std::string_view text);
}  // namespace mullion::api
