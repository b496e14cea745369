// Packages on their way to become the program of this server: received, checked, tried; then the process is
// handed to the supervisor (upgrade_supervisor.h).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>

#include "api/api.h"
#include "base/mutex.h"
#include "env/runtime.h"
#include "env/self.h"
#include "files/archive.h"
#include "files/receive.h"
#include "model/messages.h"
#include "server/server.h"
#include "server/upgrade_package.h"
#include "server/upgrade_state.h"

namespace mullion::server {

struct UpgradeOptions {
  env::Path base_root;
  uint64_t deadline = 60;  // seconds
  uint64_t max_package = uint64_t{2} << 30;
  files::ExplodeLimits unpacking;
  PackageTrust trust;
  std::optional<Restart> restart;
  std::function<Result<std::string>()> make_token;   // for the supervisor
  std::function<Result<std::string>()> fingerprint;  // of the API's certificate
};

/// A package that was checked and is kept.
struct StagedPackage {
  uint64_t size = 0;
  std::string sha256;   // lower-case hex
  std::string version;  // as its program spells it
};

/// Takes what a client is sending and forgets it, up to `most` bytes: one that is cut off in the middle would
/// not read the refusal. Answers the error as one of the system.
env::Task<Error> refuse_package(net::BodySource& body, uint64_t most, Error error);

class Upgrader final : public api::Upgrades {
 public:
  /// Looks at what an earlier process left, and says in the log how it ended.
  Upgrader(env::Runtime& runtime, UpgradeOptions options);

  env::Task<Result<uint64_t>> upgrade(net::BodySource& package, api::UpgradeWish wish) override;
  env::Task<Result<uint64_t>> stage(net::BodySource& package, bool force) override;
  /// The same as stage(), and tells more.
  env::Task<Result<StagedPackage>> stage_package(net::BodySource& package, bool force);
  env::Task<Result<void>> unstage() override;
  env::Task<Result<bool>> upgrade_to_staged(std::string principal) override;
  model::UpgradeStatus status() const override;
  void forget() override;
  std::string failure() const override;
  bool on_trial() const override { return on_trial_; }

  uint64_t max_package() const { return options_.max_package; }
  /// Where the new program lies until it has shown that it serves.
  env::Path candidate() const;
  /// To be called when this server serves: tells the supervisor, if there is one.
  void announce(const std::string& url) const;
  env::Task<void> stop() { return tasks_.async_stop(); }

 private:
  void recover();
  void remove_leftovers() const;
  void remember_outcome();
  Result<void> check_place() const;
  Result<PackageManifest> trusted_manifest(const env::Path& package) const;
  /// Which versions a package may have.
  enum class Fits { kNewer, kNotOlder, kAny };
  Result<void> check_version(const PackageManifest& manifest, Fits fits) const;
  Result<PackageManifest> unpack(const env::Path& package, const env::Path& target, Fits fits) const;
  /// The version that the program says it is.
  env::Task<Result<std::string>> ask_program(env::Path program, PackageManifest manifest) const;
  Result<void> place(const env::Path& program, const PackageManifest& manifest);
  /// Nothing must be under way, and the program must be replaceable.
  Result<void> check_possible(bool claimed) const;
  env::Task<Result<void>> open_scratch(env::Path scratch) const;
  env::Task<void> remove_scratch(env::Path scratch) const;
  env::Task<Result<files::ReceivedFile>> receive(net::BodySource& package, env::Path file) const;
  /// A package whose program has shown that it starts here.
  struct Checked {
    PackageManifest manifest;
    env::Path program;
  };
  env::Task<Result<Checked>> check(env::Path file, env::Path scratch, Fits fits) const;
  /// What waits for the supervisor.
  struct Prepared {
    std::string version;
    std::string token;  // for the supervisor
  };
  env::Task<Result<Prepared>> prepare(Checked package);
  env::Task<Result<Prepared>> prepare_received(env::Path file, env::Path scratch, bool force);
  /// Answers the version.
  env::Task<Result<std::string>> keep_checked(env::Path file, env::Path scratch, bool force) const;
  /// Absent: the program that is kept is the one that runs.
  env::Task<Result<std::optional<Prepared>>> prepare_staged(env::Path scratch);
  void begin(Prepared prepared, const std::string& principal);

  const UpgradeOptions options_;
  const UpgradeFolder folder_;
  const RunningProgram running_;
  bool on_trial_ = false;
  std::atomic<bool> busy_{false};
  mutable Mutex mutex_;
  std::string failure_ GUARDED_BY(mutex_);  // of the outcome that is kept: /info asks for it all the time
  env::TaskGroup tasks_;
};

}  // namespace mullion::server
