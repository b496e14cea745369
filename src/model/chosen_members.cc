#include "model/chosen_members.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>

#include "base/text.h"

namespace mullion::model {
namespace {

namespace json = boost::json;
using Paths = std::vector<std::string_view>;

/// What is left of `paths` inside a member called `name`; `whole` when one of them ends there.
Paths inside(const Paths& paths, std::string_view name, bool& whole) {
  Paths rest;
  for (const std::string_view path : paths) {
    if (!path.starts_with(name)) continue;
    if (path.size() == name.size()) {
      whole = true;
    } else if (path[name.size()] == '.') {
      rest.push_back(path.substr(name.size() + 1));
    }
  }
  return rest;
}

json::object chosen(const json::object& object, const Paths& paths);

/// Null is no member of anything: a path that ends in a text or a number leads nowhere.
json::value chosen(const json::value& value, const Paths& paths) {
  if (value.is_object()) return chosen(value.get_object(), paths);
  json::array out;
  for (const json::value& item : value.get_array()) {
    if (item.is_object()) out.emplace_back(chosen(item.get_object(), paths));
  }
  return out;
}

json::object chosen(const json::object& object, const Paths& paths) {
  json::object out;
  for (const auto& [name, value] : object) {
    bool whole = false;
    const Paths rest = inside(paths, name, whole);
    if (whole) {
      out.emplace(name, value);
    } else if (!rest.empty() && value.is_structured()) {
      out.emplace(name, chosen(value, rest));
    }
  }
  return out;
}

Error refused(std::string text) { return Error(ErrorCode::kNotAcceptable, std::move(text)); }

}  // namespace

Result<ChosenMembers> ChosenMembers::parse(std::string_view text) {
  ChosenMembers out;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view name = trimmed(text.substr(0, comma));
    text.remove_prefix(std::min(text.size(), comma + 1));
    if (name.empty()) continue;
    if (name.starts_with('.') || name.ends_with('.') || name.find("..") != std::string_view::npos)
      return refused(fmt::format("fields: a name is missing beside a dot: {:.200}", name));
    if (out.paths_.size() == kMostNames) return refused(fmt::format("fields: at most {} names", kMostNames));
    out.add(name);
  }
  return out;
}

json::object ChosenMembers::of(const json::object& object) const {
  return chosen(object, Paths(paths_.begin(), paths_.end()));
}

}  // namespace mullion::model
