#include "mirror/internal/paging.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/percent.h"
#include "net/http.h"

namespace mullion::mirror {
namespace {

/// A walk by offsets looks again this often when what it saw last is not where it was.
constexpr int kMostStepsBack = 50;

}  // namespace

std::optional<std::string> Paging::next() const {
  if (done_) return std::nullopt;
  std::string query = fmt::format("limit={}", limit_);
  if (sorted_) query += "&sort=Key";
  if (by_offset_) return query + fmt::format("&offset={}", offset_);
  const std::string_view from = beyond_ ? "Gt" : "Gte";
  if (!last_.empty()) query += fmt::format("&Key={}", percent_encode(fmt::format("{}({})", from, last_)));
  return query;
}

Result<std::optional<Paging::Span>> Paging::take(const std::vector<Shown>& page, size_t bytes,
                                                 std::optional<uint64_t> matching) {
  Result<std::optional<Span>> taken = by_offset_ ? take_by_offset(page) : take_by_key(page, matching);
  fit(page.size(), bytes);
  return taken;
}

/// Equal keys are those of several owners.
bool Paging::is_in_order(const std::vector<Shown>& page) const {
  const std::string* before = &last_;
  for (const Shown& shown : page) {
    if (shown.key < *before) return false;
    before = &shown.key;
  }
  return true;
}

Result<std::optional<Paging::Span>> Paging::take_by_key(const std::vector<Shown>& page,
                                                        std::optional<uint64_t> matching) {
  if (!is_in_order(page)) {
    walk_by_offset();
    return std::optional<Span>();
  }
  const std::string last = last_;
  largest_ = std::max(largest_, page.size());
  const bool alone = page.size() == 1 && largest_ == 1 && page.front().key == last;
  // Pages of one object never show more than the last one.
  if (alone && !std::exchange(beyond_, true)) return std::optional<Span>();
  // Of the last one itself only a page tells that begins with it.
  const std::string from = std::exchange(beyond_, false) ? last + '\0' : last;
  const bool nothing_new = page.empty() || page.back().key == last;
  if (nothing_new && page.size() >= limit_ && limit_ < kMostObjects) {
    limit_ = kMostObjects;  // more objects have this key than one page holds
    return std::optional<Span>();
  }
  if (nothing_new && page.size() >= limit_) {
    walk_by_offset();
    return std::optional<Span>();
  }
  shown_ += page.size();
  if (shown_ > kMostShown) {
    return Error(ErrorCode::kTooLarge, fmt::format("more than {} objects", kMostShown));
  }
  done_ = nothing_new || (matching && *matching == page.size());
  if (!page.empty()) last_ = page.back().key;
  return std::optional(Span{from, done_ ? "" : last_});
}

/// The last object shown is asked for again: when it is not at the head of the page, objects before it came
/// or went.
Result<std::optional<Paging::Span>> Paging::take_by_offset(const std::vector<Shown>& page) {
  const bool shifted = anchored_ && (page.empty() || page.front().key != last_);
  size_t added = 0;
  for (const Shown& shown : page) {
    if (seen_.emplace(shown.owner, shown.key).second) ++added;
  }
  if (seen_.size() > kMostKeys) {
    return Error(ErrorCode::kTooLarge, fmt::format("more than {} objects, and no pages by key", kMostKeys));
  }
  barren_ = added == 0 ? barren_ + 1 : 0;
  anchored_ = !shifted && !page.empty();
  if (shifted && steps_back_ < kMostStepsBack) {
    ++steps_back_;
    offset_ -= std::min<uint64_t>(offset_, limit_ / 2 + 1);
    return std::optional<Span>();
  }
  done_ = page.empty() || (added == 0 && page.size() == 1) || barren_ > kMostStepsBack;
  if (page.empty()) return std::optional<Span>();
  last_ = page.back().key;
  offset_ += std::max<size_t>(page.size() - 1, 1);
  return std::optional<Span>();
}

void Paging::walk_by_offset() {
  by_offset_ = true;
  anchored_ = false;
  last_.clear();
  offset_ = 0;
  seen_.clear();
}

bool Paging::refused() {
  if (!by_offset_) return walk_by_offset(), true;
  return std::exchange(sorted_, false);
}

bool Paging::too_large() {
  if (limit_ == 1) return false;
  limit_ = std::max<size_t>(limit_ / 4, 1);
  return true;
}

/// Pages grow and shrink with what they hold. More than one object, so that one of them is new.
void Paging::fit(size_t objects, size_t bytes) {
  if (objects < 20) return;
  const size_t each = bytes / objects + 1;
  limit_ = std::clamp<size_t>(kWantedBytes / each, 10, kMostObjects);
}

}  // namespace mullion::mirror
