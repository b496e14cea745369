#include "env/piped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

#include "env/internal/descriptor.h"
#include "env/internal/write_all.h"

namespace mullion::env {
namespace {

/// What is written at once, and what a stop waits for at most. As much as the kernel lets a pipe hold.
constexpr size_t kPiece = 1 << 20;
/// Of memory and of lengths that are written past the page cache, on every disk.
constexpr size_t kAlignment = 4096;

struct Freed {
  void operator()(char* memory) const { std::free(memory); }
};
using Piece = std::unique_ptr<char, Freed>;

Piece make_piece() { return Piece(static_cast<char*>(std::aligned_alloc(kAlignment, kPiece))); }

/// SIGPIPE does not come to this thread: a write that is refused says so. One that came meanwhile is taken
/// away.
class WithoutBrokenPipe {
 public:
  WithoutBrokenPipe() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  WithoutBrokenPipe(const WithoutBrokenPipe&) = delete;
  WithoutBrokenPipe& operator=(const WithoutBrokenPipe&) = delete;
  ~WithoutBrokenPipe() {
    if (sigismember(&before_, SIGPIPE) == 0) {
      constexpr timespec kAtOnce{};
      while (sigtimedwait(&set_, nullptr, &kAtOnce) == SIGPIPE) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t set_{}, before_{};
};

Result<Descriptor> make_file(const Path& path, unsigned mode) {
  constexpr int kNew = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
  Descriptor file(::open(path.c_str(), kNew | O_DIRECT, mode));
  if (!file.valid() &&
      errno == EINVAL) {  // a file system of memory; the name may have been made all the same
    ::unlink(path.c_str());
    file = Descriptor(::open(path.c_str(), kNew, mode));
  }
  if (!file.valid()) return error_from_errno(errno, "open " + path.string());
  return file;
}

/// Fills `piece` as far as there is something; answers how much.
Result<size_t> read_piece(int from, char* piece) {
  size_t size = 0;
  while (size < kPiece) {
    const ssize_t got = ::read(from, piece + size, kPiece - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return error_from_errno(errno, "read of a pipe");
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  return size;
}

/// The last piece of a file may have any length, and is written through the page cache then.
void allow_any_length(const Descriptor& file) {
  ::fcntl(file.get(), F_SETFL, ::fcntl(file.get(), F_GETFL) & ~O_DIRECT);
}

/// Takes over what comes until its end.
Result<void> receive(const Descriptor& from, const Descriptor& file, const Path& path,
                     const std::atomic<bool>* stop) {
  const Piece piece = make_piece();
  for (;;) {
    if (stop != nullptr && *stop)
      return Error(ErrorCode::kUnavailable,
                   fmt::format("{} is not finished: the server stops", path.string()));
    const Result<size_t> size = read_piece(from.get(), piece.get());
    if (!size) return size.error();
    if (*size == 0) return {};
    if (*size % kAlignment != 0) allow_any_length(file);
    if (Result<void> done = write_all(file.get(), {piece.get(), *size}, path); !done) return done;
  }
}

}  // namespace

Result<void> write_piped_file(const Path& path, unsigned mode, const std::atomic<bool>* stop,
                              const std::function<Result<void>(int descriptor)>& write) {
  const Result<Descriptor> file = make_file(path, mode);
  if (!file) return file.error();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return error_from_errno(errno, "pipe");
  Descriptor to(ends[1]);
  ::fcntl(to.get(), F_SETPIPE_SZ, static_cast<int>(kPiece));  // fewer turns; a smaller one does as well
  Result<void> received;
  std::thread receiver([&received, &file, &path, stop, from = Descriptor(ends[0])]() mutable {
    received = receive(from, *file, path, stop);
    from = Descriptor();  // whatever is written from now on is refused
  });
  Result<void> written;
  {
    const WithoutBrokenPipe guard;
    written = write(to.get());
  }
  to = Descriptor();
  receiver.join();
  return received ? written : received;
}

}  // namespace mullion::env
