// For tests: callers whose rights are set by the test.
#pragma once

#include <set>
#include <string>

#include "objects/caller.h"

namespace mullion::objects::testing {

/// Everything is allowed but what the test says.
class FakeRights final : public Rights {
 public:
  std::set<std::string> refused;  // "SCOPE ACTION SUBJECT"
  bool all_seen = true;           // else no object exists for the caller
  bool all_read = true;           // else none may be read

  Result<void> authorise(const auth::Right& right) const override {
    const std::string text = right.scope + " " + right.action + " " + right.subject.text();
    if (!refused.contains(text)) return {};
    return Error(ErrorCode::kForbidden, "AUTH", "", "", {"Requires: " + text});
  }
  bool may(const model::ObjectType& type, std::string_view, const store::ObjectRef& object,
           std::string_view) const override {
    return all_read && sees({type.prefix, object.owner, object.key});
  }
  bool sees(const auth::Identity&) const override { return all_seen; }
  bool reads_everything() const override { return all_seen && all_read; }
};

}  // namespace mullion::objects::testing
