// What a member does about the files that all of them are to have. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "cluster/types.h"
#include "env/clock.h"
#include "files/followed_tree.h"

namespace mullion::cluster {

/// What is known of one name.
struct FileSight {
  bool agreed = false;                                                  // there is a record of it
  files::FollowedTree::Look look = files::FollowedTree::Look::kAbsent;  // kSame or kAbsent without one
  bool held = false;    // the bytes of the record lie aside, complete
  bool known = false;   // there was a record of it, as far as this member remembers
  bool met = false;     // this member has compared its files with the records before
  bool listed = false;  // what the first member had before there were records has records now
};
enum class FileStep { kNothing, kPlace, kFetch, kRemove, kSetAside };
FileStep next_step(const FileSight& sight);

/// Bytes that are missing here.
struct WantedFile {
  std::string sha256;
  uint64_t size = 0;
  bool hurry = false;                              // somebody waits for it
  std::map<MemberId, env::SteadyTime> not_before;  // who failed to give it, and when to ask again
};
/// Another member.
struct FilePeer {
  MemberId number = 0;
  bool voter = false;
  bool reachable = false;
  bool serves = false;
  bool complete = false;  // has all files, as it says
};
struct FetchChoice {
  std::string sha256;
  MemberId from = 0;
};
/// The files that are missing here, kept in the order in which they are fetched: a look at what comes next
/// takes no longer for a million of them.
class WantedFiles {
 public:
  /// What is known of it stays.
  void want(const std::string& sha256, uint64_t size);
  void forget(const std::string& sha256);
  /// Somebody waits for it.
  void hurry(const std::string& sha256);
  /// It is not asked for at `peer` before `until`.
  void leave_alone(const std::string& sha256, MemberId peer, env::SteadyTime until);
  /// Null: it is not missing.
  const WantedFile* find(const std::string& sha256) const;
  /// What to fetch next, and from whom: what somebody waits for, then what is small, so that most is here
  /// soon; from a member that has everything rather than from others, and from the serving one last, which
  /// has other work. `running`: checksums on their way, with who gives them; nobody gives two at a time.
  std::optional<FetchChoice> next(const std::vector<FilePeer>& peers,
                                  const std::map<std::string, MemberId>& running, env::SteadyTime now) const;

 private:
  using Place = std::tuple<bool, uint64_t, std::string>;  // the first one is fetched first
  static Place place_of(const WantedFile& file) { return {!file.hurry, file.size, file.sha256}; }

  std::map<std::string, WantedFile> files_;  // by checksum
  std::set<Place> order_;
};
/// When the same member is asked again for what it did not give.
env::Duration pause_after(ErrorCode failure);

/// Whether an upload is complete. `confirmed` counts this member too.
enum class HoldFate { kWaits, kHeld, kCannot };
HoldFate fate_of_hold(size_t voters, size_t confirmed, size_t refused);
/// The same where all others that are asked for it must have it.
HoldFate fate_of_hold_by_all(const std::set<MemberId>& asked, const std::set<MemberId>& confirmed,
                             const std::set<MemberId>& refused);
/// How long an upload waits for a majority.
env::Duration hold_patience(uint64_t bytes);

/// A member that could take the lead.
struct Successor {
  MemberId number = 0;
  uint64_t matched = 0;         // of the agreed order
  bool files_complete = false;  // has all files
  uint64_t files_missing = 0;
};
/// The one to hand over to: who has all files, then who lacks fewest, then who is furthest.
std::optional<MemberId> most_complete(const std::vector<Successor>& successors);
/// Whether the lead may go to `number`: it lacks no file, or everybody does.
bool may_succeed(const std::vector<Successor>& successors, MemberId number);

/// Bytes a second, on average; 0: as fast as it goes.
class FilePace {
 public:
  explicit FilePace(uint64_t rate) : rate_(rate) {}
  /// How long to wait after `bytes` were taken at `now`.
  env::Duration take(uint64_t bytes, env::SteadyTime now);

 private:
  const uint64_t rate_;
  env::SteadyTime paid_until_{};
};

}  // namespace mullion::cluster
