#include "cli/checksum.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <fstream>

namespace mullion::cli {

namespace {

constexpr size_t kPiece = 128 * 1024;

}  // namespace

void Checksum::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Checksum::Checksum() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }

void Checksum::add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }

std::string Checksum::hex() {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_DigestFinal_ex(context_.get(), bytes, &size);
  std::string out;
  for (unsigned i = 0; i < size; ++i) out += fmt::format("{:02x}", bytes[i]);
  return out;
}

std::string checksum_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  Checksum sum;
  std::string piece(kPiece, '\0');
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
  Checksum sum;
  sum.add(bytes);
  return check_sum(artifact, sum.hex());
}

}  // namespace mullion::cli
