#include "auth/tenants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auth/auth.h"
#include "model/object.h"

namespace mullion::auth {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// The members of a set as tenants spell them.
std::vector<std::string> names(const store::ObjectSetPtr& set) {
  std::vector<std::string> out;
  for (const store::ObjectRef& object : set->objects()) out.push_back(spelled(object.owner, object.key));
  return out;
}

class Tenants : public ::testing::Test {
 protected:
  void put(const std::string& key, const std::string& body, std::string_view owner = store::kOwn) {
    store::Batch batch;
    batch.changes.push_back({{"tenants", std::string(owner), key}, body});
    if (store::is_remote(owner)) batch.origin = store::Origin{std::string(owner), {1, ++sequence_}};
    commit(std::move(batch));
  }
  void commit(store::Batch batch) {
    const Result<store::Cursor> done = store_->commit_sync(std::move(batch));
    ASSERT_TRUE(done) << done.error().text();
  }
  std::string name_of(std::string_view user) {
    const TenancyPtr tenancy = directory_.of(user);
    return tenancy ? tenancy->name() : "-";
  }
  void leave(std::string_view prefix, std::string_view key) {
    store::Batch batch;
    batch.changes = leave_tenants(*store_->snapshot(), directory_, {prefix, store::kOwn, key});
    commit(std::move(batch));
  }

  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  TenantDirectory directory_{*store_};
  uint64_t sequence_ = 0;
};

TEST_F(Tenants, PrefixesThatAreNamedRestrict) {
  put("t", R"({"Name":"t","Members":{"machines":["a","b"],"profiles":[]},"Users":["ann"]})");
  const TenancyPtr tenancy = directory_.of("ann");
  ASSERT_TRUE(tenancy);
  EXPECT_FALSE(tenancy->hides({"machines", store::kOwn, "a"}));
  EXPECT_TRUE(tenancy->hides({"machines", store::kOwn, "c"}));
  EXPECT_TRUE(tenancy->hides({"profiles", store::kOwn, "any"})) << "an empty list hides everything";
  EXPECT_FALSE(tenancy->hides({"stages", store::kOwn, "any"})) << "a prefix that is absent restricts nothing";
  EXPECT_EQ(directory_.of("bob"), nullptr);
}

TEST_F(Tenants, AMemberIsTheObjectOfOneOwner) {
  put("t", R"({"Name":"t","Members":{"machines":["a","/east/b","/broken"]},"Users":["ann"]})");
  const TenancyPtr tenancy = directory_.of("ann");
  EXPECT_FALSE(tenancy->hides({"machines", store::kOwn, "a"}));
  EXPECT_FALSE(tenancy->hides({"machines", store::kLayered, "a"}));
  EXPECT_TRUE(tenancy->hides({"machines", "east", "a"}));
  EXPECT_FALSE(tenancy->hides({"machines", "east", "b"}));
  EXPECT_TRUE(tenancy->hides({"machines", "west", "b"}));
  EXPECT_TRUE(tenancy->hides({"machines", store::kOwn, "b"}));
  EXPECT_TRUE(tenancy->hides({"machines", store::kOwn, "/east/b"}));
}

TEST_F(Tenants, ObjectsOfOtherOwnersJoinWithTheirOwner) {
  put("t", R"({"Name":"t","Members":{"machines":[]},"Users":["ann"]})");
  const auto joining = join_tenant(*store_->snapshot(), *directory_.of("ann"), {"machines", "east", "b"});
  ASSERT_TRUE(joining && *joining);
  store::Batch batch;
  batch.changes.push_back(**joining);
  commit(std::move(batch));
  EXPECT_THAT(names(directory_.of("ann")->members("machines")), ElementsAre("/east/b"));
}

TEST_F(Tenants, FollowTheStore) {
  put("t", R"({"Name":"t","Members":{"machines":["a"]},"Users":["ann"]})");
  EXPECT_EQ(name_of("ann"), "t");
  const store::ObjectSetPtr before = directory_.of("ann")->members("machines");
  put("t", R"({"Name":"t","Description":"new","Members":{"machines":["a"]},"Users":["ann","bob"]})");
  EXPECT_EQ(name_of("bob"), "t");
  EXPECT_EQ(directory_.of("bob")->members("machines"), before) << "what queries remember stays good";
  put("t", R"({"Name":"t","Members":{"machines":["a"]},"Users":["bob"]})");
  EXPECT_EQ(name_of("ann"), "-");
  store::Batch batch;
  batch.changes.push_back({{"tenants", "", "t"}, std::nullopt});
  commit(std::move(batch));
  EXPECT_EQ(name_of("bob"), "-");
}

TEST_F(Tenants, ThoseThatExistedBeforeCountAndReplicasDoNot) {
  put("t", R"({"Name":"t","Users":["ann"]})");
  put("far", R"({"Name":"far","Users":["bob"]})", "east");
  TenantDirectory later(*store_);
  ASSERT_TRUE(later.of("ann"));
  EXPECT_EQ(later.of("bob"), nullptr);
}

TEST_F(Tenants, AddressesAreKnownHoweverTheyAreWritten) {
  put("t", R"({"Name":"t","Members":{"leases":["192.168.1.2","C0A80103"]},"Users":["ann"]})");
  EXPECT_FALSE(directory_.of("ann")->hides({"leases", store::kOwn, "C0A80102"}));
  EXPECT_FALSE(directory_.of("ann")->hides({"leases", store::kOwn, "C0A80103"}));
  EXPECT_TRUE(directory_.of("ann")->hides({"leases", store::kOwn, "C0A80104"}));
}

TEST_F(Tenants, UsersAlwaysSeeThemselves) {
  put("t", R"({"Name":"t","Members":{"users":[]},"Users":["ann"]})");
  Principal ann;
  ann.user = "ann";
  ann.tenant = directory_.of("ann");
  EXPECT_TRUE(ann.sees({"users", store::kOwn, "ann"}));
  EXPECT_FALSE(ann.sees({"users", "east", "ann"})) << "somebody else of the same name";
  EXPECT_FALSE(ann.sees({"users", store::kOwn, "bob"}));
  EXPECT_THAT(names(ann.visible_objects("users")), ElementsAre("ann"));
  EXPECT_EQ(ann.visible_objects("machines"), nullptr);
}

TEST_F(Tenants, NewObjectsJoin) {
  put("t", R"({"Name":"t","Members":{"machines":["a"]},"Users":["ann"]})");
  const TenancyPtr tenancy = directory_.of("ann");
  const auto joining = join_tenant(*store_->snapshot(), *tenancy, {"machines", store::kOwn, "b"});
  ASSERT_TRUE(joining && *joining);
  store::Batch batch;
  batch.changes.push_back(**joining);
  commit(std::move(batch));
  EXPECT_THAT(names(directory_.of("ann")->members("machines")), ElementsAre("a", "b"));
  EXPECT_FALSE(*join_tenant(*store_->snapshot(), *tenancy, {"machines", store::kOwn, "b"}))
      << "it is there already";
  EXPECT_FALSE(*join_tenant(*store_->snapshot(), *tenancy, {"stages", store::kOwn, "s"}))
      << "to list one stage would hide all others";
}

TEST_F(Tenants, NothingJoinsTheTenantOfAContentPack) {
  put("t", R"({"Name":"t","Members":{"machines":[]},"Users":["ann"]})", store::kLayered);
  const auto joining =
      join_tenant(*store_->snapshot(), *directory_.of("ann"), {"machines", store::kOwn, "b"});
  ASSERT_FALSE(joining);
  EXPECT_EQ(joining.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(joining.error().messages.front(), ::testing::HasSubstr("Tenant t belongs to a content pack"));
}

TEST_F(Tenants, DeletedObjectsLeaveEveryTenant) {
  put("t", R"({"Name":"t","Members":{"machines":["a","b"]},"Users":["ann"]})");
  put("u", R"({"Name":"u","Members":{"machines":["b"],"profiles":["b"]},"Users":["bob"]})");
  leave("machines", "b");
  EXPECT_THAT(names(directory_.of("ann")->members("machines")), ElementsAre("a"));
  EXPECT_THAT(names(directory_.of("bob")->members("machines")), IsEmpty());
  EXPECT_THAT(names(directory_.of("bob")->members("profiles")), ElementsAre("b"));
  EXPECT_THAT(leave_tenants(*store_->snapshot(), directory_, {"machines", store::kOwn, "b"}), IsEmpty());
}

TEST_F(Tenants, DeletedUsersLeaveTheirTenant) {
  put("t", R"({"Name":"t","Members":{"users":["ann"]},"Users":["ann","bob"]})");
  leave("users", "ann");
  EXPECT_EQ(name_of("ann"), "-");
  EXPECT_EQ(name_of("bob"), "t");
  EXPECT_THAT(names(directory_.of("bob")->members("users")), IsEmpty());
}

TEST_F(Tenants, UsersOfOtherTenantsAreNamed) {
  put("t", R"({"Name":"t","Users":["ann","bob"]})");
  put("far", R"({"Name":"far","Users":["cid"]})", "east");
  const auto everything = [](std::string_view) { return true; };
  const auto nothing = [](std::string_view) { return false; };
  EXPECT_THAT(users_elsewhere(*store_->snapshot(), "u", {"bob", "cid", "dan"}, everything),
              ElementsAre("User bob is already in tenant t"));
  EXPECT_THAT(users_elsewhere(*store_->snapshot(), "u", {"bob"}, nothing),
              ElementsAre("User bob is already in another tenant"));
  EXPECT_THAT(users_elsewhere(*store_->snapshot(), "t", {"ann", "bob"}, everything), IsEmpty());
}

}  // namespace
}  // namespace mullion::auth
