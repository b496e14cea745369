// Random text for secrets and temporary names.
#pragma once

#include <cstddef>
#include <string>

namespace mullion::content {

/// URL-safe characters that carry `bytes` random bytes (a multiple of 3): four characters for three bytes.
std::string random_text(size_t bytes);

}  // namespace mullion::content
