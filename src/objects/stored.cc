#include "objects/stored.h"

#include <boost/json/parse.hpp>

namespace mullion::objects {

namespace json = boost::json;

Result<json::object> parse_stored(std::string_view body) {
  boost::system::error_code failure;
  json::value value = json::parse(json::string_view(body), failure);
  if (failure || !value.is_object()) return Error(ErrorCode::kCorrupt, "A stored object is not JSON");
  return std::move(value.get_object());
}

}  // namespace mullion::objects
