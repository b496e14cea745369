#include "env/disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "env/internal/descriptor.h"

namespace mullion::env {
Result<void> sync_file(const Path& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return error_from_errno(errno, "open " + path.string());
  const int done = ::fsync(file);
  const int number = errno;
  ::close(file);
  if (done != 0) return error_from_errno(number, "sync " + path.string());
  return {};
}

Result<uint64_t> free_space(const Path& path) {
  struct statvfs facts {};
  if (::statvfs(path.c_str(), &facts) != 0) return error_from_errno(errno, "free space of " + path.string());
  const uint64_t blocks = ::geteuid() == 0 ? facts.f_bfree : facts.f_bavail;
  return blocks * facts.f_frsize;
}

Result<void> reserve_space(const Path& path, uint64_t size) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return error_from_errno(errno, "open " + path.string());
  if (::fallocate(file.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size)) == 0) return {};
  if (errno != EOPNOTSUPP) return error_from_errno(errno, "reserve space for " + path.string());
  // This file system promises nothing; what it has now is the best that is known.
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) return error_from_errno(errno, "size of " + path.string());
  const Result<uint64_t> free = free_space(path);
  if (!free.ok()) return free.error();
  const auto taken = static_cast<uint64_t>(facts.st_blocks) * 512;
  if (size > taken && size - taken > *free)
    return error_from_errno(ENOSPC, "reserve space for " + path.string());
  return {};
}

Result<void> forget_cached(const Path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return error_from_errno(errno, "open " + path.string());
  const int code = ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);
  if (code != 0) return error_from_errno(code, "forget the cache of " + path.string());
  return {};
}

Result<void> move_durably(const Path& from, const Path& to) {
  if (Result<void> synced = sync_file(from); !synced) return synced;
  if (::rename(from.c_str(), to.c_str()) != 0) return error_from_errno(errno, "rename to " + to.string());
  return sync_directory(to.parent_path());
}

}  // namespace mullion::env
