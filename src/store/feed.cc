#include "store/feed.h"

#include <algorithm>

#include "base/mutex.h"

namespace mullion::store {
namespace {

Interest::Owners owner_kind(std::string_view owner) {
  if (owner == kOwn) return Interest::Owners::kOwn;
  return owner == kLayered ? Interest::Owners::kLayered : Interest::Owners::kRemote;
}

CommitOutline::Touched touched_by(const AppliedChange& change) {
  return {change.id.type, owner_kind(change.id.owner), !change.body};
}

bool covers(Interest::Owners wanted, Interest::Owners actual) {
  if (wanted == Interest::Owners::kAny) return true;
  if (wanted == Interest::Owners::kLocal) return actual != Interest::Owners::kRemote;
  return actual == wanted;
}

bool covers(const Interest::Rule& rule, const CommitOutline::Touched& touched) {
  if (rule.removals_only && !touched.removal) return false;
  return (rule.type.empty() || rule.type == touched.type) && covers(rule.owners, touched.owner);
}

bool covers(const Interest::Rule& rule, const CommitOutline& commit) {
  if (std::ranges::none_of(commit.touched, [&](const auto& touched) { return covers(rule, touched); }))
    return false;
  if (rule.key.empty()) return true;
  return std::ranges::any_of(commit.commit->changes, [&](const AppliedChange& change) {
    return change.id.key == rule.key && covers(rule, touched_by(change));
  });
}

}  // namespace

CommitOutline outline_of(const Commit& commit) {
  CommitOutline out;
  out.commit = &commit;
  out.secrets = commit.secrets;
  out.replicated = commit.origin.has_value();
  for (const AppliedChange& change : commit.changes) {
    out.bytes += sizeof(AppliedChange) + change.id.key.size() + (change.body ? change.body->size() : 0) +
                 (change.old_body ? change.old_body->size() : 0);
    const CommitOutline::Touched touched = touched_by(change);
    if (std::ranges::find(out.touched, touched) == out.touched.end()) out.touched.push_back(touched);
  }
  return out;
}

bool concerns(const Interest& interest, const CommitOutline& commit) {
  if (interest.everything || (interest.secrets && commit.secrets) ||
      (interest.replicated && commit.replicated))
    return true;
  return std::ranges::any_of(interest.rules,
                             [&](const Interest::Rule& rule) { return covers(rule, commit); });
}

CommitFeed::CommitFeed(std::string name, Interest interest, size_t max_bytes,
                       std::shared_ptr<env::Signal> signal)
    : name_(std::move(name)),
      interest_(std::move(interest)),
      max_bytes_(max_bytes),
      signal_(std::move(signal)) {}

void CommitFeed::offer(const std::shared_ptr<const Commit>& commit, const CommitOutline& outline) {
  if (!concerns(interest_, outline)) return;
  {
    const Lock lock(mutex_);
    newest_ = commit->cursor.seq;
    if (max_bytes_ > 0) {
      if (bytes_ > max_bytes_) {
        waiting_.clear();
        bytes_ = 0;
        whole_ = false;
        ++forgotten_;
      }
      waiting_.emplace_back(commit, outline.bytes);
      bytes_ += outline.bytes;
    }
  }
  signal_->notify_all();
}

CommitFeed::Taken CommitFeed::take(size_t most) {
  Taken out;
  const Lock lock(mutex_);
  out.whole = std::exchange(whole_, true);
  while (!waiting_.empty() && out.commits.size() < most) {
    auto& [commit, bytes] = waiting_.front();
    bytes_ -= bytes;
    out.commits.push_back(std::move(commit));
    waiting_.pop_front();
  }
  return out;
}

CommitFeed::State CommitFeed::state() const {
  State out;
  out.name = name_;
  out.forgotten = forgotten_;
  out.failures = failures_;
  const int64_t since = busy_since_;
  if (since != 0) {
    const env::Duration busy = clock_->steady() - env::SteadyTime(env::Duration(since));
    out.busy_seconds = std::max(0.0, std::chrono::duration<double>(busy).count());
  }
  const Lock lock(mutex_);
  out.waiting = waiting_.size();
  return out;
}

void FeedList::add(const std::shared_ptr<CommitFeed>& feed, uint64_t newest) {
  const Lock lock(mutex_);
  feed->newest_ = newest;
  feed->clock_ = &clock_;
  std::erase_if(feeds_, [](const auto& known) { return known.expired(); });
  feeds_.push_back(feed);
}

std::vector<std::shared_ptr<CommitFeed>> FeedList::alive() const {
  std::vector<std::shared_ptr<CommitFeed>> out;
  const Lock lock(mutex_);
  for (const std::weak_ptr<CommitFeed>& known : feeds_) {
    if (std::shared_ptr<CommitFeed> feed = known.lock()) out.push_back(std::move(feed));
  }
  return out;
}

void FeedList::offer(const std::shared_ptr<const Commit>& commit) {
  const CommitOutline outline = outline_of(*commit);
  for (const std::shared_ptr<CommitFeed>& feed : alive()) feed->offer(commit, outline);
}

std::vector<CommitFeed::State> FeedList::states() const {
  std::vector<CommitFeed::State> out;
  for (const std::shared_ptr<CommitFeed>& feed : alive()) {
    if (feed->followed_) out.push_back(feed->state());
  }
  return out;
}

}  // namespace mullion::store
