#include "server/database_examiner.h"

#include <gtest/gtest.h>

#include <csignal>

namespace mullion::server {
namespace {

using namespace std::chrono_literals;

Result<env::ProgramOutput> run_that_ended(int code, int signal = 0) {
  return env::ProgramOutput{{code, signal}, "", ""};
}

TEST(Examiner, OnlyWhatDiesOfReadingOrSaysSoIsDamaged) {
  const struct {
    std::string_view name;
    Result<env::ProgramOutput> run;
    Finding finding;
  } cases[] = {
      {"read to its end", run_that_ended(0), Finding::kSound},
      {"damage in words", run_that_ended(3), Finding::kDamaged},
      {"died of a page", run_that_ended(0, SIGSEGV), Finding::kDamaged},
      {"died of a page that the disk does not give", run_that_ended(0, SIGBUS), Finding::kDamaged},
      {"an assertion of the engine", run_that_ended(0, SIGABRT), Finding::kDamaged},
      {"killed, for want of memory", run_that_ended(0, SIGKILL), Finding::kUnknown},
      {"asked to end", run_that_ended(0, SIGTERM), Finding::kUnknown},
      {"it could not be read", run_that_ended(1), Finding::kUnknown},
      {"no such program", run_that_ended(127), Finding::kUnknown},
      {"out of time", Error(ErrorCode::kTimeout, "did not end"), Finding::kUnknown},
      {"could not be started", Error(ErrorCode::kInternal, "fork"), Finding::kUnknown},
  };
  for (const auto& one : cases) EXPECT_EQ(finding_of(one.run), one.finding) << one.name;
}

TEST(Examiner, TheFirstFaultDelaysAStartForAWhileOnly) {
  EXPECT_LE(examination_patience(1), 20s);
  EXPECT_GE(examination_patience(2), 1h) << "then it is read to its end";
}

}  // namespace
}  // namespace mullion::server
