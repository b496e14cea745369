#include "env/self.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "env/random.h"
#include "env/waiting_testing.h"

namespace mullion::env {
namespace {

using namespace std::chrono_literals;

ProcessImage shell(std::string script) {
  return {"/bin/sh", {"sh", "-c", std::move(script)}, {"PATH=/usr/bin:/bin"}};
}

std::optional<ProcessEnd> end_of(Trainee& trainee) {
  for (int i = 0; i < 1000; ++i) {
    if (auto end = trainee.poll()) return end;
    ::usleep(5000);
  }
  return std::nullopt;
}

TEST(Self, KnowsWhatItWasStartedAs) {
  const Result<ProcessImage> image = own_image();
  ASSERT_TRUE(image);
  EXPECT_TRUE(image->program.is_absolute());
  ASSERT_FALSE(image->arguments.empty());
  EXPECT_EQ(Path(image->arguments.front()).filename(), image->program.filename());
}

TEST(Self, VariablesAreReplacedAndRemoved) {
  const std::vector<std::string> changed =
      with_variables({"A=1", "AB=2", "C=3"}, {{"A", ""}, {"C", "4"}, {"D", "5"}});
  EXPECT_EQ(changed, (std::vector<std::string>{"AB=2", "C=4", "D=5"}));
}

TEST(Self, BecomesNothingThatIsNotThere) {
  EXPECT_NE(become({"/nonexistent/program", {"program"}, {}}).text().find("/nonexistent/program"),
            std::string::npos);
}

TEST(Trainee, TellsHowItEnded) {
  Result<Trainee> ends = Trainee::start(shell("exit 3"));
  ASSERT_TRUE(ends);
  const auto end = end_of(*ends);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->text(), "exit code 3");
}

TEST(Trainee, AProgramThatCannotStartEnds) {
  Result<Trainee> started = Trainee::start({"/nonexistent/program", {"program"}, {}});
  ASSERT_TRUE(started);
  EXPECT_FALSE(end_of(*started)->good());
}

TEST(Trainee, StopsPolitelyThenNot) {
  const Path folder = std::filesystem::temp_directory_path() / ("mullion-trainee-" + random_uuid());
  ASSERT_TRUE(make_directories(folder));
  // A shell that is asked to end before it has set its trap ends by the signal.
  const auto trapping = [&](std::string_view action, std::string_view name) {
    return shell(
        fmt::format("trap {} TERM; : > {}; while :; do sleep 0.02; done", action, (folder / name).string()));
  };
  const auto is_set = [&](std::string_view name) {
    return eventually([&] { return std::filesystem::exists(folder / name); });
  };
  Result<Trainee> polite = Trainee::start(trapping("'exit 7'", "polite"));
  ASSERT_TRUE(polite);
  ASSERT_TRUE(is_set("polite"));
  polite->stop(60s);
  EXPECT_EQ(polite->poll()->text(), "exit code 7");
  Result<Trainee> stubborn = Trainee::start(trapping("''", "stubborn"));
  ASSERT_TRUE(stubborn);
  ASSERT_TRUE(is_set("stubborn"));
  stubborn->stop(100ms);
  EXPECT_EQ(stubborn->poll()->signal, SIGKILL);
  (void)remove_tree(folder);
}

TEST(CopyFile, ReplacesWhole) {
  const Path folder = std::filesystem::temp_directory_path() / ("mullion-copy-" + random_uuid());
  ASSERT_TRUE(make_directories(folder));
  ASSERT_TRUE(write_file_atomic(folder / "a", "new"));
  ASSERT_TRUE(write_file_atomic(folder / "b", "old"));
  ASSERT_TRUE(copy_file_atomic(folder / "a", folder / "b", 0750));
  EXPECT_EQ(*read_file(folder / "b"), "new");
  EXPECT_EQ(std::filesystem::status(folder / "b").permissions(), std::filesystem::perms(0750));
  EXPECT_FALSE(copy_file_atomic(folder / "none", folder / "b", 0750));
  EXPECT_EQ(*read_file(folder / "b"), "new");
  (void)remove_tree(folder);
}

}  // namespace
}  // namespace mullion::env
