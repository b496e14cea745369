// The target of a request: the one place that decides what a path means.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mullion::net {

struct Target {
  /// The parts between slashes, each percent-decoded once. None is empty, and none is or holds a "." or ".."
  /// between slashes; a part may hold slashes that were encoded.
  std::vector<std::string> segments;
  bool folder = false;                                     // the path ends with a slash
  std::vector<std::pair<std::string, std::string>> query;  // form-decoded, in order
};

/// Reads the origin form "/path?query" or the absolute form "http://host/path?query", whose host does not
/// count. Empty parts of a path are left out. kBadRequest for what has no meaning or more than one: another
/// form, a fragment, "." and "..", broken escapes, control characters, bytes that are not UTF-8.
Result<Target> parse_target(std::string_view text);

/// "/a/b%2Fc": the spelling that parse_target() reads as these segments.
std::string encode_path(std::span<const std::string> segments);
/// "?a=1&b=", or nothing: the spelling that parse_target() reads as these pairs.
std::string encode_query(std::span<const std::pair<std::string, std::string>> query);

}  // namespace mullion::net
