// Members that have forgotten what they promised, and come back as others.
#include <fmt/format.h>

#include <algorithm>

#include "cluster/internal/node_impl.h"
#include "cluster/internal/returning.h"
#include "env/pools.h"

namespace mullion::cluster {
namespace {

/// Between two times that one member is taken off the list in order to come back.
constexpr auto kReadmissionPause = std::chrono::seconds(60);
constexpr uint64_t kLongestReadmission = 1 << 20;
constexpr auto kReadmissionPatience = std::chrono::seconds(30);
constexpr int kMostReadmissionSteps = 3;  // taken off, added, found there

}  // namespace

/// It may have promised what it does not know: under its number it never votes again.
void NodeImpl::forget(const std::string& why) {
  const bool alone = roster().others(number_).empty();
  kLog.error("this member takes no part any more: {}", why);
  trouble(alone ? why + ": there is no other member to come back by; see `mullion cluster recover`"
                : why + ": it comes back by itself as another one, with a copy, as soon as a member serves");
  const Lock lock(mutex_);
  forgot_ = why;
}

/// Until it is admitted; then the process begins anew.
void NodeImpl::return_as_another() {
  for (int round = 0; !stopping_; ++round) {
    const Result<void> asked = ask_to_return();
    if (asked.ok()) return options_.restart("this member comes back as another one, with a copy");
    if (asked.error().code == ErrorCode::kForbidden)
      return was_removed("it was removed from the cluster; it may be enrolled again");
    if (round % 20 == 0) kLog.warn("this member cannot come back yet: {}", asked.error().text());
    std::this_thread::sleep_for(kRetryPause);
  }
}

/// Everybody, once: the one that serves knows.
Result<void> NodeImpl::ask_to_return() {
  const Result<std::string> key = prepare_return(options_.places);
  if (!key.ok()) return key.error();
  Error last(ErrorCode::kUnavailable, "no other member is known");
  for (const auto& [number, observes] : roster().others(number_)) {
    const Result<Admission> admitted = ask_to_return(number, *key);
    if (admitted.ok()) return settle_return(options_.places, *admitted);
    last = admitted.error();
    if (last.code == ErrorCode::kForbidden) break;
  }
  return last;
}

Result<Admission> NodeImpl::ask_to_return(MemberId at, const std::string& key) {
  std::string request;
  {
    const Lock lock(mutex_);
    request = encode_readmission({key, api_.api_url});
  }
  auto answer = std::make_shared<std::promise<Result<Admission>>>();
  std::future<Result<Admission>> future = answer->get_future();
  const auto said = std::make_shared<Result<Admission>>(Error(ErrorCode::kUnavailable, "no answer"));
  link_->talk(
      at, kReadmissionTalk,
      [request, said](net::KeyedStream& stream) -> env::Task<Result<void>> {
        Result<void> asked = co_await write_text(stream, request);
        if (!asked) co_return asked;
        const Result<std::string> text =
            co_await read_text(stream, kLongestReadmission, kReadmissionPatience);
        if (!text) co_return text.error();
        *said = decode_readmission_answer(*text);
        co_return Result<void>();
      },
      [answer, said](const Result<void>& done) {
        answer->set_value(done.ok() ? *said : Result<Admission>(done.error()));
      });
  answer.reset();
  try {
    return future.get();
  } catch (const std::future_error&) {  // the work was dropped: the link stops
    return Error(ErrorCode::kCancelled, "stopping");
  }
}

/// At the member that serves; one at a time.
env::Task<void> NodeImpl::serve_readmission(MemberId from, net::KeyedStream& stream) {
  const Result<std::string> text = co_await read_text(stream, kLongestReadmission, kReadmissionPatience);
  if (!text) co_return;
  const Result<ReadmissionRequest> request = decode_readmission(*text);
  if (!request) co_return;
  Result<Admission> out = Error(ErrorCode::kTooManyRequests, "another member is coming back");
  if (!readmitting_.exchange(true)) {
    co_await env::run_blocking(env::Pool::kLong, [&] { out = readmission(from, *request); });
    readmitting_ = false;
  }
  const std::string answer = encode_readmission_answer(out);
  (void)co_await write_text(stream, answer);
}

Result<Admission> NodeImpl::readmission(MemberId from, const ReadmissionRequest& request) {
  for (int step = 0; step < kMostReadmissionSteps; ++step) {
    if (!may_answer()) return not_serving();
    const Roster now = roster();
    ReadmissionFacts facts = readmission_facts(now, number_, from, request);
    const std::optional<RosterMember> member = returning_member(now, from, request);
    if (member) {
      const Lock lock(mutex_);
      const auto before = taken_off_.find(member->id);
      facts.just_came =
          before != taken_off_.end() && env::boot_clock().steady() - before->second < kReadmissionPause;
    }
    Result<void> done;
    switch (next_readmission_step(facts)) {
      case ReadmissionStep::kRefuse:
        return Error(ErrorCode::kForbidden, "this member was removed from the cluster");
      case ReadmissionStep::kLater:
        return Error(ErrorCode::kTooManyRequests, "this member came back a moment ago");
      case ReadmissionStep::kTakeOff:
        done = take_off(from);
        break;
      case ReadmissionStep::kAdd:
        done = change(ChangeKind::kAddLearner, member->number, encode_roster_member(*member));
        break;
      case ReadmissionStep::kDone:
        kLog.info("member {} has forgotten what it promised and comes back as member {}", from,
                  member->number);
        return Admission{member->number, now.ha_id, encode_roster(now)};
    }
    if (!done.ok()) return done.error();
  }
  return Error(ErrorCode::kUnavailable, "the list of members changes");
}

Result<void> NodeImpl::take_off(MemberId member) {
  Result<void> done = change(ChangeKind::kRemove, member, std::string(kReturns));
  if (!done.ok()) return done;
  const Roster now = roster();
  const auto former = std::ranges::find(now.former, member, &RosterMember::number);
  const Lock lock(mutex_);
  if (former != now.former.end()) taken_off_[former->id] = env::boot_clock().steady();
  return done;
}

}  // namespace mullion::cluster
