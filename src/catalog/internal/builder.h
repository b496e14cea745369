// One build of the local catalog.
#pragma once

#include "catalog/catalog.h"
#include "catalog/internal/scanner.h"

namespace mullion::catalog {

/// One build at a time.
class Builder {
 public:
  explicit Builder(const Dependencies& dependencies);
  env::Task<Result<BuildReport>> build(std::string principal);

 private:
  void keep_licence();
  Result<void> publish(const BuiltItems& built, BuildReport& report, const std::string& principal);
  bool is_current(const std::string& version) const;
  std::string next_version(const std::string& present) const;
  void prune() const;

  const Dependencies& dependencies_;
  const env::Path tree_;
  Scanner scanner_;
};

}  // namespace mullion::catalog
