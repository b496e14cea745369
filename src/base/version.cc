#include "base/version.h"

namespace mullion {

std::string_view program_version() { return "v" MULLION_VERSION; }

std::string_view program_arch() {
#if defined(__aarch64__)
  return "arm64";
#elif defined(__powerpc64__)
  return "ppc64le";
#elif defined(__arm__)
  return "armv7";
#else
  return "amd64";
#endif
}

std::string_view program_os() { return "linux"; }

}  // namespace mullion
