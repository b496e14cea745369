// Objects as they are stored.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mullion::objects {

/// One object. `owner` is kOwn, kLayered or an endpoint id.
struct Target {
  std::string key;
  std::string owner;
  std::string body;
};

/// JSON of an object at rest. Stored bytes are trusted; kCorrupt otherwise.
Result<boost::json::object> parse_stored(std::string_view body);

}  // namespace mullion::objects
