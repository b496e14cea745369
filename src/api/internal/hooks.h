// Behaviour that only some object types have, by name; shared code asks this table and never compares
// prefixes.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/internal/call.h"

namespace mullion::api {

struct TypeHooks {
  std::string_view prefix;
  /// Fills what a new object takes from preferences.
  void (*on_create)(const Services& services, boost::json::object& object) = nullptr;
  /// Of every object that a client writes, before it is judged.
  void (*on_write)(boost::json::object& object) = nullptr;
  /// After a commit that changed secrets of the object or removed it.
  void (*on_secrets_changed)(Services& services, const std::string& key) = nullptr;
  /// Reasons why the object must not be removed, beyond references.
  std::vector<std::string> (*in_use)(const Services& services, const store::Snapshot& snapshot,
                                     const boost::json::object& object) = nullptr;
  /// Problems in relation to other objects that no rule of the model can see.
  std::vector<std::string> (*conflicts)(const Call& call, const store::Snapshot& snapshot,
                                        const std::string& key, const boost::json::object& object) = nullptr;
  /// What a change needs of the caller beyond the right to make it.
  Result<void> (*authorise_change)(const Call& call, const boost::json::object& before,
                                   const boost::json::object& after) = nullptr;
  /// Names that only one write at a time may work on, so that what `conflicts` and the rules saw holds until
  /// the commit.
  std::vector<std::string> (*exclusive)(const boost::json::object& object) = nullptr;
  /// Why the object in its present state must not be removed: each is a breach of a rule, not a reference.
  std::vector<std::string> (*not_removable)(const boost::json::object& object) = nullptr;
  /// After a client's write of the object; answers its body as it is then, or nothing when that has not
  /// changed.
  env::Task<Result<std::optional<std::string>>> (*after_write)(Call& call, std::string key,
                                                               std::string body) = nullptr;
  /// After an object was removed: another one of its key may show again.
  env::Task<Result<void>> (*after_remove)(Call& call) = nullptr;
  /// The secret field that those see who have getSecure; "" when nobody is shown any.
  std::string_view shown_secret = {};
  /// Rights that writes and actions take beyond their own, as `asks` of schema/routes.yaml has them.
  std::string_view asks_of_writers = {};
  /// The same of writes of its parameters, whatever they are.
  std::string_view asks_of_param_writers = {};
  /// Filters on parameters see the aggregated value.
  bool aggregates_params = false;
};

/// Empty hooks for types without any.
const TypeHooks& hooks_of(std::string_view prefix);

}  // namespace mullion::api
