// The upgrade of all members of a cluster at work: every member follows what is agreed of it, and the one
// that serves takes the steps (rolling_plan.h).
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "api/api.h"
#include "base/mutex.h"
#include "cluster/node.h"
#include "model/messages.h"
#include "server/rolling_plan.h"
#include "server/upgrader.h"

namespace mullion::server {

/// Thread-safe.
class RollingUpgrades final : public api::Upgrades {
 public:
  struct Surroundings {
    env::Runtime& runtime;
    store::Store& store;
    cluster::Node& node;
    Upgrader& own;
    env::Path base_root;
  };
  /// All must outlive it.
  explicit RollingUpgrades(const Surroundings& surroundings);

  void start();
  env::Task<void> stop() { return tasks_.async_stop(); }

  env::Task<Result<uint64_t>> upgrade(net::BodySource& package, api::UpgradeWish wish) override;
  env::Task<Result<uint64_t>> stage(net::BodySource& package, bool force) override;
  env::Task<Result<void>> unstage() override;
  env::Task<Result<bool>> upgrade_to_staged(std::string principal) override;
  model::UpgradeStatus status() const override;
  void forget() override;
  std::string failure() const override;
  bool on_trial() const override { return around_.own.on_trial(); }

 private:
  /// What is agreed, as it was read.
  struct Agreed {
    std::optional<std::string> text;
    std::optional<RollingUpgrade> upgrade;
  };
  Agreed agreed() const;
  /// `files`: of the packages, in the same commit.
  Result<void> agree(const Agreed& before, const std::optional<RollingUpgrade>& after,
                     files::FileChanges files = {});
  Result<void> agree_on_package(const Agreed& before, const RollingUpgrade& after);

  env::Task<void> look();
  env::Task<void> look_once();
  env::Task<void> follow(const std::optional<RollingUpgrade>& upgrade);
  env::Task<void> stage_here(RollingUpgrade upgrade);
  env::Task<void> take_turn(RollingUpgrade upgrade);
  env::Task<void> lead(Agreed agreed);
  env::Task<void> carry_out(Agreed agreed, RollingStep step);
  OwnStanding standing() const;
  std::vector<MemberSight> sights() const;
  void end(RollingUpgrade& upgrade, RollingUpgrade::State state, std::string text) const;

  /// Receives, checks and shares a package; the answer is agreed by nobody yet.
  env::Task<Result<RollingUpgrade>> take_package(net::BodySource& package, bool force);
  Result<void> plan_members(RollingUpgrade& upgrade, const api::UpgradeWish& wish) const;
  std::optional<Error> why_not(const api::UpgradeWish& wish, const Agreed& agreed) const;

  const Surroundings around_;
  const UpgradeFolder folder_;
  std::atomic<bool> busy_{false};
  // Of look() alone.
  std::string refused_id_, refused_text_;
  std::string last_stages_;
  env::SteadyTime unchanged_since_{};

  mutable Mutex mutex_;  // guards what follows
  std::string waiting_ GUARDED_BY(mutex_);
  std::string failure_ GUARDED_BY(mutex_);
  env::TaskGroup tasks_;
};

}  // namespace mullion::server
