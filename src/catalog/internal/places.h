// What a file below files/rebar-catalog is, told by its place (contract manager.md section 5.1). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mullion::catalog {

inline constexpr std::string_view kTreeName = "rebar-catalog";
inline constexpr std::string_view kPackName = "rackn-catalog";
inline constexpr std::string_view kLicenceName = "rackn-license";

struct Place {
  std::string name, version;
  std::string content_type;
  std::string platform;  // "ARCH/OS" or "any/any"
  std::string item_path;  // what Source names: the file, or the folder of a version
  bool operator==(const Place&) const = default;
};

/// `path` is below rebar-catalog. Absent: a file of the catalog itself. kInvalid says why it is no item.
Result<std::optional<Place>> place_of(std::string_view path);

}  // namespace mullion::catalog
