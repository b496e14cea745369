#include <fmt/format.h>

#include <algorithm>

#include "mirror/internal/conversation.h"
#include "mirror/reported_parts.h"
#include "store/failed_reads.h"

namespace mullion::mirror {
namespace {

/// Between two looks at what the server is, however often events ask for them.
constexpr auto kLearnPause = std::chrono::seconds(2);
/// After a collection was walked through because events told too much: at least as long as that took.
constexpr env::Duration kLeastPause = std::chrono::milliseconds(200);
constexpr env::Duration kMostPause = std::chrono::seconds(10);

bool is_refused_query(int status) { return status == 400 || status == 406 || status == 422; }

}  // namespace

env::Task<Error> Conversation::walk() {
  Result<void> fine = co_await learn();
  bool first = true;
  while (fine) {
    const std::optional<std::vector<std::string>> wanted = replica_.wanted();
    if (wanted) {
      const env::SteadyTime walk_begun = first ? begun_ : options_.clock.steady();
      const Walk kind = first || walked_for_ != wanted ? Walk::kFirst : Walk::kRegular;
      const Result<bool> whole = co_await walk_once(kind);
      if (!whole) co_return whole.error();
      if (*whole) fine = take_walked(*wanted, walk_begun);
      if (!fine) break;
      first = first && !*whole;
      const env::SteadyTime soon = options_.clock.steady() + kWalkAgain;
      next_walk_ = *whole ? walk_begun + limits_.walk_every : soon;
      if (owners_doubted_) next_walk_ = std::min(next_walk_, soon);
      walked_for_ = *wanted;
    }
    fine = co_await until_walk();
  }
  if (const std::optional<Error> why = ended()) co_return *why;
  co_return fine.error();
}

Result<void> Conversation::take_walked(const std::vector<std::string>& wanted, env::SteadyTime walk_begun) {
  Counts held;
  for (const auto& [prefix, number] : counts_) held[prefix] = replica_.count(prefix);
  replica_.remember_seen_wholly(leads_to_others_ ? std::set<std::string>() : seen_wholly(counts_, held));
  Result<void> done = replica_.completed(wanted, walk_begun);
  if (done) options_.on_current(true);
  return done;
}

env::Task<Result<void>> Conversation::until_walk() {
  while (!over_) {
    const uint64_t seen = wake_.version();
    if (Result<void> learnt = co_await learn_changes(); !learnt) co_return learnt;
    if (over_) break;
    note_given_up();
    const std::optional<std::vector<std::string>> wanted = replica_.wanted();
    if (wanted && walked_for_ != wanted) co_return Result<void>{};
    if (Result<void> walked = co_await walk_overflown(); !walked) co_return walked;
    if (Result<void> walked = co_await walk_troubled(); !walked) co_return walked;
    const env::Duration left = next_walk_ - options_.clock.steady();
    if (wanted && (left <= env::Duration::zero() || is_walk_due_early())) co_return co_await learn();
    co_await options_.timers.wait(wake_, seen, until_due_work(wanted ? left : env::Duration(kIdle)));
  }
  co_return *ended();
}

env::Duration Conversation::until_due_work(env::Duration most) const {
  const env::SteadyTime now = options_.clock.steady();
  if (owners_changed_ || state_changed_) most = std::min(most, learn_due_ - now);
  if (const std::optional<env::SteadyTime> due = troubles_.next_due()) most = std::min(most, *due - now);
  Lock lock(mutex_);
  if (hints_.overflows()) most = std::min(most, overflown_due_ - now);
  return std::max(most, env::Duration::zero());
}

env::Task<Result<void>> Conversation::learn_changes() {
  if ((!owners_changed_ && !state_changed_) || options_.clock.steady() < learn_due_) co_return Result<void>{};
  if (owners_changed_.exchange(false)) {
    if (Result<void> learnt = co_await learn_owners(true); !learnt) co_return learnt;
  }
  if (state_changed_.exchange(false)) {
    if (Result<void> told = co_await tell_state(); !told) co_return told;
    if (Result<void> walked = co_await walk_new_collections(); !walked) co_return walked;
  }
  learn_due_ = options_.clock.steady() + kLearnPause;
  co_return Result<void>{};
}

bool Conversation::is_walk_due_early() {
  if (!emptied_.exchange(false)) return false;
  const env::SteadyTime now = options_.clock.steady();
  if (early_walk_ && now - *early_walk_ < limits_.walk_every) return false;
  early_walk_ = now;
  return true;
}

env::Task<Result<void>> Conversation::walk_new_collections() {
  const std::vector<Collection> before = collections_;
  if (Result<void> learnt = co_await learn_collections(); !learnt) co_return learnt;
  const std::vector<Collection> now = collections_;
  for (const Collection& one : now) {
    if (std::ranges::find(before, one.prefix, &Collection::prefix) != before.end()) continue;
    const Result<bool> walked = co_await walk_noted(one, Walk::kFirst);
    if (!walked) co_return walked.error();
  }
  co_return Result<void>{};
}

env::Task<Result<void>> Conversation::walk_overflown() {
  const env::SteadyTime walk_begun = options_.clock.steady();
  std::set<std::string> overflown;
  uint64_t mark = 0;
  {
    Lock lock(mutex_);
    if (!hints_.overflows() || walk_begun < overflown_due_) co_return Result<void>{};
    overflown = hints_.take_overflown();
    unread_.insert(overflown.begin(), overflown.end());
    mark = hints_.now();
  }
  bool whole = true;
  for (const std::string& prefix : overflown) {
    const Result<bool> walked = co_await walk_noted(collection(prefix), Walk::kTold);
    if (!walked) co_return walked.error();
    whole = whole && *walked;
  }
  const env::SteadyTime now = options_.clock.steady();
  {
    Lock lock(mutex_);
    overflown_due_ = now + std::clamp<env::Duration>(now - walk_begun, kLeastPause, kMostPause);
    if (whole) hints_.walked(mark);
    if (!whole) hints_.put_back(overflown);
  }
  settle();
  co_return Result<void>{};
}

env::Task<Result<bool>> Conversation::walk_noted(Collection one, Walk kind) {
  const env::SteadyTime walk_begun = options_.clock.steady();
  (void)take_given_up(one.prefix);  // that is read now, too
  const Result<void> walked = co_await walk_collection(one, kind);
  if (walked) {
    // What was to be asked for the walk left alone.
    if (const std::optional<Error> given_up = take_given_up(one.prefix))
      note_trouble(one.prefix, *given_up);
    else
      note_walked(one.prefix, walk_begun);
    co_return true;
  }
  if (is_final(walked.error())) co_return walked.error();
  kLog.warn("collection is not walked endpoint={} type={} reason={}", options_.endpoint, one.prefix,
            walked.error().text());
  if (walked.error().code == kUndecided) co_return false;
  note_trouble(one.prefix, walked.error());
  co_return true;
}

void Conversation::note_walked(const std::string& prefix, env::SteadyTime walk_begun) {
  read_at_[prefix] = walk_begun;
  {
    Lock lock(mutex_);
    unread_.erase(prefix);
    release_if_read(prefix);
  }
  if (!troubles_.fine(prefix)) return;
  kLog.info("collection is read again endpoint={} type={}", options_.endpoint, prefix);
  tell_shortcomings();
  if (prefix == "endpoints") owners_changed_ = true;
}

void Conversation::note_trouble(const std::string& prefix, const Error& why) {
  std::string reason = why.messages.empty() ? std::string(error_word(why.code)) : why.messages.front();
  const auto read = read_at_.find(prefix);
  {
    Lock lock(mutex_);
    unread_.insert(prefix);
  }
  replica_.hold_up(prefix, read == read_at_.end() ? std::nullopt : std::optional(read->second), reason);
  troubles_.failed({prefix, std::move(reason), options_.clock.wall()}, options_.clock.steady());
  tell_shortcomings();
}

std::optional<Error> Conversation::take_given_up(const std::string& prefix) {
  Lock lock(mutex_);
  const auto found = given_up_.find(prefix);
  if (found == given_up_.end()) return std::nullopt;
  Error why = std::move(found->second);
  given_up_.erase(found);
  return why;
}

void Conversation::note_given_up() {
  std::map<std::string, Error> given_up;
  {
    Lock lock(mutex_);
    given_up.swap(given_up_);
  }
  for (const auto& [prefix, why] : given_up) note_trouble(prefix, why);
}

env::Task<Result<void>> Conversation::walk_troubled() {
  const std::vector<std::string> due = troubles_.due(options_.clock.steady());
  if (std::ranges::any_of(due, is_reported_part)) {
    if (Result<void> told = co_await tell_state(); !told) co_return told;
  }
  for (const std::string& prefix : due) {
    if (is_reported_part(prefix)) continue;
    // What was not read yet on this connection is waited for.
    const Walk kind = read_at_.contains(prefix) ? Walk::kRegular : Walk::kFirst;
    const Result<bool> walked = co_await walk_noted(collection(prefix), kind);
    if (!walked) co_return walked.error();
  }
  co_return Result<void>{};
}

void Conversation::tell_shortcomings() {
  Shortcomings now{troubles_.all(), rights_unknown_};
  if (now == told_ || !known_.tell) return;
  told_ = now;
  known_.tell(std::move(now));
}

env::Task<Result<bool>> Conversation::walk_once(Walk kind) {
  bool whole = true;
  const std::vector<Collection> through = collections_;
  for (const Collection& one : through) {
    const Result<bool> walked = co_await walk_noted(one, kind);
    if (!walked) co_return walked.error();
    whole = whole && *walked;
  }
  const Result<void> erased = co_await erase_vanished(through);
  if (!erased && is_final(erased.error())) co_return erased.error();
  co_return whole;
}

env::Task<Result<void>> Conversation::erase_vanished(const std::vector<Collection>& known) {
  for (const std::string& prefix : replica_.other_collections(known)) {
    Result<Answer> answer = co_await repeated(client::get_collection(prefix).with("limit", "1"));
    if (!answer) co_return answer.error();
    if (answer->status != 404) continue;
    kLog.info("collection is gone endpoint={} type={}", options_.endpoint, prefix);
    if (Result<void> erased = replica_.erase_collection(prefix); !erased) co_return erased;
  }
  co_return Result<void>{};
}

env::Task<Result<void>> Conversation::walk_collection(Collection one, Walk kind) {
  Paging paging(by_offset_.contains(one.prefix));
  Missing missing;
  while (const std::optional<std::string> query = paging.next()) {
    if (kind == Walk::kRegular) {
      const bool slept = co_await options_.timers.sleep_for(limits_.pause);
      if (!slept || over_) co_return Error(ErrorCode::kCancelled, "stopped");
      if (Result<void> walked = co_await walk_overflown(); !walked) co_return walked.error();
    }
    const Result<Page> page = co_await walk_page(one, *query, paging, kind, missing);
    if (!page) co_return page.error();
    if (*page == Page::kNext) continue;
    co_return not_emptying(one.prefix);
  }
  if (Result<void> stored = co_await replica_.drain(); !stored) co_return stored.error();
  if (paging.by_offset()) {
    by_offset_.insert(one.prefix);
    const auto is_shown = [&](const std::string& owner, const std::string& key) {
      return paging.saw(owner, key);
    };
    missing.add(replica_.missing(one, is_shown));
  }
  co_return co_await look_for(one.prefix, std::move(missing), kind);
}

env::Task<Result<Conversation::Page>> Conversation::walk_page(const Collection& one, std::string query,
                                                              Paging& paging, Walk kind, Missing& missing) {
  {
    Lock lock(mutex_);
    hints_.begin_page(one.prefix);
  }
  Result<Answer> answer = co_await repeated(client::get_collection(one.prefix).with_encoded(query));
  if (!answer && answer.error().code == ErrorCode::kTooLarge && paging.too_large()) co_return Page::kNext;
  if (!answer) co_return answer.error();
  if (is_refused_query(answer->status) && paging.refused()) co_return Page::kNext;
  if (answer->status == 403 && replica_.holds(one.prefix)) co_return no_longer_readable(one.prefix);
  // It says that it has the collection; a 404 about its list says nothing of the objects that were in it.
  if (answer->status == 404 && replica_.holds(one.prefix)) co_return failed(one.prefix, answer->status);
  if (answer->status == 403 || answer->status == 404) co_return Page::kPassedOver;
  if (answer->status != 200) co_return failed(one.prefix, answer->status);
  const Result<void> taken = co_await take_page(one, paging, *answer, kind, missing);
  if (!taken) co_return taken.error();
  co_return Page::kNext;
}

env::Task<Result<void>> Conversation::take_page(const Collection& one, Paging& paging, const Answer& answer,
                                                Walk kind, Missing& missing) {
  size_t unreadable = 0;
  Result<std::vector<Shown>> page = read_list(one, options_.endpoint, answer.body, &unreadable);
  if (!page) co_return page.error();
  if (unreadable > 0)
    kLog.warn("entries of a list cannot be read endpoint={} type={} number={}", options_.endpoint, one.prefix,
              unreadable);
  const Result<std::optional<Paging::Span>> span = paging.take(*page, answer.body.size(), answer.matching);
  if (!span) co_return span.error();
  if (Result<void> stored = co_await replica_.drain(); !stored) co_return stored;
  compare_with_rights(one.prefix, *page);
  Result<Replica::Comparison> compared = compare(one, *page, *span);
  if (!compared) co_return compared.error();
  if (kind == Walk::kRegular && compared->changed > 0) {
    options_.counters.corrections += compared->changed;
    kLog.info("replica corrected endpoint={} type={} objects={}", options_.endpoint, one.prefix,
              compared->changed);
  }
  missing.add(compared->missing);
  co_return co_await replica_.drain();
}

Result<Replica::Comparison> Conversation::compare(const Collection& one, const std::vector<Shown>& page,
                                                  const std::optional<Paging::Span>& span) {
  Lock lock(applying_);
  return replica_.compare(one, page, span, [&](const std::string& key) {
    Lock lock(mutex_);
    return hints_.is_overtaken(one.prefix, key);
  });
}

}  // namespace mullion::mirror
