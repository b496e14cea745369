// The planning half as a service: over a real store, with stand-ins for the rooms around it.
#include "apply/configurator.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "apply/internal/plan_executor.h"
#include "apply/internal/surroundings_testing.h"
#include "base/mutex.h"
#include "env/waiting_testing.h"
#include "manager/endpoint_object.h"
#include "manager/fake_manager_testing.h"
#include "model/object.h"
#include "net/net_testing.h"
#include "plan/plan_testing.h"
#include "store/flaky_testing.h"
#include "store/meddled_testing.h"

namespace mullion::apply {
namespace {

using env::eventually;
using manager::testing::FakeManager;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Remembers what it was offered.
class FakeExecutor final : public PlanExecutor {
 public:
  explicit FakeExecutor(ApplyNews news) : news_(std::move(news)) {}
  void start() override {}
  Task<void> stop() override { co_return; }
  void offer(Offer offer) override {
    const Lock lock(mutex_);
    offers_.insert_or_assign(offer.endpoint, offer);
  }
  void withdraw(const std::string& endpoint) override {
    const Lock lock(mutex_);
    offers_.erase(endpoint);
  }
  ApplyState state(const std::string&) const override {
    const Lock lock(mutex_);
    return state_;
  }
  ApplyProgress progress(const std::string&) const override { return {2, 9, std::chrono::seconds(41)}; }
  bool same_secret(const std::string&, const std::string&, const json::value&,
                   const json::value&) const override {
    return true;
  }
  bool seen_there(const std::string&, const std::string&, const std::string&,
                  const std::string&) const override {
    return false;
  }
  Counts counts() const override { return {.done = 7, .failed = 1, .applying = 1}; }

  std::optional<Offer> offered(const std::string& endpoint) const {
    const Lock lock(mutex_);
    const auto found = offers_.find(endpoint);
    return found == offers_.end() ? std::nullopt : std::optional(found->second);
  }
  void becomes(ApplyState state) {
    {
      const Lock lock(mutex_);
      state_ = std::move(state);
    }
    news_("edge");
  }

 private:
  const ApplyNews news_;
  mutable Mutex mutex_;
  std::map<std::string, Offer> offers_ GUARDED_BY(mutex_);
  ApplyState state_ GUARDED_BY(mutex_);
};

class ConfiguratorTest : public ::testing::Test {
 protected:
  ConfiguratorTest() {
    configurator_ = make_configurator({.runtime = runtime_,
                                       .store = flaky_,
                                       .catalog = catalog_,
                                       .blobs = blobs_,
                                       .manager = manager_,
                                       .own_id = "M",
                                       .clock = env::system_clock(),
                                       .timers = env::system_timers()},
                                      [this](const Dependencies&, ApplyNews news) {
                                        auto made = std::make_unique<FakeExecutor>(std::move(news));
                                        executor_ = made.get();
                                        return made;
                                      });
    configurator_->start();
  }
  ~ConfiguratorTest() override {
    env::run(runtime_, [this]() -> Task<int> {
      co_await configurator_->stop();
      co_return 0;
    });
    configurator_.reset();
    runtime_.stop();
  }

  void put(const std::string& type, const std::string& key, json::object object) {
    const model::ObjectType& described = *model::find_object_type(type);
    Result<json::object> shaped = model::normalise(described, json::value(std::move(object)), nullptr);
    ASSERT_TRUE(shaped) << shaped.error().text();
    store::Batch batch;
    batch.changes.push_back({{type, "", key}, model::canonical_body(described, *shaped)});
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }
  void put_endpoint(const std::string& id, json::array sets, bool apply = false) {
    put("endpoints", id,
        {{"Id", id}, {"VersionSets", std::move(sets)}, {"Apply", apply}, {"Validated", true}});
    set_member(id, "Validated", true);
    set_member(id, "ConnectionStatus", "Connected");
  }
  /// As the manager writes into it.
  void set_member(const std::string& id, const std::string& name, json::value value) {
    const auto done = env::run(runtime_, [&] {
      return manager::change_endpoint(*store_, id, [&](json::object& endpoint) { endpoint[name] = value; });
    });
    ASSERT_TRUE(done);
  }
  json::object endpoint(const std::string& id = "edge") {
    const auto body = store_->snapshot()->get({"endpoints", "", id});
    return body ? json::parse(*body).get_object() : json::object();
  }
  std::vector<std::string> names(const std::string& id = "edge") {
    std::vector<std::string> out;
    const json::object object = endpoint(id);
    const json::value* actions = object.if_contains("Actions");
    if (actions == nullptr || !actions->is_array()) return out;
    for (const json::value& action : actions->get_array())
      out.push_back(plan::text_in(action.get_object(), "Name"));
    return out;
  }
  static constexpr const char* kState =
      R"({"components":[{"Type":"ContentPackage","Name":"old","Version":"v1.0.0"}],"prefs":{"p":"0"},"global":{},"files":{}})";

  env::Runtime runtime_{2};
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  store::MeddledStore meddled_{*store_};
  store::FlakyStore flaky_{meddled_};
  FakeCatalog catalog_;
  FakeBlobs blobs_;
  FakeManager manager_;
  FakeExecutor* executor_ = nullptr;
  std::unique_ptr<Configurator> configurator_;
};

TEST_F(ConfiguratorTest, WritesPlansAndOffersThem) {
  put("version_sets", "s", {{"Id", "s"}, {"Apply", true}, {"Prefs", json::object{{"p", "1"}}}});
  put_endpoint("edge", {"s"}, true);
  manager_.tell("edge", kState);
  ASSERT_TRUE(eventually([&] { return names() == std::vector<std::string>{"p"}; }));
  EXPECT_EQ(endpoint().at("Available"), true);
  ASSERT_TRUE(eventually([&] {
    const auto offered = executor_->offered("edge");
    return offered && offered->apply && offered->plan->actions.size() == 1;
  }));
  // What the endpoint says now is planned for, without a change of any object.
  manager_.tell("edge", R"({"prefs":{"p":"1"},"global":{},"files":{}})");
  EXPECT_TRUE(eventually([&] { return names().empty(); }));
  // A set that holds the whole list back.
  put("version_sets", "s", {{"Id", "s"}, {"Apply", false}, {"Prefs", json::object{{"p", "2"}}}});
  EXPECT_TRUE(eventually([&] { return executor_->offered("edge") && !executor_->offered("edge")->apply; }));
}

TEST_F(ConfiguratorTest, ReadsThatFailWithdrawNothingAndAreReadAgain) {
  const auto set = [&](int number) {
    put("version_sets", "s",
        {{"Id", "s"}, {"Apply", true}, {"Prefs", json::object{{"p", std::to_string(number)}, {"q", "1"}}}});
  };
  set(1);
  put_endpoint("edge", {"s"}, true);
  manager_.tell("edge", kState);
  ASSERT_TRUE(eventually([&] { return names().size() == 2 && executor_->offered("edge"); }));
  flaky_.fail(40);
  for (int i = 2; flaky_.failures() < 20; ++i) {
    set(i);
    ASSERT_TRUE(executor_->offered("edge")) << "it was taken for an endpoint that is gone";
    EXPECT_EQ(names().size(), 2U);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  flaky_.fail(0);
  put("version_sets", "s", {{"Id", "s"}, {"Apply", true}, {"Prefs", json::object{{"p", "0"}, {"q", "1"}}}});
  EXPECT_TRUE(eventually([&] { return names() == std::vector<std::string>{"q"}; }));
}

TEST_F(ConfiguratorTest, APlanIsNotWrittenOverAChangeMadeMeanwhile) {
  put("version_sets", "s", {{"Id", "s"}, {"Apply", true}, {"Prefs", json::object{{"p", "1"}}}});
  put_endpoint("edge", {"s"});
  std::atomic<bool> meddled{false};
  meddled_.meddle_before({"endpoints", "", "edge"}, [&] {
    set_member("edge", "Description", "by hand");
    meddled = true;
  });
  manager_.tell("edge", kState);
  ASSERT_TRUE(eventually([&] { return meddled && names() == std::vector<std::string>{"p"}; }));
  EXPECT_EQ(endpoint().at("Description"), "by hand");
}

/// What came of a plan that could be made in part only is not known: each endpoint is planned for again.
TEST_F(ConfiguratorTest, WhatCouldNotBeReadOnceIsPlannedWithoutAnotherChange) {
  put("version_sets", "s", {{"Id", "s"}, {"Apply", true}, {"Prefs", json::object{{"p", "1"}}}});
  put_endpoint("edge", {"s"});
  ASSERT_TRUE(eventually([&] { return executor_->offered("edge").has_value(); }));
  flaky_.fail(100);
  const uint64_t before = flaky_.failures();
  manager_.tell("edge", kState);
  ASSERT_TRUE(eventually([&] { return flaky_.failures() > before + 3; })) << "it is read again by itself";
  flaky_.fail(0);
  EXPECT_TRUE(eventually([&] { return names() == std::vector<std::string>{"p"}; }));
}

TEST_F(ConfiguratorTest, PlansSayWhatTheyWereMadeFor) {
  const auto word = [&] {
    const json::object object = endpoint();
    return object.contains("PlannedFor") ? plan::text_in(object, "PlannedFor") : std::string();
  };
  put("version_sets", "s", {{"Id", "s"}, {"Apply", true}, {"Prefs", json::object{{"p", "1"}}}});
  put("version_sets", "t", {{"Id", "t"}, {"Apply", true}});
  put_endpoint("edge", {"s"});
  manager_.tell("edge", kState);
  ASSERT_TRUE(eventually([&] { return !word().empty(); }));
  const std::string first = word();
  // Other sets, and other contents of the same sets.
  set_member("edge", "VersionSets", json::array{"t", "s"});
  ASSERT_TRUE(eventually([&] { return word() != first; }));
  const std::string second = word();
  put("version_sets", "t", {{"Id", "t"}, {"Apply", true}, {"Prefs", json::object{{"q", "1"}}}});
  ASSERT_TRUE(eventually([&] { return word() != second; }));
  EXPECT_EQ(word().substr(0, 16), second.substr(0, 16));
  // Of an endpoint that nothing is planned for it says nothing.
  set_member("edge", "VersionSetsDisabled", true);
  EXPECT_TRUE(eventually([&] { return word().empty(); }));
}

TEST_F(ConfiguratorTest, CatalogAndFilesMakeNewPlans) {
  put("version_sets", "s",
      {{"Id", "s"},
       {"Apply", true},
       {"Components", json::array{json::object{{"Name", "pack"}, {"Type", "CP"}, {"Version", "v1.0.0"}}}},
       {"Files", json::array{json::object{{"Path", "files/a"}, {"Source", "self://files/src"}}}}});
  put_endpoint("edge", {"s"});
  manager_.tell("edge", kState);
  ASSERT_TRUE(eventually(
      [&] { return endpoint().contains("Errors") && endpoint().at("Errors").as_array().size() == 2; }));
  EXPECT_EQ(endpoint().at("Available"), false);
  blobs_.put_file("files/src", std::string(64, 'b'));
  ASSERT_TRUE(eventually([&] { return endpoint().at("Errors").as_array().size() == 1; }));
  catalog_.set({plan::made_item("pack", "v1.0.0", "ContentPackage")});
  ASSERT_TRUE(eventually([&] { return endpoint().at("Available") == json::value(true); }));
  EXPECT_THAT(names(), ElementsAre("pack", "files/a", "old"));
}

TEST_F(ConfiguratorTest, MissingSetIsNoPlan) {
  put("version_sets", "s", {{"Id", "s"}, {"Apply", true}, {"Prefs", json::object{{"p", "1"}}}});
  put_endpoint("edge", {"s", "gone"}, true);
  manager_.tell("edge", kState);
  const json::array expected{"VersionSet gone (at 1) does not exist"};
  EXPECT_TRUE(eventually([&] { return endpoint().at("Errors") == json::value(expected); }));
  EXPECT_EQ(endpoint().at("Available"), false);
  EXPECT_THAT(names(), IsEmpty());
  ASSERT_TRUE(eventually([&] { return executor_->offered("edge").has_value(); }));
  EXPECT_TRUE(executor_->offered("edge")->plan->actions.empty());
  put("version_sets", "gone", {{"Id", "gone"}, {"Apply", true}});
  EXPECT_TRUE(eventually([&] { return names().size() == 1; }));
}

TEST_F(ConfiguratorTest, DisabledForgottenAndNotManaging) {
  put("version_sets", "s", {{"Id", "s"}, {"Apply", true}, {"Prefs", json::object{{"p", "1"}}}});
  put_endpoint("edge", {"s"});
  manager_.tell("edge", kState);
  ASSERT_TRUE(eventually([&] { return executor_->offered("edge").has_value(); }));
  set_member("edge", "VersionSetsDisabled", true);
  EXPECT_TRUE(eventually([&] { return !executor_->offered("edge") && names().empty(); }));
  set_member("edge", "VersionSetsDisabled", false);
  EXPECT_TRUE(eventually([&] { return executor_->offered("edge") && names().size() == 1; }));
  manager_.on = false;
  const auto is_looked_at = [&](const std::string& name, json::value value) {
    const int before = manager_.looks;
    set_member("edge", name, std::move(value));
    return eventually([&] { return manager_.looks > before; });
  };
  ASSERT_TRUE(is_looked_at("Description", "x"));  // the worker looks when planning that had begun has ended
  ASSERT_TRUE(is_looked_at("VersionSets", json::array()));
  EXPECT_THAT(names(), ElementsAre("p")) << "who is no manager leaves it as it is";
  manager_.on = true;
  set_member("edge", "ConnectionStatus", "Connecting");
  EXPECT_TRUE(eventually([&] { return names().empty() && !executor_->offered("edge"); }));
}

TEST_F(ConfiguratorTest, HowItGoesIsWritten) {
  put("version_sets", "s", {{"Id", "s"}, {"Apply", true}, {"Prefs", json::object{{"p", "1"}}}});
  put_endpoint("edge", {"s"}, true);
  manager_.tell("edge", kState);
  ASSERT_TRUE(eventually([&] { return names().size() == 1; }));
  executor_->becomes({.state = "stopped",
                      .configured_by = "M",
                      .next_attempt = "soon",
                      .failed = 2,
                      .errors = {"Pref p: no"}});
  ASSERT_TRUE(eventually([&] { return endpoint().contains("ActionErrorCount"); }));
  EXPECT_EQ(endpoint().at("Errors"), json::array{"Pref p: no"});
  EXPECT_EQ(endpoint().at("Available"), false);
  const auto explained = env::run(runtime_, [&] { return configurator_->explain("edge", {}); });
  ASSERT_TRUE(explained);
  EXPECT_EQ(explained->state, "stopped");
  EXPECT_EQ(explained->configured_by, "M");
  EXPECT_EQ(explained->next_attempt, "soon");
  EXPECT_EQ(explained->progress.done, 2U);
  EXPECT_EQ(explained->progress.total, 9U);
  EXPECT_EQ(explained->progress.lease_left.count(), 41);
  EXPECT_EQ(configurator_->statistics().actions_done, 7u);
  EXPECT_EQ(configurator_->statistics().with_actions, 1u);
}

TEST_F(ConfiguratorTest, AnEndpointOnItsWayKeepsItsPlan) {
  put("version_sets", "s",
      {{"Id", "s"},
       {"Apply", true},
       {"Files", json::array{json::object{{"Path", "files/a"}, {"Source", "self://files/src"}}}}});
  blobs_.put_file("files/src", std::string(64, 'b'));
  put_endpoint("edge", {"s"});
  set_member("edge", "Prefs", json::object{{"p", "0"}});
  set_member("edge", "Actions", json::array{json::object{{"Type", "File"}, {"Name", "from before"}}});
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_THAT(names(), ElementsAre("from before"));
  set_member("edge", "ConnectionStatus", "Lost: no answer");
  const json::value told = json::array{"the files of edge are not known before it is connected"};
  ASSERT_TRUE(eventually([&] { return endpoint().contains("Errors") && endpoint().at("Errors") == told; }));
  EXPECT_EQ(endpoint().at("Available"), false);
  manager_.tell("edge", kState);
  EXPECT_TRUE(eventually([&] { return names() == std::vector<std::string>{"files/a"}; }));
}

/// After a restart the object says what is there; what needs what is told by the endpoint, once it is
/// connected.
TEST_F(ConfiguratorTest, NothingIsCarriedOutBeforeTheEndpointHasToldOnThisConnection) {
  put("version_sets", "s",
      {{"Id", "s"},
       {"Apply", true},
       {"Prefs", json::object{{"p", "1"}}},
       {"Components", json::array{json::object{{"Name", "old"}, {"Type", "CP"}, {"Version", "v1.0.0"}}}}});
  put_endpoint("edge", {"s"}, true);
  set_member("edge", "Components", json::parse(R"([{"Type":"ContentPackage","Name":"old","Version":"v1.0.0"},
                             {"Type":"ContentPackage","Name":"needed","Version":"v1.0.0"}])"));
  set_member("edge", "Prefs", json::object{{"p", "0"}});
  set_member("edge", "Actions", json::array{json::object{{"Type", "Pref"}, {"Name", "from before"}}});
  const auto applies = [&] {
    const auto offered = executor_->offered("edge");
    return offered && offered->apply;
  };
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(applies());
  EXPECT_THAT(names(), ElementsAre("from before"));
  manager_.tell("edge", R"({"prefs":{"p":"0"},"prerequisites":{"old":"needed"},"files":{}})");
  ASSERT_TRUE(eventually(applies));
  EXPECT_THAT(names(), ElementsAre("p"));
  set_member("edge", "ConnectionStatus", "Lost: no answer");
  EXPECT_TRUE(eventually([&] { return !applies(); }));
  set_member("edge", "ConnectionStatus", "Connecting");
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(applies()) << "its word is of another connection";
  set_member("edge", "ConnectionStatus", "Connected");
  EXPECT_TRUE(eventually(applies));
}

TEST_F(ConfiguratorTest, PreviewsAndBaselines) {
  put("version_sets", "s", {{"Id", "s"}, {"Apply", true}, {"Prefs", json::object{{"p", "1"}}}});
  put_endpoint("edge", {});
  const auto baseline = [&](const std::string& id) {
    return env::run(runtime_, [&] { return configurator_->baseline(id, "b", {}); });
  };
  EXPECT_EQ(baseline("edge").error().code, ErrorCode::kConflict);
  manager_.tell("edge", kState);
  const auto preview = [&](const std::string& id, std::vector<std::string> sets) {
    return env::run(runtime_, [&] { return configurator_->preview(id, sets, {}); });
  };
  const auto plan = preview("edge", {"s"});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->plan.actions.size(), 1u);
  EXPECT_THAT(plan->wanted.sets, ElementsAre("s"));
  EXPECT_EQ(preview("edge", {"gone"}).error().key, "gone");
  EXPECT_EQ(preview("nobody", {"s"}).error().code, ErrorCode::kNotFound);
  const auto made = baseline("edge");
  ASSERT_TRUE(made);
  EXPECT_EQ(plan::text_in(made->set, "Id"), "b");
  EXPECT_THAT(made->left_out, Contains("Pref baseTokenSecret: a secret"));
  EXPECT_EQ(baseline("nobody").error().code, ErrorCode::kNotFound);
}

/// It may be an image of many gigabytes: plans of others would wait for it.
TEST_F(ConfiguratorTest, AFileWithoutAChecksumIsReadAsLongWork) {
  std::atomic<int> read{0}, read_elsewhere{0};
  blobs_.on_hash = [&] { ++(eventually(runs_long_work_only) ? read : read_elsewhere); };
  blobs_.put_unsummed("files/src", "content");
  put("version_sets", "s",
      {{"Id", "s"},
       {"Apply", true},
       {"Files", json::array{json::object{{"Path", "files/a"}, {"Source", "self://files/src"}}}}});
  manager_.tell("edge", kState);
  put_endpoint("edge", {});
  const auto preview =
      env::run(runtime_, [&] { return configurator_->preview("edge", std::vector<std::string>{"s"}, {}); });
  ASSERT_TRUE(preview);
  EXPECT_THAT(preview->plan.problems, ElementsAre());
  ASSERT_EQ(preview->plan.actions.size(), 1U);
  EXPECT_GT(read, 0);
  EXPECT_EQ(read_elsewhere, 0);
}

TEST_F(ConfiguratorTest, ManyEndpointsOfOneSet) {
  put("version_sets", "s", {{"Id", "s"}, {"Apply", true}, {"Prefs", json::object{{"p", "1"}}}});
  for (int i = 0; i < 150; ++i) {
    const std::string id = fmt::format("edge-{}", i);
    put("endpoints", id, {{"Id", id}, {"VersionSets", json::array{"s"}}});
    manager_.tell(id, kState);
  }
  for (int i = 0; i < 150; ++i) {
    EXPECT_TRUE(eventually([&] { return names(fmt::format("edge-{}", i)).size() == 1; })) << i;
  }
}

}  // namespace
}  // namespace mullion::apply
