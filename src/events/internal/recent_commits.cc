#include "events/internal/recent_commits.h"

#include <algorithm>

namespace mullion::events {
namespace {

size_t bytes_of(const store::Commit& commit) {
  size_t bytes = 0;
  for (const store::AppliedChange& change : commit.changes) {
    bytes += sizeof(change) + change.id.key.size();
    for (const auto* body : {&change.body, &change.old_body}) bytes += *body ? (*body)->size() : 0;
  }
  return bytes;
}

}  // namespace

void RecentCommits::keep(const store::Cursor& now) {
  if (kept_) return;
  kept_ = true;
  floor_ = now;
}

void RecentCommits::add(const std::shared_ptr<const store::Commit>& commit) {
  if (!kept_) return;
  if (gap_) floor_ = {commit->cursor.epoch, commit->cursor.seq - 1};
  gap_ = false;
  commits_.push_back(commit);
  changes_ += commit->changes.size();
  bytes_ += bytes_of(*commit);
  while (changes_ > limit_.changes || bytes_ > limit_.bytes) forget_oldest();
}

void RecentCommits::forget_oldest() {
  const store::Commit& oldest = *commits_.front();
  floor_ = oldest.cursor;
  changes_ -= oldest.changes.size();
  bytes_ -= bytes_of(oldest);
  commits_.pop_front();
}

void RecentCommits::lost() {
  gap_ = kept_;
  commits_.clear();
  changes_ = 0;
  bytes_ = 0;
}

Result<void> RecentCommits::since(const EventPlace& place, const store::Cursor& now,
                                  const Visit& visit) const {
  const bool partly = place.changes != EventPlace::kWhole;
  const uint64_t seq = place.cursor.seq;
  const bool foreign = place.cursor.epoch != now.epoch || seq > now.seq;
  if (foreign) return Error(ErrorCode::kNotFound, "the Cursor is of another server or of another database");
  if (gap_ || seq < floor_.seq || (partly && seq == floor_.seq))
    return Error(ErrorCode::kNotFound, "what happened since then is not known any more");
  auto at =
      std::ranges::lower_bound(commits_, seq, {}, [](const auto& commit) { return commit->cursor.seq; });
  for (; at != commits_.end(); ++at) {
    const bool same = (*at)->cursor.seq == seq;
    const uint64_t first = same ? place.changes : 0;
    if (first < (*at)->changes.size()) visit(*at, first);
  }
  return {};
}

}  // namespace mullion::events
