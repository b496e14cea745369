// Collections that plugins declare while the server runs, beside the ones it was built with.
#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "model/object_type.h"

namespace mullion::model {

/// Whether `prefix` may become a collection whose objects obey `schema`: {} or a map from property to its
/// JSON Schema, in which `isrequired` says that it must be there. kInvalid names the prefix or the property.
Result<void> check_declaration(std::string_view prefix, const boost::json::value& schema);

/// Descriptors by prefix. A descriptor stays valid as long as the catalog, also after it was replaced or
/// withdrawn, so that requests under way may go on using it. Thread-safe.
class TypeCatalog {
 public:
  TypeCatalog();
  ~TypeCatalog();

  /// Built in or declared; nullptr when there is neither.
  const ObjectType* find(std::string_view prefix) const;
  /// The same, or bare_object_type().
  const ObjectType& find_or_bare(std::string_view prefix) const;
  /// The declared ones, sorted by prefix.
  std::vector<const ObjectType*> declared() const;
  /// Adds or replaces a collection. Precondition: check_declaration() holds.
  void declare(std::string_view prefix, const boost::json::object& schema);
  void withdraw(std::string_view prefix);

 private:
  struct Declared;
  mutable Mutex mutex_;
  std::map<std::string, const Declared*, std::less<>> current_ GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<const Declared>> all_ GUARDED_BY(mutex_);
};

}  // namespace mullion::model
