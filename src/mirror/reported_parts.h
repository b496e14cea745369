// The parts of what an endpoint reports of itself that are asked for one by one.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace mullion::mirror {

inline constexpr std::string_view kPacksPart = "state/contents";
inline constexpr std::string_view kProvidersPart = "state/plugin_providers";
inline constexpr std::string_view kPreferencesPart = "state/prefs";
inline constexpr std::string_view kGlobalPart = "state/global";
inline constexpr std::string_view kPluginsPart = "state/plugins";
inline constexpr std::string_view kPortalPart = "state/ux";
inline constexpr std::string_view kLeasePart = "state/lease";

/// Each is held up by itself, like a collection and among them: no collection has a slash in its name
/// (is_mirrored).
inline constexpr std::array<std::string_view, 7> kReportedParts{
    kPacksPart, kProvidersPart, kPreferencesPart, kGlobalPart, kPluginsPart, kPortalPart, kLeasePart};

/// Whether what is held up under this name is a part, and no collection.
inline bool is_reported_part(std::string_view name) {
  return std::ranges::find(kReportedParts, name) != kReportedParts.end();
}

}  // namespace mullion::mirror
