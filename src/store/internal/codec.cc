#include "store/internal/codec.h"

#include <zdict.h>
#include <zstd.h>

#include <cstring>
#include <mutex>

namespace mullion::store::internal {
namespace {

constexpr char kFormat = 1;
constexpr size_t kHeader = 5;
constexpr int kLevel = 3;
constexpr size_t kDictionaryBytes = 16 * 1024;

struct Contexts {
  ZSTD_CCtx* compress = ZSTD_createCCtx();
  ZSTD_DCtx* decompress = ZSTD_createDCtx();
  Contexts() = default;
  Contexts(const Contexts&) = delete;
  Contexts& operator=(const Contexts&) = delete;
  ~Contexts() {
    ZSTD_freeCCtx(compress);
    ZSTD_freeDCtx(decompress);
  }
};

Contexts& thread_contexts() {
  thread_local Contexts contexts;
  return contexts;
}

}  // namespace

struct Codec::Dictionary {
  Dictionary(uint32_t number, std::string_view bytes)
      : id(number),
        compress(ZSTD_createCDict(bytes.data(), bytes.size(), kLevel)),
        decompress(ZSTD_createDDict(bytes.data(), bytes.size())) {}
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;
  ~Dictionary() {
    ZSTD_freeCDict(compress);
    ZSTD_freeDDict(decompress);
  }

  uint32_t id;
  ZSTD_CDict* compress;
  ZSTD_DDict* decompress;
};

Codec::Codec() = default;
Codec::~Codec() = default;

std::string Codec::compress(std::string_view type, std::string_view body) const {
  std::shared_ptr<const Dictionary> dictionary;
  {
    std::shared_lock lock(mutex_);
    const auto found = by_type_.find(type);
    if (found != by_type_.end()) dictionary = found->second;
  }
  const uint32_t id = dictionary ? dictionary->id : 0;
  std::string out(kHeader + ZSTD_compressBound(body.size()), '\0');
  out[0] = kFormat;
  std::memcpy(&out[1], &id, sizeof(id));
  ZSTD_CCtx* context = thread_contexts().compress;
  ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);  // a flipped bit on disk must not go unnoticed
  if (dictionary) ZSTD_CCtx_refCDict(context, dictionary->compress);
  const size_t size = ZSTD_compress2(context, &out[kHeader], out.size() - kHeader, body.data(), body.size());
  out.resize(kHeader + size);  // cannot fail: the buffer has the size zstd asks for
  return out;
}

Result<std::string> Codec::decompress(std::string_view value) const {
  if (value.size() < kHeader || value[0] != kFormat)
    return Error(ErrorCode::kCorrupt, "stored object has an unknown format");
  uint32_t id = 0;
  std::memcpy(&id, &value[1], sizeof(id));
  const std::string_view frame = value.substr(kHeader);
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size > kMaxBody) return Error(ErrorCode::kCorrupt, "stored object is damaged");
  std::shared_ptr<const Dictionary> dictionary;
  if (id != 0) {
    std::shared_lock lock(mutex_);
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) return Error(ErrorCode::kCorrupt, "stored object names an unknown dictionary");
    dictionary = found->second;
  }
  std::string out(size, '\0');
  ZSTD_DCtx* context = thread_contexts().decompress;
  const size_t got = dictionary
                         ? ZSTD_decompress_usingDDict(context, out.data(), out.size(), frame.data(),
                                                      frame.size(), dictionary->decompress)
                         : ZSTD_decompressDCtx(context, out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(got) != 0 || got != size) return Error(ErrorCode::kCorrupt, "stored object is damaged");
  return out;
}

void Codec::add_dictionary(uint32_t id, std::string_view type, std::string_view dictionary) {
  auto made = std::make_shared<const Dictionary>(id, dictionary);
  std::unique_lock lock(mutex_);
  by_id_[id] = made;
  auto& newest = by_type_[std::string(type)];
  if (!newest || newest->id < id) newest = made;
}

bool Codec::has_dictionary(std::string_view type) const {
  std::shared_lock lock(mutex_);
  return by_type_.find(type) != by_type_.end();
}

uint32_t Codec::next_id() const {
  std::shared_lock lock(mutex_);
  return by_id_.empty() ? 1 : by_id_.rbegin()->first + 1;
}

std::string Codec::train(const std::vector<std::string>& samples) {
  std::string joined;
  std::vector<size_t> sizes;
  for (const std::string& sample : samples) {
    joined += sample;
    sizes.push_back(sample.size());
  }
  std::string dictionary(kDictionaryBytes, '\0');
  const size_t size = ZDICT_trainFromBuffer(dictionary.data(), dictionary.size(), joined.data(), sizes.data(),
                                            static_cast<unsigned>(sizes.size()));
  if (ZDICT_isError(size) != 0) return {};
  dictionary.resize(size);
  return dictionary;
}

}  // namespace mullion::store::internal
