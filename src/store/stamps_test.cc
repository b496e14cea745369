#include "store/stamps.h"

#include <boost/json.hpp>

#include "model/object.h"
#include "store/store_contract.h"

namespace mullion::store {
namespace {

namespace json = boost::json;

const model::ObjectType& profiles() { return *model::find_object_type("profiles"); }

/// As the server stores it: stamps first.
std::string profile(std::string_view description, std::string_view before = "{}") {
  const json::object earlier = json::parse(before).as_object();
  const json::object wanted{{"Name", "p"}, {"Description", description}};
  Result<json::object> object = model::normalise(profiles(), wanted, earlier.empty() ? nullptr : &earlier);
  EXPECT_TRUE(object.ok());
  return model::canonical_body(profiles(), *object);
}

class Stamps : public StoreContract {
 protected:
  json::object write(std::string body, Expect expect, std::string principal) {
    clock_.advance(std::chrono::seconds(1));
    Change change = put("profiles", "p", std::move(body));
    change.expect = expect;
    if (expect == Expect::kSame) change.expected_hash = hash128(stored_text());
    Batch batch = batch_of({std::move(change)});
    batch.principal = std::move(principal);
    must_commit(*store_, std::move(batch));
    return json::parse(stored_text()).as_object();
  }
  std::string stored_text() { return *store_->snapshot()->get({"profiles", "", "p"}); }
  static std::string text(const json::object& object, std::string_view name) {
    return std::string(object.at(name).as_string());
  }
};
INSTANTIATE_TEST_SUITE_P(Engines, Stamps, every_engine(), engine_name);

TEST_P(Stamps, TellWhoMadeAndWhoChanged) {
  const json::object made = write(profile("a"), Expect::kAbsent, "user:ann");
  EXPECT_EQ(text(made, "CreatedBy"), "ann");
  EXPECT_EQ(text(made, "LastModifiedBy"), "ann");
  EXPECT_EQ(text(made, "CreatedAt"), text(made, "LastModifiedAt"));
  EXPECT_EQ(text(made, "CreatedAt").substr(0, 3), env::format_rfc3339(clock_.wall()).substr(0, 3));
  const json::object changed = write(profile("b", stored_text()), Expect::kSame, "user:bob");
  EXPECT_EQ(text(changed, "CreatedBy"), "ann");
  EXPECT_EQ(changed.at("CreatedAt"), made.at("CreatedAt"));
  EXPECT_EQ(text(changed, "LastModifiedBy"), "bob");
  EXPECT_LT(text(made, "LastModifiedAt"), text(changed, "LastModifiedAt"));
}

TEST_P(Stamps, MachinesAndTheServerSignNothing) {
  const json::object made = write(profile("a"), Expect::kAbsent, "runner:5a0bd1f4");
  EXPECT_EQ(text(made, "CreatedBy"), "");
  EXPECT_NE(text(made, "CreatedAt"), "0001-01-01T00:00:00Z");
  EXPECT_EQ(text(write(profile("b", stored_text()), Expect::kSame, "user:bob"), "LastModifiedBy"), "bob");
  EXPECT_EQ(text(write(profile("c", stored_text()), Expect::kSame, "system"), "LastModifiedBy"), "");
}

TEST_P(Stamps, WritesWithoutConditionKeepTheBeginning) {
  const json::object made = write(profile("a"), Expect::kAnything, "user:ann");
  EXPECT_EQ(text(made, "CreatedBy"), "ann");
  EXPECT_EQ(write(profile("a"), Expect::kAnything, "user:bob"), made) << "nothing changed";
  const json::object changed = write(profile("b"), Expect::kAnything, "user:bob");
  EXPECT_EQ(changed.at("CreatedAt"), made.at("CreatedAt"));
  EXPECT_EQ(text(changed, "CreatedBy"), "ann");
  EXPECT_EQ(text(changed, "LastModifiedBy"), "bob");
}

TEST_P(Stamps, NobodyKnowsWhoMadeWhatIsOlderThanStamps) {
  must_commit(*store_, {put("profiles", "p", R"({"Name":"p"})")});
  EXPECT_EQ(stored_text(), R"({"Name":"p"})");
  const json::object changed = write(profile("b", stored_text()), Expect::kSame, "user:bob");
  EXPECT_EQ(text(changed, "CreatedAt"), "0001-01-01T00:00:00Z");
  EXPECT_EQ(text(changed, "CreatedBy"), "");
  EXPECT_EQ(text(changed, "LastModifiedBy"), "bob");
}

TEST_P(Stamps, ReplicasAndLayersAreLeftAlone) {
  const std::string body = profile("a");
  Batch replica = batch_of({put("profiles", "p", body, "site-a")});
  replica.origin = Origin{"site-a", {7, 1}};
  replica.principal = "user:ann";
  must_commit(*store_, std::move(replica));
  must_commit(*store_, {put("profiles", "q", body, kLayered)});
  EXPECT_EQ(store_->snapshot()->get({"profiles", "site-a", "p"}).value(), body);
  EXPECT_EQ(store_->snapshot()->get({"profiles", std::string(kLayered), "q"}).value(), body);
}

TEST_P(Stamps, AreGivenOnce) {
  Change change = put("profiles", "p", profile("a"));
  change.expect = Expect::kAbsent;
  Batch batch = batch_of({std::move(change)});
  batch.principal = "user:ann";
  store_->stamp(batch);
  const std::string told = *batch.changes.front().body;
  clock_.advance(std::chrono::hours(1));
  must_commit(*store_, std::move(batch));
  EXPECT_EQ(stored_text(), told) << "an answer tells what is stored";
}

TEST(StampText, NamesOfAnyKind) {
  Batch batch = batch_of({put("profiles", "p", profile("a"))});
  batch.principal = "user:a\"b\\c";
  const ReadOwn nothing = [](const ObjectId&) { return std::optional<std::string>(); };
  set_stamps(batch, env::WallTime(), nothing);
  const json::object first = json::parse(*batch.changes.front().body).as_object();
  EXPECT_EQ(first.at("CreatedBy"), json::value("a\"b\\c"));
  batch.stamped = false;
  batch.changes.front().expect = Expect::kSame;
  set_stamps(batch, env::WallTime(), nothing);
  EXPECT_EQ(json::parse(*batch.changes.front().body).as_object(), first);
}

TEST(StampText, GoesAwayWhole) {
  EXPECT_EQ(without_stamps(R"({"Name":"p"})"), R"({"Name":"p"})");
  EXPECT_EQ(without_stamps(
                R"({"CreatedAt":"x","CreatedBy":"y","LastModifiedAt":"z","LastModifiedBy":"","Name":"p"})"),
            R"({"Name":"p"})");
  EXPECT_EQ(without_stamps(R"({"CreatedAt":"x","CreatedBy":"y","LastModifiedAt":"z","LastModifiedBy":""})"),
            "{}");
  EXPECT_EQ(without_stamps(R"({"CreatedAt":"x","CreatedBy":7})"), R"({"CreatedAt":"x","CreatedBy":7})");
}

}  // namespace
}  // namespace mullion::store
