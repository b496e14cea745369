#include "versionset/internal/baseline.h"

#include <gmock/gmock.h>

#include <future>

#include "store/meddled_testing.h"
#include "versionset/internal/verdict.h"
#include "versionset/plan_testing.h"
#include "versionset/set_cache.h"

namespace mullion::versionset {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

ModelEndpoint full_endpoint() {
  ModelEndpoint edge;
  edge.has(Kind::kContentPackage, "pack", "v1.2.3", "BasicStore");
  edge.has(Kind::kContentPackage, "rackn-license", "v1.0.0");
  edge.has(Kind::kPluginProvider, "prov", "v2.0.0");
  edge.has_plugin("p", "prov",
                  {{"a", 1}, {"secret", json::object{{"Key", "k"}, {"Nonce", "n"}, {"Payload", "p"}}}});
  edge.has_plugin("manager", "manager");
  edge.observed.prefs = {
      {"logLevel", "debug"}, {"debugDhcp", "warn"}, {"manager", "false"}, {"defaultStage", "none"}};
  edge.observed.global = {{"x", json::array{1, 2}},
                          {"sealed", json::object{{"Key", "k"}, {"Nonce", "n"}, {"Payload", "p"}}}};
  edge.observed.files = {{"files/here", std::string(64, 'a')},
                         {"files/travelled/files/x", std::string(64, 'a')},
                         {"files/other", std::string(64, 'b')},
                         {"isos/away", std::string(64, 'c')}};
  return edge;
}

std::optional<PlanInputs::OwnFile> own_file(const std::string& path) {
  if (path == "isos/away") return std::nullopt;
  return PlanInputs::OwnFile{10, std::string(64, 'a')};
}

VersionSet parsed_set(const json::object& set) {
  const Result<VersionSet> out = VersionSet::parse(json::serialize(set));
  EXPECT_TRUE(out) << (out ? "" : out.error().text());
  return out ? *out : VersionSet{};
}

TEST(Baseline, PlansNothingForAnEqualEndpoint) {
  const ModelEndpoint edge = full_endpoint();
  std::vector<std::string> left_out;
  const VersionSet set = parsed_set(baseline_of(edge.observed, "base", own_file, left_out));
  const catalog::Items no_catalog;
  PlanInputs inputs{no_catalog};
  inputs.own_file = own_file;
  const Plan plan = make_plan(edge.observed, merge({&set}), inputs);
  EXPECT_TRUE(plan.empty()) << plan.actions.front().verb << " " << plan.actions.front().name;
  EXPECT_THAT(plan.problems, IsEmpty());
}

TEST(Baseline, SaysWhatItLeavesOut) {
  std::vector<std::string> left_out;
  const std::string text = json::serialize(baseline_of(full_endpoint().observed, "base", own_file, left_out));
  EXPECT_THAT(left_out,
              ElementsAre("ContentPackage rackn-license: a licence belongs to its servers",
                          "Plugin p: parameter secret: a secret", HasSubstr("Pref debugDhcp: turned"),
                          HasSubstr("Pref logLevel: turned"), HasSubstr("Pref manager: "),
                          "Pref baseTokenSecret: a secret", "Pref systemGrantorSecret: a secret",
                          "File files/other: this server's copy differs",
                          HasSubstr("File `files/travelled/files/x` is below files/travelled/"),
                          "File isos/away: this server has no copy of it", "Global sealed: a secret"));
  EXPECT_THAT(text, Not(HasSubstr("Nonce")));
  EXPECT_THAT(text, HasSubstr("files/here"));
}

TEST(Baseline, ComponentWithoutVersionIsIgnored) {
  ModelEndpoint edge;
  edge.has(Kind::kContentPackage, "odd", "");
  std::vector<std::string> left_out;
  const VersionSet set = parsed_set(baseline_of(edge.observed, "base", own_file, left_out));
  ASSERT_EQ(set.components.size(), 1u);
  EXPECT_TRUE(set.components[0].ignored());
}

TEST(Baseline, ManagersKeepTheirOwnPieces) {
  ModelEndpoint edge;
  edge.observed.manager = true;
  edge.has(Kind::kContentPackage, "rackn-catalog", "v1.0.5");
  edge.has(Kind::kContentPackage, "pack", "v1.0.0");
  std::vector<std::string> left_out;
  const VersionSet set = parsed_set(baseline_of(edge.observed, "base", own_file, left_out));
  ASSERT_EQ(set.components.size(), 1u) << "a catalog is built by the manager that has it";
  const catalog::Items none;
  EXPECT_TRUE(make_plan(edge.observed, merge({&set}), PlanInputs{none}).empty());
}

class SetCacheTest : public ::testing::Test {
 protected:
  void put(const std::string& owner, const std::string& id, const std::string& body) {
    store::Batch batch;
    batch.changes.push_back({{"version_sets", owner, id}, body});
    ASSERT_TRUE(store_->commit_sync(std::move(batch)));
  }
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  SetCache set_cache_{*store_};
};

TEST_F(SetCacheTest, NamesOfAnEndpoint) {
  const json::object both{{"VersionSets", json::array{"a", "b"}}, {"VersionSet", "c"}};
  EXPECT_THAT(set_names(both), ElementsAre("a", "b", "c")) << "the deprecated one is last";
  const json::object twice{{"VersionSets", json::array{"a"}}, {"VersionSet", "a"}};
  EXPECT_THAT(set_names(twice), ElementsAre("a"));
  EXPECT_THAT(set_names({}), IsEmpty());
}

TEST_F(SetCacheTest, AListWithAMissingSetIsNotMerged) {
  put("", "a", R"({"Id":"a","Apply":true,"Prefs":{"x":"1"}})");
  put("edge", "b", R"({"Id":"b","Apply":true})");
  MergedSets merged = set_cache_.merged({"a", "b"});
  EXPECT_EQ(merged.wanted, nullptr) << "a replica of that name does not count";
  EXPECT_THAT(merged.missing, ElementsAre("b"));
  EXPECT_THAT(merged.problems, ElementsAre("VersionSet b (at 1) does not exist"));
  put("", "b", R"({"Id":"b","Apply":true})");
  merged = set_cache_.merged({"a", "b"});
  ASSERT_NE(merged.wanted, nullptr);
  EXPECT_EQ(merged.wanted->prefs.at("x").value, "1");
  put("", "a", R"({"Id":"a","Apply":true,"Prefs":{"x":"2"}})");
  EXPECT_EQ(set_cache_.merged({"a", "b"}).wanted->prefs.at("x").value, "2");
}

TEST_F(SetCacheTest, ASetThatChangesWhileItIsReadDoesNotStay) {
  put("", "a", R"({"Id":"a","Apply":true,"Prefs":{"x":"1"}})");
  store::MeddledStore store(*store_);
  SetCache book(store);
  store.meddle = [&] { put("", "a", R"({"Id":"a","Apply":true,"Prefs":{"x":"2"}})"); };
  EXPECT_EQ(book.merged({"a"}).wanted->prefs.at("x").value, "1");
  store.meddle = nullptr;
  EXPECT_EQ(book.merged({"a"}).wanted->prefs.at("x").value, "2");
}

TEST_F(SetCacheTest, LayeredSetsCountAndBadOnesAreTold) {
  put(std::string(store::kLayered), "packed",
      R"({"Id":"packed","Apply":true,"Files":[{"Path":"files/x","Source":"self://files/src"}]})");
  put("", "bad", R"({"Id":"bad","Components":[{"Name":"x"}]})");
  EXPECT_NE(set_cache_.merged({"packed"}).wanted, nullptr);
  EXPECT_TRUE(set_cache_.takes_file("files/src"));
  EXPECT_FALSE(set_cache_.takes_file("files/x"));
  const MergedSets merged = set_cache_.merged({"packed", "bad"});
  EXPECT_EQ(merged.wanted, nullptr);
  EXPECT_THAT(merged.problems, ElementsAre(HasSubstr("bad: Components[0] (x): Version is missing")));
}

TEST(Verdict, WritesTheWholeOfIt) {
  Plan plan;
  plan.actions.resize(2);
  plan.problems = {"a problem"};
  ApplyState state;
  state.failed = 3;
  state.errors = {"Pref x: refused"};
  json::object endpoint{{"Id", "e"}, {"Validated", true}};
  write_verdict(plan, state, "a-b", endpoint);
  EXPECT_EQ(endpoint.at("Errors"), (json::array{"a problem", "Pref x: refused"}));
  EXPECT_EQ(endpoint.at("Available"), false);
  EXPECT_EQ(endpoint.at("ActionErrorCount"), 3);
  EXPECT_EQ(endpoint.at("PlannedFor"), "a-b");
  EXPECT_EQ(endpoint.at("Actions").as_array().size(), 2u);
  write_verdict(Plan(), ApplyState(), "", endpoint);
  EXPECT_EQ(endpoint.at("Available"), true);
  plan.problems.assign(5000, "many");
  write_verdict(plan, state, "a-b", endpoint);
  EXPECT_EQ(endpoint.at("Errors").as_array().size(), 100u);
}

TEST(Verdict, WordsForHowThingsStand) {
  Planned planned;
  planned.object = {{"ConnectionStatus", "Connected"}};
  ApplyState state;
  EXPECT_EQ(state_word(planned, state, true), "idle");
  state.state = "applying";
  EXPECT_EQ(state_word(planned, state, true), "applying");
  EXPECT_EQ(state_word(planned, state, false), "not managing");
  planned.object["ConnectionStatus"] = "Lost: cut";
  EXPECT_EQ(state_word(planned, state, true), "not connected");
  planned.disabled = true;
  EXPECT_EQ(state_word(planned, state, true), "disabled");
}

}  // namespace
}  // namespace mullion::versionset
