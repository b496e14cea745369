// Child processes: started clean, watched without blocking a thread, ended with everything they started.
#pragma once

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "env/file.h"
#include "env/runtime.h"

namespace mullion::env {

/// What a child may use at most; 0: as much as this server. It never leaves a core file.
struct ProcessLimits {
  uint64_t open_files = 0;
  uint64_t address_space = 0;  // bytes
  /// All processes and threads of the account that the server runs as count, on most systems.
  uint64_t processes = 0;
};

struct ProcessOptions {
  Path program;
  std::vector<std::string> arguments;    // without the program's own name
  std::vector<std::string> environment;  // "NAME=VALUE"; nothing else is inherited
  Path directory;                        // where it runs
  ProcessLimits limits;
};

/// How a process ended.
struct ProcessEnd {
  int code = 0;    // of exit()
  int signal = 0;  // 0: it ended by itself
  bool good() const { return code == 0 && signal == 0; }
  /// "exit code 3", "signal 11".
  std::string text() const;
};

/// A child in a session of its own, without standard input, whose outputs are read here. No program that it
/// runs gains rights by its file (set-user-ID bits, capabilities). It ends with this object together with
/// everything it started (process_family.h), and with this server however that ends. Thread-safe, but one
/// reader per output and one waiter.
class Process {
 public:
  enum Output { kStandard = 0, kErrors = 1 };

  /// kNotFound and kInternal say why the program could not be started.
  static Task<Result<std::unique_ptr<Process>>> start(ProcessOptions options);
  /// Kills it with everything it started and waits for them to be gone. Blocks.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  int id() const { return id_; }
  /// The next bytes of an output; empty at its end. kCancelled.
  Task<Result<std::string>> read(Output which);
  /// Waits until the process has ended; what it left running is killed then. kTimeout after `patience`,
  /// kCancelled; kUnavailable when this server has no descriptor left to watch it with.
  Task<Result<ProcessEnd>> wait(Duration patience);
  /// Kills its process group at once; what else it started follows when its end is noticed.
  void kill();

 private:
  Process(int id, int descriptor, std::array<int, 2> outputs);
  static Result<std::unique_ptr<Process>> spawn(const ProcessOptions& options);
  ProcessEnd reap();

  const int id_;
  const int descriptor_;  // becomes readable when the process ends
  std::array<int, 2> pipes_;
  std::array<std::optional<asio::posix::stream_descriptor>, 2> readers_;
  Mutex mutex_;  // guards end_: a number that was given back must not be killed
  std::optional<ProcessEnd> end_ GUARDED_BY(mutex_);
};

/// What a program that ran to its end said.
struct ProgramOutput {
  ProcessEnd end;
  std::string output, errors;
};
/// Runs a program to its end. It is killed, with everything it started, when it takes longer than `limit`
/// (kTimeout) or prints more than `max_output` bytes to either output (kTooLarge).
Task<Result<ProgramOutput>> run_program(ProcessOptions options, Duration limit, size_t max_output);

}  // namespace mullion::env
