#include "mirror/internal/hints.h"

#include <algorithm>
#include <utility>

namespace mullion::mirror {
void Hints::add(std::string prefix, std::string key, size_t longest) {
  ++added_;
  Hint hint{std::move(prefix), std::move(key)};
  remember_word(hint);
  const auto found = known_.find(hint);
  if (found != known_.end()) {
    State& state = found->second;
    if (state.under_way && !state.again) state.again_since = added_;
    state.again = state.under_way;
    return;
  }
  if (known_.size() >= kMost || hint.key.empty() || hint.key.size() > longest)
    return overflow(hint.prefix, added_);
  if (counts_[hint.prefix] >= kMostOfOne) return forget(hint.prefix);
  ++counts_[hint.prefix];
  order_.push_back(hint);
  known_.emplace(std::move(hint), State{added_});
}

void Hints::overflow(const std::string& prefix, uint64_t since) {
  overflown_.insert(prefix);
  overflown_since_ = std::min(overflown_since_.value_or(since), since);
}

/// All of the collection that is not under way: it is walked through instead.
void Hints::forget(const std::string& prefix) {
  uint64_t since = added_;
  for (auto known = known_.lower_bound({prefix, ""});
       known != known_.end() && known->first.prefix == prefix;) {
    const auto next = std::next(known);
    if (!known->second.under_way) {
      since = std::min(since, known->second.since);
      drop(known);
    }
    known = next;
  }
  overflow(prefix, since);
}

void Hints::drop(std::map<Hint, State>::iterator known) {
  --counts_[known->first.prefix];
  later_.erase({known->second.due, known->first});
  known_.erase(known);
}

std::optional<Hint> Hints::take(env::SteadyTime now) {
  while (!later_.empty() && later_.begin()->first <= now) {
    order_.push_back(later_.begin()->second);
    later_.erase(later_.begin());
  }
  while (!order_.empty()) {
    Hint next = std::move(order_.front());
    order_.pop_front();
    const auto known = known_.find(next);
    if (known == known_.end() || known->second.under_way) continue;
    known->second.under_way = true;
    return next;
  }
  return std::nullopt;
}

void Hints::done(const Hint& hint) {
  const auto found = known_.find(hint);
  if (found == known_.end()) return;
  note(hint);
  State& state = found->second;
  if (!state.again) return drop(found);
  const bool was_failing = state.failures > 0;
  state = State{state.again_since};
  if (was_failing) state.failures = 1;  // others did not wait for what came meanwhile either
  order_.push_back(hint);
}

std::optional<env::SteadyTime> Hints::next_due() const {
  return later_.empty() ? std::nullopt : std::optional(later_.begin()->first);
}

bool Hints::failed(const Hint& hint, env::SteadyTime now) {
  constexpr int kMostFailures = 5;
  const auto found = known_.find(hint);
  if (found == known_.end()) return true;
  const int failures = found->second.failures + 1;
  if (failures > kMostFailures) return drop(found), false;
  found->second = State{found->second.since};
  found->second.failures = failures;
  found->second.due = now + std::chrono::seconds(1 << (failures - 1));
  later_.emplace(found->second.due, hint);
  return true;
}

bool Hints::is_quiet_since(const Hint& hint, uint64_t mark) const {
  const auto word = words_.find(hint);
  return word == words_.end() ? mark >= forgotten_ : word->second <= mark;
}

void Hints::remember_word(const Hint& hint) {
  const auto [word, added] = words_.try_emplace(hint, added_);
  if (!added) words_by_age_.erase(std::exchange(word->second, added_));
  words_by_age_.insert_or_assign(added_, hint);
  if (words_.size() <= kMost) return;
  const auto oldest = words_by_age_.begin();
  forgotten_ = oldest->first;
  words_.erase(oldest->second);
  words_by_age_.erase(oldest);
}

void Hints::overtake(const Hint& hint) {
  ++added_;
  remember_word(hint);
  note(hint);
  const auto found = known_.find(hint);
  if (found == known_.end() || !found->second.under_way) return;
  if (!found->second.again) found->second.again_since = added_;
  found->second.again = found->second.overtaken = true;
}

bool Hints::is_newest(const Hint& hint) const {
  const auto found = known_.find(hint);
  return found != known_.end() && !found->second.overtaken;
}

bool Hints::settled(uint64_t mark) const {
  if (overflown_since_ && *overflown_since_ <= mark) return false;
  return std::ranges::none_of(
      known_, [mark](const auto& item) { return item.second.since <= mark && item.second.failures == 0; });
}

bool Hints::is_failing(const std::string& prefix) const {
  for (auto known = known_.lower_bound({prefix, ""}); known != known_.end() && known->first.prefix == prefix;
       ++known) {
    if (known->second.failures > 0) return true;
  }
  return false;
}

bool Hints::is_asked(const std::string& prefix, uint64_t mark) const {
  for (auto known = known_.lower_bound({prefix, ""}); known != known_.end() && known->first.prefix == prefix;
       ++known) {
    if (known->second.since <= mark && known->second.failures == 0) return false;
  }
  return true;
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
