#include "env/fault_note.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "env/random.h"
#include "env/scratch_directory.h"

namespace mullion::env {
namespace {

class FaultNote : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(make_directories(folder_.path())); }

  /// The signal that ends a process which notes its faults and does this.
  template <typename Work>
  int end_by(Work work) {
    const pid_t id = ::fork();
    if (id == 0) {
      if (!note_faults(file_)) ::_exit(9);
      work();
      ::_exit(0);
    }
    int status = 0;
    while (::waitpid(id, &status, 0) < 0) continue;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }

  ScratchDirectory folder_{Path(::testing::TempDir()) / ("faults-" + random_uuid())};
  const Path file_ = folder_.path() / "faults";
};

TEST_F(FaultNote, FaultsAreCountedUntilTheyAreForgotten) {
  EXPECT_EQ(noted_faults(file_), 0U);
  EXPECT_EQ(end_by([] { std::abort(); }), SIGABRT);
  EXPECT_EQ(noted_faults(file_), 1U);
  for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE}) {
    EXPECT_EQ(end_by([&] { ::raise(number); }), number) << "it ends as ever";
    EXPECT_TRUE(is_fault(number));
  }
  EXPECT_EQ(noted_faults(file_), 5U);
  ASSERT_TRUE(forget_faults(file_));
  EXPECT_EQ(noted_faults(file_), 0U);
}

TEST_F(FaultNote, WhoEndsOtherwiseNotesNothing) {
  EXPECT_EQ(end_by([] {}), 0);
  EXPECT_EQ(end_by([] { ::raise(SIGKILL); }), SIGKILL);
  EXPECT_EQ(end_by([] { ::raise(SIGTERM); }), SIGTERM);
  EXPECT_FALSE(is_fault(SIGKILL));
  EXPECT_EQ(noted_faults(file_), 0U);
}

TEST_F(FaultNote, AFaultSentByAnotherProcessIsNone) {
  const pid_t parent = ::getpid();
  EXPECT_EQ(end_by([&] {
              const pid_t self = ::getpid();
              if (::fork() == 0) {
                ::kill(self, SIGSEGV);
                ::_exit(0);
              }
              while (::getppid() == parent) ::pause();
            }),
            SIGSEGV);
  EXPECT_EQ(noted_faults(file_), 0U);
}

TEST_F(FaultNote, WhatWasNeverNotedIsForgotten) { EXPECT_TRUE(forget_faults(file_)); }

}  // namespace
}  // namespace mullion::env
