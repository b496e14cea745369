#include "cli/catalog_copy.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <ostream>
#include <sstream>
#include <thread>

namespace mullion::cli {

namespace {

/// What the workers share.
struct Work {
  const std::vector<catalog::Artifact>& files;
  const CopyOne& copy;
  std::ostream& out;
  std::atomic<size_t> next{0};
  std::mutex mutex;  // guards out and failure
  std::optional<Error> failure;

  void done(const catalog::Artifact& artifact, const Result<void>& result) {
    const std::lock_guard lock(mutex);
    if (result) {
      out << artifact.path << "\n" << std::flush;
    } else if (!failure) {
      failure = result.error();
      next = files.size();
    }
  }
};

/// One after another until none is left.
void run_worker(Work& work, Invocation& call) {
  while (true) {
    const size_t index = work.next.fetch_add(1);
    if (index >= work.files.size()) return;
    work.done(work.files[index], work.copy(call, work.files[index]));
  }
}

}  // namespace

Result<void> copy_files(Invocation& call, const std::vector<catalog::Artifact>& files, size_t at_once,
                        const CopyOne& copy) {
  Work work{files, copy, call.terminal.out};
  at_once = std::min({std::max<size_t>(at_once, 1), kMostCopies, files.size()});
  if (at_once <= 1) {
    run_worker(work, call);
  } else {
    std::vector<std::thread> threads;
    for (size_t i = 0; i < at_once; ++i) {
      threads.emplace_back([&work, &call] {
        // A session belongs to one thread, and bars of several transfers would overwrite each other.
        std::ostringstream silence;
        std::istringstream nothing;
        Terminal terminal{silence, silence, nothing, call.terminal.variables};
        Session session(terminal, call.options);
        Invocation own{terminal,     call.options, session,    call.command,
                       call.subject, call.type,    call.flags, call.arguments};
        run_worker(work, own);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  if (work.failure) return *work.failure;
  return {};
}

}  // namespace mullion::cli
