#include "packs/internal/pack_codec.h"

#include <zstd.h>

namespace mullion::packs {

namespace {

constexpr unsigned long long kMaxDocument = 256ULL << 20;

}  // namespace

std::string compress_document(std::string_view json) {
  std::string out(ZSTD_compressBound(json.size()), '\0');
  const size_t size = ZSTD_compress(out.data(), out.size(), json.data(), json.size(), 6);
  out.resize(ZSTD_isError(size) != 0 ? 0 : size);
  return out;
}

Result<std::string> expand_document(std::string_view bytes) {
  const unsigned long long size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
    return Error(ErrorCode::kCorrupt, "stored content pack is not a zstd frame");
  }
  if (size > kMaxDocument) return Error(ErrorCode::kTooLarge, "stored content pack is larger than 256 MiB");
  std::string out(size, '\0');
  const size_t got = ZSTD_decompress(out.data(), out.size(), bytes.data(), bytes.size());
  if (ZSTD_isError(got) != 0 || got != size)
    return Error(ErrorCode::kCorrupt, "stored content pack is damaged");
  return out;
}

}  // namespace mullion::packs
