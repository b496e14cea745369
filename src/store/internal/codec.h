// Object bodies at rest: zstd with a dictionary per type.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"

namespace mullion::store::internal {

/// Largest object; a stored one that claims to be larger is damaged.
inline constexpr unsigned long long kMaxBody = 512ull << 20;

/// Thread-safe. A value at rest: see docs/store.md, "Formats".
class Codec {
 public:
  Codec();
  ~Codec();

  /// Compresses with the newest dictionary of `type`.
  std::string compress(std::string_view type, std::string_view body) const;
  /// kCorrupt when `value` is not what compress() made or its dictionary is unknown.
  Result<std::string> decompress(std::string_view value) const;

  /// Adds a dictionary; the newest of a type is used for compression.
  void add_dictionary(uint32_t id, std::string_view type, std::string_view dictionary);
  bool has_dictionary(std::string_view type) const;
  uint32_t next_id() const;

  /// A dictionary made from sample bodies; empty when they have too little in common.
  static std::string train(const std::vector<std::string>& samples);

 private:
  struct Dictionary;
  mutable SharedMutex mutex_;
  std::map<uint32_t, std::shared_ptr<const Dictionary>> by_id_ GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<const Dictionary>, std::less<>> by_type_ GUARDED_BY(mutex_);
};

}  // namespace mullion::store::internal
