#include "objects/internal/new_references.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"

namespace mullion::objects {
namespace {

namespace json = boost::json;

/// "KEY", or "stage:KEY" as task lists say it.
bool is_name(std::string_view text, std::string_view key) {
  if (text.size() < key.size()) return false;
  const std::string_view end = text.substr(text.size() - key.size());
  const bool whole = text.size() == key.size() || text[text.size() - key.size() - 1] == ':';
  return whole && equal_ignoring_case(end, key);
}

bool names(const json::value& value, std::string_view key) {
  if (value.is_string()) return is_name(value.get_string(), key);
  if (value.is_array()) {
    return std::ranges::any_of(value.get_array(),
                               [key](const json::value& item) { return names(item, key); });
  }
  if (!value.is_object()) return false;
  return std::ranges::any_of(value.get_object(),
                             [key](const auto& member) { return names(member.value(), key); });
}

bool names(const json::object& object, std::string_view key) {
  return std::ranges::any_of(object, [key](const auto& member) { return names(member.value(), key); });
}

}  // namespace

Shows shows_to_writer(const Caller& caller, const json::object* before, const json::value& wanted,
                      Unresolved& unresolved) {
  if (caller.rights.reads_everything()) return nullptr;
  return [&rights = caller.rights, before, &wanted, &unresolved](std::string_view type, std::string_view key,
                                                                 const store::StoredObject* object) {
    const model::ObjectType* known = model::find_object_type(type);
    const bool readable = object != nullptr && known != nullptr &&
                          rights.may(*known, "get", {object->id.key, object->id.owner}, object->body);
    if (readable) return true;
    const bool anew = !key.empty() && names(wanted, key) && (before == nullptr || !names(*before, key));
    if (!anew) return object != nullptr;
    unresolved.emplace_back(type, key);
    return false;
  };
}

}  // namespace mullion::objects
