// Files and isos over HTTP: shared by the API and the static servers.
#pragma once

#include <string>

#include "api/internal/call.h"

namespace mullion::api {

/// How files are served: the API says of every file that it is bytes, the static servers what kind of bytes.
enum class ServeAs { kBytes, kMediaType };
/// All bytes, one range of them, or 304, 412, 416 (transfer.h); HEAD gives the headers only. A checksum that
/// is not known yet is computed on the account of `caller`, which may be refused (503); without a caller it
/// is left out of the headers.
env::Task<Result<net::Response>> serve_blob(files::Blobs& blobs, const net::Request& request,
                                            std::string bucket, std::string path, ServeAs as,
                                            std::optional<env::Caller> caller = std::nullopt);
/// GET or HEAD with ?partial=true: how far an upload in pieces has come.
env::Task<Result<net::Response>> show_blob(Call& call, std::string bucket);
env::Task<Result<net::Response>> list_blobs(Call& call, std::string bucket);
/// With a Content-Range header the body is one piece of an upload.
env::Task<Result<net::Response>> upload_blob(Call& call, std::string bucket);
env::Task<Result<net::Response>> remove_blob(Call& call, std::string bucket);

}  // namespace mullion::api
