#include "apply/internal/applier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "apply/internal/apply_testing.h"
#include "base/mutex.h"
#include "env/launch.h"
#include "env/waiting_testing.h"

namespace mullion::apply {
namespace {

using env::eventually;

constexpr double kSpeed = 500;  // a pause of 5 s takes 10 ms

/// A manager with a catalog, an endpoint, and what is wanted of it.
class ApplyingWorld {
 public:
  explicit ApplyingWorld(std::string id = "M1", PretendedEndpoint* shared = nullptr, double speed = kSpeed)
      : id_(std::move(id)), endpoint_(shared), speed_(speed) {
    if (endpoint_ == nullptr) endpoint_ = &own_endpoint_;
    for (const auto& [name, type] : kItems) {
      for (const std::string version : {"v1.0.0", "v2.0.0"}) add_item(name, type, version);
    }
    for (int i = 0; i < 3; ++i) {
      const std::string path = fmt::format("files/source{}", i);
      artifacts_->contents["self://" + path] = std::string(3'000'000, static_cast<char>('a' + i)) + path;
    }
    set_.id = "wish";
    restart();
  }
  ~ApplyingWorld() { end(); }

  PretendedEndpoint& endpoint() { return *endpoint_; }
  versionset::VersionSet& set() { return set_; }
  ModelArtifacts& artifacts() { return *artifacts_; }
  ApplyState state() const {
    Lock lock(mutex_);
    return applier_->state("E");
  }
  ApplyProgress progress() const {
    Lock lock(mutex_);
    return applier_->progress("E");
  }
  PlanExecutor::Counts counts() const {
    Lock lock(mutex_);
    return applier_->counts();
  }
  store::Store& store() { return *store_; }

  /// As after kill -9: nothing but the store and the endpoint is left.
  void restart() {
    end();
    ApplierParts parts{*runtime_, *store_, id_, env::system_clock(), env::system_timers(), 4};
    parts.calls = [this](const std::string&) { return std::make_unique<ModelCalls>(*endpoint_); };
    parts.artifacts = std::make_unique<Borrowed>(*artifacts_);
    parts.told_holder = [this](const std::string&) {
      Lock lock(endpoint_->mutex);
      return endpoint_->holder;
    };
    parts.restart = {std::chrono::seconds(5), std::chrono::milliseconds(1)};
    parts.speed = speed_;
    parts.news = [this](const std::string&) {
      if (follows_) replan();
    };
    Lock lock(mutex_);
    applier_ = std::make_shared<Applier>(std::move(parts));
  }

  void follow() {
    follows_ = true;
    endpoint_->changed = [this] { replan(); };
    replan();
  }
  void replan(bool apply = true) {
    Lock lock(mutex_);
    auto plan = std::make_shared<const Plan>(plan_now());
    if (applier_) applier_->offer({"E", plan, nullptr, apply});
  }
  void wish(const std::function<void(versionset::VersionSet&)>& change) {
    Lock lock(mutex_);
    change(set_);
  }
  Plan make() {
    Lock lock(mutex_);
    return plan_now();
  }
  Plan plan_now() REQUIRES(mutex_) {
    plan::Observed observed = plan::Observed::parse(endpoint_->report(), {});
    {
      Lock lock(endpoint_->mutex);
      for (const auto& [path, content] : endpoint_->files) {
        if (!endpoint_->unlisted.contains(path)) observed.files[path] = sum_of(content);
      }
      for (const auto& [pack, need] : endpoint_->needs) {
        for (plan::Observed::Installed& one : observed.components) {
          if (one.name == pack) one.prerequisites = need;
        }
      }
    }
    observed.files_known = observed.told = true;
    plan::PlanInputs inputs{items_};
    inputs.own_file = [this](const std::string& path) -> std::optional<plan::PlanInputs::OwnFile> {
      const auto found = artifacts_->contents.find("self://" + path);
      if (found == artifacts_->contents.end()) return std::nullopt;
      return plan::PlanInputs::OwnFile{found->second.size(), sum_of(found->second)};
    };
    inputs.same_secret =
        [this](const auto& endpoint, const auto& place, const auto& wanted, const auto& shown)
            REQUIRES(mutex_) { return applier_ && applier_->same_secret(endpoint, place, wanted, shown); };
    inputs.seen_there =
        [this](const auto& endpoint, const auto& path, const auto& sha256, const auto& listing)
            REQUIRES(mutex_) { return applier_ && applier_->seen_there(endpoint, path, sha256, listing); };
    inputs.is_secure = [this](const std::string& param) { return endpoint_->secure.contains(param); };
    return plan::make_plan(observed, versionset::merge({&set_}), inputs);
  }

  /// The first state that meets `condition`; a later look may find another one. Fails when none does.
  ApplyState state_when(const std::function<bool(const ApplyState&)>& condition) {
    ApplyState seen;
    EXPECT_TRUE(eventually([&] {
      seen = state();
      return condition(seen);
    })) << seen.state;
    return seen;
  }
  ApplyState when_stopped() {
    return state_when([](const ApplyState& state) { return state.state == "stopped"; });
  }
  /// Nothing is left to do, and nobody configures it any more. `lease_lost`: the request that gives it back
  /// may have failed, then it runs out.
  bool settled(bool lease_lost = false) {
    return eventually([this, lease_lost] {
      if (state().state != "idle") return false;
      const Plan plan = make();
      const bool held_back = !plan.problems.empty() && plan.deletions_from == 0;
      if (!plan.actions.empty() && !held_back) return false;
      Lock lock(endpoint_->mutex);
      return lease_lost || endpoint_->holder.empty();
    });
  }

 private:
  /// Artifacts that outlive the applier.
  class Borrowed final : public Artifacts {
   public:
    explicit Borrowed(ModelArtifacts& artifacts) : artifacts_(artifacts) {}
    Task<Result<files::Blobs::Info>> fetch(catalog::Artifact artifact) override {
      return artifacts_.fetch(std::move(artifact));
    }
    Result<net::BodySourcePtr> open(const files::Blobs::Info& info, uint64_t first, uint64_t last) override {
      return artifacts_.open(info, first, last);
    }

   private:
    ModelArtifacts& artifacts_;
  };

  /// Made once for each content. Contents of this test differ in size, at the beginning or at the end:
  /// looking at all of their megabytes for every plan takes minutes under the thread sanitizer.
  std::string sum_of(const std::string& content) {
    const size_t end = content.size() - std::min<size_t>(content.size(), 64);
    std::string& sum =
        sums_[fmt::format("{} {} {}", content.size(), content.substr(0, 64), content.substr(end))];
    if (sum.empty()) sum = model_sum(content);
    return sum;
  }
  void end() {
    std::shared_ptr<Applier> old;
    {
      Lock lock(mutex_);
      old = std::exchange(applier_, nullptr);
    }
    if (old) env::run(*runtime_, old->stop());
  }
  void add_item(const std::string& name, const std::string& type, const std::string& version) {
    catalog::Item item;
    item.id = name + "-" + version;
    item.name = name;
    item.version = item.actual_version = version;
    item.content_type = type;
    const bool zip = type == "DRP" || type == "DRPUX";
    const bool provider = type == "PluginProvider";
    item.source = fmt::format("http://m/files/rebar-catalog/{}/{}{}", name, version,
                              provider ? ""
                              : zip    ? ".zip"
                                       : ".json");
    const std::string content = name + " " + version;
    const bool any = type == "ContentPackage" || type == "DRPUX";
    item.sha256[any ? "any/any" : "amd64/linux"] = model_sum(content);
    if (name == "pack1") item.meta["Prerequisites"] = "pack0";
    const Result<catalog::Artifact> artifact = catalog::artifact_of(item, "amd64", "linux");
    ASSERT_TRUE(artifact) << artifact.error().text();
    artifacts_->contents[artifact->source] = content;
    std::vector<catalog::Item> all = items_.all();
    all.push_back(std::move(item));
    items_ = catalog::Items(std::move(all));
  }

  inline static const std::vector<std::pair<std::string, std::string>> kItems = {
      {"pack0", "ContentPackage"},
      {"pack1", "ContentPackage"},
      {"pack2", "ContentPackage"},
      {"provider0", "PluginProvider"},
      {"provider1", "PluginProvider"},
      {"drp", "DRP"},
      {"drp-ux", "DRPUX"}};
  std::map<std::string, std::string> sums_;
  const std::string id_;
  PretendedEndpoint own_endpoint_;
  PretendedEndpoint* endpoint_;
  const double speed_;
  std::unique_ptr<env::Runtime> runtime_ = std::make_unique<env::Runtime>(2);
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  std::unique_ptr<ModelArtifacts> artifacts_ = std::make_unique<ModelArtifacts>();
  catalog::Items items_;
  versionset::VersionSet set_;
  std::atomic<bool> follows_{false};
  mutable Mutex mutex_;
  std::shared_ptr<Applier> applier_ GUARDED_BY(mutex_);
};

versionset::Component component(std::string name, std::string version) {
  versionset::Component out;
  out.name = std::move(name);
  out.version = std::move(version);
  return out;
}

versionset::FileWish file(const ApplyingWorld& world, int source, std::string path) {
  const std::string from = fmt::format("self://files/source{}", source);
  return {std::move(path), model_sum(const_cast<ApplyingWorld&>(world).artifacts().contents.at(from)), from,
          source == 1};
}

json::object plugin(std::string name, std::string provider, json::object params = {}) {
  return {{"Name", std::move(name)}, {"Provider", std::move(provider)}, {"Params", std::move(params)}};
}

/// One of everything.
void wish_for_all(ApplyingWorld& world) {
  versionset::VersionSet& set = world.set();
  set.drp_version = "v2.0.0";
  set.drpux_version = "v1.0.0";
  set.components = {component("pack1", "v2.0.0"), component("pack0", "v1.0.0"),
                    component("provider0", "v1.0.0")};
  world.endpoint().needs["pack1"] = "pack0";
  world.endpoint().secure = {"password", "token"};
  set.plugins = {plugin("p0", "provider0", {{"url", "http://x"}, {"token", "t0p"}})};
  set.plugins[0]["Meta"] = json::object{{"a/b", "c"}};
  set.prefs = {{"defaultStage", "discover"}};
  set.global = {{"ntp", json::array{"a"}}, {"password", "hush"}};
  set.files = {file(world, 0, "files/f0"), file(world, 1, "isos/i1.iso")};
}

TEST(Applying, BringsAnEndpointToWhatIsWantedInOrder) {
  ApplyingWorld world;
  world.endpoint().components["old"] = {Kind::kContentPackage, "v1.0.0"};
  wish_for_all(world);
  world.follow();
  ASSERT_TRUE(world.settled()) << json::serialize(json::value_from(world.state().errors));
  EXPECT_TRUE(world.make().empty());
  EXPECT_TRUE(world.state().errors.empty());
  PretendedEndpoint& endpoint = world.endpoint();
  EXPECT_EQ(endpoint.version, "v2.0.0");
  EXPECT_EQ(endpoint.ux_version, "v1.0.0");
  EXPECT_EQ(endpoint.prefs["defaultStage"], "discover");
  EXPECT_EQ(endpoint.opened(endpoint.global["password"]), "\"hush\"");
  EXPECT_EQ(endpoint.opened(endpoint.plugins["p0"]["Params"].at("token")), "\"t0p\"");
  EXPECT_EQ(endpoint.plugins["p0"]["Meta"], (json::object{{"a/b", "c"}}));
  EXPECT_FALSE(endpoint.components.contains("old"));
  const auto place = [&](const std::string& change) {
    return std::ranges::find(endpoint.changes, change) - endpoint.changes.begin();
  };
  EXPECT_LT(place("POST system/upgrade"), place("POST contents"));
  EXPECT_EQ(std::ranges::count_if(endpoint.files,
                                  [](const auto& file) { return file.first.starts_with("files/upgrades/"); }),
            0)
      << "the package goes once it runs";
  EXPECT_LT(place("POST plugin_providers/provider0"), place("POST plugins"));
  EXPECT_LT(place("POST profiles/global/params/ntp"), place("DELETE contents/old"));
  EXPECT_EQ(std::ranges::count(endpoint.changes, "POST contents"), 2);
}

TEST(Applying, HealsDriftAndFollowsChangesOfTheSet) {
  ApplyingWorld world;
  wish_for_all(world);
  world.follow();
  ASSERT_TRUE(world.settled());
  {
    Lock lock(world.endpoint().mutex);
    world.endpoint().components["pack0"].second = "v0.0.1";
    world.endpoint().global["password"] =
        json::parse(auth::seal(world.endpoint().keys.public_key, "\"other\""));
    world.endpoint().files["files/f0"] = "by hand";
    world.endpoint().plugins.erase("p0");
  }
  EXPECT_EQ(world.make().actions.size(), 4U);
  world.replan();
  ASSERT_TRUE(eventually([&] { return world.make().empty(); }));
  ASSERT_TRUE(world.settled());
  EXPECT_EQ(world.endpoint().opened(world.endpoint().global["password"]), "\"hush\"");
  world.wish([](versionset::VersionSet& set) {
    set.components[0].version = "v1.0.0";
    set.plugins.clear();
  });
  world.replan();
  ASSERT_TRUE(world.settled());
  EXPECT_TRUE(world.make().empty());
}

TEST(Applying, DoesNothingWhenApplyIsOff) {
  ApplyingWorld world;
  wish_for_all(world);
  world.replan(false);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(world.endpoint().requests, 0);
  EXPECT_EQ(world.state().state, "idle");
}

/// Kill the manager after every request in turn; what was done is not done again.
TEST(Applying, IsTakenUpWhereAKilledManagerLeftIt) {
  for (int kill_at = 0; kill_at < 75; kill_at += 3) {
    ApplyingWorld world;
    wish_for_all(world);
    world.endpoint().failure = {
        kill_at, true, kill_at % 2 == 0 ? Failure::Kind::kBrokenBefore : Failure::Kind::kBrokenAfter};
    world.follow();
    const bool reached = eventually([&] {
      Lock lock(world.endpoint().mutex);
      return world.endpoint().requests > kill_at ||
             (world.endpoint().holder.empty() && !world.endpoint().changes.empty());
    });
    ASSERT_TRUE(reached);
    world.restart();
    {
      Lock lock(world.endpoint().mutex);
      world.endpoint().failure = {};
    }
    world.replan();
    ASSERT_TRUE(eventually([&] { return world.make().empty(); })) << kill_at;
    ASSERT_TRUE(world.settled()) << kill_at;
    const std::vector<std::string>& changes = world.endpoint().changes;
    for (const std::string once : {"POST system/upgrade", "POST plugins", "POST plugin_providers/provider0"})
      EXPECT_EQ(std::ranges::count(changes, once), 1) << once << " killed at " << kill_at;
    EXPECT_EQ(std::ranges::count(changes, "POST contents"), 2) << kill_at;
  }
}

/// Every request fails once, in each way.
TEST(Applying, SurvivesAFailureOfEveryRequest) {
  for (const Failure::Kind kind :
       {Failure::Kind::kRefused, Failure::Kind::kBrokenBefore, Failure::Kind::kBrokenAfter}) {
    for (int at = 0; at < 70; at += 5) {
      ApplyingWorld world;
      wish_for_all(world);
      world.endpoint().failure = {at, false, kind};
      world.follow();
      ASSERT_TRUE(eventually([&] { return world.make().empty(); })) << at << " " << static_cast<int>(kind);
      ASSERT_TRUE(world.settled(true)) << at;
      EXPECT_THAT(world.state().errors, ::testing::IsEmpty()) << at << " " << static_cast<int>(kind);
    }
  }
}

TEST(Applying, RandomPlansEndEmpty) {
  std::mt19937 dice(20261124);
  const auto one_in = [&dice](unsigned n) { return dice() % n == 0; };
  ApplyingWorld world;
  world.endpoint().needs["pack1"] = "pack0";
  world.endpoint().secure = {"g1"};
  world.follow();
  for (int round = 0; round < 25; ++round) {
    versionset::VersionSet set;
    set.id = "wish";
    const auto version = [&] { return one_in(2) ? "v1.0.0" : "v2.0.0"; };
    if (one_in(4)) set.drp_version = version();
    if (one_in(4)) set.drpux_version = version();
    for (const std::string name : {"pack0", "pack1", "pack2", "provider0", "provider1"}) {
      if (one_in(2)) set.components.push_back(component(name, version()));
    }
    for (int i = 0; i < 3; ++i) {
      if (one_in(2)) set.global[fmt::format("g{}", i)] = json::value(dice() % 3);
      if (one_in(3))
        set.plugins.push_back(
            plugin(fmt::format("p{}", i), fmt::format("provider{}", i % 2), {{"g1", dice() % 3}}));
      if (one_in(3))
        set.files.push_back(file(world, static_cast<int>(dice() % 3), fmt::format("files/f{}", i)));
    }
    if (one_in(2)) set.prefs["defaultStage"] = fmt::format("stage{}", dice() % 3);
    world.wish([&set](versionset::VersionSet& wished) { wished = set; });
    world.replan();
    ASSERT_TRUE(eventually([&] {
      const Plan plan = world.make();
      return plan.actions.empty() || (!plan.problems.empty() && plan.deletions_from == 0);
    })) << "round "
        << round << ": " << world.state().state;
    ASSERT_TRUE(world.settled()) << round;
  }
}

TEST(Applying, StopsWithTheReasonAndGoesOnWhenAnInputChanges) {
  ApplyingWorld world("M1", nullptr, 1);  // nothing is tried again before an input changes
  world.set().components = {component("pack0", "v1.0.0"), component("pack2", "v1.0.0")};
  const std::string broken = "http://m/files/rebar-catalog/pack0/v1.0.0.json";
  world.artifacts().corrupt = {broken};
  world.follow();
  const ApplyState state = world.when_stopped();
  EXPECT_EQ(state.failed, 1U);
  EXPECT_THAT(state.errors, ::testing::ElementsAre("ContentPackage pack0: " + broken +
                                                   ": expected sha256 x, the file has y"));
  EXPECT_TRUE(eventually([&] { return !world.state().next_attempt.empty(); }));
  EXPECT_TRUE(world.endpoint().components.contains("pack2")) << "what does not depend on it is done";
  EXPECT_EQ(world.progress().done, 1U);
  EXPECT_EQ(world.progress().total, 2U);
  world.wish([](versionset::VersionSet& set) { set.components[0].version = "v2.0.0"; });
  world.replan();
  ASSERT_TRUE(world.settled());
  EXPECT_EQ(world.endpoint().components["pack0"].second, "v2.0.0");
  EXPECT_TRUE(world.state().errors.empty());
  EXPECT_TRUE(eventually([&] { return world.progress().total == 0; })) << "nothing is under way";
  EXPECT_EQ(world.progress().lease_left.count(), 0);
}

TEST(Applying, WhatNobodyWantsAnyMoreIsNotWaitedFor) {
  ApplyingWorld world;
  world.set().components = {component("pack0", "v1.0.0")};
  world.artifacts().endless = {"http://m/files/rebar-catalog/pack0/v1.0.0.json"};
  world.follow();
  ASSERT_TRUE(eventually([&] { return world.artifacts().asked == 1; }));
  EXPECT_EQ(world.progress().done, 0U);
  EXPECT_EQ(world.progress().total, 1U);
  EXPECT_GT(world.progress().lease_left.count(), 0);
  world.replan();
  world.wish([](versionset::VersionSet& set) { set.prefs = {{"defaultStage", "discover"}}; });
  world.replan();
  EXPECT_EQ(world.state().state, "applying") << "the same action is still wanted";
  world.wish([](versionset::VersionSet& set) { set.components[0].version = "v2.0.0"; });
  world.replan();
  ASSERT_TRUE(world.settled());
  EXPECT_EQ(world.endpoint().components["pack0"].second, "v2.0.0");
  EXPECT_TRUE(world.state().errors.empty());
  EXPECT_EQ(world.artifacts().asked, 1);
}

TEST(Applying, GoesOnWithAFileWhereItWasCut) {
  ApplyingWorld world;
  world.set().files = {file(world, 2, "isos/big.iso")};
  world.endpoint().cut_piece_at = 700'000;
  world.follow();
  ASSERT_TRUE(world.settled());
  EXPECT_EQ(world.endpoint().files["isos/big.iso"], world.artifacts().contents.at("self://files/source2"));
  ApplyingWorld other;
  other.set().files = {file(other, 2, "isos/big.iso")};
  other.endpoint().pieces["isos/big.iso"] = "pieces of something else";
  other.follow();
  ASSERT_TRUE(other.settled());
  EXPECT_EQ(other.endpoint().files["isos/big.iso"], other.artifacts().contents.at("self://files/source2"));
}

TEST(Applying, AFullDiskIsToldAndTriedAgain) {
  ApplyingWorld world;
  world.set().files = {file(world, 0, "files/f0")};
  world.set().prefs = {{"defaultStage", "discover"}};
  world.endpoint().full_at = 1'500'000;
  world.follow();
  const ApplyState stopped = world.when_stopped();
  ASSERT_FALSE(stopped.errors.empty());
  EXPECT_THAT(stopped.errors.front(), ::testing::HasSubstr("507 the disk is full"));
  EXPECT_EQ(world.endpoint().prefs["defaultStage"], "discover");
  {
    Lock lock(world.endpoint().mutex);
    world.endpoint().full_at = SIZE_MAX;
  }
  EXPECT_TRUE(world.settled());
  EXPECT_TRUE(world.make().empty());
}

TEST(Applying, AFileThatArrivesDamagedIsToldAndDeleted) {
  ApplyingWorld world("M1", nullptr, 1);  // nothing is tried again
  world.set().files = {file(world, 0, "files/f0")};
  world.endpoint().damaging = {"files/f0"};
  world.follow();
  EXPECT_THAT(world.when_stopped().errors,
              ::testing::ElementsAre(::testing::HasSubstr("files/f0 arrived damaged: expected sha256 " +
                                                          world.set().files[0].sha256)));
  Lock lock(world.endpoint().mutex);
  EXPECT_EQ(world.endpoint().changes.back(), "DELETE files/f0") << "nobody shall boot from it";
  EXPECT_FALSE(world.endpoint().files.contains("files/f0"));
}

/// As what an archive unpacked to: a look finds it, the listing never does.
TEST(Applying, AFileThatIsNeverListedIsLookedAtOnce) {
  ApplyingWorld world;
  world.set().files = {file(world, 0, "files/quiet"), file(world, 1, "files/loud")};
  world.endpoint().files["files/quiet"] = world.artifacts().contents.at("self://files/source0");
  world.endpoint().unlisted = {"files/quiet"};
  world.follow();
  ASSERT_TRUE(world.settled()) << json::serialize(json::value_from(world.state().errors));
  EXPECT_TRUE(world.make().empty());
  EXPECT_TRUE(world.state().errors.empty());
  EXPECT_EQ(std::ranges::count(world.endpoint().changes, "POST files/quiet"), 0);
  // Another content is wanted: that is planned, and what was uploaded is found equal at the second look.
  world.wish([&](versionset::VersionSet& set) { set.files[0] = file(world, 2, "files/quiet"); });
  EXPECT_EQ(world.make().actions.size(), 1U);
  world.replan();
  ASSERT_TRUE(world.settled());
  EXPECT_EQ(world.endpoint().files["files/quiet"], world.artifacts().contents.at("self://files/source2"));
  // What the endpoint tells of its files changed: nobody knows any more.
  {
    Lock lock(world.endpoint().mutex);
    world.endpoint().files["files/more"] = "by hand";
  }
  EXPECT_EQ(world.make().actions.size(), 1U);
  world.replan();
  ASSERT_TRUE(world.settled());
  EXPECT_TRUE(world.state().errors.empty());
  // It is listed for a while and then gone, so that the list is the one of before.
  {
    Lock lock(world.endpoint().mutex);
    world.endpoint().unlisted.clear();
  }
  world.replan();
  ASSERT_TRUE(world.settled());
  {
    Lock lock(world.endpoint().mutex);
    world.endpoint().files.erase("files/quiet");
  }
  EXPECT_EQ(world.make().actions.size(), 1U);
}

/// A secret that somebody put into a plugin there, and that the set does not name.
TEST(Applying, SecretsPutIntoAPluginByHandStay) {
  ApplyingWorld world;
  wish_for_all(world);
  world.follow();
  ASSERT_TRUE(world.settled());
  json::value by_hand = json::parse(auth::seal(world.endpoint().keys.public_key, "\"by hand\""));
  {
    Lock lock(world.endpoint().mutex);
    json::object& params = world.endpoint().plugins["p0"]["Params"].as_object();
    params["password"] = by_hand;
    params["clear"] = 1;
  }
  EXPECT_EQ(world.make().actions.size(), 1U) << "what is not secret is too much";
  world.replan();
  ASSERT_TRUE(eventually([&] { return world.make().empty(); }));
  ASSERT_TRUE(world.settled());
  world.wish([](versionset::VersionSet& set) {
    set.plugins = {plugin("p0", "provider0", {{"url", "http://y"}, {"token", "t1p"}})};
  });
  world.replan();
  ASSERT_TRUE(eventually([&] { return world.make().empty(); }));
  ASSERT_TRUE(world.settled());
  const json::object params = world.endpoint().plugins["p0"]["Params"].as_object();
  EXPECT_EQ(params.at("password"), by_hand);
  EXPECT_EQ(params.at("url"), "http://y");
  EXPECT_EQ(world.endpoint().opened(params.at("token")), "\"t1p\"");
  EXPECT_FALSE(params.contains("clear"));
}

TEST(Applying, OneOfTwoManagersConfigures) {
  PretendedEndpoint endpoint;
  endpoint.holder = "R2";
  ApplyingWorld world("R1", &endpoint);
  world.set().prefs = {{"defaultStage", "discover"}};
  world.follow();
  const ApplyState state =
      world.state_when([](const ApplyState& seen) { return seen.configured_by == "R2"; });
  EXPECT_EQ(state.state, "waiting");
  EXPECT_THAT(state.errors, ::testing::ElementsAre("configured by R2"));
  EXPECT_TRUE(endpoint.changes.empty());
  {
    Lock lock(endpoint.mutex);
    endpoint.holder.clear();
  }
  world.replan();
  EXPECT_TRUE(world.settled());
  EXPECT_EQ(endpoint.prefs["defaultStage"], "discover");
}

/// It may have run out while nothing was heard of the endpoint.
TEST(Applying, AfterABrokenConnectionTheLeaseIsAskedForFirst) {
  ApplyingWorld world("M1", nullptr, 1);  // nothing is renewed meanwhile
  world.set().prefs = {{"defaultStage", "discover"}};
  PretendedEndpoint& endpoint = world.endpoint();
  endpoint.failure = {1, false, Failure::Kind::kBrokenBefore};
  world.follow();
  const std::string lease = "POST configuration_lease";
  ASSERT_TRUE(eventually([&] {
    Lock lock(endpoint.mutex);
    return endpoint.asked.size() >= 3;
  }));
  Lock lock(endpoint.mutex);
  EXPECT_EQ(endpoint.asked[0], lease);
  EXPECT_NE(endpoint.asked[1], lease) << "this one is not answered";
  EXPECT_EQ(endpoint.asked[2], lease);
}

TEST(Applying, GivesUpOnWhatSomebodyElseUndoes) {
  ApplyingWorld world;
  world.set().prefs = {{"defaultStage", "discover"}};
  world.endpoint().changed = [&world] {
    {
      Lock lock(world.endpoint().mutex);
      world.endpoint().prefs["defaultStage"] = "none";
    }
    world.replan();
  };
  world.replan();
  EXPECT_TRUE(eventually([&] { return world.state().state == "stopped"; }));
}

TEST(Applying, KnowsSecretsAgainAfterARestartAndKeepsNoneInClear) {
  ApplyingWorld world;
  wish_for_all(world);
  world.follow();
  ASSERT_TRUE(world.settled());
  world.restart();
  EXPECT_TRUE(world.make().empty());
  const auto record = world.store().snapshot()->secret("configured", "E");
  ASSERT_TRUE(record);
  const std::vector<std::string> secrets = {"hush", "t0p", std::string(32, 'x')};
  for (const std::string& secret : secrets) EXPECT_EQ(record->find(secret), std::string::npos);
  world.wish([](versionset::VersionSet& set) { set.global["password"] = "another"; });
  EXPECT_EQ(world.make().actions.size(), 1U);
}

TEST(Applying, AHangingPlaceIsLentToOthers) {
  env::Runtime runtime(1);
  ConcurrencyLimiter limiter(1, std::chrono::milliseconds(40), env::system_clock(), env::system_timers());
  auto first = env::run(runtime, limiter.take());
  auto second = env::launch(runtime, limiter.take());
  EXPECT_EQ(second.wait_for(std::chrono::milliseconds(10)), std::future_status::timeout);
  EXPECT_NE(second.get().get(), nullptr) << "the first one stands still";
}

}  // namespace
}  // namespace mullion::apply
