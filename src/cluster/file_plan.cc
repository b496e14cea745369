#include "cluster/file_plan.h"

#include <algorithm>
#include <tuple>

namespace mullion::cluster {
namespace {

using Look = content::FollowedTree::Look;
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

std::optional<FetchChoice> next_fetch(const std::vector<WantedFile>& wanted,
                                      const std::vector<FilePeer>& peers,
                                      const std::map<std::string, MemberId>& running, env::SteadyTime now) {
  std::vector<const WantedFile*> files;
  for (const WantedFile& file : wanted) {
    if (!running.contains(file.sha256)) files.push_back(&file);
  }
  std::ranges::sort(files, {}, [](const WantedFile* file) {
    return std::tuple(!file->hurry, file->size, std::string_view(file->sha256));
  });
  std::vector<FilePeer> givers = peers;
  std::ranges::sort(givers, {}, rank_of);
  const auto gives_already = [&running](MemberId number) {
    return std::ranges::any_of(running, [number](const auto& one) { return one.second == number; });
  };
  for (const WantedFile* file : files) {
    for (const FilePeer& giver : givers) {
      const auto pause = file->not_before.find(giver.number);
      const bool waits = pause != file->not_before.end() && pause->second > now;
      if (giver.reachable && !waits && !gives_already(giver.number))
        return FetchChoice{file->sha256, giver.number};
    }
  }
  return std::nullopt;
}

env::Duration pause_after(ErrorCode failure) {
  if (failure == ErrorCode::kCorrupt) return std::chrono::seconds(30);
  if (failure == ErrorCode::kNotFound) return std::chrono::seconds(3);
  return std::chrono::seconds(1);
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
