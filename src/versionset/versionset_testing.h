// Made-up sets, for the tests of this room and of plans.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "env/dice_testing.h"
#include "versionset/merge.h"

namespace mullion::versionset {

/// `stem` with one of `choices` numbers behind it.
inline std::string random_name(env::Dice& dice, std::string_view stem, size_t choices) {
  return fmt::format("{}{}", stem, dice.below(choices));
}

inline VersionSet random_set(env::Dice& dice, std::string id) {
  VersionSet set;
  set.id = std::move(id);
  set.apply = !dice.one_in(3);
  if (dice.one_in(3)) set.drp_version = random_name(dice, "v4.", 3) + ".0";
  if (dice.one_in(3)) set.drpux_version = random_name(dice, "v2.", 3) + ".0";
  for (size_t i = 0; i < 6; ++i) {
    if (!dice.one_in(2)) continue;
    Component component;
    component.kind = i < 4 ? Kind::kContentPackage : Kind::kPluginProvider;
    component.name = fmt::format("{}{}", i < 4 ? "pack" : "provider", i);
    component.version = dice.one_in(5) ? "ignore" : fmt::format("v1.{}.0", dice.below(3));
    set.components.push_back(std::move(component));
  }
  for (size_t i = 0; i < 3; ++i) {
    if (!dice.one_in(2)) continue;
    set.plugins.push_back({{"Name", fmt::format("plugin{}", i)},
                           {"Provider", fmt::format("provider{}", 4 + i % 2)},
                           {"Params", json::object{{"a", dice.below(3)}}}});
  }
  for (size_t i = 0; i < 4; ++i) {
    if (dice.one_in(2)) set.prefs[fmt::format("pref{}", i)] = random_name(dice, "", 3);
    if (dice.one_in(2)) set.global[fmt::format("param{}", i)] = dice.below(3);
    if (dice.one_in(2)) {
      set.files.push_back({fmt::format("files/f{}", i),
                           std::string(64, static_cast<char>('a' + dice.below(3))),
                           fmt::format("https://example.com/f{}", i), false});
    }
  }
  return set;
}

}  // namespace mullion::versionset
