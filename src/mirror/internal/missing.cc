#include <fmt/format.h>

#include <algorithm>

#include "mirror/internal/conversation.h"

namespace mullion::mirror {
namespace {

/// Objects that one walk asks for at once; fewer than Hints::kMostOfOne, so that events have room beside.
constexpr size_t kAskedAtOnce = 200;

}  // namespace

/// A page that does not show an object is no proof that it is gone: it is asked for.
env::Task<Result<void>> Conversation::look_for(std::string prefix, Missing missing, Walk kind) {
  const std::optional<std::vector<std::string>> keys = untold(prefix, std::move(missing.keys), kind);
  if (!keys) co_return Result<void>{};
  Vanishing seen{replica_.count(prefix), keys->size(), std::nullopt, was_emptying(prefix)};
  if (!keys->empty() && kind != Walk::kTold) {
    const Result<std::optional<uint64_t>> count = co_await counted(prefix);
    if (!count) co_return count.error();
    seen.counted = *count;
  }
  const Belief belief = kind == Walk::kTold ? Belief::kAsk : believe(seen);
  const size_t shown = seen.held - std::min(seen.held, seen.vanished);
  if (belief == Belief::kFiltered)
    co_return Error(
        ErrorCode::kForbidden,
        fmt::format("login refused: this account is shown {} of the {} {} that the endpoint counts", shown,
                    *seen.counted, prefix));
  if (belief == Belief::kWait) {
    note_emptying(prefix);
    co_return Error(ErrorCode::kInternal,
                    fmt::format("{} of {} are not shown any more and no event said so: looked at again",
                                seen.vanished, seen.held));
  }
  Result<void> asked = co_await ask_for(prefix, *keys, kind == Walk::kRegular);
  if (!asked) co_return asked;
  if (missing.more) co_return Error(ErrorCode::kInternal, "more are gone than one walk asks for");
  co_return not_emptying(prefix);
}

std::optional<std::vector<std::string>> Conversation::untold(const std::string& prefix,
                                                             std::vector<std::string> keys, Walk kind) const {
  Lock lock(mutex_);
  if (kind != Walk::kTold && hints_.overflows(prefix)) return std::nullopt;
  std::erase_if(keys,
                [&](const std::string& key) REQUIRES(mutex_) { return hints_.is_overtaken(prefix, key); });
  return keys;
}

env::Task<Result<std::optional<uint64_t>>> Conversation::counted(std::string prefix) {
  if (leads_to_others_ || !replica_.was_seen_wholly(prefix)) co_return std::optional<uint64_t>();
  const Result<Answer> answer = co_await repeated(client::get_info());
  if (!answer) co_return answer.error();
  const Counts counts = read_counts(answer->body);
  const auto found = counts.find(prefix);
  co_return found == counts.end() ? std::nullopt : std::optional(found->second);
}

bool Conversation::was_emptying(const std::string& prefix) const {
  Lock lock(mutex_);
  const auto since = emptying_.find(prefix);
  return since != emptying_.end() && options_.clock.steady() - since->second >= kWalkAgain;
}
void Conversation::note_emptying(const std::string& prefix) {
  Lock lock(mutex_);
  emptying_.try_emplace(prefix, options_.clock.steady());
}
Result<void> Conversation::not_emptying(const std::string& prefix) {
  Lock lock(mutex_);
  emptying_.erase(prefix);
  return {};
}

env::Task<Result<void>> Conversation::ask_for(std::string prefix, std::vector<std::string> keys,
                                              bool corrects) {
  for (size_t begin = 0; begin < keys.size(); begin += kAskedAtOnce) {
    const size_t end = std::min(begin + kAskedAtOnce, keys.size());
    uint64_t mark = 0;
    {
      Lock lock(mutex_);
      for (size_t i = begin; i < end; ++i) {
        if (corrects && doubts_.size() < Hints::kMost) doubts_.insert({prefix, keys[i]});
        hints_.add_held(prefix, std::move(keys[i]));
      }
      mark = hints_.now();
    }
    hinted_.notify_all();
    co_await until_settled([this, &prefix, mark]()
                               REQUIRES(mutex_) { return hints_.is_asked(prefix, mark); });
    if (over_) co_return Error(ErrorCode::kCancelled, "stopped");
  }
  co_return Result<void>{};
}

env::Task<void> Conversation::until_settled(std::function<bool()> is_met) {
  while (!over_) {
    const uint64_t seen = settled_.version();
    {
      Lock lock(mutex_);
      if (is_met()) co_return;
    }
    co_await settled_.wait(seen, kIdle);
  }
}

}  // namespace mullion::mirror
