// Many endpoints, few places: what is decided before a turn comes does not count when it does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "apply/internal/applier.h"
#include "apply/internal/apply_testing.h"
#include "base/mutex.h"
#include "env/launch.h"
#include "env/waiting_testing.h"

namespace mullion::apply {
namespace {

using env::eventually;

/// Shut, requests that change something wait in front of it.
struct Gate {
  std::atomic<bool> shut{true};
  std::atomic<int> waiting{0};
};

class GatedCalls final : public manager::EndpointCalls {
 public:
  GatedCalls(PretendedEndpoint& endpoint, Gate& gate) : calls_(endpoint), gate_(gate) {}
  Task<Result<client::Answer>> send(net::ClientRequest request) override {
    const bool lease = request.target.find("configuration_lease") != std::string::npos;
    if (!lease && request.method != "GET") {
      ++gate_.waiting;
      while (gate_.shut) co_await env::sleep_for(std::chrono::milliseconds(1));
      --gate_.waiting;
    }
    co_return co_await calls_.send(std::move(request));
  }

 private:
  ModelCalls calls_;
  Gate& gate_;
};

class NoArtifacts final : public Artifacts {
 public:
  Task<Result<files::Blobs::Info>> fetch(catalog::Artifact) override {
    co_return Error(ErrorCode::kNotFound, "none");
  }
  Result<net::BodySourcePtr> open(const files::Blobs::Info&, uint64_t, uint64_t) override {
    return Error(ErrorCode::kNotFound, "none");
  }
};

std::shared_ptr<const Plan> stage_plan(std::string stage) {
  Plan plan;
  Action action;
  action.kind = Kind::kPref;
  action.name = "defaultStage";
  action.verb = "Set";
  action.value = std::move(stage);
  plan.actions.push_back(std::move(action));
  plan.deletions_from = 1;
  return std::make_shared<const Plan>(std::move(plan));
}

class ApplierQueue : public ::testing::Test {
 protected:
  static constexpr int kEndpoints = 8;

  ApplierQueue() {
    ApplierParts parts{runtime_, *store_, "M", env::system_clock(), env::system_timers(), 1};
    parts.calls = [this](const std::string& endpoint) {
      return std::make_unique<GatedCalls>(endpoints_.at(endpoint), gate_);
    };
    parts.artifacts = std::make_unique<NoArtifacts>();
    parts.told_holder = [](const std::string&) { return std::string(); };
    for (int i = 0; i < kEndpoints; ++i) (void)endpoints_[name(i)];
    applier_ = std::make_unique<Applier>(std::move(parts));
  }
  ~ApplierQueue() override {
    gate_.shut = false;
    env::run(runtime_, applier_->stop());
  }

  static std::string name(int i) { return fmt::format("E{}", i); }
  void offer(int i, const std::string& stage, bool apply = true) {
    applier_->offer({name(i), stage_plan(stage), nullptr, apply});
  }
  std::string stage(int i) {
    PretendedEndpoint& endpoint = endpoints_.at(name(i));
    const Lock lock(endpoint.mutex);
    return endpoint.prefs.at("defaultStage");
  }
  size_t changes(int i) {
    PretendedEndpoint& endpoint = endpoints_.at(name(i));
    const Lock lock(endpoint.mutex);
    return endpoint.changes.size();
  }
  bool queued(int i) {
    const ApplyState state = applier_->state(name(i));
    return state.state == "waiting" && state.configured_by == "M";
  }
  /// The first endpoint has the only place, all others are in the queue for "old".
  void fill() {
    offer(0, "first");
    ASSERT_TRUE(eventually([this] { return gate_.waiting == 1; }));
    for (int i = 1; i < kEndpoints; ++i) offer(i, "old");
    for (int i = 1; i < kEndpoints; ++i)
      ASSERT_TRUE(eventually([&] { return queued(i); })) << applier_->state(name(i)).state;
    EXPECT_EQ(applier_->state(name(0)).state, "applying");
  }

  Gate gate_;
  std::map<std::string, PretendedEndpoint> endpoints_;
  env::Runtime runtime_{2};
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  std::unique_ptr<Applier> applier_;
};

TEST_F(ApplierQueue, ACorrectedPlanIsWhatIsDone) {
  fill();
  for (int i = 1; i < kEndpoints; ++i) offer(i, "new");
  gate_.shut = false;
  for (int i = 1; i < kEndpoints; ++i) {
    EXPECT_TRUE(eventually([&] { return stage(i) != "none"; })) << i;
    EXPECT_EQ(stage(i), "new");
    EXPECT_EQ(changes(i), 1U);
  }
}

TEST_F(ApplierQueue, NothingIsDoneOnceApplyIsOff) {
  fill();
  for (int i = 1; i < kEndpoints; ++i) offer(i, "old", false);
  gate_.shut = false;
  for (int i = 1; i < kEndpoints; ++i) {
    EXPECT_TRUE(eventually([&] { return applier_->state(name(i)).state == "idle"; })) << i;
    EXPECT_EQ(stage(i), "none");
    EXPECT_EQ(changes(i), 0U);
  }
}

TEST_F(ApplierQueue, NothingIsDoneToWhatWasWithdrawn) {
  fill();
  for (int i = 1; i < kEndpoints; ++i) applier_->withdraw(name(i));
  gate_.shut = false;
  EXPECT_TRUE(eventually([&] { return stage(0) == "first"; }));
  for (int i = 1; i < kEndpoints; ++i) {
    EXPECT_TRUE(eventually([&] { return applier_->state(name(i)).configured_by.empty(); })) << i;
    EXPECT_EQ(changes(i), 0U);
  }
}

}  // namespace
}  // namespace mullion::apply
