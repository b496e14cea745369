#include "env/disk.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace mullion::env {
namespace {

Result<void> sync_file(const Path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return error_from_errno(errno, "open " + path.string());
  const int done = ::fsync(file);
  const int number = errno;
  ::close(file);
  if (done != 0) return error_from_errno(number, "sync " + path.string());
  return {};
}

}  // namespace

Result<uint64_t> free_space(const Path& path) {
  struct statvfs facts {};
  if (::statvfs(path.c_str(), &facts) != 0) return error_from_errno(errno, "free space of " + path.string());
  const uint64_t blocks = ::geteuid() == 0 ? facts.f_bfree : facts.f_bavail;
  return blocks * facts.f_frsize;
}

Result<void> move_durably(const Path& from, const Path& to) {
  if (Result<void> synced = sync_file(from); !synced) return synced;
  if (::rename(from.c_str(), to.c_str()) != 0) return error_from_errno(errno, "rename to " + to.string());
  return sync_directory(to.parent_path());
}

}  // namespace mullion::env
