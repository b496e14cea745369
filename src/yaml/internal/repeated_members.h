// Members that stand twice in one object of a JSON text: readers of JSON keep the last without a word.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mullion::yaml {

struct RepeatedMember {
  std::string name;
  size_t line = 0;
};

/// The first one of a text that is JSON.
std::optional<RepeatedMember> repeated_member(std::string_view json_text);

}  // namespace mullion::yaml
