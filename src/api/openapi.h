// The OpenAPI description of this API.
#pragma once

#include <string>

namespace mullion::api {

/// JSON text: paths from the route table, schemas from the object types.
std::string openapi_text();

}  // namespace mullion::api
