// Versions of content packs and the ranges that prerequisites demand.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mullion::content {

struct Version {
  uint64_t major = 0, minor = 0, patch = 0;
  auto operator<=>(const Version&) const = default;
  std::string text() const;
};

/// "v4.8.0-beta1" -> 4.8.0: leading "v" allowed, everything from the first '-' or '+' ignored, missing parts
/// are 0,
/// "" is 0.0.0. kInvalid with "Invalid character(s) found in patch number "foo"" and the like.
Result<Version> parse_version(std::string_view text);

/// A version with its pre-release part, ordered as semantic versioning says: v1.0.0-rc.2 < v1.0.0-rc.10 <
/// v1.0.0. What stands behind a '+' does not count.
struct FullVersion {
  Version numbers;
  std::vector<std::string> pre_release;  // "rc", "10"; empty: a release

  bool is_release() const { return pre_release.empty(); }
  /// A development build: "tip" is in its pre-release part.
  bool is_tip() const;
  std::strong_ordering operator<=>(const FullVersion& other) const;
  bool operator==(const FullVersion& other) const { return std::is_eq(*this <=> other); }
};

/// Like parse_version(), but a text without a number in front is kInvalid.
Result<FullVersion> parse_full_version(std::string_view text);

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

}  // namespace mullion::content
