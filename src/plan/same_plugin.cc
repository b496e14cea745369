#include "plan/same_plugin.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/members.h"
#include "model/secure_params.h"

namespace mullion::plan {

std::string plugin_place(std::string_view plugin, std::string_view param) {
  return fmt::format("Plugin/{}/{}", plugin, param);
}

bool stays(const json::object& wanted_params, std::string_view param, const json::value& shown) {
  return model::is_sealed(shown) && !wanted_params.contains(param);
}

bool same_plugin(const json::object& wanted, const json::object& shown, const SameValue& same_value) {
  if (model::text_member(wanted, "Provider") != model::text_member(shown, "Provider")) return false;
  const std::string plugin = model::text_member(wanted, "Name");
  const json::object& asked = model::object_member(wanted, "Params");
  const json::object& there = model::object_member(shown, "Params");
  for (const auto& [name, value] : asked) {
    const json::value* now = there.if_contains(name);
    if (now == nullptr || !same_value(plugin_place(plugin, name), value, *now)) return false;
  }
  const bool more = std::ranges::any_of(there, [&](const json::key_value_pair& member) {
    return !asked.contains(member.key()) && !stays(asked, member.key(), member.value());
  });
  if (more) return false;
  const json::object& meta = model::object_member(shown, "Meta");
  return std::ranges::all_of(model::object_member(wanted, "Meta"), [&](const json::key_value_pair& member) {
    const json::value* now = meta.if_contains(member.key());
    return now != nullptr && *now == member.value();
  });
}

}  // namespace mullion::plan
