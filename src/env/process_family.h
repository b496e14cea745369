// Who belongs to a child process: everything that it and its descendants started, wherever that went.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace mullion::env {

/// The processes that Process started and has not collected yet, called leaders, and what they started.
///
/// A leader has a session of its own, and none of its descendants can enter the session of this server. Who
/// loses its parent becomes a child of this server, which makes itself their reaper. So everything that
/// leaders started is found: below its leader, in the session of its leader, or as a child of this server in
/// another session. The last ones are told apart by a mark in their environment; one without the mark of a
/// living leader belongs to whichever leader ends next.
///
/// Processes that this server adopted before its first leader are left alone, and so is, as process 1 of a
/// container, whoever has no mark: it may come from elsewhere. Thread-safe.
class ProcessFamilies {
 public:
  static ProcessFamilies& instance();

  /// A variable for the environment of a leader and all that it starts.
  static std::string make_mark();
  /// Forks a leader with this mark, which runs `child` and does not return. The number, or -1 with errno.
  pid_t fork_leader(std::string mark, const std::function<void()>& child);
  /// Kills everything that `leader` started, again while something new is found. The leader has ended and is
  /// not collected yet, so that its number stands for it. Blocks for looks at all processes.
  void end(pid_t leader);
  /// Waits for the end of `leader`, which is near, and gives how it ended (waitpid). Its number is free then.
  int collect_leader(pid_t leader);
  /// Collects adopted processes that have ended. Blocks for a look at all processes.
  void collect();

 private:
  /// One process as the system shows it. Number and time of its start name it for ever.
  struct Seen {
    pid_t id = 0, parent = 0, session = 0;
    uint64_t started = 0;
    bool ended = false;
  };
  using Name = std::pair<pid_t, uint64_t>;

  ProcessFamilies();
  static std::optional<Seen> look(pid_t id);
  static std::vector<Seen> look_at_all();
  static void signal(const Seen& process, int number);
  bool is_adopted(const Seen& process) const REQUIRES(mutex_);
  bool is_stray(const Seen& process, const std::string& mark) const REQUIRES(mutex_);
  std::vector<Seen> members(pid_t leader) REQUIRES(mutex_);
  bool kill_members(pid_t leader, std::set<Name>& stopped);

  const pid_t self_, session_;
  Mutex mutex_;  // guards everything below; held while a leader is forked, so that it is never a stray
  std::map<pid_t, std::string> marks_ GUARDED_BY(mutex_);  // of the leaders
  std::set<Name> bystanders_ GUARDED_BY(mutex_);
};

}  // namespace mullion::env
