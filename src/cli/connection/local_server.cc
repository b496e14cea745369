#include "cli/connection/local_server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

namespace mullion::cli {
namespace {

namespace fs = std::filesystem;

/// Sockets that listen at one port, and whether each belongs to root or the caller.
struct Listeners {
  std::set<std::string> sockets;  // as links in /proc/PID/fd name them
  bool trusted = true;
};

/// Lines of /proc/net/tcp: number, local address, peer, state, two queues, timer, retransmits, user,
/// time-out, inode.
void add_listeners(const char* table, uint16_t port, Listeners& listeners) {
  constexpr std::string_view kListening = "0A";
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string number, local, peer, state, queues, timer, retransmits, timeout, inode;
    uint64_t user = 0;
    words >> number >> local >> peer >> state >> queues >> timer >> retransmits >> user >> timeout >> inode;
    const size_t colon = local.rfind(':');
    if (!words || state != kListening || colon == std::string::npos) continue;
    if (std::stoul(local.substr(colon + 1), nullptr, 16) != port) continue;
    listeners.sockets.insert("socket:[" + inode + "]");
    if (user != 0 && user != ::geteuid()) listeners.trusted = false;
  }
}

bool is_this_program(const fs::path& process) {
  struct stat own {};
  struct stat other {};
  return ::stat("/proc/self/exe", &own) == 0 && ::stat((process / "exe").c_str(), &other) == 0 &&
         own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

/// Takes from `sockets` what this process holds.
void remove_held(const fs::path& process, std::set<std::string>& sockets) {
  std::error_code failure;
  for (fs::directory_iterator entry(process / "fd", failure), end; !failure && entry != end;
       entry.increment(failure)) {
    std::error_code gone;
    const fs::path target = fs::read_symlink(entry->path(), gone);
    if (!gone) sockets.erase(target.string());
  }
}

}  // namespace

bool is_loopback(std::string_view host) {
  if (host == "localhost") return true;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code failure;
  const auto address = boost::asio::ip::make_address(std::string(host), failure);
  return !failure && address.is_loopback();
}

bool serves_here(uint16_t port) {
  Listeners listeners;
  add_listeners("/proc/net/tcp", port, listeners);
  add_listeners("/proc/net/tcp6", port, listeners);
  if (listeners.sockets.empty() || !listeners.trusted) return false;
  std::error_code failure;
  for (fs::directory_iterator entry("/proc", failure), end; !failure && entry != end;
       entry.increment(failure)) {
    const std::string name = entry->path().filename();
    const bool process = name.find_first_not_of("0123456789") == std::string::npos;
    if (process && is_this_program(entry->path())) remove_held(entry->path(), listeners.sockets);
    if (listeners.sockets.empty()) return true;
  }
  return false;
}

}  // namespace mullion::cli
