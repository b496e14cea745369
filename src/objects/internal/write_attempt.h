// What one attempt at a write knows so far.
#pragma once

#include <boost/json.hpp>

#include "objects/write.h"

namespace mullion::objects {

/// Its steps fill it in their order.
struct Write::Attempt {
  std::shared_ptr<const store::Snapshot> snapshot;  // given back before the commit
  Draft draft;
  Target current = {};             // what is stored under the key
  boost::json::object base = {};   // its object, as the writable layer takes it over
  boost::json::value wanted = {};  // the document, until its shape is known
  boost::json::value named = {};   // the document as it was sent; null for callers that may read everything
  boost::json::object secrets = {};
  std::optional<std::string> merged_secrets = {};  // to be stored; absent: they stay as they are
  std::optional<auth::KeyPair> sealed_with = {};   // what the object is sealed with, or was
  uint64_t judged_in = 0;                          // commit of the view that the rules were checked in
  std::string body = {};
  store::Batch batch = {};
  env::Turns::Turn alone = {};
  Written written = {};
};

/// A precondition: nothing of a layer lies below the own object.
inline store::Guard no_layer_below(const model::ObjectType& type, const std::string& key) {
  store::Guard guard;
  guard.id = {std::string(type.prefix), std::string(store::kLayered), key};
  guard.expect = store::Expect::kAbsent;
  return guard;
}

}  // namespace mullion::objects
