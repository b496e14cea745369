#include "env/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/mutex.h"
#include "env/internal/descriptor.h"
#include "env/internal/exec.h"
#include "env/process_family.h"
#include "env/readiness.h"

namespace mullion::env {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr auto kBusyPause = std::chrono::milliseconds(10);

struct Pipe {
  Descriptor read, write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return error_from_errno(errno, "pipe");
  const Descriptor read(ends[0]), write(ends[1]);
  Pipe pipe{read.lifted(), write.lifted()};
  if (!pipe.read.valid() || !pipe.write.valid()) return error_from_errno(errno, "pipe");
  return pipe;
}

/// Everything the child needs: between fork and exec it may not allocate.
struct Launch {
  const char* program;
  char* const* arguments;
  char* const* environment;
  const char* directory;
  int input, output, errors, report;
  pid_t parent;
  ProcessLimits limits;
};

/// 0 is no limit beside that of this server, which is never raised.
void set_limit(__rlimit_resource resource, uint64_t value) {
  rlimit now{};
  if (value == 0 || ::getrlimit(resource, &now) != 0) return;
  const rlim_t most = std::min<rlim_t>(now.rlim_max, value);
  const rlimit wanted{most, most};
  ::setrlimit(resource, &wanted);
}

void confine(const ProcessLimits& limits) {
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);  // what it holds in memory must not land on the disk
  set_limit(RLIMIT_NOFILE, limits.open_files);
  set_limit(RLIMIT_AS, limits.address_space);
  set_limit(RLIMIT_NPROC, limits.processes);
}

[[noreturn]] void run_child(const Launch& launch) {
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != launch.parent) ::_exit(127);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::dup2(launch.input, 0);
  ::dup2(launch.output, 1);
  ::dup2(launch.errors, 2);
  ::dup2(launch.report, 3);
  ::fcntl(3, F_SETFD, FD_CLOEXEC);
  ::close_range(4, ~0U, 0);
  confine(launch.limits);
  if (::chdir(launch.directory) == 0) ::execve(launch.program, launch.arguments, launch.environment);
  const int number = errno;
  (void)!::write(3, &number, sizeof(number));
  ::_exit(127);
}

/// 0 when the program runs, else why it does not.
int failure_of(int report) {
  int number = 0;
  ssize_t got = -1;
  do {
    got = ::read(report, &number, sizeof(number));
  } while (got < 0 && errno == EINTR);
  return got == sizeof(number) ? number : 0;
}

int open_pidfd(pid_t id) { return static_cast<int>(::syscall(SYS_pidfd_open, id, 0)); }

void forget_child(pid_t id) {
  ::kill(id, SIGKILL);
  (void)ProcessFamilies::instance().collect_leader(id);
}

/// Waits until `descriptor` may be readable, which it is not always then (is_readable). kTimeout, kCancelled;
/// kUnavailable when no descriptor is left to watch it with.
Task<Result<void>> wait_readable(int descriptor, std::chrono::steady_clock::time_point until) {
  using asio::experimental::awaitable_operators::operator||;
  Descriptor copy(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) co_return error_from_errno(errno, "watch a program");
  const auto executor = co_await asio::this_coro::executor;
  asio::posix::stream_descriptor watched(executor, copy.release());
  asio::steady_timer timer(executor, until);
  boost::system::error_code failure, timer_failure;
  const auto outcome = co_await (watched.async_wait(asio::posix::stream_descriptor::wait_read,
                                                    asio::redirect_error(asio::use_awaitable, failure)) ||
                                 timer.async_wait(asio::redirect_error(asio::use_awaitable, timer_failure)));
  if (outcome.index() == 0 && !failure) co_return Result<void>();
  if (outcome.index() == 1 && !timer_failure) co_return Error(ErrorCode::kTimeout, "still running");
  co_return Error(ErrorCode::kCancelled, "cancelled");
}

Task<Result<void>> collect(Process& process, Process::Output which, size_t limit, std::string& out) {
  while (true) {
    Result<std::string> piece = co_await process.read(which);
    if (!piece) co_return piece.error();
    if (piece->empty()) co_return Result<void>();
    out += *piece;
    if (out.size() <= limit) continue;
    process.kill();
    co_return Error(ErrorCode::kTooLarge, fmt::format("printed more than {} bytes", limit));
  }
}

}  // namespace

std::string ProcessEnd::text() const {
  return signal != 0 ? fmt::format("signal {}", signal) : fmt::format("exit code {}", code);
}

Process::Process(int id, int descriptor, std::array<int, 2> outputs)
    : id_(id), descriptor_(descriptor), pipes_(outputs) {}

Process::~Process() {
  if (!end_) {
    kill();
    reap();
  }
  ::close(descriptor_);
  for (const int pipe : pipes_) {
    if (pipe >= 0) ::close(pipe);
  }
}

Task<Result<std::unique_ptr<Process>>> Process::start(ProcessOptions options) {
  for (int attempt = 1;; ++attempt) {
    Result<std::unique_ptr<Process>> started = spawn(options);
    const bool busy = !started && started.error().code == ErrorCode::kConflict;
    if (!busy || attempt == kBusyAttempts) co_return started;
    const bool slept = co_await sleep_for(kBusyPause);
    if (!slept) co_return Error(ErrorCode::kCancelled, "cancelled");
  }
}

Result<std::unique_ptr<Process>> Process::spawn(const ProcessOptions& options) {
  std::vector<std::string> arguments{options.program.string()};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  std::vector<std::string> environment = options.environment;
  const std::string mark = ProcessFamilies::make_mark();
  environment.push_back(mark);
  const std::vector<char*> argument_pointers = pointers_to(arguments);
  const std::vector<char*> environment_pointers = pointers_to(environment);
  const Descriptor nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Descriptor input = nothing.lifted();
  Result<Pipe> output = make_pipe();
  if (!output) return output.error();
  Result<Pipe> errors = make_pipe();
  if (!errors) return errors.error();
  Result<Pipe> report = make_pipe();
  if (!report) return report.error();
  const Launch launch{options.program.c_str(),
                      argument_pointers.data(),
                      environment_pointers.data(),
                      options.directory.c_str(),
                      input.get(),
                      output->write.get(),
                      errors->write.get(),
                      report->write.get(),
                      ::getpid(),
                      options.limits};
  const pid_t id = ProcessFamilies::instance().fork_leader(mark, [&launch] { run_child(launch); });
  if (id < 0) return error_from_errno(errno, "fork");
  report->write = Descriptor();
  const int number = failure_of(report->read.get());
  const int descriptor = number == 0 ? open_pidfd(id) : -1;
  if (descriptor < 0) {
    const Error error = error_from_errno(number == 0 ? errno : number, "cannot start the program");
    forget_child(id);
    if (number == ETXTBSY) return Error(ErrorCode::kConflict, error.messages.front());
    return error;
  }
  return std::unique_ptr<Process>(
      new Process(id, descriptor, {output->read.release(), errors->read.release()}));
}

Task<Result<std::string>> Process::read(Output which) {
  std::optional<asio::posix::stream_descriptor>& reader = readers_[which];
  if (!reader) reader.emplace(co_await asio::this_coro::executor, std::exchange(pipes_[which], -1));
  std::string bytes(kReadBytes, '\0');
  boost::system::error_code failure;
  const size_t got = co_await reader->async_read_some(asio::buffer(bytes),
                                                      asio::redirect_error(asio::use_awaitable, failure));
  if (failure == asio::error::operation_aborted) co_return Error(ErrorCode::kCancelled, "cancelled");
  bytes.resize(failure ? 0 : got);
  co_return bytes;
}

Task<Result<ProcessEnd>> Process::wait(Duration patience) {
  {
    Lock lock(mutex_);
    if (end_) co_return *end_;
  }
  const auto now = std::chrono::steady_clock::now();
  const auto most = std::chrono::steady_clock::time_point::max() - now;
  const auto until = now + std::min<std::chrono::nanoseconds>(patience, most);
  do {
    Result<void> woken = co_await wait_readable(descriptor_, until);
    if (!woken) co_return woken.error();
  } while (!is_readable(descriptor_));
  ProcessEnd end;
  co_await run_blocking([&] { end = reap(); });
  co_return end;
}

ProcessEnd Process::reap() {
  Lock lock(mutex_);
  if (end_) return *end_;
  ::kill(-id_, SIGKILL);  // while the leader is not reaped its number stands for this group only
  siginfo_t ended{};
  while (::waitid(P_PID, static_cast<id_t>(id_), &ended, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
  ProcessFamilies::instance().end(id_);
  const int status = ProcessFamilies::instance().collect_leader(id_);
  end_ = ProcessEnd{};
  if (WIFSIGNALED(status)) end_->signal = WTERMSIG(status);
  if (WIFEXITED(status)) end_->code = WEXITSTATUS(status);
  return *end_;
}

void Process::kill() {
  Lock lock(mutex_);
  if (!end_) ::kill(-id_, SIGKILL);
}

Task<Result<ProgramOutput>> run_program(ProcessOptions options, Duration limit, size_t max_output) {
  using asio::experimental::awaitable_operators::operator&&;
  using asio::experimental::awaitable_operators::operator||;
  Result<std::unique_ptr<Process>> started = co_await Process::start(std::move(options));
  if (!started) co_return started.error();
  Process& process = **started;
  ProgramOutput out;
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(limit));
  boost::system::error_code timer_failure;
  const auto outcome = co_await ((collect(process, Process::kStandard, max_output, out.output) &&
                                  collect(process, Process::kErrors, max_output, out.errors) &&
                                  process.wait(Duration::max())) ||
                                 timer.async_wait(asio::redirect_error(asio::use_awaitable, timer_failure)));
  if (outcome.index() == 1) {
    if (timer_failure) co_return Error(ErrorCode::kCancelled, "cancelled");
    co_return Error(ErrorCode::kTimeout,
                    fmt::format("did not end within {} s", std::chrono::duration<double>(limit).count()));
  }
  const auto& [printed, complained, ended] = std::get<0>(outcome);
  if (!printed) co_return printed.error();
  if (!complained) co_return complained.error();
  if (!ended) co_return ended.error();
  out.end = *ended;
  co_return out;
}

}  // namespace mullion::env
