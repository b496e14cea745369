#include "api/internal/field_rights.h"

#include <set>

#include "api/internal/rights.h"

namespace mullion::api {
namespace {

namespace json = boost::json;

std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

void collect(const json::object& before, const json::object& after, const std::string& base,
             std::vector<std::string>& pointers) {
  std::set<std::string_view> names;
  for (const auto& member : before) names.insert(member.key());
  for (const auto& member : after) names.insert(member.key());
  for (const std::string_view name : names) {
    const json::value* old_value = before.if_contains(name);
    const json::value* new_value = after.if_contains(name);
    if (old_value != nullptr && new_value != nullptr && *old_value == *new_value) continue;
    const std::string pointer = base + "/" + escaped(name);
    const bool both =
        old_value != nullptr && new_value != nullptr && old_value->is_object() && new_value->is_object();
    if (both) {
      collect(old_value->get_object(), new_value->get_object(), pointer, pointers);
    } else {
      pointers.push_back(pointer);
    }
  }
}

}  // namespace

std::vector<std::string> changed_pointers(const json::object& before, const json::object& after) {
  std::vector<std::string> pointers;
  collect(before, after, "", pointers);
  // Whoever may change anything may cause these to change.
  std::erase_if(pointers, [](const std::string& pointer) {
    return model::is_bookkeeping(std::string_view(pointer).substr(1));
  });
  return pointers;
}

Result<void> authorise_fields(const Call& call, const json::object& before, const json::object& after,
                              const json::object& secrets) {
  std::vector<std::string> pointers = changed_pointers(before, after);
  for (const auto& member : secrets) pointers.push_back("/" + escaped(member.key()));
  const auth::Subject subject = own_subject(*call.type, call.target.key, before);
  for (const std::string& pointer : pointers) {
    const auth::Right right{std::string(call.type->prefix), "update:" + pointer, subject};
    Result<void> allowed = authorise(call, right);
    if (!allowed) return allowed;
  }
  return {};
}

}  // namespace mullion::api
