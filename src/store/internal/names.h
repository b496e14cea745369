// Type and owner names as the short numbers that stand in keys.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "store/internal/encoding.h"
#include "store/internal/engine.h"

namespace mullion::store::internal {

/// Thread-safe. Numbers are given by the writer and never change.
class Names {
 public:
  /// Reads both tables.
  void load(const ReadTransaction& transaction);

  std::optional<TypeId> find_type(std::string_view name) const;
  std::optional<OwnerId> find_owner(std::string_view name) const;
  std::string type_name(TypeId id) const;
  std::string owner_name(OwnerId id) const;
  std::vector<std::string> types() const;

  /// Finds or gives a number, writing it in `transaction`. Writer thread only. A number given in a
  /// transaction that then fails is written again by the next one that needs it.
  Result<TypeId> type_id(WriteTransaction& transaction, std::string_view name);
  Result<OwnerId> owner_id(WriteTransaction& transaction, std::string_view name);

 private:
  template <typename Id>
  struct Directory {
    std::map<std::string, Id, std::less<>> by_name;
    std::map<Id, std::string> by_id;
  };
  mutable SharedMutex mutex_;
  Directory<TypeId> types_ GUARDED_BY(mutex_);
  Directory<OwnerId> owners_ GUARDED_BY(mutex_);
};

}  // namespace mullion::store::internal
