// The ranges of versions that prerequisites of content packs demand.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/semantic_version.h"

namespace mullion::model {

/// A set of versions: alternatives of intervals [low, high).
class VersionRange {
 public:
  /// Operators < <= > >= = == (or none) ! !=, blank = and, || = or, x or * as wildcards. "" allows
  /// everything.
  static Result<VersionRange> parse(std::string_view text);
  bool allows(const Version& version) const;

 private:
  struct Comparator {
    enum class Kind { kInside, kOutside } kind;
    Version low, high;       // [low, high)
    bool unbounded = false;  // no upper end
  };
  static Result<Comparator> parse_comparator(std::string_view text);
  std::vector<std::vector<Comparator>> alternatives_;
};

/// One entry of meta.Prerequisites.
struct Prerequisite {
  std::string name;
  VersionRange range;
  std::string wanted;  // the range as it is written; "": any version
};
/// "name, name: range, ..."; kInvalid names the entry that cannot be read.
Result<std::vector<Prerequisite>> parse_prerequisites(std::string_view text);

}  // namespace mullion::model
