#include "env/self.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include "env/internal/exec.h"

extern char** environ;

namespace mullion::env {
namespace {

constexpr auto kPollPause = std::chrono::milliseconds(10);

/// Only what is safe between fork and exec happens here.
void exec(const char* program, char* const* arguments, char* const* environment) {
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  for (int attempt = 0; attempt < kBusyAttempts; ++attempt) {
    ::execve(program, arguments, environment);
    if (errno != ETXTBSY) return;
    const timespec pause{0, 10'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace

Result<ProcessImage> own_image() {
  ProcessImage image;
  std::error_code problem;
  image.program = std::filesystem::read_symlink("/proc/self/exe", problem);
  if (problem) return error_from_errno(problem.value(), "read /proc/self/exe");
  Result<std::string> line = read_file("/proc/self/cmdline");
  if (!line) return line.error();
  for (size_t begin = 0; begin < line->size();) {
    const size_t end = std::min(line->find('\0', begin), line->size());
    image.arguments.push_back(line->substr(begin, end - begin));
    begin = end + 1;
  }
  image.environment = own_environment();
  return image;
}

std::vector<std::string> own_environment() {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) entries.emplace_back(*entry);
  return entries;
}

Path own_program_file() { return "/proc/self/exe"; }

std::vector<std::string> with_variables(std::vector<std::string> environment,
                                        const std::map<std::string, std::string>& values) {
  std::erase_if(environment,
                [&](const std::string& entry) { return values.contains(entry.substr(0, entry.find('='))); });
  for (const auto& [name, value] : values) {
    if (!value.empty()) environment.push_back(name + "=" + value);
  }
  return environment;
}

Error become(const ProcessImage& image) {
  exec(image.program.c_str(), pointers_to(image.arguments).data(), pointers_to(image.environment).data());
  return error_from_errno(errno, "cannot start " + image.program.string());
}

Result<Trainee> Trainee::start(const ProcessImage& image) {
  const std::vector<char*> arguments = pointers_to(image.arguments);
  const std::vector<char*> environment = pointers_to(image.environment);
  const pid_t parent = ::getpid();
  const pid_t id = ::fork();
  if (id < 0) return error_from_errno(errno, "fork");
  if (id != 0) {
    ::setpgid(id, id);
    return Trainee(id);
  }
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  exec(image.program.c_str(), arguments.data(), environment.data());
  ::_exit(127);
}

Trainee::Trainee(Trainee&& other) noexcept : id_(std::exchange(other.id_, 0)), end_(other.end_) {}

Trainee::~Trainee() {
  if (id_ != 0) stop(Duration(0));
}

std::optional<ProcessEnd> Trainee::poll() {
  if (end_ || id_ == 0) return end_;
  siginfo_t ended{};
  const int failed = ::waitid(P_PID, static_cast<id_t>(id_), &ended, WEXITED | WNOHANG | WNOWAIT);
  if ((failed == 0 && ended.si_pid == 0) || (failed != 0 && errno == EINTR)) return std::nullopt;
  // What it left running; once it is reaped the number may be another group's.
  if (failed == 0) ::kill(-id_, SIGKILL);
  int status = 0;
  while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
  }
  end_ = ProcessEnd{};
  if (WIFSIGNALED(status)) end_->signal = WTERMSIG(status);
  if (WIFEXITED(status)) end_->code = WEXITSTATUS(status);
  return end_;
}

void Trainee::stop(Duration patience) {
  if (poll()) return;
  if (patience > Duration(0)) ::kill(id_, SIGTERM);
  const auto end = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < end) {
    if (poll()) return;
    std::this_thread::sleep_for(kPollPause);
  }
  ::kill(-id_, SIGKILL);
  while (!poll()) std::this_thread::sleep_for(kPollPause);
}

}  // namespace mullion::env
