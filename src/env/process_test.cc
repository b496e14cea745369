#include "env/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <thread>

namespace mullion::env {
namespace {

using testing::HasSubstr;

class ProcessTest : public testing::Test {
 protected:
  template <typename T>
  T run(Task<T> task) {
    std::optional<T> out;
    asio::co_spawn(runtime_.executor(), keep(std::move(task), out), asio::use_future).get();
    return std::move(*out);
  }
  template <typename T>
  static Task<void> keep(Task<T> task, std::optional<T>& out) {
    out = co_await std::move(task);
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

TEST_F(ProcessTest, StartsClean) {
  ::setenv("MULLION_SECRET", "x", 1);
  auto done =
      run(run_program(shell("env; pwd; ls /proc/self/fd | wc -l; cat"), std::chrono::seconds(30), 10000));
  ASSERT_TRUE(done) << done.error().text();
  EXPECT_THAT(done->output, HasSubstr("GREETING=hello\n"));
  EXPECT_THAT(done->output, testing::Not(HasSubstr("MULLION_SECRET")));
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
  for (int i = 0; i < 500 && alive(child); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  // A child whose parent is gone may wait for init to collect it: then it is dead all the same.
  std::ifstream status("/proc/" + std::to_string(child) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(status)), {});
  EXPECT_TRUE(text.empty() || text.find(") Z ") != std::string::npos) << text;
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
