// What a bulk does to each object, as data, and what that comes to for one object. Pure.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "bulk/outcome.h"
#include "model/object_type.h"

namespace mullion::bulk {

namespace json = boost::json;

enum class OperationKind {
  kPatch,
  kSet,
  kSetParams,
  kRemoveParams,
  kAddProfiles,
  kRemoveProfiles,
  kAction,
  kDelete
};

/// The member What of a Bulk object.
struct Operation {
  OperationKind kind = OperationKind::kPatch;
  std::string unknown_kind;  // what stands there instead of one of them
  json::array patch;
  json::object fields, params, arguments;
  std::vector<std::string> names;
  std::string action, plugin;
  bool force = false;

  static Operation parse(const json::object& what);
  /// Why it cannot be done to objects of `type`, each naming its member; empty: it can.
  std::vector<std::string> faults(const model::ObjectType& type) const;
};

/// A request about one object, as its user would send it to the object's owner.
struct ItemRequest {
  std::string method;
  std::string suffix;  // behind the object's path, encoded: "", "/actions/x?plugin=y", "?force=true"
  std::string body;    // JSON, or empty
};

/// What an operation comes to for an object as it is.
struct ItemPlan {
  std::optional<Outcome> skip;  // nothing is to be sent
  std::string message;
  ItemRequest request;
  /// Actions of the object's scope that the user needs: the first by itself, or all of `instead` together.
  std::string right;
  std::vector<std::string> instead;
};
/// `object` is as the store has it: null when it is gone.
ItemPlan plan_item(const Operation& operation, const json::object* object);
/// Whether the object shows that the operation was carried out: all that can be known after a crash. Null: it
/// is gone.
bool shows_effect(const Operation& operation, const json::object* object);

}  // namespace mullion::bulk
