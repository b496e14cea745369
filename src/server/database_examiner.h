// A database that ends the process which reads it would end it at each start again: after a fault it is read
// by a child before it is opened.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "env/process.h"
#include "env/runtime.h"

namespace mullion::server {

/// How `main` is told what to be.
inline constexpr std::string_view kExamineWord = "__examine_database";

/// `mullion __examine_database DIRECTORY`: reads all of the database there (store/examination.h).
int examine_database(const std::vector<std::string>& arguments);

/// What one run of it has shown. Being killed, or running out of time, shows nothing.
enum class Finding { kSound, kDamaged, kUnknown };
/// Pure.
Finding finding_of(const Result<env::ProgramOutput>& run);
/// How long it may take when so many faults were noted since all was found sound: after the first one a large
/// database delays the start for a while only, and is not read to its end; after the next one it is. Pure.
env::Duration examination_patience(uint64_t faults);

/// For one start of a server.
class DatabaseExaminer {
 public:
  DatabaseExaminer(env::Runtime& runtime, env::Path base_root);

  /// kCorrupt: two runs have found that the database in `directory` is damaged, or have died of it. At once
  /// when no fault was noted. Nobody may have it open. Blocks, not on a thread of the runtime.
  Result<void> examine(const env::Path& directory);
  /// All databases are open: unless something was damaged, or not read to its end, faults are forgotten.
  void all_open();

 private:
  Result<env::ProgramOutput> run(const env::Path& directory, uint64_t faults);

  env::Runtime& runtime_;
  const env::Path base_root_;
  std::set<env::Path> unsound_;
};

/// The file in which the faults of a server are noted (env/fault_note.h).
env::Path faults_file(const env::Path& base_root);

}  // namespace mullion::server
