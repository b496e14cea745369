// What plugins ask of the API.
#pragma once

#include <string>

#include "api/internal/call.h"

namespace mullion::api {

/// JSON array of the local objects of a collection, as their owner shows them. kNotFound.
Result<std::string> local_objects(Services& services, const std::string& prefix);
/// Publishes an event that somebody wrote: a JSON object with Type and Action. kBadRequest.
Result<void> publish_posted(Services& services, boost::json::value event, std::string principal);

}  // namespace mullion::api
