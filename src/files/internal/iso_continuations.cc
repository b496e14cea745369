#include "files/internal/iso_continuations.h"

#include <algorithm>
#include <iterator>

namespace mullion::files {

namespace {

/// Of the field: its name, its length, its version, then three numbers in both byte orders (SUSP 5.1).
constexpr std::string_view kHead = "CE\x1c\x01";
constexpr size_t kField = 28, kBlockAt = 4, kOffsetAt = 12, kSizeAt = 20;

/// The half of a number that the library reads.
uint32_t number(std::string_view bytes) {
  uint32_t out = 0;
  for (size_t i = 4; i-- > 0;) out = (out << 8) | static_cast<unsigned char>(bytes[i]);
  return out;
}

}  // namespace

void IsoContinuations::look(uint64_t position, std::string_view bytes) {
  if (position != next_) tail_.clear();
  const uint64_t begin = position - tail_.size();
  const std::string all = tail_ + std::string(bytes);
  const std::string_view text = all;
  for (size_t at = text.find(kHead); at != std::string_view::npos && at + kField <= text.size();
       at = text.find(kHead, at + 1)) {
    add({number(text.substr(at + kBlockAt)), number(text.substr(at + kOffsetAt))},
        number(text.substr(at + kSizeAt)), begin + at);
  }
  next_ = position + bytes.size();
  tail_ = text.substr(text.size() - std::min(text.size(), kField - 1));
}

/// Those that are known lie on no others, so that its neighbours tell.
void IsoContinuations::add(Begin begin, uint64_t size, uint64_t named_at) {
  if (size == 0 || shared_) return;
  const uint64_t end = begin.second + size;
  const auto behind = areas_.lower_bound(begin);
  if (behind != areas_.end() && behind->first == begin && behind->second.named_at == named_at) return;
  shared_ = behind != areas_.end() && behind->first.first == begin.first && behind->first.second < end;
  if (behind != areas_.begin()) {
    const auto& [first, area] = *std::prev(behind);
    shared_ = shared_ || (first.first == begin.first && area.end > begin.second);
  }
  areas_.emplace(begin, Area{end, named_at});
}

}  // namespace mullion::files
