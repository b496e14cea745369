// Objects of this server as work in the process sees them, without a request.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "auth/auth.h"
#include "env/launch.h"
#include "env/waiting_testing.h"
#include "model/index_value.h"
#include "objects/availability_updater.h"
#include "objects/lookup.h"
#include "objects/params.h"
#include "objects/references.h"
#include "objects/rights_testing.h"
#include "objects/unique_names.h"

namespace mullion::objects {
namespace {

namespace json = boost::json;

const model::ObjectType& type_of(std::string_view prefix) { return *model::find_object_type(prefix); }

const std::string kBob = "00000000-0000-4000-8000-00000000000b";
const std::string kFar = "00000000-0000-4000-8000-00000000000f";

class Objects : public ::testing::Test {
 protected:
  void put(std::string_view prefix, std::string_view owner, const std::string& key,
           const json::object& members, uint64_t computed_from = 0) {
    Result<json::object> object = model::normalise(type_of(prefix), members, nullptr);
    ASSERT_TRUE(object) << object.error().text();
    // What the server says of an object is nobody else's to write.
    for (const std::string_view said : {"Available", "Errors"}) {
      if (const json::value* value = members.if_contains(said)) (*object)[said] = *value;
    }
    store::Batch batch;
    batch.changes.push_back({{std::string(prefix), std::string(owner), key},
                             model::canonical_body(type_of(prefix), *object),
                             store::Expect::kAnything,
                             {},
                             computed_from});
    ASSERT_TRUE(store->commit_sync(std::move(batch)));
  }
  void put(std::string_view prefix, const std::string& key, const json::object& members,
           uint64_t computed_from = 0) {
    put(prefix, store::kOwn, key, members, computed_from);
  }
  std::string key_of(const std::optional<Target>& found) const {
    return found ? fmt::format("{}{}", found->owner == store::kLayered ? "layer:" : "", found->key)
                 : "nothing";
  }

  env::Runtime runtime{2};
  std::unique_ptr<store::Store> store = store::open_memory_store();
  Context context{*store, "M1"};
  testing::FakeRights everything, nothing = [] {
    testing::FakeRights rights;
    rights.all_seen = false;
    return rights;
  }();
};

TEST_F(Objects, AreFoundByKeyAndByWhatIsUnique) {
  put("machines", kBob, {{"Uuid", kBob}, {"Name", "bob"}});
  put("machines", "A", kFar, {{"Uuid", kFar}, {"Name", "far"}});
  put("profiles", store::kLayered, "p", {{"Name", "p"}});
  put("profiles", "global", {{"Name", "global"}});
  const auto snapshot = store->snapshot();
  const std::tuple<std::string_view, std::string, std::string> cases[] = {
      {"machines", kBob, kBob},          {"machines", "Name:bob", kBob},  {"machines", "Name:far", "nothing"},
      {"machines", kFar, "nothing"},     {"machines", "bob", "nothing"},  {"profiles", "p", "layer:p"},
      {"profiles", "Name:p", "layer:p"}, {"profiles", "global", "global"}};
  for (const auto& [prefix, requested, expected] : cases)
    EXPECT_EQ(key_of(find_local(context, *snapshot, type_of(prefix), requested)), expected) << requested;
}

TEST_F(Objects, AScanShowsEachLocalObjectOnce) {
  put("profiles", store::kLayered, "a", {{"Name", "a"}});
  put("profiles", store::kLayered, "b", {{"Name", "b"}});
  put("profiles", "c", {{"Name", "c"}});
  put("profiles", "A", "d", {{"Name", "d"}});
  std::vector<std::string> seen;
  const auto note = [&seen](std::string_view key, std::string_view) {
    seen.emplace_back(key);
    return seen.size() < 3;
  };
  scan_local(*store->snapshot(), "profiles", note);
  EXPECT_EQ(seen, (std::vector<std::string>{"c", "a", "b"}));
}

TEST_F(Objects, ALookupLeavesOutWhatIsNotShown) {
  put("profiles", "open", {{"Name", "open"}});
  put("profiles", "secret", {{"Name", "secret"}});
  const auto snapshot = store->snapshot();
  const SnapshotLookup lookup(context, *snapshot,
                              [](std::string_view, std::string_view key, const auto* object) {
                                return object != nullptr && key != "secret";
                              });
  EXPECT_TRUE(lookup.exists("profiles", "open"));
  EXPECT_FALSE(lookup.exists("profiles", "secret"));
  EXPECT_FALSE(lookup.find("profiles", "secret"));
  EXPECT_TRUE(SnapshotLookup(context, *snapshot).exists("profiles", "secret"));
}

TEST_F(Objects, WhoRefersIsNamedOrCounted) {
  put("stages", "s", {{"Name", "s"}});
  put("machines", kBob, {{"Uuid", kBob}, {"Name", "bob"}, {"Stage", "s"}});
  const auto snapshot = store->snapshot();
  EXPECT_EQ(references_to(context, *snapshot, everything, "stages", "s"),
            std::vector<std::string>{"In use by Machine bob"});
  EXPECT_EQ(references_to(context, *snapshot, nothing, "stages", "s"),
            std::vector<std::string>{"In use by 1 hidden Machine"});
  EXPECT_TRUE(references_to(context, *snapshot, everything, "stages", "other").empty());
}

TEST_F(Objects, AUniqueValueIsGuardedOrRefused) {
  put("machines", kBob, {{"Uuid", kBob}, {"Name", "bob"}});
  const auto refusal = [this](const std::string& key, const std::string& name, const Rights& rights,
                              store::Batch& batch) {
    const json::object object{{"Uuid", key}, {"Name", name}};
    const Result<void> kept = keep_unique(context, type_of("machines"), rights, key, nullptr, object, batch);
    return kept ? "" : kept.error().messages.back();
  };
  store::Batch batch;
  EXPECT_EQ(refusal("u2", "ann", everything, batch), "");
  ASSERT_EQ(batch.unique.size(), 1U);
  EXPECT_EQ(batch.unique[0].key, "u2");
  EXPECT_EQ(refusal(kBob, "bob", everything, batch), "") << "its own";
  EXPECT_EQ(refusal("u2", "bob", everything, batch), "Name bob is already used by " + kBob);
  EXPECT_EQ(refusal("u2", "bob", nothing, batch), "Name bob is already used by another object");
}

TEST_F(Objects, SecureParametersAreSealedAndOpened) {
  put("params", "pin", {{"Name", "pin"}, {"Secure", true}, {"Schema", {{"type", "string"}}}});
  const auto prepared = [this](json::object& object) {
    std::optional<auth::KeyPair> pair;
    const auto snapshot = store->snapshot();
    return env::run(runtime,
                    prepare_params(context, {}, *snapshot, type_of("profiles"), "p", object, nullptr, pair));
  };
  json::object profile{{"Name", "p"}, {"Params", {{"pin", "1234"}}}};
  ASSERT_TRUE(prepared(profile));
  EXPECT_TRUE(auth::is_secure_data(json::serialize(profile["Params"].at("pin"))));
  decode_params(context, "profiles", "p", profile["Params"].get_object());
  EXPECT_EQ(profile["Params"].at("pin"), "1234");
  json::object wrong{{"Name", "p"}, {"Params", {{"pin", 7}}}};
  const Result<void> refused = prepared(wrong);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().messages.front().starts_with("Key 'pin': invalid val"))
      << refused.error().text();
}

TEST_F(Objects, ParametersComeFromProfilesAndStages) {
  put("profiles", "global", {{"Name", "global"}, {"Params", {{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}}}});
  put("stages", "s", {{"Name", "s"}, {"Params", {{"a", 2}, {"b", 2}, {"c", 2}}}});
  put("profiles", "near", {{"Name", "near"}, {"Params", {{"a", 3}, {"b", 3}}}});
  const json::object machine{{"Uuid", "u"}, {"Stage", "s"}, {"Profiles", {"near"}}, {"Params", {{"a", 4}}}};
  const Target target{"u", "", json::serialize(machine)};
  EXPECT_EQ(aggregated_params(type_of("machines"), *store->snapshot(), machine, target, {}),
            (json::object{{"a", 4}, {"b", 3}, {"c", 2}, {"d", 1}}));
}

TEST_F(Objects, AvailabilityFollowsWhatIsReferredTo) {
  env::TaskGroup tasks(runtime.executor(), "test");
  AvailabilityUpdater updater(context, runtime, tasks);
  const auto available = [this] {
    return std::string(model::raw_member(store->snapshot()->get_local("stages", "s1")->body, "Available"));
  };
  put("stages", "s1", {{"Name", "s1"}, {"Tasks", {"t1"}}, {"Available", false}, {"Errors", {"no task"}}});
  put("tasks", "t1", {{"Name", "t1"}, {"Available", true}});
  EXPECT_TRUE(env::eventually([&] { return available() == "true"; }));
  store::Batch gone;
  gone.changes.push_back({{"tasks", "", "t1"}, std::nullopt, store::Expect::kAnything, {}});
  ASSERT_TRUE(store->commit_sync(std::move(gone)));
  EXPECT_TRUE(env::eventually([&] { return available() == "false"; }));
  updater.stop();
  tasks.stop();
}

TEST_F(Objects, AvailabilityIsJudgedAgainWhenSomethingTurnedAfterTheViewOfAWrite) {
  env::TaskGroup tasks(runtime.executor(), "test");
  AvailabilityUpdater updater(context, runtime, tasks);
  const auto available = [this](const std::string& stage) {
    return std::string(model::raw_member(store->snapshot()->get_local("stages", stage)->body, "Available"));
  };
  const auto put_stage = [this](const std::string& name, uint64_t computed_from) {
    put("stages", name, {{"Name", name}, {"Tasks", {"none"}}, {"Available", true}}, computed_from);
  };
  const uint64_t before = store->newest().seq;
  put("tasks", "t1", {{"Name", "t1"}, {"Available", true}});
  put_stage("a-since", store->newest().seq);  // wrong on purpose: nobody looks again
  put_stage("b-before", before);
  put_stage("c-unknown", 0);
  EXPECT_TRUE(env::eventually([&] { return available("b-before") == "false"; }));
  EXPECT_TRUE(env::eventually([&] { return available("c-unknown") == "false"; }));
  EXPECT_EQ(available("a-since"), "true");
  updater.stop();
  tasks.stop();
}

}  // namespace
}  // namespace mullion::objects
