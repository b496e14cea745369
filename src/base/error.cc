#include "base/error.h"

#include <array>

namespace mullion {
namespace {

struct ErrorEntry {
  ErrorCode code;
  int status;
  std::string_view word;
};

constexpr std::array kErrors{
    ErrorEntry{ErrorCode::kBadRequest, 400, "bad-request"},
    ErrorEntry{ErrorCode::kUnauthorized, 401, "unauthorized"},
    ErrorEntry{ErrorCode::kForbidden, 403, "forbidden"},
    ErrorEntry{ErrorCode::kNotFound, 404, "not-found"},
    ErrorEntry{ErrorCode::kConflict, 409, "conflict"},
    ErrorEntry{ErrorCode::kNotAcceptable, 406, "not-acceptable"},
    ErrorEntry{ErrorCode::kTooLarge, 413, "too-large"},
    ErrorEntry{ErrorCode::kInvalid, 422, "invalid"},
    ErrorEntry{ErrorCode::kLocked, 423, "locked"},
    ErrorEntry{ErrorCode::kTooManyRequests, 429, "too-many-requests"},
    ErrorEntry{ErrorCode::kInternal, 500, "internal"},
    ErrorEntry{ErrorCode::kUnavailable, 503, "unavailable"},
    ErrorEntry{ErrorCode::kInsufficientStorage, 507, "insufficient-storage"},
    ErrorEntry{ErrorCode::kTimeout, 504, "timeout"},
    ErrorEntry{ErrorCode::kCancelled, 503, "cancelled"},
    ErrorEntry{ErrorCode::kUnreachable, 502, "unreachable"},
    ErrorEntry{ErrorCode::kCorrupt, 500, "corrupt"},
};

const ErrorEntry& entry(ErrorCode code) {
  for (const ErrorEntry& candidate : kErrors) {
    if (candidate.code == code) return candidate;
  }
  return kErrors[10];
}

}  // namespace

int http_status(ErrorCode code) { return entry(code).status; }

std::string_view error_word(ErrorCode code) { return entry(code).word; }

std::string Error::text() const {
  std::string out = type.empty() ? std::string(error_word(code)) : type;
  if (!model.empty()) out += ": " + model;
  if (!key.empty()) out += "/" + key;
  std::string_view separator = ": ";
  for (const std::string& message : messages) {
    out.append(separator).append(message);
    separator = "; ";
  }
  return out;
}

}  // namespace mullion
