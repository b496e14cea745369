#include "env/fault_note.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>

namespace mullion::env {
namespace {

constexpr std::array kFaults = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE};

std::atomic<int> note{-1};  // the open file
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler reads it");

/// Only what is safe in a signal handler happens here. A signal that another process sent says nothing about
/// this one; abort() sends one to itself.
void on_fault(int number, siginfo_t* info, void* /*context*/) {
  if (info->si_code > 0 || info->si_pid == ::getpid()) {
    const char byte = static_cast<char>(number);
    static_cast<void>(!::write(note.load(), &byte, 1));
  }
  ::raise(number);  // its default action is back
}

}  // namespace

Result<void> note_faults(const Path& file) {
  const int opened = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (opened < 0) return error_from_errno(errno, "open " + file.string());
  if (const int before = note.exchange(opened); before >= 0) ::close(before);
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_RESETHAND | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  for (const int number : kFaults) ::sigaction(number, &action, nullptr);
  return {};
}

uint64_t noted_faults(const Path& file) {
  std::error_code failure;
  const uint64_t size = std::filesystem::file_size(file, failure);
  return failure ? 0 : size;
}

/// Emptied, not removed: it may be open for the next note.
Result<void> forget_faults(const Path& file) {
  std::error_code failure;
  std::filesystem::resize_file(file, 0, failure);
  if (!failure || failure == std::errc::no_such_file_or_directory) return {};
  return error_from_errno(failure.value(), "empty " + file.string());
}

bool is_fault(int signal) { return std::ranges::find(kFaults, signal) != kFaults.end(); }

}  // namespace mullion::env
