// What plugins ask of the API.
#pragma once

#include <string>

#include "api/internal/call.h"

namespace mullion::api {

/// JSON array of the local objects of a collection, as their owner shows them. kNotFound.
Result<std::string> local_objects(Services& services, const std::string& prefix);
/// Publishes an event that somebody wrote: a JSON object with Type and Action. kBadRequest.
Result<void> publish_posted(Services& services, boost::json::value event, std::string principal);

/// The stored plugin once it is in service or known to be in trouble; when that takes too long, as it is
/// then. Absent: there is none.
env::Task<std::optional<std::string>> plugin_state(Services& services, std::string name);
/// After a client's write of a plugin: waits for it to be in service, or known to be in trouble, for a
/// bounded time; then PluginErrors still says that it is starting. Answers its body if that has changed.
env::Task<Result<std::optional<std::string>>> plugin_started(Services& services, std::string key,
                                                             std::string body);

}  // namespace mullion::api
