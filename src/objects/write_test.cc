// What a write means, without a request: the order of its checks, and what it leaves.
#include "objects/write.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <thread>

#include "env/launch.h"
#include "env/waiting_testing.h"
#include "model/index_value.h"
#include "model/members.h"
#include "objects/params.h"
#include "objects/rights_testing.h"
#include "objects/turns.h"

namespace mullion::objects {
namespace {

namespace json = boost::json;

const std::string kAnn = "00000000-0000-4000-8000-00000000000a";
const std::string kBen = "00000000-0000-4000-8000-00000000000b";

const model::ObjectType& machines() { return *model::find_object_type("machines"); }

/// A server with what a write of a machine meets. Tests set what they want before they write.
class WriteWorld {
 public:
  WriteWorld() {
    context.held_read_only = [this](std::string_view, const std::string&) { return read_only; };
    context.shown_endpoint = [](std::string_view) { return "M1"; };
    principal.name = "user:eve";
    put("params", "", "pin", {{"Name", "pin"}, {"Schema", {{"type", "string"}}}});
    put("params", "", "secret", {{"Name", "secret"}, {"Secure", true}, {"Schema", {{"type", "string"}}}});
  }

  void put(std::string_view prefix, std::string_view owner, const std::string& key, json::object members) {
    const model::ObjectType& type = *model::find_object_type(prefix);
    Result<json::object> object = model::normalise(type, members, nullptr);
    // What the server says of an object is nobody else's to write.
    for (const char* said : {"Available", "Bundle", "ReadOnly"}) {
      if (object && members.contains(said)) (*object)[said] = members[said];
    }
    store::Batch batch;
    batch.changes.push_back({{std::string(prefix), std::string(owner), key},
                             object ? model::canonical_body(type, *object) : std::string("null"),
                             store::Expect::kAnything,
                             {}});
    EXPECT_TRUE(store->commit_sync(std::move(batch)));
  }

  Result<Written> create() {
    place();
    return write([this](Write& write) {
      return write.create(wanted, no_need ? [](const json::object&) { return true; } : Unless());
    });
  }
  /// `wanted` over what is there.
  Result<Written> change(const std::string& key, Extent extent = Extent::kObject) {
    place();
    return write([&](Write& write) {
      Edit edit = [this](const json::object& shown, model::Budget&) -> Result<json::value> {
        if (meanwhile) meanwhile();
        if (bad_document) return Error(ErrorCode::kInvalid, "cannot be patched");
        json::object changed = shown;
        for (const auto& [name, value] : wanted) changed[name] = value;
        return json::value(std::move(changed));
      };
      return write.change(key, std::move(edit), extent);
    });
  }
  Result<Written> remove(const std::string& key) {
    place();
    return write([&](Write& write) { return write.remove(key, std::string(store::kOwn)); });
  }
  Result<Written> reseal(const std::string& key) {
    place();
    return write([&](Write& write) { return write.reseal(key, auth::make_key_pair()); });
  }

  json::object stored(const std::string& key) const {
    const auto found = store->snapshot()->get_local(type->prefix, key);
    return found ? model::parse_object(found->body) : json::object();
  }

  const model::ObjectType* type = &machines();  // of what is written
  env::Runtime runtime{2};
  std::unique_ptr<store::Store> store = store::open_memory_store();
  auth::TenantDirectory tenants{*store};
  WriteContext context{*store, "M1", tenants};
  TypeHooks hooks;
  auth::Principal principal;
  testing::FakeRights rights;
  bool allowed = true, read_only = false, bad_document = false, no_need = false;
  json::object ann{{"Uuid", kAnn}, {"Name", "ann"}};  // a machine that is there before the first write
  bool layered = false;                               // whether it is one of a layer
  json::object wanted;
  std::function<void()> meanwhile;

 private:
  void place() {
    if (!std::exchange(placed_, true)) put("machines", layered ? store::kLayered : store::kOwn, kAnn, ann);
  }

  template <typename Function>
  Result<Written> write(Function function) {
    hooks.prefix = type->prefix;
    context.hooks = {hooks};
    const LogOrigin log;
    const Caller caller{principal, rights, {}, log, allowed};
    Write write(context, *type, caller, {"its name"});
    return env::run(runtime, [&] { return function(write); });
  }

  bool placed_ = false;
};

// ---- the order of checks

/// One reason to refuse a write, as the step of that name finds it.
struct Fault {
  std::string_view step;
  std::function<void(WriteWorld& world)> plant;
  std::string said;  // how the last message of the refusal begins
};

std::string outcome_of(const Result<Written>& written) {
  if (!written) return written.error().messages.back();
  return written->target.key.empty() ? "nothing to write" : "written";
}

/// A write with every fault from one step on is refused by this step.
void expect_order(const std::vector<Fault>& faults,
                  const std::function<Result<Written>(WriteWorld&)>& write) {
  for (size_t first = 0; first <= faults.size(); ++first) {
    WriteWorld world;
    for (size_t i = first; i < faults.size(); ++i) faults[i].plant(world);
    const std::string outcome = outcome_of(write(world));
    const std::string expected = first < faults.size() ? faults[first].said : "written";
    EXPECT_TRUE(outcome.starts_with(expected))
        << (first < faults.size() ? faults[first].step : "no fault") << ": " << outcome;
  }
}

/// The steps that can refuse are those of the table, in this order; `others` refuse nothing by themselves, or
/// have a test of their own.
void expect_named(Write::Kind kind, const std::vector<Fault>& faults,
                  const std::set<std::string_view>& others) {
  std::vector<std::string_view> steps, named;
  for (const Write::Step& step : Write::steps(kind)) {
    if (!others.contains(step.name)) steps.push_back(step.name);
  }
  for (const Fault& fault : faults) named.push_back(fault.step);
  EXPECT_EQ(named, steps);
}

const auto kBrokenRule = [](WriteWorld& world) {
  world.hooks.conflicts = [](const Draft&, const store::Snapshot&) {
    return TypeHooks::Reasons{"a conflict"};
  };
};

TEST(OrderOfChecks, OfACreation) {
  const std::vector<Fault> faults{
      {"shape", [](WriteWorld& world) { world.wanted["Description"] = 5; }, "Field Description"},
      {"key",
       [](WriteWorld& world) { world.hooks.on_create = [](Draft& draft) { draft.object["Uuid"] = ""; }; },
       "Empty key not allowed"},
      {"parameters",
       [](WriteWorld& world) {
         world.wanted["Params"] = {{"pin", 7}};
       },
       "Key 'pin': invalid val"},
      {"right to create",
       [](WriteWorld& world) {
         world.allowed = false, world.rights.refused.insert("machines create " + kBen);
       },
       "Requires: machines create " + kBen},
      {"free key",
       [](WriteWorld& world) {
         world.put("machines", "", kBen, {{"Uuid", kBen}, {"Name", "ben"}});
       },
       "already exists"},
      {"rules", kBrokenRule, "a conflict"},
      {"unique values", [](WriteWorld& world) { world.wanted["Name"] = "ann"; },
       "Name ann is already used by " + kAnn},
      {"need", [](WriteWorld& world) { world.no_need = true; }, "nothing to write"},
      {"tenant",
       [](WriteWorld& world) {
         world.put("tenants", store::kLayered, "t",
                   {{"Name", "t"}, {"Members", {{"machines", json::array()}}}});
         world.principal.tenant = std::make_shared<auth::Tenancy>(
             "t", auth::Tenancy::Members{
                      {"machines", std::make_shared<store::ObjectSet>(std::vector<store::ObjectRef>())}});
       },
       "Tenant t belongs to a content pack"},
  };
  expect_named(Write::Kind::kCreate, faults,
               {"defaults", "type", "exclusive turn", "private values", "commit"});
  expect_order(faults, [](WriteWorld& world) {
    world.wanted.emplace("Uuid", kBen);
    world.wanted.emplace("Name", "ben");
    return world.create();
  });
}

TEST(OrderOfChecks, OfAChange) {
  const std::string nobody = "00000000-0000-4000-8000-000000000000";
  bool missing = false;
  const std::vector<Fault> faults{
      {"object", [&missing](WriteWorld&) { missing = true; }, "Not Found"},
      {"layer",
       [](WriteWorld& world) {
         world.layered = true;
         world.read_only = true;
       },
       kAnn},
      {"document", [](WriteWorld& world) { world.bad_document = true; }, "cannot be patched"},
      {"shape", [](WriteWorld& world) { world.wanted["Address"] = 5; }, "Field Address"},
      {"key", [](WriteWorld& world) { world.wanted["Uuid"] = kBen; }, "Key change from " + kAnn},
      {"parameters",
       [](WriteWorld& world) {
         world.wanted["Params"] = {{"pin", 7}};
       },
       "Key 'pin': invalid val"},
      {"rights to fields",
       [](WriteWorld& world) {
         world.allowed = false;
         world.rights.refused.insert("machines update:/Description " + kAnn);
       },
       "Requires: machines update:/Description"},
      {"rights of the type",
       [](WriteWorld& world) {
         world.hooks.authorise_change = [](const Draft&) -> Result<void> {
           return Error(ErrorCode::kForbidden, "not to there");
         };
       },
       "not to there"},
      {"lock", [](WriteWorld& world) { world.ann["Locked"] = true; }, "Locked"},
      {"rules", kBrokenRule, "a conflict"},
      {"unique values",
       [](WriteWorld& world) {
         world.put("machines", "", kBen, {{"Uuid", kBen}, {"Name", "ben"}});
         world.wanted["Name"] = "ben";
       },
       "Name ben is already used by " + kBen},
  };
  expect_named(Write::Kind::kChange, faults,
               {"type", "private values", "right to its subject", "exclusive turn", "difference", "commit"});
  expect_order(faults, [&](WriteWorld& world) {
    world.wanted["Description"] = "new";
    return world.change(std::exchange(missing, false) ? nobody : kAnn);
  });
}

TEST(OrderOfChecks, OfARemoval) {
  bool missing = false;
  const std::vector<Fault> faults{
      {"object", [&missing](WriteWorld&) { missing = true; }, "Not Found"},
      {"lock", [](WriteWorld& world) { world.ann["Locked"] = true; }, "Locked"},
      {"state",
       [](WriteWorld& world) {
         world.hooks.not_removable = [](const Draft&) { return TypeHooks::Reasons{"it works"}; };
       },
       "it works"},
      {"use",
       [](WriteWorld& world) {
         world.hooks.in_use = [](const Draft&, const store::Snapshot&) {
           return TypeHooks::Reasons{"in use"};
         };
       },
       "in use"},
  };
  expect_named(Write::Kind::kRemove, faults, {"layer", "commit"});
  expect_order(faults, [&](WriteWorld& world) {
    return world.remove(std::exchange(missing, false) ? std::string("nobody") : kAnn);
  });
}

TEST(OrderOfChecks, OfAnExchangeOfKeys) {
  bool missing = false;
  const std::vector<Fault> faults{
      {"object", [&missing](WriteWorld&) { missing = true; }, "Not Found"},
      {"layer", [](WriteWorld& world) { world.layered = true; }, "A content pack holds this object too"},
      {"lock", [](WriteWorld& world) { world.ann["Locked"] = true; }, "Locked"},
      {"values",
       [](WriteWorld& world) {
         const std::string sealed = auth::seal(auth::make_key_pair().public_key, "1");
         world.ann["Params"] = {{"secret", json::parse(sealed)}};
       },
       "secret: "},
  };
  expect_named(Write::Kind::kReseal, faults, {"key pair", "commit"});
  expect_order(faults,
               [&](WriteWorld& world) { return world.reseal(std::exchange(missing, false) ? kBen : kAnn); });
}

// ---- single checks

TEST(Writes, AnObjectOfALayerIsNotRemoved) {
  WriteWorld world;
  world.put("machines", store::kLayered, kBen, {{"Uuid", kBen}, {"Name", "ben"}});
  EXPECT_EQ(outcome_of(world.remove(kBen)), "readonly: " + kBen);
}

TEST(Writes, ALockGoesByTheChangeThatTakesItAway) {
  WriteWorld world;
  world.ann["Locked"] = true;
  world.wanted = {{"Locked", false}, {"Description", "free"}};
  EXPECT_EQ(outcome_of(world.change(kAnn)), "written");
  EXPECT_EQ(world.stored(kAnn)["Description"], "free");
}

TEST(Writes, RefusalsNameTheObjectAsWhoeverAsksDoes) {
  WriteWorld world;
  const Result<Written> missing = world.change(kBen);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().model, "machines");
  EXPECT_EQ(missing.error().key, "its name");
  world.bad_document = true;
  const Result<Written> refused = world.change(kAnn);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().key, "its name");
}

/// As what is not there, also where a list of tasks names it by its kind.
TEST(Writes, WhatMayNotBeReadIsAsAbsentHoweverItIsNamed) {
  for (const json::object& wanted :
       {json::object{{"Stage", "hidden"}}, json::object{{"Tasks", json::array{"stage:hidden"}}}}) {
    const auto said = [&](bool there, bool all_read) {
      WriteWorld world;
      if (there) world.put("stages", "", "hidden", {{"Name", "hidden"}, {"Available", true}});
      world.rights.all_read = all_read;
      world.wanted = wanted;
      return outcome_of(world.change(kAnn));
    };
    EXPECT_THAT(said(false, false), ::testing::HasSubstr("hidden"));
    EXPECT_EQ(said(true, false), said(false, false));
    EXPECT_EQ(said(true, true), "written");
  }
}

TEST(Writes, WhoBreaksManyRulesHearsOfTheFirstOnes) {
  WriteWorld world;
  world.rights.all_read = false;
  json::array profiles;
  for (int i = 0; i < 3000; ++i) profiles.emplace_back(fmt::format("absent-{}", i));
  world.wanted = {{"Profiles", profiles}};
  const Result<Written> refused = world.change(kAnn);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().messages.size(), 1001U);
  EXPECT_EQ(refused.error().messages.back(), "and 2000 more");
}

TEST(Writes, WhatTheCallerMayNotReadIsNotNamedAnew) {
  WriteWorld world;
  world.put("stages", "", "hidden", {{"Name", "hidden"}, {"Available", true}});
  world.wanted = {{"Stage", "hidden"}};
  world.rights.all_read = false;
  EXPECT_EQ(outcome_of(world.change(kAnn)), "Stage hidden does not exist");
  world.rights.all_read = true;
  EXPECT_EQ(outcome_of(world.change(kAnn)), "written");
}

// ---- what a write leaves

TEST(Writes, AreCommitsInTheNameOfTheCaller) {
  WriteWorld world;
  const auto feed =
      store::attach_feed(*world.store, "test", {.rules = {{"machines", store::Interest::Owners::kOwn}}});
  world.wanted = {{"Uuid", kBen}, {"Name", "ben"}, {"Params", {{"secret", "1234"}}}};
  const Result<Written> made = world.create();
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(made->target.key, kBen);
  EXPECT_EQ(made->target.body, world.store->snapshot()->get_local("machines", kBen)->body);
  json::object params = world.stored(kBen)["Params"].as_object();
  EXPECT_TRUE(auth::is_secure_data(json::serialize(params["secret"]))) << "sealed";
  EXPECT_TRUE(world.store->snapshot()->secret("machines", kBen)) << "a secret for its tokens";
  world.wanted = {{"Description", "a"}};
  ASSERT_TRUE(world.change(kBen));
  world.wanted = {{"Meta", {{"a", "b"}}}};
  ASSERT_TRUE(world.change(kBen, Extent::kPart));
  const Result<Written> removed = world.remove(kBen);
  ASSERT_TRUE(removed) << removed.error().text();
  EXPECT_EQ(model::parse_object(removed->target.body)["Description"], "a");
  EXPECT_FALSE(world.store->snapshot()->get_local("machines", kBen));
  EXPECT_FALSE(world.store->snapshot()->secret("machines", kBen));
  std::vector<std::string> actions;
  for (const auto& commit : feed->take().commits) {
    if (commit->changes.front().id.key != kBen) continue;
    EXPECT_EQ(commit->principal, "user:eve");
    if (commit->changes.front().old_body && commit->changes.front().body)
      actions.push_back(commit->update_action);
  }
  EXPECT_EQ(actions, (std::vector<std::string>{"update", "save"})) << "as events call them";
}

TEST(Writes, WithoutADifferenceCommitNothing) {
  WriteWorld world;
  world.wanted = {{"Description", "a"}};
  const Result<Written> first = world.change(kAnn);
  const Result<Written> second = world.change(kAnn);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->cursor, second->cursor);
  EXPECT_EQ(first->target.body, second->target.body);
}

TEST(Writes, AreTriedAgainWhenTheObjectChangesMeanwhile) {
  WriteWorld world;
  int edits = 0;
  world.meanwhile = [&] {
    if (++edits != 1) return;
    world.put("machines", "", kAnn, {{"Uuid", kAnn}, {"Name", "ann"}, {"OS", "debian"}});
  };
  world.wanted = {{"Description", "new"}};
  EXPECT_EQ(outcome_of(world.change(kAnn)), "written");
  EXPECT_EQ(edits, 2);
  EXPECT_EQ(world.stored(kAnn)["OS"], "debian");
  EXPECT_EQ(world.stored(kAnn)["Description"], "new");
}

TEST(Writes, GiveUpWhenTheObjectChangesAllTheTime) {
  WriteWorld world;
  int edits = 0;
  world.meanwhile = [&] {
    world.put("machines", "", kAnn, {{"Uuid", kAnn}, {"Name", "ann"}, {"OS", std::to_string(++edits)}});
  };
  world.wanted = {{"Description", "new"}};
  EXPECT_EQ(outcome_of(world.change(kAnn)), "Too many others change this object at the same time");
  EXPECT_EQ(edits, kMostAttempts);
}

/// As a client that asked for the key pair to be exchanged, at the worst of times.
TEST(Writes, AreSealedAnewWhenTheKeyPairIsExchangedMeanwhile) {
  WriteWorld world;
  int checks = 0;
  world.hooks.conflicts = [&](const Draft&, const store::Snapshot&) {
    if (++checks > 1) return TypeHooks::Reasons();
    const auth::KeyPair pair = auth::make_key_pair();
    store::Batch batch;
    batch.secrets.push_back(
        {std::string(kBoxSpace), box_name(machines(), kAnn), pair.public_key + pair.private_key});
    EXPECT_TRUE(world.store->commit_sync(std::move(batch)));
    return TypeHooks::Reasons();
  };
  world.wanted = {{"Params", {{"secret", "1234"}}}};
  EXPECT_EQ(outcome_of(world.change(kAnn)), "written");
  EXPECT_EQ(checks, 2) << "it began again";
  const Result<auth::KeyPair> pair = auth::object_key_pair(*world.store, "machines", kAnn);
  ASSERT_TRUE(pair);
  const json::object params = world.stored(kAnn)["Params"].as_object();
  const Result<std::string> clear = auth::open_sealed(*pair, json::serialize(params.at("secret")));
  ASSERT_TRUE(clear) << "the owner cannot open it";
  EXPECT_EQ(*clear, "\"1234\"");
}

TEST(Writes, WhatGoesToAnotherMachineNeedsTheRightToThatOne) {
  WriteWorld world;
  world.type = model::find_object_type("jobs");
  const std::string job = "00000000-0000-4000-8000-0000000000aa";
  world.put("machines", "", kBen, {{"Uuid", kBen}, {"Name", "ben"}});
  world.put("jobs", "", job, {{"Uuid", job}, {"Machine", kAnn}, {"State", "created"}});
  world.rights.refused = {"jobs update " + kBen};
  world.wanted = {{"Machine", kBen}};
  EXPECT_EQ(outcome_of(world.change(job)), "Requires: jobs update " + kBen);
  world.rights.refused = {"jobs update " + kAnn};
  world.wanted = {{"Context", "elsewhere"}};
  EXPECT_THAT(outcome_of(world.change(job)), ::testing::Not(::testing::StartsWith("Requires")))
      << "it stays where it is";
}

TEST(Writes, AnOverrideIsNoPartOfItsPack) {
  WriteWorld world;
  world.layered = true;
  world.ann["Bundle"] = "a-pack";
  world.ann["ReadOnly"] = true;
  world.wanted = {{"Description", "mine"}};
  EXPECT_EQ(outcome_of(world.change(kAnn)), "written");
  const json::object stored = world.stored(kAnn);
  EXPECT_EQ(stored.at("Description"), "mine");
  EXPECT_EQ(stored.at("Bundle"), "");
  EXPECT_EQ(stored.at("ReadOnly"), false);
  EXPECT_EQ(outcome_of(world.remove(kAnn)), "written");
  EXPECT_EQ(world.stored(kAnn).at("Bundle"), "a-pack") << "it was below";
}

/// Who writes an object of a pack as it is wants to keep it so, whatever the pack becomes.
TEST(Writes, AnOverrideMayDifferInNothing) {
  WriteWorld world;
  world.layered = true;
  const Result<Written> first = world.change(kAnn);
  ASSERT_TRUE(first);
  ASSERT_TRUE(world.remove(kAnn));
  store::Batch batch;  // a pack whose object has the very bytes of an override
  batch.changes.push_back({{"machines", std::string(store::kLayered), kAnn}, first->target.body});
  ASSERT_TRUE(world.store->commit_sync(std::move(batch)));
  ASSERT_TRUE(world.change(kAnn));
  EXPECT_TRUE(world.store->snapshot()->get({"machines", std::string(store::kOwn), kAnn}));
}

TEST(Writes, WaitForWhatTheyMustHaveAlone) {
  WriteWorld world;
  world.hooks.exclusive = [](const Draft&) { return std::vector<std::string>{"the only one"}; };
  std::vector<std::string> names{exclusive_turn("the only one")};
  std::optional<env::Turns::Turn> held =
      std::move(*env::run(world.runtime, [&] { return world.context.turns.take(names); }));
  world.wanted = {{"Description", "new"}};
  std::thread other([&] { EXPECT_EQ(outcome_of(world.change(kAnn)), "written"); });
  EXPECT_TRUE(env::eventually([&] { return world.context.turns.in_row(names.front()) == 2; }));
  EXPECT_NE(world.stored(kAnn)["Description"], "new");
  held.reset();
  other.join();
  EXPECT_EQ(world.stored(kAnn)["Description"], "new");
}

TEST(Writes, TheTypeFollowsAWholeObjectWithoutATurn) {
  WriteWorld world;
  std::vector<size_t> rows;  // who had the turn at the object when the type followed
  world.hooks.after_write = [&](const Draft& draft,
                                std::string) -> env::Task<Result<std::optional<std::string>>> {
    rows.push_back(world.context.turns.in_row(object_turn("machines", draft.key)));
    co_return std::optional<std::string>("what it became");
  };
  world.wanted = {{"Description", "new"}};
  const Result<Written> whole = world.change(kAnn);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->target.body, "what it became");
  EXPECT_EQ(rows, std::vector<size_t>{0});
  world.wanted = {{"Meta", {{"a", "b"}}}};
  const Result<Written> part = world.change(kAnn, Extent::kPart);
  ASSERT_TRUE(part);
  EXPECT_NE(part->target.body, "what it became");
  EXPECT_EQ(rows.size(), 1U);
}

}  // namespace
}  // namespace mullion::objects
