#include "api/internal/field_rights.h"

#include "api/internal/rights.h"
#include "model/pointer.h"

namespace mullion::api {
namespace json = boost::json;

Result<void> authorise_fields(const Call& call, const json::object& before, const json::object& after,
                              const json::object& secrets) {
  std::vector<std::string> pointers = model::changed_pointers(before, after);
  for (const auto& member : secrets) pointers.push_back("/" + model::pointer_part(member.key()));
  const auth::Subject subject = own_subject(*call.type, call.target.key, before);
  for (const std::string& pointer : pointers) {
    const auth::Right right{std::string(call.type->prefix), "update:" + pointer, subject};
    Result<void> allowed = authorise(call, right);
    if (!allowed) return allowed;
  }
  return {};
}

}  // namespace mullion::api
