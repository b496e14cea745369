// Checksums of what comes and goes.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "catalog/items.h"

namespace mullion::cli {

/// What cannot be read has the checksum of nothing.
std::string checksum_of_file(const std::string& path);

/// kCorrupt "SOURCE: expected sha256 X, the bytes have Y". An artifact without checksum passes.
Result<void> check_sum(const catalog::Artifact& artifact, const std::string& sha256);
Result<void> check_bytes(const catalog::Artifact& artifact, std::string_view bytes);

}  // namespace mullion::cli
