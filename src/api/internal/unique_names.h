// Values that only one object of this server may have.
#pragma once

#include "api/internal/call.h"

namespace mullion::api {

/// Names claimed for unique indexes; released when the write is over.
class Claims {
 public:
  explicit Claims(ClaimedNames& names) : names_(names) {}
  Claims(const Claims&) = delete;
  Claims& operator=(const Claims&) = delete;
  ~Claims() {
    for (const std::string& name : held_) names_.release(name);
  }
  bool claim(std::string name) {
    if (!names_.claim(name)) return false;
    held_.push_back(std::move(name));
    return true;
  }

 private:
  ClaimedNames& names_;
  std::vector<std::string> held_;
};

/// Claims the values of unique indexes besides the key that the write brings. kConflict when another object
/// of this server, or another write, has one: named when it exists for the caller.
Result<void> claim_unique(const Call& call, const std::string& key, const boost::json::object* before,
                          const boost::json::object& object, Claims& claims);

/// Whether this server has an object under the key, whoever may see it.
bool is_taken(const store::Snapshot& snapshot, const model::ObjectType& type, std::string_view key);

}  // namespace mullion::api
