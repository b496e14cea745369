#include "cli/commands/catalog_copy.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <ostream>
#include <sstream>
#include <thread>

#include "base/mutex.h"
#include "base/text.h"

namespace mullion::cli {

namespace {

/// What the workers share.
struct Work {
  const std::vector<catalog::Artifact>& files;
  const CopyOne& copy;
  Terminal& terminal GUARDED_BY(mutex);
  std::atomic<size_t> next{0};
  Mutex mutex;
  std::optional<Error> failure GUARDED_BY(mutex);

  /// What a worker's commands had to say beside their results.
  void say(const Terminal& worker, const std::string& errors) {
    const Lock lock(mutex);
    terminal.err << errors;
    terminal.notes.insert(terminal.notes.end(), worker.notes.begin(), worker.notes.end());
  }

  void done(const catalog::Artifact& artifact, const Result<void>& result) {
    const Lock lock(mutex);
    if (result) {
      terminal.out << escaped(artifact.path) << "\n" << std::flush;
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
  Work work{files, copy, call.terminal};
  at_once = std::min({std::max<size_t>(at_once, 1), kMostCopies, files.size()});
  if (at_once <= 1) {
    run_worker(work, call);
  } else {
    std::vector<std::thread> threads;
    for (size_t i = 0; i < at_once; ++i) {
      threads.emplace_back([&work, &call] {
        // A session belongs to one thread, and bars of several transfers would overwrite each other.
        std::ostringstream silence;
        std::ostringstream errors;
        std::istringstream nothing;
        Terminal terminal{silence, errors, nothing, call.terminal.variables};
        terminal.program = call.terminal.program;
        Session session(terminal, call.options);
        Invocation own{terminal,     call.options, session,    call.command,
                       call.subject, call.type,    call.flags, call.arguments};
        run_worker(work, own);
        work.say(terminal, errors.str());
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  const Lock lock(work.mutex);
  if (work.failure) return *work.failure;
  return {};
}

}  // namespace mullion::cli
