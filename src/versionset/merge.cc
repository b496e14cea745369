#include "versionset/merge.h"

#include <fmt/format.h>

namespace mullion::versionset {

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::kDrp: return "DRP";
    case Kind::kDrpUx: return "DRPUX";
    case Kind::kContentPackage: return "ContentPackage";
    case Kind::kPluginProvider: return "PluginProvider";
    case Kind::kPlugin: return "Plugin";
    case Kind::kFile: return "File";
    case Kind::kPref: return "Pref";
    case Kind::kGlobal: return "Global";
  }
  return "";
}

Result<Kind> parse_component_kind(std::string_view word) {
  if (word == "ContentPackage" || word == "CP") return Kind::kContentPackage;
  if (word == "PluginProvider" || word == "PP") return Kind::kPluginProvider;
  return Error(ErrorCode::kInvalid,
               fmt::format("`{:.100}` is no type of a component: ContentPackage (CP) or PluginProvider (PP)", word));
}

}  // namespace mullion::versionset
