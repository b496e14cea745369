#include "model/pointer.h"

#include <set>

#include "model/object_type.h"

namespace mullion::model {
namespace {

namespace json = boost::json;

void collect(const json::object& before, const json::object& after, const std::string& base,
             std::vector<std::string>& pointers) {
  std::set<std::string_view> names;
  for (const auto& member : before) names.insert(member.key());
  for (const auto& member : after) names.insert(member.key());
  for (const std::string_view name : names) {
    const json::value* old_value = before.if_contains(name);
    const json::value* new_value = after.if_contains(name);
    if (old_value != nullptr && new_value != nullptr && *old_value == *new_value) continue;
    const std::string pointer = base + "/" + pointer_part(name);
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

std::string pointer_part(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

std::vector<std::string> changed_pointers(const json::object& before, const json::object& after) {
  std::vector<std::string> pointers;
  collect(before, after, "", pointers);
  std::erase_if(pointers, [](const std::string& pointer) {
    return is_bookkeeping(std::string_view(pointer).substr(1));
  });
  return pointers;
}

}  // namespace mullion::model
