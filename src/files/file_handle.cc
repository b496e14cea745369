#include "files/file_handle.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace mullion::files {

namespace {

Error not_regular() { return Error(ErrorCode::kNotFound, "Not a regular file"); }

FileFacts facts_of(const struct stat& status) {
  constexpr int64_t kBillion = 1'000'000'000;
  return {static_cast<uint64_t>(status.st_size),
          static_cast<int64_t>(status.st_mtim.tv_sec) * kBillion + status.st_mtim.tv_nsec, status.st_ino};
}

void close_if_open(int descriptor) {
  if (descriptor >= 0) ::close(descriptor);
}

}  // namespace

Result<std::string> sha256_of(const InputFile& file, const std::atomic<bool>* stop) {
  env::Sha256 hash;
  std::string piece;
  for (uint64_t offset = 0; offset < file.facts().size; offset += kPieceSize) {
    if (stop != nullptr && *stop) return Error(ErrorCode::kUnavailable, "The server stops");
    if (auto read = file.read(offset, kPieceSize, piece); !read) return read.error();
    hash.add(piece);
  }
  return hash.hex();
}

Result<InputFile> InputFile::open(const env::Path& path) {
  // Not blocking: a FIFO somebody put there must not hang us before fstat tells what it is.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENXIO) return not_regular();
    return env::error_from_errno(errno, path.filename().string());
  }
  struct stat status {};
  const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  InputFile file(descriptor, facts_of(status));
  if (!regular) return not_regular();
  return file;
}

InputFile::InputFile(InputFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), facts_(other.facts_) {}

InputFile& InputFile::operator=(InputFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(facts_, other.facts_);
  return *this;
}

InputFile::~InputFile() { close_if_open(descriptor_); }

Result<void> InputFile::read(uint64_t offset, size_t size, std::string& out) const {
  out.resize(size);
  size_t filled = 0;
  while (filled < size) {
    const ssize_t got =
        ::pread(descriptor_, out.data() + filled, size - filled, static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return env::error_from_errno(errno, "read");
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  out.resize(filled);
  return {};
}

bool InputFile::read_cached(uint64_t offset, size_t size, std::string& out) const {
  out.resize(size);
  iovec place{out.data(), size};
  const ssize_t got = ::preadv2(descriptor_, &place, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  return got >= 0 && static_cast<size_t>(got) == size;
}

Result<OutputFile> OutputFile::create(env::Path path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0) return env::error_from_errno(errno, "create " + path.filename().string());
  return OutputFile(descriptor, std::move(path), false);
}

Result<OutputFile> OutputFile::resume(env::Path path, uint64_t offset) {
  const int flags = O_WRONLY | O_CLOEXEC | O_NOFOLLOW | (offset == 0 ? O_CREAT | O_TRUNC : 0);
  const int descriptor = ::open(path.c_str(), flags, 0644);
  if (descriptor < 0 && errno != ENOENT) return env::error_from_errno(errno, "open unfinished upload");
  OutputFile file(descriptor, std::move(path), true);
  const off_t end = descriptor < 0 ? 0 : ::lseek(descriptor, 0, SEEK_END);
  if (descriptor < 0 || static_cast<uint64_t>(end) != offset) {
    return Error(ErrorCode::kConflict, fmt::format("The upload stands at {} bytes, not at {}", end, offset));
  }
  return file;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::exchange(other.path_, {})),
      stays_(other.stays_) {}

OutputFile::~OutputFile() {
  close_if_open(descriptor_);
  if (!path_.empty() && !stays_) ::unlink(path_.c_str());
}

Result<void> OutputFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(descriptor_, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return env::error_from_errno(errno, "write");
    bytes.remove_prefix(static_cast<size_t>(done));
  }
  return {};
}

Result<void> OutputFile::cut(uint64_t size) {
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0)
    return env::error_from_errno(errno, "truncate");
  return {};
}

Result<FileFacts> OutputFile::facts() const {
  struct stat status {};
  if (::fstat(descriptor_, &status) != 0) return env::error_from_errno(errno, "stat");
  return facts_of(status);
}

Result<void> OutputFile::sync() {
  if (::fsync(descriptor_) != 0) return env::error_from_errno(errno, "fsync");
  return {};
}

Result<void> OutputFile::move_to(const env::Path& target) {
  if (::rename(path_.c_str(), target.c_str()) != 0) {
    return env::error_from_errno(errno, "rename to " + target.filename().string());
  }
  ::unlink(path_.c_str());  // there still when `target` was the same file under another name
  path_.clear();
  return env::sync_directory(target.parent_path());
}

Result<std::string> file_sha256(const env::Path& file) {
  const auto input = InputFile::open(file);
  if (!input) return input.error();
  return sha256_of(*input);
}

}  // namespace mullion::files
