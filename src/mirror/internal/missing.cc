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
  if (!keys->empty()) seen.forbidden = co_await forbidden(prefix, *keys);
  const Belief belief = kind == Walk::kTold && seen.forbidden == 0 ? Belief::kAsk : believe(seen);
  const size_t shown = seen.held - std::min(seen.held, seen.vanished);
  if (belief == Belief::kFiltered)
    co_return Error(
        ErrorCode::kForbidden,
        fmt::format("login refused: this account is shown {} of the {} {} that the endpoint counts", shown,
                    *seen.counted, prefix));
  if (belief == Belief::kForbidden)
    co_return Error(ErrorCode::kForbidden,
                    fmt::format("login refused: by its roles and its tenant this account may not read {} of "
                                "the {} {} that it was shown",
                                seen.forbidden, seen.held, prefix));
  if (belief == Belief::kWait) {
    note_emptying(prefix);
    co_return Error(kUndecided,
                    fmt::format("{} of {} are not shown any more and no event said so: looked at again",
                                seen.vanished, seen.held));
  }
  Result<void> asked = co_await ask_for(prefix, *keys, kind == Walk::kRegular);
  if (!asked) co_return asked;
  if (missing.more) co_return Error(kUndecided, "more are gone than one walk asks for");
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

env::Task<size_t> Conversation::forbidden(std::string prefix, std::vector<std::string> keys) {
  if (known_.account.empty() || !rights_unknown_.empty()) co_return 0;
  const Rights now = co_await read_rights(*api_, known_.account);
  const std::vector<std::string> own{options_.endpoint};
  size_t out = 0;
  for (const std::string& key : keys) {
    // How rights name what others own behind it is not known of every make.
    if (leads_to_others_ && replica_.holders(prefix, key) != own) continue;
    if (now.of(prefix, key) == Sight::kMayNot) ++out;
  }
  co_return out;
}

void Conversation::compare_with_rights(const std::string& prefix, const std::vector<Shown>& page) {
  if (!rights_unknown_.empty() || rights_.of_all(prefix) == Sight::kMay) return;
  for (const Shown& one : page) {
    if (one.owner != options_.endpoint || rights_.of(prefix, one.key) != Sight::kMayNot) continue;
    rights_unknown_ =
        fmt::format("the endpoint shows {} that the roles of this account do not allow", prefix);
    return tell_shortcomings();
  }
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
    co_await until_settled([this, &prefix, &mark]()
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
    co_await options_.timers.wait(settled_, seen, kIdle);
  }
}

}  // namespace mullion::mirror
