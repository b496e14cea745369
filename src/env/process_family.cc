#include "env/process_family.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <sstream>
#include <thread>

#include "base/mutex.h"
#include "env/file.h"
#include "env/internal/log.h"
#include "env/random.h"

namespace mullion::env {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kVariable = "MULLION_FAMILY=";
/// Looks at the processes before those that cannot be killed (waiting for a device) are given up.
constexpr int kMostLooks = 200;
constexpr auto kPause = std::chrono::milliseconds(2);

/// Empty when the process is gone, which may happen between opening and reading its file.
std::string text_of(const fs::path& file) {
  Result<std::string> text = read_file(file);
  return text ? std::move(*text) : std::string();
}

/// The mark in the environment a process was started with; empty when there is none, or it is not shown.
std::string mark_of(pid_t id) {
  const std::string all = '\0' + text_of("/proc/" + std::to_string(id) + "/environ");
  const size_t at = all.find('\0' + std::string(kVariable));
  if (at == std::string::npos) return "";
  return all.substr(at + 1, all.find('\0', at + 1) - at - 1);
}

void collect_child(pid_t id) { (void)::waitpid(id, nullptr, WNOHANG); }

}  // namespace

ProcessFamilies& ProcessFamilies::instance() {
  static ProcessFamilies families;
  return families;
}

ProcessFamilies::ProcessFamilies() : self_(::getpid()), session_(::getsid(0)) {
  for (const Seen& process : look_at_all()) {
    // One with a mark is what an earlier program of this process left.
    if (process.parent == self_ && mark_of(process.id).empty())
      bystanders_.emplace(process.id, process.started);
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

std::string ProcessFamilies::make_mark() { return std::string(kVariable) + random_uuid(); }

std::optional<ProcessFamilies::Seen> ProcessFamilies::look(pid_t id) {
  const std::string stat = text_of("/proc/" + std::to_string(id) + "/stat");
  const size_t name_end = stat.rfind(')');  // the name itself may hold anything
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(stat.substr(name_end + 1));
  constexpr int kBetween = 15;  // fields from the terminal to the interval timer
  Seen process;
  process.id = id;
  std::string state, group, skipped;
  fields >> state >> process.parent >> group >> process.session;
  for (int i = 0; i < kBetween; ++i) fields >> skipped;
  if (!(fields >> process.started)) return std::nullopt;
  process.ended = state == "Z" || state == "X";
  return process;
}

std::vector<ProcessFamilies::Seen> ProcessFamilies::look_at_all() {
  std::vector<Seen> all;
  std::error_code problem;
  for (fs::directory_iterator at("/proc", problem), end; !problem && at != end; at.increment(problem)) {
    const std::string name = at->path().filename().string();
    if (!std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; })) continue;
    if (const std::optional<Seen> process = look(static_cast<pid_t>(std::stol(name))))
      all.push_back(*process);
  }
  return all;
}

/// Never to a process that got the number meanwhile.
void ProcessFamilies::signal(const Seen& process, int number) {
  const int descriptor = static_cast<int>(::syscall(SYS_pidfd_open, process.id, 0));
  if (descriptor < 0) return;
  const std::optional<Seen> now = look(process.id);
  if (now && now->started == process.started)
    (void)::syscall(SYS_pidfd_send_signal, descriptor, number, nullptr, 0);
  ::close(descriptor);
}

/// A child of this server that another process started.
bool ProcessFamilies::is_adopted(const Seen& process) const {
  return process.parent == self_ && process.session != session_ && !marks_.contains(process.id) &&
         !bystanders_.contains({process.id, process.started});
}

bool ProcessFamilies::is_stray(const Seen& process, const std::string& mark) const {
  if (!is_adopted(process)) return false;
  const std::string found = mark_of(process.id);
  if (found.empty()) return self_ != 1;
  if (found == mark) return true;
  return std::none_of(marks_.begin(), marks_.end(),
                      [&found](const auto& leader) { return leader.second == found; });
}

std::vector<ProcessFamilies::Seen> ProcessFamilies::members(pid_t leader) {
  const std::string& mark = marks_[leader];
  std::vector<Seen> rest = look_at_all(), found;
  std::set<pid_t> known{leader};
  const auto belongs = [&](const Seen& process) REQUIRES(mutex_) {
    return known.contains(process.parent) || process.session == leader || is_stray(process, mark);
  };
  std::erase_if(rest, [leader](const Seen& process) { return process.id == leader; });
  while (true) {
    const auto others = std::partition(rest.begin(), rest.end(), belongs);
    if (others == rest.begin()) return found;
    for (auto process = rest.begin(); process != others; ++process) known.insert(process->id);
    found.insert(found.end(), rest.begin(), others);
    rest.erase(rest.begin(), others);
  }
}

/// One look; whether there was somebody. Who is stopped starts nothing more: nobody is killed before a look
/// found none but stopped ones.
bool ProcessFamilies::kill_members(pid_t leader, std::set<Name>& stopped) {
  const Lock lock(mutex_);
  std::vector<Seen> found = members(leader);
  for (const Seen& process : found) {
    if (process.ended && process.parent == self_) collect_child(process.id);
  }
  std::erase_if(found, [](const Seen& process) { return process.ended; });
  bool fresh = false;
  for (const Seen& process : found) {
    if (!stopped.emplace(process.id, process.started).second) continue;
    fresh = true;
    signal(process, SIGSTOP);
  }
  if (!fresh) {
    for (const Seen& process : found) signal(process, SIGKILL);
  }
  return !found.empty();
}

void ProcessFamilies::end(pid_t leader) {
  std::set<Name> stopped;
  for (int look = 0; look < kMostLooks; ++look) {
    if (!kill_members(leader, stopped)) return;
    std::this_thread::sleep_for(kPause);
  }
  kLog.warn("not everything that a program started could be ended process={}", leader);
}

pid_t ProcessFamilies::fork_leader(std::string mark, const std::function<void()>& child) {
  const Lock lock(mutex_);
  const pid_t id = ::fork();
  if (id == 0) child();
  if (id > 0) marks_.emplace(id, std::move(mark));
  return id;
}

int ProcessFamilies::collect_leader(pid_t leader) {
  const Lock lock(mutex_);
  int status = 0;
  while (::waitpid(leader, &status, 0) < 0 && errno == EINTR) {
  }
  marks_.erase(leader);
  return status;
}

void ProcessFamilies::collect() {
  const Lock lock(mutex_);
  for (const Seen& process : look_at_all()) {
    if (process.ended && is_adopted(process)) collect_child(process.id);
  }
}

}  // namespace mullion::env
