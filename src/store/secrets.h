// All private values of a space: for who keeps more than one of a kind there.
#pragma once

#include <functional>
#include <string_view>

#include "store/store.h"

namespace mullion::store {

/// What snapshots of a store can do beside Snapshot.
class SecretReader {
 public:
  virtual ~SecretReader() = default;
  using Visit = std::function<bool(std::string_view key, std::string_view value)>;
  virtual void scan_secrets(std::string_view space, std::string_view from_key, const Visit& visit) const = 0;
};

/// Private values of one space in the order of their keys, from `from_key` on (inclusive), until `visit`
/// returns false. Views are valid during the call only. Throws ReadFailure. Precondition: a snapshot of a
/// real store, not of a test's.
void scan_secrets(const Snapshot& snapshot, std::string_view space, std::string_view from_key,
                  const SecretReader::Visit& visit);

}  // namespace mullion::store
