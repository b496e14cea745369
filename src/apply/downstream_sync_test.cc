// What travels to managers downstream: over a real store, with pretended managers whose replicas are in it,
// in time that the test moves.
#include "apply/downstream_sync.h"

#include <gmock/gmock.h>

#include <atomic>

#include "apply/internal/surroundings_testing.h"
#include "base/log.h"
#include "base/mutex.h"
#include "env/launch.h"
#include "env/time_testing.h"
#include "env/waiting_testing.h"
#include "manager/fake_manager_testing.h"
#include "model/members.h"
#include "plan/plan_testing.h"
#include "plan/sync_plan.h"
#include "store/flaky_testing.h"
#include "store/meddled_testing.h"

namespace mullion::apply {
namespace {

using namespace std::chrono_literals;
using env::eventually;
using manager::testing::FakeManager;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

using Requests = std::vector<std::string>;

constexpr env::Duration kGathering = 50ms;  // what comes in groups is waited for
constexpr env::Duration kIdle = 24h;
constexpr env::Duration kLookAgain = 1s, kLookAgainInTheDark = 30s;

/// "travelled from M", "" for what somebody made there.
std::string origin_in(const json::object& object) {
  return model::text_member(model::object_member(object, "Meta"), plan::kTravelledFrom);
}

size_t place_of(const Requests& requests, std::string_view request) {
  return static_cast<size_t>(std::ranges::find(requests, request) - requests.begin());
}

/// Warnings with these words, as long as it lives.
class Warnings {
 public:
  explicit Warnings(std::string words) : words_(std::move(words)) {}
  std::vector<std::string> told() {
    const Lock lock(mutex_);
    return told_;
  }

 private:
  void hear(const LogLine& line) {
    const Lock lock(mutex_);
    if (line.level == LogLevel::kWarn && line.text.find(words_) != std::string::npos)
      told_.push_back(line.text);
  }

  const std::string words_;
  Mutex mutex_;
  std::vector<std::string> told_ GUARDED_BY(mutex_);
  const LogListener listener_{[this](const LogLine& line) { hear(line); }};
};

/// This server is the manager M.
class DownstreamSyncTest : public ::testing::Test {
 protected:
  DownstreamSyncTest() {
    manager_.serve = [this](std::string owner, net::ClientRequest request) {
      return pass_on(std::move(owner), std::move(request));
    };
    make();
  }
  ~DownstreamSyncTest() override {
    end();
    runtime_.stop();
  }

  // ---- the service

  void make() {
    sync_ = make_downstream_sync({.runtime = runtime_,
                                  .store = flaky_,
                                  .catalog = catalog_,
                                  .blobs = blobs_,
                                  .manager = manager_,
                                  .own_id = "M",
                                  .clock = time_,
                                  .timers = time_});
  }
  /// Managers say their first word, which is what it begins with.
  void start() {
    sync_->start();
    for (const auto& [id, manager] : managers_) manager_.tell(id, "{}");
  }
  void end() {
    if (!sync_) return;
    env::run(runtime_, [this] { return sync_->stop(); });
    sync_.reset();
  }
  /// As another process: nothing is remembered but what is stored.
  void restart() {
    end();
    make();
    start();
  }

  // ---- managers downstream

  PretendedEndpoint& there(const std::string& id = "R1") { return *managers_.at(id); }
  /// A manager with an endpoint that names `sets`.
  void attach(const std::string& id, json::array sets = {"s"}) {
    PretendedEndpoint& made = *managers_.emplace(id, std::make_unique<PretendedEndpoint>()).first->second;
    made.changed = [this, id] {
      if (shows_) replicate(id);
    };
    be_reached(id);
    name_sets(id, std::move(sets));
  }
  /// The replica is as of half a second ago.
  void be_reached(const std::string& id, double age = 0.5, bool in_touch = true) {
    manager_.attach({.owner = id, .age_seconds = age, .in_touch = in_touch, .next_hop = id});
  }
  void name_sets(const std::string& id, json::array sets) {
    put(id, "endpoints", "edge-" + id,
        {{"Id", "edge-" + id}, {"Arch", "amd64"}, {"Os", "linux"}, {"VersionSets", std::move(sets)}});
  }
  /// The replica shows what is there.
  void replicate(const std::string& id) {
    store::Batch batch;
    PretendedEndpoint& source = there(id);
    const Lock lock(source.mutex);
    for (const std::string collection : {"version_sets", "catalog_items"}) {
      store_->snapshot()->scan_owner(collection, id, "", [&](std::string_view key, std::string_view) {
        if (!source.objects[collection].contains(std::string(key)))
          batch.changes.push_back({{collection, id, std::string(key)}, std::nullopt});
        return true;
      });
      for (const auto& [key, object] : source.objects[collection])
        batch.changes.push_back({{collection, id, key}, json::serialize(object)});
    }
    if (!batch.changes.empty()) {
      EXPECT_TRUE(store_->commit_sync(std::move(batch)));
    }
  }
  /// Somebody there made it.
  void make_there(const std::string& id, const std::string& collection, json::object object) {
    PretendedEndpoint& target = there(id);
    const Lock lock(target.mutex);
    target.objects[collection][model::text_member(object, "Id")] = std::move(object);
  }
  std::optional<json::object> set_there(const std::string& name, const std::string& id = "R1") {
    PretendedEndpoint& seen = there(id);
    const Lock lock(seen.mutex);
    const auto found = seen.objects["version_sets"].find(name);
    return found == seen.objects["version_sets"].end() ? std::nullopt : std::optional(found->second);
  }
  /// The value of preference p in the copy; "" where there is none.
  std::string pref_there(const std::string& name = "s", const std::string& id = "R1") {
    const std::optional<json::object> set = set_there(name, id);
    return set ? model::text_member(model::object_member(*set, "Prefs"), "p") : "";
  }
  std::map<std::string, std::string> files_there(const std::string& id = "R1") {
    PretendedEndpoint& seen = there(id);
    const Lock lock(seen.mutex);
    return seen.files;
  }
  void put_there(const std::string& path, const std::string& content, const std::string& id = "R1") {
    PretendedEndpoint& seen = there(id);
    const Lock lock(seen.mutex);
    seen.files[path] = content;
  }
  Requests asked(const std::string& id = "R1") {
    PretendedEndpoint& seen = there(id);
    const Lock lock(seen.mutex);
    return seen.asked;
  }
  Requests changes(const std::string& id = "R1") {
    PretendedEndpoint& seen = there(id);
    const Lock lock(seen.mutex);
    return seen.changes;
  }
  void forget_requests(const std::string& id = "R1") {
    PretendedEndpoint& seen = there(id);
    const Lock lock(seen.mutex);
    seen.asked.clear();
    seen.changes.clear();
  }
  void answer_with(const std::string& request, int status, const std::string& id = "R1") {
    PretendedEndpoint& target = there(id);
    const Lock lock(target.mutex);
    target.refused[request] = status;
  }
  void answer_well(const std::string& id = "R1") {
    PretendedEndpoint& target = there(id);
    const Lock lock(target.mutex);
    target.refused.clear();
  }

  // ---- requests on their way

  /// From now on these ("R1 PUT version_sets/s"), or all to a manager ("R1"), do not arrive before release().
  void hold(const std::string& request) {
    const Lock lock(mutex_);
    held_.insert(request);
  }
  void release() {
    {
      const Lock lock(mutex_);
      held_.clear();
    }
    released_.notify_all();
  }
  bool is_held(const std::string& id) {
    const Lock lock(mutex_);
    return waiting_.contains(id);
  }
  int most_at_once(const std::string& id) {
    const Lock lock(mutex_);
    return most_at_once_[id];
  }

  // ---- this server

  void put(const std::string& owner, const std::string& type, const std::string& key, json::object object) {
    store::Batch batch;
    batch.changes.push_back({{type, owner, key}, json::serialize(object)});
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }
  void remove(const std::string& owner, const std::string& type, const std::string& key) {
    store::Batch batch;
    batch.changes.push_back({{type, owner, key}, std::nullopt});
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }
  void put_set(const std::string& name, const std::string& pref, json::object more = {}) {
    put_set_of(std::string(store::kOwn), name, pref, std::move(more));
  }
  void put_set_of(const std::string& owner, const std::string& name, const std::string& pref,
                  json::object more = {}) {
    more["Id"] = name;
    more["Apply"] = true;
    more["Prefs"] = json::object{{"p", pref}};
    put(owner, "version_sets", name, std::move(more));
  }
  static json::object with_file(const std::string& name = "src") {
    return {{"Files", json::array{json::object{{"Path", "files/a"}, {"Source", "self://files/" + name}}}}};
  }
  static json::object with_pack(const std::string& version = "v1.0.0") {
    return {{"Components",
             json::array{json::object{{"Type", "ContentPackage"}, {"Name", "pack"}, {"Version", version}}}}};
  }
  /// A catalog with these versions of a pack.
  void have_packs(const std::vector<std::string>& versions) {
    std::vector<catalog::Item> items;
    for (const std::string& version : versions) {
      catalog::Item item = plan::made_item("pack", version, "ContentPackage");
      const files::Blobs::Info info = blobs_.put_content("catalog/" + version, "the pack " + version);
      item.sha256["any/any"] = info.sha256;
      catalog_.fetches(item.source, info);
      items.push_back(std::move(item));
    }
    catalog_.set(std::move(items));
  }
  /// Where a file with this content travels to.
  static std::string file_place(const std::string& content, const std::string& name = "src") {
    return fmt::format("files/travelled/M/files/{}/{}", model_sum(content), name);
  }
  static std::string pack_place(const std::string& version = "v1.0.0") {
    return fmt::format("files/travelled/M/rebar-catalog/pack/{}.json", version);
  }

  // ---- time

  /// No more of it passes than until what comes in groups has come, and until a replica is looked at again.
  template <typename Condition>
  bool soon(Condition condition) {
    return eventually([&] {
      if (condition()) return true;
      for (const env::Duration pause : {kGathering, kLookAgain}) {
        const size_t ended = time_.ended(pause);
        const auto passed = passed_.find(pause);
        if ((passed != passed_.end() && passed->second == ended) || !time_.waits_for(pause)) continue;
        passed_[pause] = ended;
        time_.advance(pause);
      }
      return false;
    });
  }
  template <typename Condition>
  bool passes(Condition condition, env::Duration limit = 3min) {
    return env::passes_until(time_, runtime_, condition, limit);
  }
  /// Whatever is to be done is done, and a look that began after this call found nothing else.
  bool comes_to_rest() {
    const auto looked_in_vain = [this] {
      const size_t before = all_requests();
      const int looks = manager_.looks;
      wake();
      const auto rests = [&] { return manager_.looks > looks && time_.waits_for(kIdle) && !is_asking(); };
      return passes(rests) && all_requests() == before;
    };
    for (int i = 0; i < 20; ++i) {
      if (looked_in_vain() && looked_in_vain()) return true;
    }
    return false;
  }
  /// What is ready to run runs.
  void let_it_run() {
    for (int i = 0; i < 50; ++i) env::run(runtime_, []() -> Task<void> { co_return; });
  }
  /// Whatever there is is looked at again.
  void wake() {
    std::vector<catalog::Item> items = catalog_.items()->all();
    catalog_.set(std::move(items));
  }
  bool brings(const std::string& pref, const std::string& name = "s", const std::string& id = "R1") {
    return passes([&] { return pref_there(name, id) == pref; });
  }
  uint64_t failures() { return sync_->statistics().failures; }

  env::Runtime runtime_{2};
  env::ManualTime time_;
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  store::MeddledStore meddled_{*store_};
  store::FlakyStore flaky_{meddled_};
  FakeCatalog catalog_;
  FakeBlobs blobs_;
  FakeManager manager_;
  std::atomic<bool> shows_{true};  // replicas show changes at once
  std::unique_ptr<DownstreamSync> sync_;

 private:
  Task<Result<net::ClientResponse>> pass_on(std::string owner, net::ClientRequest request) {
    enter(owner);
    const std::shared_ptr<void> leaves(nullptr, [this, owner](void*) { leave(owner); });
    const std::string target = request.target.substr(std::string_view("/api/v3/").size());
    const std::string name =
        fmt::format("{} {} {}", owner, request.method, target.substr(0, target.find('?')));
    while (true) {
      const uint64_t seen = released_.version();
      if (!is_to_wait(owner, name)) break;
      co_await released_.wait(seen, 1h);
    }
    ModelCalls calls(there(owner));
    Result<client::Answer> answer = co_await calls.send(std::move(request));
    if (!answer) co_return answer.error();
    co_return net::ClientResponse{answer->status, std::move(answer->headers),
                                  net::body_from_string(std::move(answer->body))};
  }
  void enter(const std::string& owner) {
    const Lock lock(mutex_);
    most_at_once_[owner] = std::max(most_at_once_[owner], ++asking_[owner]);
  }
  void leave(const std::string& owner) {
    const Lock lock(mutex_);
    --asking_[owner];
    waiting_.erase(owner);
  }
  bool is_to_wait(const std::string& owner, const std::string& name) {
    const Lock lock(mutex_);
    const bool waits = held_.contains(owner) || held_.contains(name);
    if (waits) waiting_.insert(owner);
    return waits;
  }
  bool is_asking() {
    const Lock lock(mutex_);
    return std::ranges::any_of(asking_, [](const auto& one) { return one.second > 0; });
  }
  size_t all_requests() {
    size_t all = 0;
    for (const auto& [id, manager] : managers_) all += asked(id).size();
    return all;
  }

  std::map<std::string, std::unique_ptr<PretendedEndpoint>> managers_;
  std::map<env::Duration, size_t> passed_;  // which of the waits time was moved for last
  Mutex mutex_;
  std::set<std::string> held_ GUARDED_BY(mutex_), waiting_ GUARDED_BY(mutex_);
  std::map<std::string, int> asking_ GUARDED_BY(mutex_), most_at_once_ GUARDED_BY(mutex_);
  env::Signal released_;
};

// ---- what is copied, in which order

TEST_F(DownstreamSyncTest, ASetThatIsNamedThereGoesBehindWhatItNeeds) {
  have_packs({"v1.0.0"});
  blobs_.put_content("files/src", "content");
  json::object more = with_file();
  more["Components"] = with_pack("stable").at("Components");
  put_set("s", "1", std::move(more));
  put_set("unnamed", "1");
  attach("R1", {"s", "nobody has it"});
  start();
  ASSERT_TRUE(brings("1"));
  ASSERT_TRUE(comes_to_rest());
  const json::object copy = *set_there("s");
  EXPECT_EQ(origin_in(copy), "M");
  EXPECT_EQ(copy.at("Components").at(0).at("Version"), "v1.0.0") << "it is what is stable here";
  EXPECT_EQ(copy.at("Files").at(0).at("Source"), json::value("self://" + file_place("content")));
  EXPECT_THAT(files_there(), ElementsAre(std::pair(file_place("content"), "content"),
                                         std::pair(pack_place(), "the pack v1.0.0")));
  EXPECT_FALSE(set_there("unnamed"));
  EXPECT_THAT(changes(), ElementsAre("POST " + file_place("content"), "POST " + pack_place(),
                                     "POST catalog_items", "POST version_sets"));
  const DownstreamSync::Statistics counts = sync_->statistics();
  EXPECT_EQ(counts.files, 2U);
  EXPECT_EQ(counts.bytes, std::string("contentthe pack v1.0.0").size());
  EXPECT_EQ(counts.failures, 0U);
}

TEST_F(DownstreamSyncTest, WhatIsThereIsNotBroughtAgain) {
  put_set("s", "1");
  attach("R1");
  start();
  ASSERT_TRUE(brings("1"));
  ASSERT_TRUE(comes_to_rest());
  forget_requests();
  put_set("another", "1");
  ASSERT_TRUE(comes_to_rest());
  EXPECT_THAT(asked(), IsEmpty());
}

TEST_F(DownstreamSyncTest, ASetThatChangesIsReplaced) {
  put_set("s", "1");
  attach("R1");
  start();
  ASSERT_TRUE(brings("1"));
  ASSERT_TRUE(comes_to_rest());
  forget_requests();
  put_set("s", "2");
  ASSERT_TRUE(brings("2"));
  ASSERT_TRUE(comes_to_rest());
  EXPECT_THAT(changes(), ElementsAre("PUT version_sets/s"));
}

TEST_F(DownstreamSyncTest, SetsOfContentPacksGoTooAndThoseWrittenOverThemCome) {
  put_set_of(std::string(store::kLayered), "s", "layered");
  put_set_of(std::string(store::kLayered), "t", "layered");
  put_set("t", "written");
  attach("R1", {"s", "t"});
  start();
  EXPECT_TRUE(brings("layered", "s"));
  EXPECT_TRUE(brings("written", "t"));
}

TEST_F(DownstreamSyncTest, EndpointsBehindSeveralManagersAreServedThroughTheNextOne) {
  put_set("s", "1");
  attach("R1", {});
  manager_.attach({.owner = "R2", .age_seconds = 600, .in_touch = true, .next_hop = "R1"});
  put("R2", "endpoints", "far", {{"Id", "far"}, {"VersionSets", json::array{"s"}}});
  put("R2", "version_sets", "s", {{"Id", "s"}, {"Prefs", json::object{{"p", "their own"}}}});
  start();
  ASSERT_TRUE(brings("1"));
  EXPECT_TRUE(comes_to_rest()) << "of what is further down the next one is not asked";
  const env::SteadyTime changed = time_.steady();
  put_set("s", "2");
  ASSERT_TRUE(soon([&] { return pref_there() == "2"; }));
  EXPECT_LT(time_.steady() - changed, 1min) << "nor is it as old";
}

/// A manager says of this server what it says of others that it manages.
TEST_F(DownstreamSyncTest, WhatAManagerThereThinksOfThisServerIsLeftAlone) {
  put_set("s", "1");
  attach("R1", {});
  put("R1", "endpoints", "M", {{"Id", "M"}, {"VersionSets", json::array{"s"}}});
  manager_.attach({.owner = "dark", .age_seconds = 5, .in_touch = false, .next_hop = ""});
  put("dark", "endpoints", "lost", {{"Id", "lost"}, {"VersionSets", json::array{"s"}}});
  start();
  ASSERT_TRUE(comes_to_rest());
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(DownstreamSyncTest, WhoIsNoManagerSendsNothingUntilItIsOne) {
  manager_.on = false;
  put_set("s", "1");
  attach("R1");
  start();
  ASSERT_TRUE(comes_to_rest());
  EXPECT_THAT(asked(), IsEmpty());
  manager_.on = true;
  put_set("s", "2");
  EXPECT_TRUE(brings("2"));
}

TEST_F(DownstreamSyncTest, WhatChangedWhileItWasNoManagerGoesWhenItIsOneAgain) {
  put_set("s", "1");
  attach("R1");
  start();
  ASSERT_TRUE(brings("1"));
  ASSERT_TRUE(comes_to_rest());
  manager_.on = false;
  put_set("s", "2");
  ASSERT_TRUE(comes_to_rest());
  EXPECT_EQ(pref_there(), "1");
  manager_.on = true;
  manager_.tell("R1", R"({"prefs":{}})");  // not its first word
  ASSERT_TRUE(soon([&] { return pref_there() == "2"; }));
  ASSERT_TRUE(comes_to_rest());
  manager_.tell("R1", "{}");
  let_it_run();
  EXPECT_FALSE(time_.waits_for(kGathering)) << "that is made up for once";
}

/// A manager of endpoints of one platform has no use for what runs on another.
TEST_F(DownstreamSyncTest, OnlyTheBuildsForPlatformsThatAreThereGo) {
  catalog::Item item = plan::made_item("runner", "v1.0.0", "PluginProvider");
  item.sha256.clear();
  for (const std::string arch : {"amd64", "arm64"}) item.sha256[arch + "/linux"] = model_sum(arch);
  for (const std::string arch : {"amd64", "arm64"}) {
    const Result<catalog::Artifact> artifact = catalog::artifact_of(item, arch, "linux");
    ASSERT_TRUE(artifact);
    catalog_.fetches(artifact->source, blobs_.put_content("catalog/" + arch, arch));
  }
  catalog_.set({item});
  json::object component{{"Type", "PluginProvider"}, {"Name", "runner"}, {"Version", "v1.0.0"}};
  put_set("s", "1", {{"Components", json::array{std::move(component)}}});
  attach("R1");
  start();
  const auto contents = [&] {
    std::vector<std::string> out;
    for (const auto& [path, content] : files_there()) out.push_back(content);
    return out;
  };
  ASSERT_TRUE(brings("1"));
  ASSERT_TRUE(comes_to_rest());
  EXPECT_THAT(contents(), ElementsAre("amd64"));
  put("R1", "endpoints", "another",
      {{"Id", "another"}, {"Arch", "arm64"}, {"Os", "linux"}, {"VersionSets", json::array{"s"}}});
  ASSERT_TRUE(passes([&] { return contents().size() == 2; }));
  ASSERT_TRUE(comes_to_rest());
  EXPECT_THAT(contents(), ::testing::UnorderedElementsAre("amd64", "arm64"));
}

// ---- what wakes it

TEST_F(DownstreamSyncTest, ItWakesForWhatDecidesAndForNothingElse) {
  put_set("s", "1");
  attach("R1");
  start();
  ASSERT_TRUE(brings("1"));
  ASSERT_TRUE(comes_to_rest());
  const auto looks_after = [this](const std::function<void()>& change) {
    const int before = manager_.looks;
    change();
    return soon([&] { return manager_.looks > before && time_.waits_for(kIdle); });
  };
  const auto edge = [](const std::string& description, json::array sets) {
    return json::object{{"Id", "edge-R1"},
                        {"Arch", "amd64"},
                        {"Os", "linux"},
                        {"Description", description},
                        {"VersionSets", std::move(sets)}};
  };
  EXPECT_TRUE(looks_after([&] { put_set("t", "1"); }));
  EXPECT_TRUE(looks_after([&] { name_sets("R1", {"s", "gone"}); }));
  EXPECT_TRUE(looks_after([&] { put("R1", "catalog_items", "own", {{"Id", "own"}}); }));
  EXPECT_TRUE(looks_after([&] { remove("R1", "catalog_items", "own"); }));
  EXPECT_TRUE(looks_after([&] { put("R1", "endpoints", "new", {{"Id", "new"}}); }));
  EXPECT_TRUE(looks_after([&] { remove("R1", "endpoints", "new"); }));
  EXPECT_TRUE(looks_after([&] { catalog_.set({}); }));
  EXPECT_TRUE(looks_after([&] { manager_.tell("R2", "{}"); }));
  // Of what a manager says now and then only the first word is one: no commit tells what was known before.
  const int before = manager_.looks;
  put("R1", "endpoints", "edge-R1", edge("another one", {"s", "gone"}));
  put("", "catalog_items", "own", {{"Id", "own"}});
  put("", "endpoints", "R1", {{"Id", "R1"}});
  manager_.tell("R1", R"({"prefs":{}})");
  let_it_run();
  EXPECT_FALSE(time_.waits_for(kGathering));
  EXPECT_TRUE(looks_after([&] { put_set("u", "1"); }));
  EXPECT_EQ(manager_.looks, before + 1);
}

TEST_F(DownstreamSyncTest, WhatHappensWhileAPlanIsMadeIsSeenByTheNext) {
  put_set("s", "1");
  attach("R1");
  attach("R2");
  manager_.detach("R2");
  std::atomic<bool> meddled{false};
  meddled_.meddle = [&] {
    if (meddled.exchange(true)) return;
    be_reached("R2");
    manager_.tell("R2", "{}");
  };
  hold("R1");  // what comes after it makes a plan, too
  sync_->start();
  manager_.tell("R1", "{}");
  EXPECT_TRUE(brings("1", "s", "R2"));
}

// ---- what people downstream have written

TEST_F(DownstreamSyncTest, ASetOfTheirOwnIsKeptAndToldOnce) {
  Warnings warnings("has a version set s of its own");
  put_set("s", "1");
  attach("R1");
  make_there("R1", "version_sets", {{"Id", "s"}, {"Prefs", json::object{{"p", "theirs"}}}});
  replicate("R1");
  start();
  ASSERT_TRUE(comes_to_rest());
  put_set("s", "2");
  ASSERT_TRUE(comes_to_rest());
  EXPECT_EQ(pref_there(), "theirs");
  EXPECT_THAT(changes(), IsEmpty());
  EXPECT_EQ(warnings.told().size(), 1U);
  name_sets("R1", {});
  ASSERT_TRUE(comes_to_rest());
  EXPECT_EQ(pref_there(), "theirs") << "what is theirs is theirs to remove";
  name_sets("R1", {"s"});
  ASSERT_TRUE(comes_to_rest());
  EXPECT_EQ(warnings.told().size(), 2U) << "it was not so in between";
}

TEST_F(DownstreamSyncTest, WhatTheReplicaDoesNotShowYetIsNotWrittenOver) {
  put_set("s", "1");
  put_set("t", "1");
  attach("R1", {"s", "t"});
  const json::object of_another{{"Id", "s"},
                                {"Meta", json::object{{std::string(plan::kTravelledFrom), "M2"}}},
                                {"Prefs", json::object{{"p", "of another manager"}}}};
  make_there("R1", "version_sets", of_another);
  start();
  ASSERT_TRUE(brings("1", "t")) << "one set does not hold up the others";
  ASSERT_TRUE(passes([&] { return failures() > 0; }));
  EXPECT_EQ(pref_there(), "of another manager");
  EXPECT_THAT(changes(), ElementsAre("POST version_sets"));
}

TEST_F(DownstreamSyncTest, WhatSomebodyPutInThePlaceOfACopyIsNotTakenBack) {
  put_set("s", "1");
  put_set("t", "1");
  attach("R1", {"s", "t"});
  start();
  ASSERT_TRUE(brings("1", "t"));
  ASSERT_TRUE(comes_to_rest());
  shows_ = false;
  make_there("R1", "version_sets", {{"Id", "s"}, {"Prefs", json::object{{"p", "theirs"}}}});
  forget_requests();
  name_sets("R1", {});
  ASSERT_TRUE(passes([&] { return !set_there("t"); })) << "and the others are";
  replicate("R1");
  ASSERT_TRUE(comes_to_rest());
  EXPECT_EQ(pref_there(), "theirs");
  EXPECT_THAT(changes(), ElementsAre("DELETE version_sets/t"));
  EXPECT_EQ(failures(), 0U);
}

// ---- what is deleted

TEST_F(DownstreamSyncTest, WhatNobodyThereNamesAnyMoreGoesBeforeWhatItNeeded) {
  have_packs({"v1.0.0"});
  blobs_.put_content("files/src", "content");
  json::object more = with_file();
  more["Components"] = with_pack().at("Components");
  put_set("s", "1", std::move(more));
  attach("R1");
  put_there("files/of theirs", "kept");
  put_there("files/travelled/M2/files/x/y", "another manager's");
  start();
  ASSERT_TRUE(brings("1"));
  ASSERT_TRUE(comes_to_rest());
  EXPECT_EQ(files_there().size(), 4U);
  forget_requests();
  name_sets("R1", {});
  ASSERT_TRUE(passes([&] { return changes().size() == 4; }));
  EXPECT_THAT(changes(), ElementsAre("DELETE version_sets/s", "DELETE catalog_items/travelled-pack-v1.0.0",
                                     "DELETE " + file_place("content"), "DELETE " + pack_place()));
  ASSERT_TRUE(comes_to_rest());
  EXPECT_EQ(files_there().size(), 2U);
  EXPECT_EQ(failures(), 0U);
}

TEST_F(DownstreamSyncTest, ANewerVersionTakesThePlaceOfTheOldOne) {
  have_packs({"v1.0.0"});
  put_set("s", "1", with_pack("stable"));
  attach("R1");
  start();
  ASSERT_TRUE(brings("1"));
  ASSERT_TRUE(comes_to_rest());
  forget_requests();
  have_packs({"v1.0.0", "v2.0.0"});
  ASSERT_TRUE(passes([&] { return changes().size() == 5; }));
  EXPECT_THAT(changes(),
              ElementsAre("POST " + pack_place("v2.0.0"), "POST catalog_items", "PUT version_sets/s",
                          "DELETE catalog_items/travelled-pack-v1.0.0", "DELETE " + pack_place("v1.0.0")));
  EXPECT_TRUE(comes_to_rest());
}

TEST_F(DownstreamSyncTest, WhatIsGoneAlreadyNeedsNoDeleting) {
  put_set("s", "1");
  put_set("t", "1");
  attach("R1", {"s", "t"});
  start();
  ASSERT_TRUE(brings("1", "t"));
  ASSERT_TRUE(comes_to_rest());
  shows_ = false;
  {
    const Lock lock(there().mutex);
    there().objects["version_sets"].erase("s");
  }
  answer_with("DELETE version_sets/t", 404);  // somebody was faster
  name_sets("R1", {});
  ASSERT_TRUE(passes([&] { return place_of(asked(), "DELETE version_sets/t") < asked().size(); }));
  {
    const Lock lock(there().mutex);
    there().objects["version_sets"].clear();
  }
  replicate("R1");
  ASSERT_TRUE(comes_to_rest());
  EXPECT_THAT(asked(), Not(Contains("DELETE version_sets/s")));
  EXPECT_EQ(failures(), 0U);
}

TEST_F(DownstreamSyncTest, WhatCannotBeReadIsNotTakenForAbsent) {
  put_set("s", "1");
  attach("R1");
  start();
  ASSERT_TRUE(brings("1"));
  ASSERT_TRUE(comes_to_rest());
  forget_requests();
  flaky_.fail(100);
  const uint64_t failed = flaky_.failures();
  put_set("s", "2");
  ASSERT_TRUE(passes([&] { return flaky_.failures() > failed + 3; })) << "it is read again by itself";
  EXPECT_THAT(asked(), IsEmpty());
  EXPECT_TRUE(set_there("s"));
  flaky_.fail(0);
  EXPECT_TRUE(brings("2"));
}

TEST_F(DownstreamSyncTest, ReadsThatFailNowAndThenDeleteNothing) {
  put_set("s", "0");
  attach("R1");
  start();
  ASSERT_TRUE(brings("0"));
  flaky_.fail(20);
  for (int i = 1; flaky_.failures() < 15; ++i) {
    put_set("s", std::to_string(i));
    ASSERT_TRUE(brings(std::to_string(i)));
  }
  flaky_.fail(0);
  ASSERT_TRUE(comes_to_rest());
  EXPECT_THAT(changes(), Not(Contains("DELETE version_sets/s")));
}

/// A listing that says nothing is no empty one, and none of this is worth a deletion.
TEST_F(DownstreamSyncTest, FilesAreNotDeletedByAListingThatCouldNotBeRead) {
  blobs_.put_content("files/src", "content");
  put_set("s", "1", with_file());
  attach("R1");
  put_there("files/travelled/M/files/left/over", "from before");
  answer_with("GET files", 500);
  start();
  ASSERT_TRUE(passes([&] { return failures() >= 2; })) << "it is tried again";
  EXPECT_THAT(files_there(), Contains(::testing::Key("files/travelled/M/files/left/over")));
  answer_well();
  ASSERT_TRUE(passes([&] { return files_there().size() == 1; }));
  EXPECT_THAT(files_there(), ElementsAre(std::pair(file_place("content"), "content")));
  EXPECT_TRUE(comes_to_rest());
}

TEST_F(DownstreamSyncTest, AfterAStartWhatIsLeftOverIsLookedForOnce) {
  put_set("s", "1");
  attach("R1");
  start();
  ASSERT_TRUE(brings("1"));
  ASSERT_TRUE(comes_to_rest());
  put_there("files/travelled/M/files/left/over", "from before");
  forget_requests();
  ASSERT_TRUE(comes_to_rest());
  EXPECT_THAT(asked(), IsEmpty());
  restart();
  ASSERT_TRUE(comes_to_rest());
  EXPECT_THAT(asked(), ElementsAre("GET files", "DELETE files/travelled/M/files/left/over"));
}

/// Files of a set go when people there put one of their own in its place, though no object is to be changed.
TEST_F(DownstreamSyncTest, FilesThatNothingNeedsAreTakenBackWithoutAnyObject) {
  blobs_.put_content("files/src", "content");
  put_set("s", "1", with_file());
  attach("R1");
  start();
  ASSERT_TRUE(brings("1"));
  ASSERT_TRUE(comes_to_rest());
  forget_requests();
  make_there("R1", "version_sets", {{"Id", "s"}, {"Prefs", json::object{{"p", "theirs"}}}});
  replicate("R1");
  ASSERT_TRUE(passes([&] { return files_there().empty(); }));
  ASSERT_TRUE(comes_to_rest());
  EXPECT_EQ(pref_there(), "theirs");
  EXPECT_THAT(changes(), ElementsAre("DELETE " + file_place("content")));
}

TEST_F(DownstreamSyncTest, AFileThatCannotBeDeletedIsTriedAgain) {
  put_set("s", "1");
  attach("R1");
  put_there("files/travelled/M/files/left/over", "from before");
  answer_with("DELETE files/travelled/M/files/left/over", 403);
  start();
  ASSERT_TRUE(passes([&] { return failures() >= 1; }));
  answer_well();
  EXPECT_TRUE(passes([&] { return files_there().empty(); }));
}

// ---- replicas that are older than what was done

TEST_F(DownstreamSyncTest, AnOldReplicaSaysNothingOfWhatWasDoneSince) {
  put_set("s", "1");
  put_set("t", "1");
  attach("R1");
  shows_ = false;
  be_reached("R1", 5);
  start();
  ASSERT_TRUE(soon([&] { return pref_there() == "1"; }));
  ASSERT_TRUE(soon([&] { return time_.waits_for(kLookAgain); }));
  forget_requests();
  const env::SteadyTime done = time_.steady();
  const int looks = manager_.looks;
  ASSERT_TRUE(soon([&] { return manager_.looks >= looks + 3; }));
  EXPECT_THAT(asked(), IsEmpty()) << "what it does not show may be there";
  // Once the replica is young enough it is believed: somebody removed the copy.
  ASSERT_TRUE(soon([&] { return !asked().empty(); }));
  EXPECT_GE(time_.steady(), done + 3s);
}

TEST_F(DownstreamSyncTest, OfAManagerOutOfTouchTheReplicaIsLookedAtRarely) {
  put_set("s", "1");
  attach("R1");
  shows_ = false;
  be_reached("R1", 600, false);
  start();
  ASSERT_TRUE(brings("1"));
  ASSERT_TRUE(passes([&] { return time_.waits_for(kLookAgainInTheDark); }));
  forget_requests();
  const int looks = manager_.looks;
  const env::SteadyTime before = time_.steady();
  ASSERT_TRUE(passes([&] { return manager_.looks >= looks + 2; }));
  EXPECT_GE(time_.steady(), before + 50s);
  EXPECT_THAT(asked(), IsEmpty());
  replicate("R1");
  ASSERT_TRUE(comes_to_rest());
}

/// How old a replica is was told before the view of it was taken: time passes in between, and what was done
/// in that time the view does not show.
TEST_F(DownstreamSyncTest, AViewIsAsOldAsTheQuestionForIt) {
  put_set("s", "1");
  attach("R1");
  shows_ = false;
  hold("R1 GET files");
  start();
  ASSERT_TRUE(soon([&] { return is_held("R1"); }));
  EXPECT_EQ(pref_there(), "1");
  // A look that began before all was done there ends long after it.
  std::atomic<bool> meddled{false};
  meddled_.meddle = [&] {
    if (meddled.exchange(true)) return;
    release();
    EXPECT_TRUE(eventually([&] { return place_of(asked(), "GET files") < asked().size(); }));
    let_it_run();
    time_.advance(10s);
    replicate("R1");
  };
  wake();
  ASSERT_TRUE(soon([&] { return meddled.load(); }));
  ASSERT_TRUE(comes_to_rest());
  EXPECT_THAT(changes(), ElementsAre("POST version_sets"));
}

// ---- files

TEST_F(DownstreamSyncTest, AFileThatIsThereIsNotSentAgain) {
  blobs_.put_content("files/src", "content");
  put_set("s", "1", with_file());
  attach("R1");
  put_there(file_place("content"), "content");
  start();
  ASSERT_TRUE(brings("1"));
  EXPECT_THAT(changes(), ElementsAre("POST version_sets"));
  EXPECT_EQ(sync_->statistics().files, 0U);
}

TEST_F(DownstreamSyncTest, AFileOfAnotherContentInItsPlaceIsReplaced) {
  blobs_.put_content("files/src", "content");
  put_set("s", "1", with_file());
  attach("R1");
  put_there(file_place("content"), "damage");
  start();
  ASSERT_TRUE(brings("1"));
  EXPECT_EQ(files_there().at(file_place("content")), "content");
}

/// Endpoints would be given it, and who has the set is believed to have its files.
TEST_F(DownstreamSyncTest, AFileThatArrivesDamagedIsTakenAwayAndNotNeededByAnything) {
  blobs_.put_content("files/src", "content");
  put_set("s", "1", with_file());
  attach("R1");
  {
    const Lock lock(there().mutex);
    there().damaging.insert(file_place("content"));
  }
  Warnings warnings("arrived damaged");
  start();
  ASSERT_TRUE(soon([&] { return warnings.told().size() == 1; }));
  EXPECT_FALSE(set_there("s"));
  EXPECT_THAT(files_there(), IsEmpty());
  EXPECT_EQ(sync_->statistics().files, 0U);
  {
    const Lock lock(there().mutex);
    there().damaging.clear();
  }
  EXPECT_TRUE(brings("1"));
}

/// It may be an image of many gigabytes: plans that people wait for would wait for it.
TEST_F(DownstreamSyncTest, AFileWithoutAChecksumIsReadAsLongWork) {
  std::atomic<int> read{0}, read_elsewhere{0};
  blobs_.on_hash = [&] { ++(eventually(runs_long_work_only) ? read : read_elsewhere); };
  blobs_.put_unsummed("files/src", "content");
  put_set("s", "1", with_file());
  attach("R1");
  start();
  ASSERT_TRUE(brings("1"));
  EXPECT_EQ(files_there()[file_place("content")], "content");
  EXPECT_GT(read, 0);
  EXPECT_EQ(read_elsewhere, 0);
}

TEST_F(DownstreamSyncTest, AnUploadThatIsCutGoesOnWhereItEnded) {
  const std::string content(3'000'000, 'x');
  blobs_.put_content("files/src", content);
  put_set("s", "1", with_file());
  attach("R1");
  {
    const Lock lock(there().mutex);
    there().cut_piece_at = 500'000;
  }
  start();
  ASSERT_TRUE(soon([&] { return failures() == 1 && time_.waits_for(2s); }));
  EXPECT_FALSE(set_there("s")) << "its file is not there";
  EXPECT_THAT(asked(), Not(Contains("POST version_sets")));
  forget_requests();
  ASSERT_TRUE(brings("1"));
  EXPECT_TRUE(files_there()[file_place(content)] == content);
  EXPECT_THAT(asked(), Not(Contains("DELETE " + file_place(content)))) << "what had arrived is not dropped";
  EXPECT_EQ(sync_->statistics().bytes, kFirstPiece + content.size() - 500'000);
  EXPECT_EQ(sync_->statistics().files, 1U);
}

TEST_F(DownstreamSyncTest, AFileThatVanishedHoldsUpTheSetThatNeedsIt) {
  blobs_.put_content("files/src", "content");
  put_set("s", "1", with_file());
  attach("R1");
  hold("R1");
  put_set("r", "1", with_file("gone first"));
  blobs_.put_content("files/gone first", "other");
  name_sets("R1", {"r", "s"});
  start();
  // The first upload is on its way when the second file goes.
  ASSERT_TRUE(soon([&] { return is_held("R1"); }));
  blobs_.take_away("files/src");
  blobs_.take_away("files/gone first");
  release();
  ASSERT_TRUE(soon([&] { return failures() == 1; }));
  EXPECT_FALSE(set_there("s"));
  EXPECT_FALSE(set_there("r"));
  blobs_.put_content("files/src", "content");
  blobs_.put_content("files/gone first", "other");
  EXPECT_TRUE(brings("1"));
  EXPECT_TRUE(brings("1", "r"));
}

TEST_F(DownstreamSyncTest, APackThatIsNotWhatTheCatalogSaysIsNotSent) {
  have_packs({"v1.0.0"});
  catalog_.fetches(catalog_.items()->all().front().source,
                   Error(ErrorCode::kCorrupt, "expected sha256 x, the file has y"));
  put_set("s", "1", with_pack());
  attach("R1");
  start();
  ASSERT_TRUE(soon([&] { return failures() == 1; }));
  EXPECT_THAT(asked(), IsEmpty()) << "neither it nor what needs it";
  have_packs({"v1.0.0"});
  EXPECT_TRUE(brings("1"));
}

TEST_F(DownstreamSyncTest, NoObjectGoesWhenItsFileDoesNotFit) {
  blobs_.put_content("files/src", "content");
  put_set("s", "1", with_file());
  attach("R1");
  {
    const Lock lock(there().mutex);
    there().full_at = 3;
  }
  start();
  ASSERT_TRUE(soon([&] { return failures() == 1; }));
  EXPECT_THAT(changes(), IsEmpty());
  EXPECT_EQ(sync_->statistics().files, 0U);
}

// ---- refusals

class DownstreamRefusal : public DownstreamSyncTest, public ::testing::WithParamInterface<int> {};

TEST_P(DownstreamRefusal, OneSetIsRefusedAndTheOthersGo) {
  put_set("r", "1");
  put_set("s", "1");
  put_set("t", "1");
  attach("R1", {"r", "s", "t"});
  answer_with("GET version_sets/s", GetParam());
  start();
  ASSERT_TRUE(soon([&] { return failures() == 1; }));
  EXPECT_EQ(pref_there("r"), "1");
  EXPECT_EQ(pref_there("t"), "1");
  EXPECT_FALSE(set_there("s"));
  EXPECT_THAT(asked(), Not(Contains("GET files"))) << "nothing is taken back before all is there";
  answer_well();
  EXPECT_TRUE(brings("1"));
}
TEST_P(DownstreamRefusal, AnItemIsRefusedAndNothingBehindItGoes) {
  have_packs({"v1.0.0"});
  put_set("s", "1", with_pack());
  attach("R1");
  answer_with("POST catalog_items", GetParam());
  start();
  ASSERT_TRUE(soon([&] { return failures() == 1; }));
  EXPECT_FALSE(set_there("s"));
  answer_well();
  EXPECT_TRUE(brings("1"));
}
TEST_P(DownstreamRefusal, ADeletionIsRefusedAndItsFilesStay) {
  blobs_.put_content("files/src", "content");
  put_set("s", "1", with_file());
  attach("R1");
  start();
  ASSERT_TRUE(brings("1"));
  ASSERT_TRUE(comes_to_rest());
  forget_requests();
  answer_with("DELETE version_sets/s", GetParam());
  name_sets("R1", {});
  ASSERT_TRUE(passes([&] { return failures() >= 1; }));
  EXPECT_EQ(files_there().size(), 1U) << "the set is there still";
  answer_well();
  ASSERT_TRUE(passes([&] { return files_there().empty(); }));
  EXPECT_FALSE(set_there("s"));
}
INSTANTIATE_TEST_SUITE_P(ByStatus, DownstreamRefusal, ::testing::Values(403, 409, 422, 500));

TEST_F(DownstreamSyncTest, AConversationThatBreaksEndsAtOnce) {
  for (const int status : {0, 401, 503}) {
    SCOPED_TRACE(status);
    const uint64_t before = failures();
    put_set("r", "1");
    put_set("s", "1");
    const std::string id = fmt::format("R{}", status);
    attach(id, {"r", "s"});
    answer_with("GET version_sets/r", status, id);
    if (status == 0) start();
    ASSERT_TRUE(soon([&] { return failures() > before; }));
    EXPECT_THAT(asked(id), Not(Contains("GET version_sets/s")));
    answer_well(id);
    ASSERT_TRUE(brings("1", "s", id));
    ASSERT_TRUE(comes_to_rest());
  }
}

TEST_F(DownstreamSyncTest, ItIsTriedAgainMoreAndMoreRarelyUntilItGoesWell) {
  put_set("s", "1");
  attach("R1");
  answer_with("POST version_sets", 500);
  start();
  env::Duration pause = 2s;
  for (uint64_t i = 1; i <= 11; ++i) {
    ASSERT_TRUE(soon([&] { return failures() == i && time_.waits_for(pause); })) << i;
    const size_t before = asked().size();
    time_.advance(pause - 1s);
    EXPECT_TRUE(time_.waits_for(pause));
    EXPECT_EQ(asked().size(), before) << i;
    time_.advance(1s);
    pause = std::min<env::Duration>(pause * 2, 5min);  // 2 s, 4 s ... 256 s, and then the longest
  }
  answer_well();
  ASSERT_TRUE(passes([&] { return pref_there() == "1"; }, 11min));
  ASSERT_TRUE(comes_to_rest());
  answer_with("PUT version_sets/s", 500);
  put_set("s", "2");
  EXPECT_TRUE(soon([&] { return time_.waits_for(2s); })) << "it begins with the shortest again";
}

TEST_F(DownstreamSyncTest, AFailureIsToldAndCounted) {
  Warnings warnings("do not reach the downstream manager");
  put_set("s", "1");
  attach("R1");
  answer_with("POST version_sets", 422);
  start();
  ASSERT_TRUE(soon([&] { return time_.waits_for(2s); }));
  EXPECT_EQ(failures(), 1U);
  EXPECT_THAT(warnings.told(),
              ElementsAre(AllOf(HasSubstr("manager=R1"), HasSubstr("POST version_sets: 422 not this one"))));
}

// ---- managers that come and go

TEST_F(DownstreamSyncTest, AManagerThatComesBackIsServedAtOnce) {
  put_set("s", "1");
  attach("R1");
  attach("R2", {});
  answer_with("GET version_sets/s", 0);
  start();
  for (env::Duration pause = 2s; pause < 5min; pause *= 2) {
    ASSERT_TRUE(soon([&] { return time_.waits_for(pause); }));
    time_.advance(pause);
  }
  ASSERT_TRUE(soon([&] { return time_.waits_for(5min); }));
  answer_well();
  const env::SteadyTime before = time_.steady();
  manager_.tell("R1", "{}");
  ASSERT_TRUE(soon([&] { return pref_there() == "1"; }));
  EXPECT_LT(time_.steady() - before, 5min);
}

TEST_F(DownstreamSyncTest, NewsEndTheWaitOfWhoWaitsToTryAgain) {
  put_set("s", "1");
  attach("R1");
  answer_with("POST version_sets", 500);
  start();
  ASSERT_TRUE(passes([&] { return time_.waits_for(8s); }));
  answer_well();
  put_set("s", "2");
  EXPECT_TRUE(soon([&] { return pref_there() == "2"; }));
}

TEST_F(DownstreamSyncTest, AManagerThatIsDetachedIsForgotten) {
  put_set("s", "1");
  attach("R1");
  start();
  ASSERT_TRUE(brings("1"));
  ASSERT_TRUE(comes_to_rest());
  forget_requests();
  manager_.detach("R1");
  put_set("s", "2");
  ASSERT_TRUE(comes_to_rest());
  EXPECT_THAT(asked(), IsEmpty());
  be_reached("R1");
  manager_.tell("R1", "{}");
  wake();
  EXPECT_TRUE(brings("2"));
}

TEST_F(DownstreamSyncTest, AManagerThatIsDetachedMeanwhileIsNotTriedForEver) {
  put_set("s", "1");
  attach("R1");
  answer_with("POST version_sets", 0);
  start();
  ASSERT_TRUE(soon([&] { return time_.waits_for(2s); }));
  manager_.detach("R1");
  ASSERT_TRUE(comes_to_rest());
  EXPECT_EQ(failures(), 1U);
}

TEST_F(DownstreamSyncTest, OneManagerDoesNotDelayAnother) {
  put_set("s", "1");
  attach("R1");
  attach("R2");
  attach("R3");
  hold("R1");
  answer_with("POST version_sets", 500, "R2");
  start();
  ASSERT_TRUE(soon([&] { return is_held("R1"); }));
  ASSERT_TRUE(brings("1", "s", "R3"));
  put_set("s", "2");
  ASSERT_TRUE(brings("2", "s", "R3"));
  EXPECT_TRUE(is_held("R1"));
  EXPECT_THAT(asked("R1"), IsEmpty());
  release();
  EXPECT_TRUE(brings("2", "s", "R1")) << "and then it is given what holds now";
  EXPECT_EQ(most_at_once("R1"), 1);
  EXPECT_EQ(most_at_once("R3"), 1);
}

TEST_F(DownstreamSyncTest, WhatChangesWhileItWorksIsBroughtNext) {
  put_set("s", "1");
  attach("R1");
  hold("R1 POST version_sets");
  start();
  ASSERT_TRUE(soon([&] { return is_held("R1"); }));
  put_set("s", "2");
  put_set("t", "2");
  name_sets("R1", {"s", "t"});
  const int looks = manager_.looks;
  ASSERT_TRUE(soon([&] { return manager_.looks > looks && time_.waits_for(kIdle); }));
  EXPECT_EQ(most_at_once("R1"), 1) << "one plan at a time";
  release();
  ASSERT_TRUE(brings("2"));
  ASSERT_TRUE(brings("2", "t"));
  ASSERT_TRUE(comes_to_rest());
  EXPECT_THAT(changes(), ElementsAre("POST version_sets", "PUT version_sets/s", "POST version_sets"));
}

TEST_F(DownstreamSyncTest, WhatIsNamedNoMoreWhileItWorksIsTakenBackNext) {
  put_set("s", "1");
  attach("R1");
  hold("R1 POST version_sets");
  start();
  ASSERT_TRUE(soon([&] { return is_held("R1"); }));
  name_sets("R1", {});
  release();
  ASSERT_TRUE(passes([&] { return changes().size() == 2; }));
  EXPECT_THAT(changes(), ElementsAre("POST version_sets", "DELETE version_sets/s"));
}

// ---- the end

TEST_F(DownstreamSyncTest, ItStopsInTheMiddleOfARequest) {
  put_set("s", "1");
  attach("R1");
  hold("R1");
  start();
  ASSERT_TRUE(soon([&] { return is_held("R1"); }));
  end();
  release();
  EXPECT_THAT(asked(), IsEmpty());
  // Listeners of who was served are there still.
  manager_.tell("R1", "{}");
  wake();
}

TEST_F(DownstreamSyncTest, ItStopsWhileItWaitsToTryAgain) {
  put_set("s", "1");
  attach("R1");
  answer_with("POST version_sets", 500);
  start();
  ASSERT_TRUE(soon([&] { return time_.waits_for(2s); }));
  const size_t before = asked().size();
  end();
  EXPECT_EQ(asked().size(), before);
  answer_well();
  make();
  start();
  EXPECT_TRUE(brings("1"));
}

// ---- secret values

class DownstreamSecrets : public DownstreamSyncTest {
 protected:
  /// A set with a value that is sealed here; with the same value it is sealed anew.
  void put_secret(const std::string& set, const std::string& clear) {
    const Result<auth::KeyPair> keys = auth::kept_key_pair(*store_, "version_sets", set);
    ASSERT_TRUE(keys);
    const json::value sealed = json::parse(auth::seal(keys->public_key, json::serialize(json::value(clear))));
    put_set(set, "1", {{"Global", json::object{{"password", sealed}}}});
  }
  json::value secret_there(const std::string& set) {
    const std::optional<json::object> copy = set_there(set);
    return copy ? copy->at("Global").at("password") : json::value();
  }
};

TEST_F(DownstreamSecrets, AreSealedForTheManagerAndSentOnce) {
  put_secret("s", "swordfish");
  attach("R1");
  start();
  ASSERT_TRUE(brings("1"));
  ASSERT_TRUE(comes_to_rest()) << "what is sealed is not read back, but remembered";
  EXPECT_EQ(there().opened(secret_there("s")), R"("swordfish")");
  EXPECT_THAT(changes(), ElementsAre("POST version_sets"));
  restart();
  ASSERT_TRUE(comes_to_rest());
  EXPECT_THAT(changes(), ElementsAre("POST version_sets"));
  put_secret("s", "marlin");
  ASSERT_TRUE(passes([&] { return there().opened(secret_there("s")) == R"("marlin")"; }));
  EXPECT_TRUE(comes_to_rest());
}

TEST_F(DownstreamSecrets, DoNotLeaveWhenTheyCannotBeSealedThere) {
  for (const int status : {403, 404}) {
    SCOPED_TRACE(status);
    const std::string id = fmt::format("R{}", status);
    const uint64_t before = failures();
    put_secret("s", "swordfish");
    put_set("t", "1");
    attach(id, {"s", "t"});
    answer_with("GET version_sets/s/pubkey", status, id);
    if (status == 403) start();
    ASSERT_TRUE(brings("1", "t", id));
    ASSERT_TRUE(passes([&] { return failures() > before; }));
    EXPECT_FALSE(set_there("s", id));
    answer_well(id);
    ASSERT_TRUE(brings("1", "s", id));
    ASSERT_TRUE(comes_to_rest());
  }
}

TEST_F(DownstreamSecrets, AConversationThatBreaksAtTheKeyEndsAtOnce) {
  put_secret("s", "swordfish");
  put_set("t", "1");
  attach("R1", {"s", "t"});
  answer_with("GET version_sets/s/pubkey", 0);
  start();
  ASSERT_TRUE(soon([&] { return failures() == 1; }));
  EXPECT_THAT(asked(), ElementsAre("GET version_sets/s/pubkey"));
}

TEST_F(DownstreamSecrets, ThatCannotBeReadAtOnceAreReadAgain) {
  put_secret("s", "swordfish");
  attach("R1");
  flaky_.fail_secret("version_sets/s");
  start();
  ASSERT_TRUE(soon([&] { return failures() == 1; }));
  EXPECT_FALSE(set_there("s"));
  flaky_.fail_secret("");
  ASSERT_TRUE(brings("1"));
  EXPECT_EQ(there().opened(secret_there("s")), R"("swordfish")");
}

TEST_F(DownstreamSecrets, ThatCannotBeOpenedHereHoldUpTheirSetOnly) {
  const auth::KeyPair of_somebody = auth::make_key_pair();
  const json::value sealed = json::parse(auth::seal(of_somebody.public_key, R"("swordfish")"));
  put_set("s", "1", {{"Global", json::object{{"password", sealed}}}});
  put_set("t", "1");
  attach("R1", {"s", "t"});
  start();
  ASSERT_TRUE(brings("1", "t"));
  EXPECT_FALSE(set_there("s"));
  EXPECT_TRUE(passes([&] { return failures() > 0; }));
}

}  // namespace
}  // namespace mullion::apply
