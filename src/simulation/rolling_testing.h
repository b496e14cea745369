// A manager of a simulation that carries rollouts out: the real ones, on behalf of a user who may do
// everything.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "auth/named_users_testing.h"
#include "env/launch.h"
#include "rollout/rollouts.h"
#include "simulation/part_testing.h"

namespace mullion::simulation {

class Rolling final : public Part {
 public:
  void begin(const Surroundings& here) override {
    here_ = &here;
    users_ = std::make_unique<auth::testing::NamedUsers>(here.store);
    users_->set_claims("ann", {{"*", "*", "*"}});
    rollouts_ = rollout::make_rollouts({.runtime = here.runtime,
                                        .store = here.failing,
                                        .manager = here.manager,
                                        .authenticator = *users_,
                                        .own_id = here.host.name(),
                                        .clock = here.clock,
                                        .timers = here.timers});
    rollouts_->start();
  }
  void end() override {
    rollouts_.reset();
    users_.reset();
    here_ = nullptr;
  }

  /// What becomes of it shows in the object; the server must live.
  void command(std::string id, std::string command) {
    (void)env::launch(here_->runtime,
                      [this, id = std::move(id), command = std::move(command)]() -> Task<void> {
                        auth::Principal ann = *users_->recall("ann");
                        (void)co_await rollouts_->command(id, command, std::move(ann));
                      });
  }

 private:
  const Surroundings* here_ = nullptr;
  std::unique_ptr<auth::testing::NamedUsers> users_;
  std::unique_ptr<rollout::Rollouts> rollouts_;
};

}  // namespace mullion::simulation
