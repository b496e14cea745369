// The process of one server: signals, and the hand-over to another program.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <stop_token>
#include <thread>

#include "base/mutex.h"
#include "base/version.h"
#include "env/fault_note.h"
#include "env/pools.h"
#include "server/database_examiner.h"
#include "server/internal/log.h"
#include "server/process_settings.h"
#include "server/server.h"
#include "server/upgrade_supervisor.h"

namespace mullion::server {
namespace {

constexpr auto kExitPatience = std::chrono::seconds(5);  // for work that cannot be broken off
constexpr auto kEndPatience = std::chrono::seconds(20);  // for the whole end of a server that had started

bool asks_for_help(const std::vector<std::string>& arguments) {
  return std::any_of(arguments.begin(), arguments.end(),
                     [](const std::string& argument) { return argument == "--help" || argument == "-h"; });
}

bool asks_for_version(const std::vector<std::string>& arguments) {
  return std::any_of(arguments.begin(), arguments.end(),
                     [](const std::string& argument) { return argument == "--version"; });
}

int fail(const Error& error) {
  for (const std::string& message : error.messages) fmt::print(stderr, "mullion: {}\n", message);
  return 1;
}

/// Taken by a thread of their own, which hears them while the server starts too; threads started later
/// inherit the mask. What does not end in time after SIGTERM or SIGINT, whatever it waits for, is ended:
/// everything acknowledged is on the disk.
class ProcessSignals {
 public:
  ProcessSignals() {
    sigemptyset(&set_);
    for (const int number : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&set_, number);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    listener_ = std::thread([this] { listen(); });
  }
  ProcessSignals(const ProcessSignals&) = delete;
  ProcessSignals& operator=(const ProcessSignals&) = delete;
  ~ProcessSignals() { end(); }

  /// No signal is taken any more: what comes from here on waits for the program that this process becomes.
  void end() {
    if (!listener_.joinable()) return;
    {
      const Lock lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    pthread_kill(listener_.native_handle(), SIGUSR1);
    listener_.join();
  }
  /// Whether a signal has asked for the end.
  bool asked_to_end() const {
    const Lock lock(mutex_);
    return asked_to_end_;
  }

  /// Wished by the first signal that asks for the end.
  std::stop_token stop() const { return stop_.get_token(); }
  /// From here on a longer end is waited for.
  void started() {
    {
      const Lock lock(mutex_);
      started_ = true;
    }
    changed_.notify_all();
  }
  int wait() {
    Lock lock(mutex_);
    changed_.wait(lock, [this]() REQUIRES(mutex_) { return !received_.empty(); });
    const int number = received_.front();
    received_.pop_front();
    return number;
  }

 private:
  void listen() {
    while (true) {
      int number = 0;
      sigwait(&set_, &number);
      {
        const Lock lock(mutex_);
        if (ended_) return;
        received_.push_back(number);
        asked_to_end_ = asked_to_end_ || number != SIGUSR1;
      }
      changed_.notify_all();
      if (number != SIGUSR1) return await_end();
    }
  }

  void await_end() {
    std::thread asks([this] { stop_.request_stop(); });  // what is told of it may take its time
    Lock lock(mutex_);
    const bool came_up =
        changed_.wait_for(lock, kExitPatience, [this]() REQUIRES(mutex_) { return started_ || ended_; });
    const bool ended =
        came_up && changed_.wait_for(lock, kEndPatience, [this]() REQUIRES(mutex_) { return ended_; });
    lock.unlock();
    if (!ended) {
      kLog.error("the {} does not end, the process ends without it", came_up ? "server" : "start");
      std::_Exit(EXIT_FAILURE);
    }
    asks.join();
  }

  sigset_t set_;
  std::stop_source stop_;
  mutable Mutex mutex_;  // guards what follows
  ConditionVariable changed_;
  std::deque<int> received_ GUARDED_BY(mutex_);
  bool started_ GUARDED_BY(mutex_) = false;
  bool asked_to_end_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;
  std::thread listener_;
};

/// A wish of the upgrader, on its way to the thread that waits for signals.
class HandOver {
 public:
  void request(std::string token) {
    {
      Lock lock(mutex_);
      token_ = std::move(token);
    }
    ::kill(::getpid(), SIGUSR1);
  }
  void request_again() {
    again_ = true;
    ::kill(::getpid(), SIGUSR1);
  }
  bool again() const { return again_; }
  std::optional<std::string> requested() const {
    Lock lock(mutex_);
    return token_;
  }

 private:
  mutable Mutex mutex_;
  std::optional<std::string> token_ GUARDED_BY(mutex_);
  std::atomic<bool> again_{false};
};

/// Without it a fault is one like any other: the server starts again, whatever it died of.
void note_faults_in(const env::Path& base_root) {
  Result<void> noted = env::make_directories(base_root, 0750);
  if (noted) noted = env::note_faults(faults_file(base_root));
  if (!noted) kLog.warn("faults are not noted: {}", noted.error().text());
}

/// The supervisor becomes this process. Should that fail, the program that was to be replaced starts again,
/// and finds out that nothing happened.
int give_way(const env::ProcessImage& image, const env::Path& base_root, const std::string& token) {
  kLog.error("{}", hand_over(image, base_root, token).text());
  return fail(env::become(image));
}

}  // namespace

int run(const std::vector<std::string>& arguments) {
  if (asks_for_help(arguments)) {
    fmt::print("{}", settings::help_text());
    return 0;
  }
  if (asks_for_version(arguments)) {
    fmt::print("{}\n", program_version());
    return 0;
  }
  Result<settings::Settings> settings = process_settings(arguments);
  if (!settings) return fail(settings.error());
  set_log_level(parse_log_level(settings->text("log-level")));
  Result<env::ProcessImage> image = env::own_image();
  if (!image) return fail(image.error());
  ProcessSignals signals;
  note_faults_in(std::filesystem::absolute(settings->text("base-root")));
  HandOver hand_over;
  Result<std::unique_ptr<Server>> server = start(
      *settings,
      Restart{*image, arguments, [&hand_over](std::string token) { hand_over.request(std::move(token)); },
              [&hand_over] { hand_over.request_again(); }},
      signals.stop());
  if (!server && server.error().code == ErrorCode::kCancelled) {
    kLog.info("stopped while it started: {}", server.error().text());
    return 0;
  }
  if (!server) return fail(server.error());
  signals.started();
  std::optional<std::string> token;
  bool again = false;
  for (int number = signals.wait();; number = signals.wait()) {
    token = hand_over.requested();
    again = number == SIGUSR1 && !token && hand_over.again();
    if (number == SIGUSR1 && !token && !again) continue;  // from somebody who means something else
    kLog.info("stopping signal={}", number);
    if (number == SIGUSR1) signals.end();
    break;
  }
  if (signals.asked_to_end()) {
    token.reset();
    again = false;
  }
  // Everything acknowledged is on the disk: what still runs can be left behind, but that is no success.
  env::set_last_resort(kExitPatience, [&](std::string_view what) {
    kLog.error("work does not end, the process ends without it pool={}", what);
    if (token) std::_Exit(give_way(*image, std::filesystem::absolute(settings->text("base-root")), *token));
    if (again) std::_Exit(fail(env::become(*image)));
    std::_Exit(EXIT_FAILURE);
  });
  const bool stopped = (*server)->stop();
  if (stopped) server->reset();
  if (stopped) kLog.info("stopped");
  if (again) {
    if (!stopped) (void)server->release();  // it goes with this program
    return fail(env::become(*image));
  }
  if (!token && !stopped) std::_Exit(EXIT_FAILURE);
  if (!token) return 0;
  if (!stopped) (void)server->release();  // it goes with this program
  return give_way(*image, std::filesystem::absolute(settings->text("base-root")), *token);
}

}  // namespace mullion::server
