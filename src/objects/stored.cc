#include "objects/stored.h"

#include "base/json.h"

namespace mullion::objects {

namespace json = boost::json;
constexpr size_t kStoredDepth = 256;

Result<json::object> parse_stored(std::string_view body) {
  Result<json::object> object = parse_json_object(body, kStoredDepth);
  if (!object) return Error(ErrorCode::kCorrupt, "A stored object is not JSON");
  return object;
}

}  // namespace mullion::objects
