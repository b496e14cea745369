#include "cluster/file_plan.h"

#include <algorithm>
#include <tuple>

namespace mullion::cluster {
namespace {

using Look = files::FollowedTree::Look;
constexpr auto kLeastHold = std::chrono::seconds(30);
constexpr uint64_t kSlowestHold = uint64_t{1} << 20;  // bytes a second

/// Who gives a file, the best first.
std::tuple<bool, bool, MemberId> rank_of(const FilePeer& peer) {
  return {!peer.complete, peer.serves, peer.number};
}

bool has_all(const Successor& one) { return one.files_complete; }

}  // namespace

FileStep next_step(const FileSight& sight) {
  if (sight.agreed) {
    if (sight.look == Look::kSame) return FileStep::kNothing;
    if (sight.look == Look::kDiffers && !sight.met) return FileStep::kSetAside;
    return sight.held ? FileStep::kPlace : FileStep::kFetch;
  }
  if (sight.look == Look::kAbsent || !sight.listed) return FileStep::kNothing;
  if (sight.known) return FileStep::kRemove;
  return sight.met ? FileStep::kNothing : FileStep::kSetAside;
}

void WantedFiles::want(const std::string& sha256, uint64_t size) {
  WantedFile& file = files_[sha256];
  if (!file.sha256.empty()) order_.erase(place_of(file));
  file.sha256 = sha256;
  file.size = size;
  order_.insert(place_of(file));
}

void WantedFiles::forget(const std::string& sha256) {
  const auto found = files_.find(sha256);
  if (found == files_.end()) return;
  order_.erase(place_of(found->second));
  files_.erase(found);
}

void WantedFiles::hurry(const std::string& sha256) {
  const auto found = files_.find(sha256);
  if (found == files_.end()) return;
  order_.erase(place_of(found->second));
  found->second.hurry = true;
  order_.insert(place_of(found->second));
}

void WantedFiles::leave_alone(const std::string& sha256, MemberId peer, env::SteadyTime until) {
  const auto found = files_.find(sha256);
  if (found != files_.end()) found->second.not_before[peer] = until;
}

const WantedFile* WantedFiles::find(const std::string& sha256) const {
  const auto found = files_.find(sha256);
  return found == files_.end() ? nullptr : &found->second;
}

std::optional<FetchChoice> WantedFiles::next(const std::vector<FilePeer>& peers,
                                             const std::map<std::string, MemberId>& running,
                                             env::SteadyTime now) const {
  std::vector<FilePeer> givers;
  for (const FilePeer& peer : peers) {
    const bool gives_already =
        std::ranges::any_of(running, [&peer](const auto& one) { return one.second == peer.number; });
    if (peer.reachable && !gives_already) givers.push_back(peer);
  }
  if (givers.empty()) return std::nullopt;
  std::ranges::sort(givers, {}, rank_of);
  for (const auto& [later, size, sha256] : order_) {
    if (running.contains(sha256)) continue;
    const WantedFile& file = files_.at(sha256);
    for (const FilePeer& giver : givers) {
      const auto pause = file.not_before.find(giver.number);
      const bool waits = pause != file.not_before.end() && pause->second > now;
      if (!waits) return FetchChoice{sha256, giver.number};
    }
  }
  return std::nullopt;
}

env::Duration pause_after(ErrorCode failure) {
  if (failure == ErrorCode::kCorrupt) return std::chrono::seconds(30);
  if (failure == ErrorCode::kNotFound) return std::chrono::seconds(3);
  return std::chrono::seconds(1);
}

HoldFate fate_of_hold_by_all(const std::set<MemberId>& asked, const std::set<MemberId>& confirmed,
                             const std::set<MemberId>& refused) {
  HoldFate out = HoldFate::kHeld;
  for (const MemberId one : asked) {
    if (refused.contains(one)) return HoldFate::kCannot;
    if (!confirmed.contains(one)) out = HoldFate::kWaits;
  }
  return out;
}

HoldFate fate_of_hold(size_t voters, size_t confirmed, size_t refused) {
  const size_t majority = voters / 2 + 1;
  if (confirmed >= majority) return HoldFate::kHeld;
  return voters - std::min(voters, refused) < majority ? HoldFate::kCannot : HoldFate::kWaits;
}

env::Duration hold_patience(uint64_t bytes) {
  return kLeastHold + std::chrono::seconds(bytes / kSlowestHold);
}

std::optional<MemberId> most_complete(const std::vector<Successor>& successors) {
  if (successors.empty()) return std::nullopt;
  return std::ranges::max_element(successors, {},
                                  [](const Successor& one) {
                                    return std::tuple(one.files_complete, UINT64_MAX - one.files_missing,
                                                      one.matched);
                                  })
      ->number;
}

bool may_succeed(const std::vector<Successor>& successors, MemberId number) {
  const auto found = std::ranges::find(successors, number, &Successor::number);
  if (found == successors.end()) return false;
  return found->files_complete || std::ranges::none_of(successors, has_all);
}

env::Duration FilePace::take(uint64_t bytes, env::SteadyTime now) {
  if (rate_ == 0) return env::Duration::zero();
  const auto cost = std::chrono::duration_cast<env::Duration>(
      std::chrono::duration<double>(static_cast<double>(bytes) / static_cast<double>(rate_)));
  paid_until_ = std::max(paid_until_, now) + cost;
  return paid_until_ - now;
}

}  // namespace mullion::cluster
