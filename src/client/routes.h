// One function for each route and method of schema/routes.yaml (tools/generate_client.py). Arguments are
// clear text; the one that stands for the rest of a path, `rest`, keeps its slashes.
#pragma once

#include <string_view>

#include "client/request.h"

namespace mullion::client {

#include "client/declarations.inc"

/// One of the functions above that have one argument.
using RequestForPath = Request (*)(std::string_view);
/// What `files` or `isos` makes of the path of a file or of an iso: "files/a/b", "isos/c".
Request blob_request(RequestForPath files, RequestForPath isos, std::string_view path);

}  // namespace mullion::client
