// What a target of the public API names.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mullion::mirror {

/// "machines" and "KEY" of "/api/v3/machines/KEY/params/x?force=true" and of "/api/v3/meta/machines/KEY".
struct Target {
  std::string prefix;
  std::string key;        // decoded; "" when it names the collection
  bool is_whole = false;  // the collection or the object itself is named, not a part of it
};

/// Absent: it is no target of the public API.
std::optional<Target> read_target(std::string_view target);

/// Whether the answer to a successful `method` is the object itself, as it is after it.
bool shows_object(std::string_view method, const Target& target);

}  // namespace mullion::mirror
