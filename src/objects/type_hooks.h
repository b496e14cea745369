// Behaviour that only some object types have when they are written. Whoever assembles the server says which
// (WriteContext::hooks); shared code never compares prefixes.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "env/runtime.h"
#include "objects/caller.h"

namespace mullion::objects {

/// An object that is being written, as hooks of its type see it.
struct Draft {
  const model::ObjectType& type;
  const Caller& caller;
  std::string key = {};                         // of a new object: as soon as its shape is known
  const boost::json::object* before = nullptr;  // as it is stored; null for a creation
  boost::json::object object = {};              // as it is to be stored; empty for a removal
};

/// What a type has is set. In the order in which a write comes to it.
struct TypeHooks {
  using Reasons = std::vector<std::string>;

  std::string_view prefix;
  /// Fills what a new object takes from elsewhere.
  std::function<void(Draft& draft)> on_create = {};
  /// Of every object that is created or changed, before it is judged.
  std::function<void(Draft& draft)> on_write = {};
  /// What a change needs of the caller beyond the right to make it.
  std::function<Result<void>(const Draft& draft)> authorise_change = {};
  /// Names that only one write at a time may work on, so that what `conflicts` and the rules saw holds until
  /// the commit.
  std::function<std::vector<std::string>(const Draft& draft)> exclusive = {};
  /// Problems in relation to other objects that no rule of the model can see.
  std::function<Reasons(const Draft& draft, const store::Snapshot& snapshot)> conflicts = {};
  /// Why the object in its present state must not be removed: each is a breach of a rule, not a reference.
  std::function<Reasons(const Draft& draft)> not_removable = {};
  /// Reasons why an own object must not be removed, beyond references.
  std::function<Reasons(const Draft& draft, const store::Snapshot& snapshot)> in_use = {};
  /// After a commit that changed secrets of the object or removed it.
  std::function<void(const Draft& draft)> on_secrets_changed = {};
  /// After an object was written as a whole; answers its body as it is then, or nothing when that has not
  /// changed. What it is given stays until it is done.
  std::function<env::Task<Result<std::optional<std::string>>>(const Draft& draft, std::string body)>
      after_write = {};
  /// After an object was removed: another one of its key may show again.
  std::function<env::Task<Result<void>>(const Draft& draft)> after_remove = {};
};

}  // namespace mullion::objects
