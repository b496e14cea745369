// Who is to lead, and going on alone.
#include <fmt/format.h>

#include <algorithm>

#include "cluster/file_plan.h"
#include "cluster/internal/node_impl.h"
#include "env/pools.h"

namespace mullion::cluster {

/// Those that could take over.
std::vector<Successor> NodeImpl::successors() const {
  const Shown now = shown();
  const std::map<MemberId, PeerFacts> facts = link_->facts();
  const Roster all = roster();
  const bool by_hand = all.by_hand;
  std::vector<Successor> out;
  for (const RosterMember& member : all.members) {
    const auto progress = now.progress.find(member.number);
    const bool known = member.number != number_ && !member.observer && progress != now.progress.end();
    const bool fits =
        known && link_->connected(member.number) &&
        (by_hand ? now.member.in_step.contains(member.number) : member.voter && progress->second.active);
    if (!fits) continue;
    const FileStanding files = standing_of(member.number, facts);
    out.push_back({member.number, progress->second.matched, has_all_files(files), files.missing});
  }
  return out;
}

/// The one that is asked for, or the one that holds most.
Result<MemberId> NodeImpl::successor(std::string_view id) const {
  const Error nobody(ErrorCode::kConflict, "no other member could take over now");
  const std::vector<Successor> fit = successors();
  if (id.empty()) {
    const std::optional<MemberId> best = most_complete(fit);
    if (!best) return nobody;
    return *best;
  }
  const Roster now = roster();
  const RosterMember* member = now.find_id(id);
  const auto found =
      std::ranges::find(fit, member == nullptr ? MemberId{0} : member->number, &Successor::number);
  if (found == fit.end()) return nobody;
  if (may_succeed(fit, found->number)) return found->number;
  return Error(ErrorCode::kConflict,
               fmt::format("member {} lacks files that another member has ({} are on their way)", id,
                           found->files_missing));
}

env::Task<Result<void>> NodeImpl::hand_over(std::string id) {
  Result<void> out;
  co_await env::run_blocking([&] { out = leadership_to(id, kChangePatience); });
  co_return out;
}

/// The lead goes to who has a vote. Where one member alone has one, the next to lead gets it for the time of
/// the change; keep_one_vote() ends that, here or there.
Result<void> NodeImpl::give_vote(MemberId to) {
  const Roster now = roster();
  if (!now.by_hand || now.find(to) == nullptr || now.find(to)->voter) return {};
  return change(ChangeKind::kPromote, to, "");
}

Result<void> NodeImpl::leadership_to(const std::string& id, env::Duration patience) {
  if (!shown().active) return not_serving();
  if (switching_.exchange(true)) return Error(ErrorCode::kConflict, "the lead is being handed over already");
  const Lock lock(votes_mutex_);
  Result<void> done = lead_goes_to(id, patience);
  switching_ = false;
  return done;
}

Result<void> NodeImpl::lead_goes_to(const std::string& id, env::Duration patience) {
  const Result<MemberId> to = successor(id);
  if (!to) return to.error();
  if (Result<void> ready = give_vote(*to); !ready.ok()) return ready;
  const Shown begun = shown();
  auto promise = std::make_shared<std::promise<CoreStatus>>();
  std::future<CoreStatus> future = promise->get_future();
  calls_.put([this, promise, to = *to] {
    promise->set_value(member_ ? member_->hand_over(to) : CoreStatus::kNotLeader);
  });
  if (future.get() != CoreStatus::kOk)
    return Error(ErrorCode::kConflict, "the lead cannot be handed over now: a change is under way");
  const Error nobody(ErrorCode::kTimeout, fmt::format("member {} did not take the lead", *to));
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < deadline) {
    const Shown now = shown();
    if (now.member.role != Role::kLeader && now.member.leader != 0 && now.member.leader != number_) return {};
    if (now.member.role == Role::kLeader && now.member.term > begun.member.term) return nobody;
    std::this_thread::sleep_for(kTick);
  }
  return nobody;
}

void NodeImpl::leave(env::Duration patience) {
  if (shown().active && !is_by_hand()) (void)leadership_to("", patience);
}

env::Task<Result<std::string>> NodeImpl::take_over() {
  Result<std::string> out = not_serving();
  co_await env::run_blocking([&] { out = going_on_alone(); });
  co_return out;
}

Result<std::string> NodeImpl::going_on_alone() {
  const Roster now = roster();
  const RosterMember* own = now.find(number_);
  if (!now.by_hand)
    return Error(ErrorCode::kInvalid,
                 "the members of this cluster agree on who serves; of a majority that is lost for good see "
                 "`mullion cluster recover`");
  if (shown().active) return std::string("this member serves already");
  if (own == nullptr || own->observer)
    return Error(ErrorCode::kConflict, "this server is no member that could serve");
  for (const auto& [number, facts] : link_->facts()) {
    if (facts.active)
      return Error(
          ErrorCode::kConflict,
          fmt::format("member {} serves and can be reached: hand over without force, or stop it first",
                      now.find(number) == nullptr ? "another one" : now.find(number)->id));
  }
  const uint64_t last = store_->agreed().place.index;
  if (Result<void> done = env::write_file_atomic(options_.places.take_over(), "", 0600); !done.ok())
    return done.error();
  options_.restart("it goes on alone, as somebody has ordered");
  return fmt::format(
      "this member goes on alone, from at least entry {}. What the former active member has acknowledged "
      "without "
      "it is lost. Keep that member off until it reaches this one: it is told then that it is none any more, "
      "and "
      "can be enrolled again",
      last);
}

env::Task<Result<bool>> NodeImpl::fail_over_safe(env::Duration patience) {
  const env::SteadyTime deadline = env::system_clock().steady() + patience;
  while (true) {
    if (!may_answer()) co_return not_serving();
    const Shown now = shown();
    for (const Successor& one : successors()) {
      if (one.matched >= now.member.commit && one.files_complete) co_return true;
    }
    if (env::system_clock().steady() >= deadline) co_return false;
    co_await env::sleep_for(kTick);
  }
}

}  // namespace mullion::cluster
