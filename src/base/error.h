// The one error type of Mullion and the table of its codes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mullion {

/// What went wrong, independent of where. The table in error.cc maps each code to its HTTP status and to the
/// default `Type` text of the API's error object (contract: errors.md).
enum class ErrorCode {
  kBadRequest,           // 400: body is not JSON, malformed request
  kUnauthorized,         // 401: missing or bad credentials
  kForbidden,            // 403: rights or licence missing
  kNotFound,             // 404
  kConflict,             // 409: exists, patch test failed, still in use, ambiguous owner
  kNotAcceptable,        // 406: bad filter
  kTooLarge,             // 413: a size limit
  kInvalid,              // 422: validation
  kLocked,               // 423
  kTooManyRequests,      // 429
  kInternal,             // 500: a bug or an I/O error
  kUnavailable,          // 503: owner unreachable, stopping, too stale
  kInsufficientStorage,  // 507: disk full
  kTimeout,              // 504
  kCancelled,            // internal: the task was asked to stop
  kUnreachable,          // 502/internal: a peer could not be reached or broke the connection
  kCorrupt,              // 500: stored or received bytes fail their checks
};

/// HTTP status of `code` (400..599).
int http_status(ErrorCode code);
/// Stable lower-case word for logs and metrics, e.g. "not-found".
std::string_view error_word(ErrorCode code);

/// A refusal or failure in the shape the API answers with. Empty strings mean "absent".
/// `type` is the API's `Type` word; when empty the API fills in the HTTP method.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::vector<std::string> messages;
  std::string model;  // collection prefix, or the path for routing errors
  std::string key;    // primary key as the client sent it
  std::string type;
  /// Non-zero: use instead of http_status(code); for answers passed on from elsewhere.
  int status_override = 0;
  /// The one member or query word at fault, as a path: "Params.x", "Templates[0].Name".
  std::string field;
  /// Of kUnavailable: which endpoint was not reached and whether it may have heard of the request, as header
  /// X-Mullion-Unreachable says it (manager/unreachable.h).
  std::string unreachable;

  Error() = default;
  Error(ErrorCode error_code, std::string message) : code(error_code), messages{std::move(message)} {}
  Error(ErrorCode error_code, std::string error_type, std::string error_model, std::string error_key,
        std::vector<std::string> error_messages)
      : code(error_code),
        messages(std::move(error_messages)),
        model(std::move(error_model)),
        key(std::move(error_key)),
        type(std::move(error_type)) {}

  int status() const { return status_override != 0 ? status_override : http_status(code); }
  /// One line for people and logs: "TYPE: MODEL/KEY: message; message".
  std::string text() const;
};

}  // namespace mullion
