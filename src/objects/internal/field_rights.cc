#include "objects/internal/field_rights.h"

#include "model/pointer.h"
#include "objects/rights.h"

namespace mullion::objects {
namespace json = boost::json;

Result<void> authorise_fields(const Rights& rights, const model::ObjectType& type, std::string_view key,
                              const json::object& before, const json::object& after,
                              const json::object& secrets) {
  std::vector<std::string> pointers = model::changed_pointers(before, after);
  for (const auto& member : secrets) pointers.push_back("/" + model::pointer_part(member.key()));
  const auth::Subject subject = own_subject(type, key, before);
  for (const std::string& pointer : pointers) {
    const auth::Right right{std::string(type.prefix), "update:" + pointer, subject};
    Result<void> allowed = rights.authorise(right);
    if (!allowed) return allowed;
  }
  return {};
}

}  // namespace mullion::objects
