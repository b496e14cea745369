// Versions as semantic versioning orders them: the one comparison of versions in this program.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mullion {

struct Version {
  uint64_t major = 0, minor = 0, patch = 0;
  auto operator<=>(const Version&) const = default;
  std::string text() const;
};

/// "v4.8.0-beta1" -> 4.8.0: leading "v" allowed, everything from the first '-' or '+' ignored, missing parts
/// are 0, "" is 0.0.0. kInvalid with "Invalid character(s) found in patch number "foo"" and the like.
Result<Version> parse_version(std::string_view text);

/// The parts between dots of "v1.2.x-rc": at most three, without the leading "v" and without what stands
/// behind '-' or '+'. The third keeps further dots, which no number contains.
std::vector<std::string_view> version_parts(std::string_view text);
/// The version that those parts are the numbers of, at most three; missing ones are 0. kInvalid as above.
Result<Version> version_of_parts(std::span<const std::string_view> parts);

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

/// Bytes that sort as the versions do, equal for versions that are equal. A text that is no version sorts by
/// itself, before every version; "" is first of all.
std::string version_sort_key(std::string_view text);

}  // namespace mullion
