#include "store/internal/codec.h"

#include <zdict.h>
#include <zstd.h>

#include <cstring>
#include <optional>

#include "base/digest.h"
#include "base/mutex.h"

namespace mullion::store::internal {
namespace {

// format byte, checksum of all that follows, dictionary id, frame
constexpr char kFormat = 2;
constexpr size_t kChecksumAt = 1;
constexpr size_t kDictionaryAt = 5;
constexpr size_t kFrameAt = 9;
// format byte, dictionary id, frame with a checksum of its own
constexpr char kOldFormat = 1;
constexpr size_t kOldDictionaryAt = 1;
constexpr int kLevel = 3;
/// Of small bodies of types that are too few for a dictionary: without entropy coding, whose tables take
/// longer to read than all the rest of a small body.
constexpr int kSmallLevel = -1;
constexpr size_t kSmallBody = 4096;
constexpr size_t kDictionaryBytes = 16 * 1024;
constexpr size_t kKeptBuffer = 1 << 20;

struct Contexts {
  ZSTD_CCtx* compress = ZSTD_createCCtx();
  ZSTD_DCtx* decompress = ZSTD_createDCtx();
  std::string buffer;  // of the largest size that was needed up to kKeptBuffer
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

/// Over the compressed bytes: they are a sixth of what zstd would have to hash.
uint32_t checksum(std::string_view bytes) { return static_cast<uint32_t>(hash128(bytes).low); }

uint32_t stored_number(std::string_view value, size_t at) {
  uint32_t number = 0;
  std::memcpy(&number, &value[at], sizeof(number));
  return number;
}

struct Parts {
  uint32_t dictionary = 0;
  std::string_view frame;
};

/// Absent when `value` is damaged or of no known format.
std::optional<Parts> take_apart(std::string_view value) {
  const bool old = !value.empty() && value[0] == kOldFormat;
  const size_t dictionary_at = old ? kOldDictionaryAt : kDictionaryAt;
  const size_t frame_at = dictionary_at + sizeof(uint32_t);
  if (value.size() < frame_at || (!old && value[0] != kFormat)) return std::nullopt;
  if (!old && stored_number(value, kChecksumAt) != checksum(value.substr(kDictionaryAt))) return std::nullopt;
  return Parts{stored_number(value, dictionary_at), value.substr(frame_at)};
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
    ReadLock lock(mutex_);
    const auto found = by_type_.find(type);
    if (found != by_type_.end()) dictionary = found->second;
  }
  const uint32_t id = dictionary ? dictionary->id : 0;
  Contexts& contexts = thread_contexts();
  std::string& buffer = contexts.buffer;
  const size_t needed = kFrameAt + ZSTD_compressBound(body.size());
  if (buffer.size() < needed) buffer.resize(needed);
  ZSTD_CCtx* context = contexts.compress;
  ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
  const bool small = dictionary == nullptr && body.size() <= kSmallBody;
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, small ? kSmallLevel : kLevel);
  if (dictionary) ZSTD_CCtx_refCDict(context, dictionary->compress);
  const size_t size = ZSTD_compress2(context, &buffer[kFrameAt], needed - kFrameAt, body.data(), body.size());
  std::string out = buffer.substr(0, kFrameAt + size);  // cannot fail: the buffer has the size zstd asks for
  if (buffer.size() > kKeptBuffer) std::string().swap(buffer);
  out[0] = kFormat;
  std::memcpy(&out[kDictionaryAt], &id, sizeof(id));
  const uint32_t sum = checksum(std::string_view(out).substr(kDictionaryAt));
  std::memcpy(&out[kChecksumAt], &sum, sizeof(sum));
  return out;
}

Result<std::string> Codec::decompress(std::string_view value) const {
  const std::optional<Parts> parts = take_apart(value);
  if (!parts) return Error(ErrorCode::kCorrupt, "stored object is damaged or of an unknown format");
  const std::string_view frame = parts->frame;
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size > kMaxBody) return Error(ErrorCode::kCorrupt, "stored object is damaged");
  std::shared_ptr<const Dictionary> dictionary;
  if (parts->dictionary != 0) {
    ReadLock lock(mutex_);
    const auto found = by_id_.find(parts->dictionary);
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
  WriteLock lock(mutex_);
  by_id_[id] = made;
  auto& newest = by_type_[std::string(type)];
  if (!newest || newest->id < id) newest = made;
}

bool Codec::has_dictionary(std::string_view type) const {
  ReadLock lock(mutex_);
  return by_type_.find(type) != by_type_.end();
}

uint32_t Codec::next_id() const {
  ReadLock lock(mutex_);
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
