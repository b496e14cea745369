#include "server/database_examiner.h"

#include <fmt/format.h>

#include <cstdio>

#include "env/fault_note.h"
#include "env/launch.h"
#include "env/self.h"
#include "server/internal/log.h"
#include "store/examination.h"
#include "store/store.h"

namespace mullion::server {
namespace {

using namespace std::chrono_literals;
constexpr int kDamagedCode = 3;
constexpr size_t kLargestReport = 64 << 10;
constexpr int kRuns = 2;   // that must find the same
constexpr int kTries = 3;  // when it is killed, as for want of memory
constexpr env::Duration kFirstPatience = 20s;
constexpr env::Duration kLaterPatience = 4h;

/// What a run that found damage says of it.
std::string report_of(const env::ProgramOutput& run) {
  if (run.end.signal != 0) return fmt::format("what reads it ends by {}", run.end.text());
  return run.errors.substr(0, run.errors.find('\n'));
}

}  // namespace

int examine_database(const std::vector<std::string>& arguments) {
  if (arguments.size() != 1) return 2;
  const Result<void> sound = store::examine(arguments.front());
  if (sound || sound.error().code == ErrorCode::kNotFound) return 0;
  fmt::print(stderr, "{}\n", sound.error().messages.front());
  return sound.error().code == ErrorCode::kCorrupt ? kDamagedCode : 1;
}

Finding finding_of(const Result<env::ProgramOutput>& run) {
  if (!run) return Finding::kUnknown;
  if (run->end.good()) return Finding::kSound;
  const bool damaged = run->end.signal != 0 ? env::is_fault(run->end.signal) : run->end.code == kDamagedCode;
  return damaged ? Finding::kDamaged : Finding::kUnknown;
}

env::Duration examination_patience(uint64_t faults) { return faults <= 1 ? kFirstPatience : kLaterPatience; }

env::Path faults_file(const env::Path& base_root) { return base_root / "faults"; }

DatabaseExaminer::DatabaseExaminer(env::Runtime& runtime, env::Path base_root)
    : runtime_(runtime), base_root_(std::filesystem::absolute(base_root)) {}

Result<env::ProgramOutput> DatabaseExaminer::run(const env::Path& directory, uint64_t faults) {
  env::ProcessOptions options;
  options.program = env::own_program_file();
  options.arguments = {std::string(kExamineWord), std::filesystem::absolute(directory).string()};
  options.directory = base_root_;
  return env::run(runtime_,
                  env::run_program(std::move(options), examination_patience(faults), kLargestReport));
}

Result<void> DatabaseExaminer::examine(const env::Path& directory) {
  const uint64_t faults = env::noted_faults(faults_file(base_root_));
  if (faults == 0) return {};
  kLog.warn("an earlier process ended by a fault: the database is read before it is opened path={} faults={}",
            directory.string(), faults);
  for (int left = kRuns, tries = kTries;;) {
    const Result<env::ProgramOutput> ended = run(directory, faults);
    const Finding finding = finding_of(ended);
    if (finding == Finding::kSound) {
      unsound_.erase(directory);
      return {};
    }
    unsound_.insert(directory);
    if (finding == Finding::kUnknown) {
      if (ended && ended->end.signal != 0 && --tries > 0) continue;
      kLog.warn("the database was not read to its end, and is opened all the same: {}",
                ended ? ended->end.text() : ended.error().text());
      return {};
    }
    if (--left > 0) continue;
    return store::when_opened(directory, Error(ErrorCode::kCorrupt, report_of(*ended)));
  }
}

void DatabaseExaminer::all_open() {
  if (!unsound_.empty()) return;
  if (Result<void> forgotten = env::forget_faults(faults_file(base_root_)); !forgotten)
    kLog.warn("noted faults are not forgotten: {}", forgotten.error().text());
}

}  // namespace mullion::server
