// Files and isos over HTTP: shared by the API and the static servers.
#pragma once

#include <string>

#include "api/internal/call.h"

namespace mullion::api {

/// Bytes, one range of them, or 304; HEAD gives the headers only.
env::Task<Result<net::Response>> serve_blob(content::Blobs& blobs, const net::Request& request,
                                            std::string bucket, std::string path);
env::Task<Result<net::Response>> list_blobs(Call& call, std::string bucket);
env::Task<Result<net::Response>> upload_blob(Call& call, std::string bucket);
env::Task<Result<net::Response>> remove_blob(Call& call, std::string bucket);

/// First and last byte of a Range header.
struct ByteRange {
  uint64_t first = 0;
  uint64_t last = 0;
};
enum class RangeKind { kWhole, kPart, kUnsatisfiable };
/// One range only; several, or text that is no range, mean the whole file.
RangeKind parse_range(std::string_view header, uint64_t size, ByteRange& out);

}  // namespace mullion::api
