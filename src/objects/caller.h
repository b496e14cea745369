// Who makes a write, and what it may do.
#pragma once

#include <string>
#include <string_view>

#include "auth/auth.h"
#include "base/log.h"
#include "env/worker_pool.h"
#include "model/object.h"

namespace mullion::objects {

/// What a caller may do. Refusals are in the words of whoever implements it. Thread-safe.
class Rights {
 public:
  virtual ~Rights() = default;
  /// kForbidden that says what is missing.
  virtual Result<void> authorise(const auth::Right& right) const = 0;
  /// Whether the object exists for the caller and the caller may do `action` to it.
  virtual bool may(const model::ObjectType& type, std::string_view action, const store::ObjectRef& object,
                   std::string_view body) const = 0;
  /// Whether an object exists for the caller: what does not is counted, but never named.
  virtual bool sees(const auth::Identity& object) const = 0;
  /// Whether there is nothing that the caller may not read.
  virtual bool reads_everything() const = 0;
};

/// Whoever makes a write. What it refers to outlives the write.
struct Caller {
  const auth::Principal& principal;  // its name, and the tenant that joins what it creates
  const Rights& rights;
  env::Caller account;   // whose place in the pools work takes that is more than a little
  const LogOrigin& log;  // of the lines that are written for it
  /// Whether the right to the whole write was asked before. Otherwise its pieces are: the new object of a
  /// creation, each field of a change.
  bool allowed = true;
};

}  // namespace mullion::objects
