#include "versionset/values.h"

#include <algorithm>

#include "base/letters.h"

namespace mullion::versionset {

bool same_version(std::string_view a, std::string_view b) {
  if (a.starts_with('v')) a.remove_prefix(1);
  if (b.starts_with('v')) b.remove_prefix(1);
  return a == b;
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace mullion::versionset
