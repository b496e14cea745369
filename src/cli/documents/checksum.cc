#include "cli/documents/checksum.h"

#include <fmt/format.h>

#include <fstream>

#include "env/sha256.h"

namespace mullion::cli {

namespace {

constexpr size_t kHashedPiece = 128 * 1024;

}  // namespace

std::string checksum_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  env::Sha256 sum;
  std::string piece(kHashedPiece, '\0');
  while (file) {
    file.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    sum.add(std::string_view(piece).substr(0, static_cast<size_t>(file.gcount())));
  }
  return sum.hex();
}

Result<void> check_sum(const catalog::Artifact& artifact, const std::string& sha256) {
  if (artifact.sha256.empty() || artifact.sha256 == sha256) return {};
  return Error(ErrorCode::kCorrupt, fmt::format("{}: expected sha256 {}, the bytes have {}", artifact.source,
                                                artifact.sha256, sha256));
}

Result<void> check_bytes(const catalog::Artifact& artifact, std::string_view bytes) {
  env::Sha256 sum;
  sum.add(bytes);
  return check_sum(artifact, sum.hex());
}

}  // namespace mullion::cli
