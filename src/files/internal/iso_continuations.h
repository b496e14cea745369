// Where entries of an iso go on (Rock Ridge: names, links). The library appends what lies there to each entry
// that points at it, so that a few sectors which many entries share, one behind the other, become any amount
// of memory.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace mullion::files {

/// Finds them in the bytes that the library is given, before it sees them. What no two of them share is never
/// longer than what was read.
class IsoContinuations {
 public:
  /// `bytes` of the iso, which begin at `position`. Bytes that come again count once.
  void look(uint64_t position, std::string_view bytes);
  /// Whether two of those that were found lie on each other.
  bool shared() const { return shared_; }

 private:
  struct Area {
    uint64_t end;
    uint64_t named_at;  // position of the field that points there
  };
  /// Of the block that it lies in, and its first byte there.
  using Begin = std::pair<uint32_t, uint32_t>;

  void add(Begin begin, uint64_t size, uint64_t named_at);

  std::map<Begin, Area> areas_;
  std::string tail_;  // of the bytes before, which may hold the beginning of a field
  uint64_t next_ = 0;
  bool shared_ = false;
};

}  // namespace mullion::files
