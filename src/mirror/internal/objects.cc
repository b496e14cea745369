#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "mirror/internal/conversation.h"
#include "store/failed_reads.h"

namespace mullion::mirror {
namespace {

/// Pages of objects of one key; each owner behind the endpoint has one at most.
constexpr int kMostPagesOfOneKey = 1000;

bool shows(const std::vector<Shown>& shown, const std::string& owner, const std::string& key) {
  return std::ranges::any_of(shown, [&](const Shown& one) { return one.owner == owner && one.key == key; });
}

std::string given_up_text(const Error& why) {
  const std::string reason = why.messages.empty() ? std::string(error_word(why.code)) : why.messages.front();
  return fmt::format("one of its objects: {}", reason);
}

}  // namespace

env::Task<void> Conversation::fetch_objects() {
  while (!over_) {
    const uint64_t seen = hinted_.version();
    std::optional<Hint> next;
    {
      Lock lock(mutex_);
      next = hints_.take(options_.clock.steady());
    }
    if (!next) {
      co_await options_.timers.wait(hinted_, seen, until_due());
      continue;
    }
    const Result<void> fetched = co_await store::failed_reads_returned(fetch(*next));
    if (fetched) fetched_object(*next);
    if (!fetched && is_final(fetched.error())) co_return end(fetched.error());
    if (!fetched) ask_again(*next, fetched.error());
    settle();
  }
}

env::Duration Conversation::until_due() const {
  Lock lock(mutex_);
  const std::optional<env::SteadyTime> due = hints_.next_due();
  return due ? *due - options_.clock.steady() : env::Duration(kIdle);
}

void Conversation::fetched_object(const Hint& hint) {
  Lock lock(mutex_);
  hints_.done(hint);
  release_if_read(hint.prefix);
}

void Conversation::release_if_read(const std::string& prefix) {
  const bool is_whole = !unread_.contains(prefix) && !hints_.overflows(prefix) && !hints_.is_failing(prefix);
  if (is_whole) replica_.release(prefix);
}

void Conversation::ask_again(const Hint& hint, const Error& why) {
  {
    Lock lock(mutex_);
    // Others need not wait for it, so before any of them counts as current this collection is as old as it is
    // now.
    replica_.hold_up_from_now(hint.prefix, given_up_text(why));
    if (hints_.failed(hint, options_.clock.steady())) return;
    given_up_.insert_or_assign(hint.prefix, Error(why.code, given_up_text(why)));
    unread_.insert(hint.prefix);
  }
  wake_.notify_all();
  kLog.warn("object cannot be read endpoint={} type={} key={} reason={}", options_.endpoint, hint.prefix,
            escaped(hint.key), why.text());
}

env::Task<Result<void>> Conversation::fetch(Hint hint) {
  if (leads_to_others_) co_return co_await fetch_of_all(std::move(hint));
  co_return co_await fetch_one(std::move(hint));
}

env::Task<Result<void>> Conversation::fetch_one(Hint hint) {
  Result<Answer> answer = co_await api_->ask(client::get_object(hint.prefix, hint.key));
  if (!answer) co_return answer.error();
  unanswered_ = 0;
  if (says_not_found(*answer))
    co_return co_await take_shown(std::move(hint), std::vector<Shown>(), std::nullopt);
  // What this account may not see, and what is no collection, does not change here.
  if (answer->status == 403 || answer->status == 404) co_return Result<void>{};
  if (answer->status != 200) co_return failed(hint.prefix, answer->status);
  Result<Shown> shown = read_shown(collection(hint.prefix), options_.endpoint, answer->body);
  if (!shown) co_return shown.error();
  if (shown->key != hint.key) co_return take_other(hint, *shown);
  // Behind a manager others may have one of this key, too.
  std::optional<std::string> of = leads_to_others_ ? std::optional(shown->owner) : std::nullopt;
  std::vector<Shown> there;
  there.push_back(std::move(*shown));
  co_return co_await take_shown(std::move(hint), std::move(there), std::move(of));
}

Result<void> Conversation::take_other(const Hint& hint, const Shown& other) {
  if (!replica_.holders(hint.prefix, hint.key).empty())
    return Error(ErrorCode::kCorrupt, fmt::format("asked for it, the endpoint shows {:.200}", other.key));
  add_hint(hint.prefix, other.key);  // another name of it, perhaps
  return {};
}

env::Task<Result<void>> Conversation::fetch_of_all(Hint hint) {
  const std::vector<std::string> holders = replica_.holders(hint.prefix, hint.key);
  std::vector<Shown> found;
  for (int page = 0; page < kMostPagesOfOneKey; ++page) {
    const size_t before = found.size();
    const Result<Answered> answered = co_await ask_page_of_key(hint, found);
    if (!answered) co_return answered.error();
    if (*answered == Answered::kNothing) co_return Result<void>{};
    if (*answered == Answered::kUnfiltered) co_return co_await fetch_one(std::move(hint));
    const bool all =
        std::ranges::all_of(holders, [&](const std::string& owner) { return shows(found, owner, hint.key); });
    if (all || found.size() == before) break;
  }
  co_return co_await take_shown(std::move(hint), std::move(found), std::nullopt);
}

env::Task<Result<Conversation::Answered>> Conversation::ask_page_of_key(const Hint& hint,
                                                                        std::vector<Shown>& found) {
  client::Request request = client::get_collection(hint.prefix)
                                .with("limit", std::to_string(Paging::kMostObjects))
                                .with("offset", std::to_string(found.size()))
                                .with("Key", fmt::format("Eq({})", hint.key));
  Result<Answer> answer = co_await api_->ask(std::move(request));
  if (!answer) co_return answer.error();
  unanswered_ = 0;
  if (answer->status == 403 || answer->status == 404) co_return Answered::kNothing;
  if (answer->status != 200) co_return failed(hint.prefix, answer->status);
  size_t unreadable = 0;
  Result<std::vector<Shown>> page =
      read_list(collection(hint.prefix), options_.endpoint, answer->body, &unreadable);
  if (!page) co_return page.error();
  if (unreadable > 0) co_return Error(ErrorCode::kCorrupt, "its list has entries that cannot be read");
  for (Shown& one : *page) {
    if (one.key != hint.key) co_return Answered::kUnfiltered;
    if (!shows(found, one.owner, one.key)) found.push_back(std::move(one));
  }
  co_return Answered::kPage;
}

env::Task<Result<void>> Conversation::take_shown(Hint hint, std::vector<Shown> shown,
                                                 std::optional<std::string> of) {
  Result<void> stored = co_await replica_.drain();
  if (stored) stored = put_all(hint, std::move(shown), of);
  if (stored) stored = co_await replica_.drain();
  co_return stored;
}

Result<void> Conversation::put_all(const Hint& hint, std::vector<Shown> shown,
                                   const std::optional<std::string>& of) {
  const std::vector<std::string> wanted = replica_.wanted().value_or(std::vector<std::string>());
  std::erase_if(shown, [](const Shown& one) { return !one.writable; });
  for (const std::string& owner : replica_.holders(hint.prefix, hint.key)) {
    if (shows(shown, owner, hint.key) || (of && owner != *of)) continue;
    const Result<bool> put = put_newest(hint, owner, hint.key, std::nullopt);
    if (!put) return put.error();
  }
  for (Shown& one : shown) {
    if (std::ranges::find(wanted, one.owner) == wanted.end()) continue;
    const Result<bool> put = put_newest(hint, one.owner, one.key, std::move(one.body));
    if (!put) return put.error();
  }
  return {};
}

Result<bool> Conversation::put_newest(const Hint& hint, const std::string& owner, const std::string& key,
                                      std::optional<std::string> body) {
  Lock lock(applying_);
  {
    Lock lock(mutex_);
    if (!hints_.is_newest(hint)) return false;  // it is asked for again
  }
  Result<bool> put = replica_.put(hint.prefix, owner, key, std::move(body));
  if (put && *put && doubted(hint)) correct(hint.prefix, key);
  return put;
}

bool Conversation::doubted(const Hint& hint) {
  Lock lock(mutex_);
  return doubts_.erase(hint) != 0;
}

void Conversation::correct(const std::string& prefix, const std::string& key) {
  ++options_.counters.corrections;
  kLog.info("replica corrected endpoint={} type={} key={}", options_.endpoint, prefix, escaped(key));
}

}  // namespace mullion::mirror
