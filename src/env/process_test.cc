#include "env/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <iterator>
#include <optional>
#include <sstream>
#include <thread>

#include "env/descriptors_testing.h"
#include "env/launch.h"
#include "env/process_family.h"
#include "env/waiting_testing.h"

namespace mullion::env {
namespace {

using ::testing::HasSubstr;

class ProcessTest : public ::testing::Test {
 protected:
  template <typename T>
  T run(Task<T> task) {
    return env::run(runtime_, std::move(task));
  }
  static ProcessOptions shell(const std::string& script) {
    return {"/bin/sh", {"-c", script}, {"GREETING=hello", "PATH=/usr/bin:/bin"}, "/tmp"};
  }
  static bool alive(int id) { return ::kill(id, 0) == 0; }
  Runtime runtime_{2};
};

TEST_F(ProcessTest, GivesOutputsAndEnd) {
  auto done = run(run_program(shell("echo out; echo err >&2; exit 3"), std::chrono::seconds(30), 1000));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->output, "out\n");
  EXPECT_EQ(done->errors, "err\n");
  EXPECT_EQ(done->end.text(), "exit code 3");
  EXPECT_FALSE(done->end.good());
}

// What is looked at may be gone before its files are read.
TEST_F(ProcessTest, OthersMayComeAndGoMeanwhile) {
  std::atomic<bool> enough{false};
  std::vector<std::thread> others;
  for (int i = 0; i < 8; ++i) {
    others.emplace_back([&enough] {
      char name[] = "true";
      char* arguments[] = {name, nullptr};
      while (!enough) {
        pid_t id = 0;
        if (::posix_spawn(&id, "/bin/true", nullptr, nullptr, arguments, environ) == 0)
          ::waitpid(id, nullptr, 0);
      }
    });
  }
  for (int i = 0; i < 40; ++i) {
    auto done = run(run_program(shell("exit 3"), std::chrono::seconds(30), 1000));
    EXPECT_TRUE(done) << done.error().text();
  }
  enough = true;
  for (std::thread& other : others) other.join();
}

// Who waits for the end of a program may be woken before it has ended (readiness.h).
TEST_F(ProcessTest, IsNotEndedByWhatBecomesOfOtherDescriptors) {
  Runtime busy(4);
  const DescriptorsThatComeAndGo others(busy);
  auto process = env::run(busy, Process::start(shell("exec sleep 600")));
  ASSERT_TRUE(process) << process.error().text();
  for (int i = 0; i < 2000; ++i) {
    auto waited = env::run(busy, (*process)->wait(std::chrono::microseconds(50)));
    ASSERT_FALSE(waited) << waited->text() << " at " << i;
    ASSERT_EQ(waited.error().code, ErrorCode::kTimeout);
  }
}

TEST_F(ProcessTest, SaysThatItCannotBeWatched) {
  auto process = run(Process::start(shell("exec sleep 600")));
  ASSERT_TRUE(process) << process.error().text();
  // Sanitizers need a descriptor when they see something for the first time.
  ASSERT_FALSE(run((*process)->wait(std::chrono::milliseconds(1))));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{1, before.rlim_max};  // the standard input has that one
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  auto waited = run((*process)->wait(std::chrono::seconds(30)));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, ErrorCode::kUnavailable);
}

TEST_F(ProcessTest, StartsClean) {
  ::setenv("MULLION_SECRET", "x", 1);
  auto done =
      run(run_program(shell("env; pwd; ls /proc/self/fd | wc -l; cat"), std::chrono::seconds(30), 10000));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_THAT(done->output, HasSubstr("GREETING=hello\n"));
  EXPECT_THAT(done->output, ::testing::Not(HasSubstr("MULLION_SECRET")));
  EXPECT_THAT(done->output, HasSubstr("/tmp\n4\n")) << "three outputs, and the folder that ls reads";
}

TEST_F(ProcessTest, SaysWhyItCannotStart) {
  auto absent = run(run_program({"/nonexistent/program", {}, {}, "/tmp"}, std::chrono::seconds(30), 10));
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::kNotFound);
  auto no_folder = run(run_program({"/bin/true", {}, {}, "/nonexistent"}, std::chrono::seconds(30), 10));
  EXPECT_FALSE(no_folder);
}

TEST_F(ProcessTest, KillsWhatTakesTooLongWithItsChildren) {
  auto late = run(run_program(shell("sleep 600 & echo $!; sleep 600"), std::chrono::milliseconds(300), 1000));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kTimeout);
}

TEST_F(ProcessTest, KillsWhatPrintsTooMuch) {
  auto much = run(run_program(shell("exec yes"), std::chrono::seconds(30), 100000));
  ASSERT_FALSE(much);
  EXPECT_EQ(much.error().code, ErrorCode::kTooLarge);
}

TEST_F(ProcessTest, ItsChildrenEndWithIt) {
  auto done = run(run_program(shell("sleep 600 >/dev/null 2>&1 & echo $!"), std::chrono::seconds(30), 1000));
  ASSERT_TRUE(done);
  const int child = std::stoi(done->output);
  EXPECT_FALSE(alive(child));
}

TEST_F(ProcessTest, WhoLeavesItsGroupEndsWithIt) {
  // Sessions of their own, parents that are gone, no variable of the environment left.
  const std::string script =
      "for i in $(seq 10); do"
      " setsid sh -c 'echo $$; exec sleep 600' &"
      " (setsid sh -c 'echo $$; exec sleep 600' &);"
      " (env -i setsid /bin/sh -c 'echo $$; exec /bin/sleep 600' &); done; exec sleep 600";
  auto process = run(Process::start(shell(script)));
  ASSERT_TRUE(process) << process.error().text();
  std::string said;
  while (std::count(said.begin(), said.end(), '\n') < 30) {
    auto more = run((*process)->read(Process::kStandard));
    ASSERT_TRUE(more && !more->empty());
    said += *more;
  }
  process->reset();
  std::istringstream numbers(said);
  for (int child = 0; numbers >> child;) EXPECT_FALSE(alive(child)) << child;
}

TEST_F(ProcessTest, OthersKeepWhatTheyStarted) {
  auto other = run(Process::start(shell("(setsid sh -c 'echo $$; exec sleep 600' &); exec sleep 600")));
  ASSERT_TRUE(other);
  auto said = run((*other)->read(Process::kStandard));
  ASSERT_TRUE(said);
  const int child = std::stoi(*said);
  ASSERT_TRUE(run(run_program(shell("true"), std::chrono::seconds(30), 1000)));
  EXPECT_TRUE(alive(child) && alive((*other)->id()));
  other->reset();
  EXPECT_FALSE(alive(child));
}

TEST_F(ProcessTest, OwnChildrenOfThisProcessAreLeftAlone) {
  const pid_t own = ::fork();
  if (own == 0) {
    ::pause();
    ::_exit(0);
  }
  ASSERT_TRUE(run(run_program(shell("true"), std::chrono::seconds(30), 1000)));
  EXPECT_TRUE(alive(own));
  EXPECT_EQ(::waitpid(own, nullptr, WNOHANG), 0);
  ::kill(own, SIGKILL);
  EXPECT_EQ(::waitpid(own, nullptr, 0), own);
}

TEST_F(ProcessTest, AdoptedProcessesThatEndedAreCollected) {
  auto process = run(Process::start(shell("(setsid sh -c 'echo $$' &); exec sleep 600")));
  ASSERT_TRUE(process);
  auto said = run((*process)->read(Process::kStandard));
  ASSERT_TRUE(said);
  const int child = std::stoi(*said);
  EXPECT_TRUE(eventually([&] {
    ProcessFamilies::instance().collect();
    return !alive(child);
  }));
  EXPECT_TRUE(alive((*process)->id()));
}

TEST_F(ProcessTest, IsConfined) {
  ProcessOptions options = shell(
      "grep NoNewPrivs /proc/self/status; ulimit -c; ulimit -n; ulimit -v; "
      "test $(ps -o sid= -p $$) = $$ && echo session");
  options.limits = {.open_files = 100, .address_space = uint64_t{1} << 30};
  auto done = run(run_program(std::move(options), std::chrono::seconds(30), 1000));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_EQ(done->output, "NoNewPrivs:\t1\n0\n100\n1048576\nsession\n");
}

TEST_F(ProcessTest, EndsWithItsObject) {
  auto process = run(Process::start(shell("exec sleep 600")));
  ASSERT_TRUE(process);
  const int id = (*process)->id();
  EXPECT_TRUE(alive(id));
  auto waited = run((*process)->wait(std::chrono::milliseconds(10)));
  ASSERT_FALSE(waited);
  EXPECT_EQ(waited.error().code, ErrorCode::kTimeout);
  process->reset();
  EXPECT_FALSE(alive(id));
}

TEST_F(ProcessTest, TellsTheSignal) {
  auto done = run(run_program(shell("kill -11 $$"), std::chrono::seconds(30), 1000));
  ASSERT_TRUE(done);
  EXPECT_EQ(done->end.text(), "signal 11");
}

}  // namespace
}  // namespace mullion::env
