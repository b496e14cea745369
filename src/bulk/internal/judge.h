// Judges the objects of a selection one by one: what the operation comes to, and whether its user may do it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/auth.h"
#include "bulk/bulk.h"
#include "bulk/bulks.h"
#include "bulk/operation.h"
#include "store/store.h"

namespace mullion::bulk::internal {

/// A request that is ready to be sent.
struct ReadyRequest {
  std::string method, target, body;
};

/// For one snapshot, which must outlive it. Blocks on the disk.
class ObjectJudge {
 public:
  ObjectJudge(const UserRequests& requests, const Operation& operation, std::string type,
              const store::Snapshot& snapshot);

  /// What nothing is sent for; else `ready` is filled.
  std::optional<Verdict> judge(const auth::Principal& principal, const store::ObjectRef& object,
                               ReadyRequest& ready) const;
  /// Whether the object shows that the operation was carried out.
  bool shows_effect(const store::ObjectRef& object) const;

 private:
  std::optional<std::string> body_of(const store::ObjectRef& object) const;
  bool may(const auth::Principal& principal, const ItemPlan& plan, const store::ObjectRef& object,
           std::string_view body) const;

  const UserRequests& requests_;
  const Operation& operation_;
  const std::string type_;
  const store::Snapshot& snapshot_;
};

/// The objects that a selection means for `principal` now, as they are frozen. Blocks. kInvalid: keys that
/// are not there, too many, none.
Result<std::vector<store::ObjectRef>> select_objects(const UserRequests& requests,
                                                     const store::Snapshot& snapshot, const Bulk& bulk,
                                                     const auth::Principal& principal);

/// What a bulk would do, as JSON: counts by owner, of `looks` objects spread over all of them at most.
json::object preview_of(const ObjectJudge& judge, const std::vector<store::ObjectRef>& objects,
                        const auth::Principal& principal, size_t looks, const Dependencies& given);

}  // namespace mullion::bulk::internal
