#include "env/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "env/internal/descriptor.h"
#include "env/internal/write_all.h"
#include "env/random.h"

namespace mullion::env {

Result<void> write_all(int descriptor, std::string_view content, const Path& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return error_from_errno(errno, "write " + path.string());
    content.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

namespace {

Result<void> copy_bytes(int from, int to, const Path& shown) {
  std::string buffer(size_t{1} << 20, '\0');
  while (true) {
    const ssize_t got = ::read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return error_from_errno(errno, "read for " + shown.string());
    if (got == 0) return {};
    Result<void> written = write_all(to, std::string_view(buffer.data(), static_cast<size_t>(got)), shown);
    if (!written) return written;
  }
}

/// Copied and durable, or an error; the caller removes what came of it.
Result<void> copy_durably(const Path& from, const Path& to, unsigned mode) {
  Descriptor source(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!source.valid()) return error_from_errno(errno, "open " + from.string());
  Descriptor target(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!target.valid()) return error_from_errno(errno, "create " + to.string());
  if (Result<void> copied = copy_bytes(source.get(), target.get(), to); !copied) return copied;
  if (::fchmod(target.get(), mode) != 0) return error_from_errno(errno, "chmod " + to.string());
  if (::fsync(target.get()) != 0) return error_from_errno(errno, "sync " + to.string());
  return {};
}

}  // namespace

Error error_from_errno(int number, std::string_view what) {
  ErrorCode code = ErrorCode::kInternal;
  if (number == ENOSPC || number == EDQUOT) code = ErrorCode::kInsufficientStorage;
  if (number == ENOENT) code = ErrorCode::kNotFound;
  if (number == EMFILE || number == ENFILE) code = ErrorCode::kUnavailable;  // others give theirs back
  return Error(code, fmt::format("{}: {}", what, std::strerror(number)));
}

Result<std::string> read_file(const Path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return error_from_errno(errno, "open " + path.string());
  std::string content;
  char buffer[65536];
  while (true) {
    const ssize_t got = ::read(file.get(), buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return error_from_errno(errno, "read " + path.string());
    if (got == 0) return content;
    content.append(buffer, static_cast<size_t>(got));
  }
}

Result<void> write_file_atomic(const Path& path, std::string_view content, unsigned mode) {
  const Path temporary = path.string() + fmt::format(".{:016x}.tmp", random_id());
  {
    Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!file.valid()) return error_from_errno(errno, "create " + temporary.string());
    Result<void> written = write_all(file.get(), content, temporary);
    if (written && ::fsync(file.get()) != 0) written = error_from_errno(errno, "sync " + temporary.string());
    if (!written) {
      ::unlink(temporary.c_str());
      return written;
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const Error error = error_from_errno(errno, "rename to " + path.string());
    ::unlink(temporary.c_str());
    return error;
  }
  return sync_directory(path.parent_path().empty() ? Path(".") : path.parent_path());
}

Result<void> copy_file_atomic(const Path& from, const Path& to, unsigned mode) {
  const Path temporary = to.string() + fmt::format(".{:016x}.tmp", random_id());
  Result<void> copied = copy_durably(from, temporary, mode);
  if (copied && ::rename(temporary.c_str(), to.c_str()) != 0)
    copied = error_from_errno(errno, "rename to " + to.string());
  if (!copied) {
    ::unlink(temporary.c_str());
    return copied;
  }
  return sync_directory(to.parent_path().empty() ? Path(".") : to.parent_path());
}

Result<void> append_to_file(const Path& path, std::string_view content, uint64_t max_size, unsigned mode) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!file.valid()) return error_from_errno(errno, "open " + path.string());
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) return error_from_errno(errno, "stat " + path.string());
  const auto size = static_cast<uint64_t>(facts.st_size);
  if (content.size() > max_size || size > max_size - content.size()) {
    return Error(ErrorCode::kTooLarge, fmt::format("more than {} bytes", max_size));
  }
  Result<void> written = write_all(file.get(), content, path);
  if (!written && ::ftruncate(file.get(), facts.st_size) != 0)
    return error_from_errno(errno, "cut " + path.string());
  return written;
}

Result<void> make_directories(const Path& path, unsigned mode) {
  std::error_code failure;
  if (std::filesystem::is_directory(path, failure)) return {};
  if (path.has_parent_path() && path.parent_path() != path) {
    if (Result<void> parent = make_directories(path.parent_path(), mode); !parent) return parent;
  }
  if (::mkdir(path.c_str(), mode) == 0) return {};
  const int number = errno;
  // Somebody else may have made it meanwhile; a file of that name is no directory.
  if (number == EEXIST && std::filesystem::is_directory(path, failure)) return {};
  return error_from_errno(number, "mkdir " + path.string());
}

Result<void> sync_directory(const Path& path) {
  Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return error_from_errno(errno, "open " + path.string());
  if (::fsync(directory.get()) != 0) return error_from_errno(errno, "sync " + path.string());
  return {};
}

Result<void> remove_tree(const Path& path) {
  std::error_code failure;
  std::filesystem::remove_all(path, failure);
  if (failure) return error_from_errno(failure.value(), "remove " + path.string());
  return {};
}

Result<FileLock> FileLock::acquire(const Path& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return error_from_errno(errno, "open " + path.string());
  FileLock lock(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const Result<std::string> holder = read_file(path);
    return Error(ErrorCode::kConflict,
                 fmt::format("{} is held by process {}", path.string(), holder ? *holder : std::string("?")));
  }
  const std::string process = std::to_string(::getpid());
  if (::ftruncate(descriptor, 0) != 0) return error_from_errno(errno, "truncate " + path.string());
  if (Result<void> written = write_all(descriptor, process, path); !written) return written.error();
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace mullion::env
