// How managers tell each other who configures a server of another make, which has no place for a lease.
#pragma once

#include <string_view>

namespace mullion::mirror {

/// A profile of the server: whoever made it may configure the server until the moment that it names.
inline constexpr std::string_view kLeaseMarker = "mullion-configuration-lease";
/// Its parameters: id of the manager, and RFC 3339 time by that manager's clock.
inline constexpr std::string_view kLeaseHolder = "mullion/configured-by";
inline constexpr std::string_view kLeaseUntil = "mullion/configured-until";

}  // namespace mullion::mirror
