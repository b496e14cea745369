// One worker and its lease, in a time that the test moves: what happens while a request is on its way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "apply/internal/applier.h"
#include "apply/internal/apply_testing.h"
#include "base/mutex.h"
#include "env/launch.h"
#include "env/time_testing.h"
#include "env/waiting_testing.h"

namespace mullion::apply {
namespace {

using env::eventually;
using namespace std::chrono_literals;
using ::testing::ElementsAre;

constexpr auto kRenewed = std::chrono::seconds(20);
constexpr const char* kTake = "POST configuration_lease";
constexpr const char* kRelease = "DELETE configuration_lease";
constexpr const char* kSetPrefs = "POST prefs";

/// Requests that wait in front of the endpoint while they are held up, "POST prefs" and so on. Thread-safe.
class HeldUp {
 public:
  void hold(const std::string& request) {
    const Lock lock(mutex_);
    held_.insert(request);
  }
  void release(const std::string& request) {
    const Lock lock(mutex_);
    held_.erase(request);
  }
  bool is_held(const std::string& request) {
    const Lock lock(mutex_);
    if (!held_.contains(request)) return false;
    waiting_.insert(request);
    return true;
  }
  bool has_waited(const std::string& request) {
    const Lock lock(mutex_);
    return waiting_.contains(request);
  }

 private:
  Mutex mutex_;
  std::set<std::string> held_ GUARDED_BY(mutex_), waiting_ GUARDED_BY(mutex_);
};

class HeldUpCalls final : public manager::EndpointCalls {
 public:
  HeldUpCalls(PretendedEndpoint& endpoint, HeldUp& held_up) : calls_(endpoint), held_up_(held_up) {}
  Task<Result<client::Answer>> send(net::ClientRequest request) override {
    const std::string path = request.target.substr(std::string_view("/api/v3/").size());
    const std::string what = request.method + " " + path.substr(0, path.find('?'));
    while (held_up_.is_held(what)) co_await env::sleep_for(1ms);
    co_return co_await calls_.send(std::move(request));
  }

 private:
  ModelCalls calls_;
  HeldUp& held_up_;
};

/// Fetches for ever what is "old", and is cancelled by itself for what is "cancelled".
class OddArtifacts final : public Artifacts {
 public:
  Task<Result<files::Blobs::Info>> fetch(catalog::Artifact artifact) override {
    {
      const Lock lock(mutex_);
      asked_.push_back(artifact.sha256);
    }
    for (bool slept = artifact.sha256 == "old"; slept;) slept = co_await env::sleep_for(1h);
    const bool known = artifact.sha256 != "cancelled";
    co_return Error(known ? ErrorCode::kNotFound : ErrorCode::kCancelled, "it cannot be had");
  }
  Result<net::BodySourcePtr> open(const files::Blobs::Info&, uint64_t, uint64_t) override {
    return Error(ErrorCode::kNotFound, "none");
  }
  std::vector<std::string> asked() {
    const Lock lock(mutex_);
    return asked_;
  }

 private:
  Mutex mutex_;
  std::vector<std::string> asked_ GUARDED_BY(mutex_);
};

Action preference(std::string name, std::string value) {
  Action action;
  action.kind = Kind::kPref;
  action.name = std::move(name);
  action.verb = "Set";
  action.value = std::move(value);
  return action;
}

Action pack_with(std::string sha256) {
  Action action;
  action.kind = Kind::kContentPackage;
  action.name = "pack";
  action.version = action.actual_version = "v1.0.0";
  action.verb = "AddOrUpdate";
  action.artifact = catalog::Artifact{"http://m/pack", "pack", std::move(sha256)};
  return action;
}

class ApplierLease : public ::testing::Test {
 protected:
  ApplierLease() {
    ApplierParts parts{runtime_, *store_, "M", time_, time_, 4};
    parts.calls = [this](const std::string&) { return std::make_unique<HeldUpCalls>(endpoint_, held_up_); };
    auto artifacts = std::make_unique<OddArtifacts>();
    artifacts_ = artifacts.get();
    parts.artifacts = std::move(artifacts);
    parts.told_holder = [this](const std::string&) {
      const Lock lock(mutex_);
      ++looks_;
      return told_;
    };
    applier_ = std::make_unique<Applier>(std::move(parts));
  }
  ~ApplierLease() override {
    held_up_.release(kTake);
    held_up_.release(kSetPrefs);
    env::run(runtime_, applier_->stop());
  }

  void offer(std::vector<Action> actions, bool apply = true) {
    Plan plan;
    plan.deletions_from = actions.size();
    plan.actions = std::move(actions);
    applier_->offer({"E", std::make_shared<const Plan>(std::move(plan)), nullptr, apply});
  }
  /// The request is on its way, and does not arrive before it is released.
  bool is_on_its_way(const std::string& request) {
    return eventually([&] { return held_up_.has_waited(request); });
  }
  std::ptrdiff_t asked(const std::string& request) {
    const Lock lock(endpoint_.mutex);
    return std::ranges::count(endpoint_.asked, request);
  }
  bool is_asked(const std::string& request, std::ptrdiff_t times) {
    return eventually([&] { return asked(request) == times; });
  }
  std::string preference_there(const std::string& name) {
    const Lock lock(endpoint_.mutex);
    const auto found = endpoint_.prefs.find(name);
    return found == endpoint_.prefs.end() ? "" : found->second;
  }
  void let_it_be_renewed() {
    ASSERT_TRUE(eventually([&] { return time_.waits_for(kRenewed); }));
    time_.advance(kRenewed);
  }
  void set_holder(std::string holder) {
    const Lock lock(endpoint_.mutex);
    endpoint_.holder = std::move(holder);
  }
  /// As the endpoint tells from now on.
  void tell_holder(std::string holder) {
    const Lock lock(mutex_);
    told_ = std::move(holder);
  }
  void keep_secret(const std::string& endpoint) {
    store::Batch batch;
    batch.secrets.push_back({"configured", endpoint, "{}"});
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }
  bool has_secret(const std::string& endpoint) {
    return store_->snapshot()->secret("configured", endpoint).has_value();
  }

  env::ManualTime time_;
  HeldUp held_up_;
  PretendedEndpoint endpoint_;
  Mutex mutex_;
  std::string told_ GUARDED_BY(mutex_);
  std::atomic<int> looks_{0};  // who holds the lease, as the endpoint told
  OddArtifacts* artifacts_ = nullptr;
  env::Runtime runtime_{2};
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  std::unique_ptr<Applier> applier_;
};

/// The endpoint counts from a moment between request and answer: believing in more is dangerous.
TEST_F(ApplierLease, CountsFromTheRequest) {
  for (const char* request : {kTake, kSetPrefs}) held_up_.hold(request);
  offer({preference("a", "1")});
  ASSERT_TRUE(is_on_its_way(kTake));
  time_.advance(50s);
  held_up_.release(kTake);
  ASSERT_TRUE(is_on_its_way(kSetPrefs));
  EXPECT_EQ(applier_->progress("E").lease_left, 10s);
}

TEST_F(ApplierLease, OneThatIsRefusedWhenItIsRenewedEndsTheWork) {
  held_up_.hold(kSetPrefs);
  offer({preference("a", "1"), preference("b", "1")});
  ASSERT_TRUE(is_on_its_way(kSetPrefs));
  set_holder("R2");
  let_it_be_renewed();
  ASSERT_TRUE(eventually([&] { return time_.ended(kRenewed) == 1 && time_.waits_for(kRenewed); }))
      << "the refusal is known";
  held_up_.release(kSetPrefs);
  ASSERT_TRUE(eventually(
      [&] { return applier_->state("E").configured_by == "R2" || !preference_there("b").empty(); }));
  EXPECT_EQ(preference_there("a"), "1") << "it was on its way";
  EXPECT_EQ(preference_there("b"), "");
}

TEST_F(ApplierLease, ARenewalThatComesAfterTheReleaseIsReleasedToo) {
  held_up_.hold(kSetPrefs);
  offer({preference("a", "1")});
  ASSERT_TRUE(is_on_its_way(kSetPrefs));
  held_up_.hold(kTake);
  let_it_be_renewed();
  ASSERT_TRUE(is_on_its_way(kTake));
  held_up_.release(kSetPrefs);
  ASSERT_TRUE(eventually([&] { return preference_there("a") == "1"; }));
  offer({});
  ASSERT_TRUE(is_asked(kRelease, 1));
  held_up_.release(kTake);
  EXPECT_TRUE(is_asked(kRelease, 2)) << "else nobody may configure it for a minute";
  EXPECT_TRUE(eventually([&] {
    const Lock lock(endpoint_.mutex);
    return endpoint_.holder.empty();
  }));
}

TEST_F(ApplierLease, OnlyOurOwnIsReleasedWhenThereIsNothingToDo) {
  tell_holder("R2");
  offer({}, false);
  ASSERT_TRUE(eventually([&] { return looks_ == 1; }));
  tell_holder("M");
  offer({}, false);
  ASSERT_TRUE(eventually([&] { return looks_ >= 2 && asked(kRelease) > 0; }));
  tell_holder("");
  offer({preference("a", "1")});
  ASSERT_TRUE(eventually([&] { return preference_there("a") == "1"; }));
  EXPECT_EQ(asked(kRelease), 1) << "that of R2 is no business of ours";
}

TEST_F(ApplierLease, AnEndpointThatIsOfferedAgainKeepsItsWorker) {
  held_up_.hold(kSetPrefs);
  offer({preference("a", "1")});
  ASSERT_TRUE(is_on_its_way(kSetPrefs));
  applier_->withdraw("E");
  offer({preference("a", "2")});
  EXPECT_GT(applier_->progress("E").lease_left, 0s);
  held_up_.release(kSetPrefs);
  ASSERT_TRUE(eventually([&] { return preference_there("a") == "2"; }));
  EXPECT_EQ(asked(kTake), 1) << "two workers do not know of each other";
}

TEST_F(ApplierLease, ThatItIsRefusedIsToldOnlyWhileOneIsWanted) {
  endpoint_.failure = {0, false, Failure::Kind::kRefused};
  offer({preference("a", "1")});
  ASSERT_TRUE(eventually([&] { return !applier_->state("E").errors.empty(); }));
  EXPECT_THAT(applier_->state("E").errors.front(),
              ::testing::StartsWith("the configuration lease is refused"));
  offer({});
  ASSERT_TRUE(eventually([&] { return applier_->state("E").state == "idle"; }));
  EXPECT_THAT(applier_->state("E").errors, ElementsAre());
}

/// Plans are withdrawn for many reasons; what was sealed for an endpoint is not known again.
TEST_F(ApplierLease, OnlyOfAnEndpointThatIsGoneNothingIsRemembered) {
  for (const char* id : {"stays", "goes"}) keep_secret(id);
  store::Batch batch;
  batch.changes.push_back({{"endpoints", "", "stays"}, R"({"Id":"stays"})"});
  ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  for (const char* id : {"stays", "goes"}) applier_->withdraw(id);
  ASSERT_TRUE(eventually([&] { return !has_secret("goes"); }));
  EXPECT_TRUE(has_secret("stays"));
}

TEST_F(ApplierLease, WhatIsCancelledAndStillWantedHasFailed) {
  offer({pack_with("cancelled")});
  ASSERT_TRUE(env::passes_until(time_, runtime_, [&] { return applier_->state("E").state == "stopped"; }));
  EXPECT_THAT(applier_->state("E").errors, ElementsAre("ContentPackage pack: it cannot be had"));
}

TEST_F(ApplierLease, OtherBytesOfTheSameNameAreAnotherAction) {
  offer({pack_with("old")});
  ASSERT_TRUE(eventually([&] { return artifacts_->asked().size() == 1; }));
  offer({pack_with("new")});
  ASSERT_TRUE(eventually([&] { return applier_->state("E").state == "stopped"; }));
  EXPECT_THAT(artifacts_->asked(), ElementsAre("old", "new"));
}

}  // namespace
}  // namespace mullion::apply
