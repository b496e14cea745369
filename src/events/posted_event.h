// What a client publishes by POST /events, made into an event.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "base/result.h"
#include "env/clock.h"

namespace mullion::events {

struct PostedEvent {
  std::string type, action, key;
  std::string json;  // the whole event
};

/// Only members of an Event are kept; Time is `now` when the client gives none, Principal is always who
/// posts. kBadRequest naming the member that is wrong.
Result<PostedEvent> posted_event(const boost::json::value& body, std::string_view principal,
                                 env::WallTime now);

}  // namespace mullion::events
