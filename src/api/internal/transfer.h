// What of a file an answer carries: conditions and ranges (RFC 9110 sections 13 and 14), without any I/O.
#pragma once

#include <string>
#include <string_view>

#include "net/http.h"
#include "net/range.h"

namespace mullion::api {

/// One version of a file.
struct FileVersion {
  std::string etag;  // strong, with quotes
  env::WallTime modified;
  uint64_t size = 0;
};

/// 200 (all of it), 206, 304, 412 or 416.
struct Transfer {
  int status = 200;
  net::ByteRange bytes;  // of 200 and 206, when the file is not empty
  uint64_t length = 0;   // of the body
};

/// Looks at If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since, Range and If-Range in the order
/// of the RFC. Ranges count for GET only.
Transfer choose_transfer(std::string_view method, const net::Headers& headers, const FileVersion& file);

/// "bytes FIRST-LAST/SIZE".
std::string content_range(const net::ByteRange& bytes, uint64_t size);
/// The refusal (416) of a range that begins behind the `size` bytes there are.
net::Response range_refused(std::string_view model, std::string_view key, std::string_view method,
                            uint64_t size);

/// Content-Type by the extension of a file's name, "application/octet-stream" when it says nothing.
std::string_view media_type(std::string_view path);

}  // namespace mullion::api
