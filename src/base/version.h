// What this program is. Only version.cc is compiled again for another version.
#pragma once

#include <string_view>

namespace mullion {

/// Semantic version with a leading v.
std::string_view program_version();
/// Go's names of the processor architecture and of the operating system.
std::string_view program_arch();
std::string_view program_os();

}  // namespace mullion
