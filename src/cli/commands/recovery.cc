// A cluster whose majority is lost for good: one member goes on alone.
#include "cli/commands/recovery.h"

#include <fmt/format.h>

#include <filesystem>
#include <ostream>

#include "cli/commands/confirmation.h"
#include "cluster/recovery.h"
#include "env/file.h"
#include "settings/settings.h"

namespace mullion::cli {
namespace {

/// Base roots that nobody uses, for as long as it lives.
class Locks {
 public:
  Result<void> take(const env::Path& base_root) {
    if (!std::filesystem::is_directory(base_root))
      return Error(ErrorCode::kNotFound, fmt::format("{} is no directory", base_root.string()));
    Result<env::FileLock> lock = env::FileLock::acquire(base_root / "mullion.lock");
    if (!lock && lock.error().code == ErrorCode::kConflict)
      return Error(ErrorCode::kConflict,
                   fmt::format("a server runs on {}: stop it first", base_root.string()));
    if (!lock) return lock.error();
    locks_.push_back(std::move(*lock));
    return {};
  }

 private:
  std::vector<env::FileLock> locks_;
};

/// The one that goes on stands first.
std::vector<env::Path> base_roots(const Invocation& call) {
  std::string own = call.flags.get("base-root");
  if (own.empty()) own = settings::Settings::defaults().text("base-root");
  std::vector<env::Path> out{std::move(own)};
  for (const std::string& other : call.flags.all("compare")) out.emplace_back(other);
  return out;
}

}  // namespace

Result<void> cluster_recover(Invocation& call) {
  Locks locks;
  std::vector<cluster::MemberRemains> members;
  for (const env::Path& base_root : base_roots(call)) {
    if (Result<void> locked = locks.take(base_root); !locked) return locked;
    Result<cluster::MemberRemains> remains = cluster::inspect_member({base_root});
    if (!remains) return remains.error();
    members.push_back(std::move(*remains));
  }
  const Result<cluster::RecoveryPlan> plan = cluster::plan_recovery(members);
  if (!plan) return plan.error();
  for (const std::string& line : cluster::describe(members, *plan)) call.terminal.out << line << "\n";
  call.terminal.out << std::flush;
  if (plan->longest != 0) {
    return Error(ErrorCode::kConflict, fmt::format("nothing was changed: recover {}, whose log is longer",
                                                   members[plan->longest].base_root.string()));
  }
  if (!call.flags.on("yes") && !confirmed(call, "Type yes to go on: ", "yes"))
    return Error(ErrorCode::kConflict, "not confirmed, nothing was changed; --yes asks nothing");
  if (Result<void> done = cluster::recover_alone({members.front().base_root}, members.front()); !done)
    return done;
  call.terminal.out << "recovered: start this member, and enroll the others again\n";
  return {};
}

}  // namespace mullion::cli
