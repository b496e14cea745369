// Behaviour that only some object types have, by name; shared code asks this table and never compares
// prefixes.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/internal/call.h"

namespace mullion::api {

struct TypeHooks {
  std::string_view prefix;
  /// Fills what a new object takes from preferences.
  void (*on_create)(const Services& services, boost::json::object& object) = nullptr;
  /// After a commit that changed secrets of the object or removed it.
  void (*on_secrets_changed)(Services& services, const std::string& key) = nullptr;
  /// Reasons why the object must not be removed, beyond references.
  std::vector<std::string> (*in_use)(const Services& services, const store::Snapshot& snapshot,
                                     const boost::json::object& object) = nullptr;
  /// Reasons why the object must not be removed in the state it is in (ValidationError).
  std::vector<std::string> (*not_removable)(const boost::json::object& object) = nullptr;
  /// What two writes under way at once must not both take, beyond unique indexes; "" for nothing.
  std::string (*claim)(const boost::json::object& object) = nullptr;
  /// Filters on parameters see the aggregated value.
  bool aggregates_params = false;
};

/// Empty hooks for types without any.
const TypeHooks& hooks_of(std::string_view prefix);

}  // namespace mullion::api
