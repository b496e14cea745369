#include "versionset/values.h"

#include <algorithm>

#include "base/letters.h"

namespace mullion::versionset {

bool same_version(std::string_view a, std::string_view b) {
  if (a.starts_with('v')) a.remove_prefix(1);
  if (b.starts_with('v')) b.remove_prefix(1);
  return a == b;
}

}  // namespace mullion::versionset
