#include "mirror/internal/hints.h"

#include <algorithm>
#include <utility>

namespace mullion::mirror {

void Hints::add(std::string prefix, std::string key) {
  ++added_;
  Hint hint{std::move(prefix), std::move(key)};
  const auto found = known_.find(hint);
  if (found != known_.end()) {
    State& state = found->second;
    if (state.under_way && !state.again) state.again_since = added_;
    state.again = state.under_way;
    return;
  }
  if (known_.size() >= kMost || hint.key.empty() || hint.key.size() > kLongestKey) {
    overflown_.insert(std::move(hint.prefix));
    if (!overflown_since_) overflown_since_ = added_;
    return;
  }
  order_.push_back(hint);
  known_.emplace(std::move(hint), State{added_});
}

std::optional<Hint> Hints::take() {
  if (order_.empty()) return std::nullopt;
  Hint next = std::move(order_.front());
  order_.pop_front();
  known_[next].under_way = true;
  return next;
}

void Hints::done(const Hint& hint) {
  const auto found = known_.find(hint);
  if (found == known_.end()) return;
  note(hint);
  State& state = found->second;
  if (!state.again) {
    known_.erase(found);
    return;
  }
  state = State{state.again_since};
  order_.push_back(hint);
}

void Hints::failed(const Hint& hint) {
  const auto found = known_.find(hint);
  if (found == known_.end()) return;
  found->second = State{found->second.since};
  order_.push_back(hint);
}

void Hints::overtake(const Hint& hint) {
  note(hint);
  const auto found = known_.find(hint);
  if (found == known_.end() || !found->second.under_way) return;
  if (!found->second.again) found->second.again_since = added_;
  found->second.again = true;
}

bool Hints::is_newest(const Hint& hint) const {
  const auto found = known_.find(hint);
  return found != known_.end() && !found->second.again;
}

bool Hints::settled(uint64_t mark) const {
  if (overflown_since_ && *overflown_since_ <= mark) return false;
  return std::ranges::none_of(known_, [mark](const auto& item) { return item.second.since <= mark; });
}

void Hints::begin_page(std::string prefix) {
  page_ = std::move(prefix);
  recent_.clear();
}

bool Hints::is_overtaken(const std::string& prefix, const std::string& key) const {
  if (known_.contains({prefix, key})) return true;
  return prefix == page_ && (recent_.size() >= kMost || recent_.contains(key));
}

std::set<std::string> Hints::take_overflown() { return std::exchange(overflown_, {}); }

void Hints::walked(uint64_t mark) {
  if (overflown_since_ && *overflown_since_ <= mark) overflown_since_.reset();
  if (!overflown_.empty() && !overflown_since_) overflown_since_ = mark + 1;
}

void Hints::note(const Hint& hint) {
  if (hint.prefix == page_ && recent_.size() < kMost) recent_.insert(hint.key);
}

}  // namespace mullion::mirror
