#include "auth/tenants.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auth/auth.h"
#include "model/object.h"

namespace mullion::auth {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Tenants : public testing::Test {
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
    batch.changes = leave_tenants(*store_->snapshot(), directory_, prefix, key);
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
  EXPECT_FALSE(tenancy->hides("machines", "a"));
  EXPECT_TRUE(tenancy->hides("machines", "c"));
  EXPECT_TRUE(tenancy->hides("profiles", "any")) << "an empty list hides everything";
  EXPECT_FALSE(tenancy->hides("stages", "any")) << "a prefix that is absent restricts nothing";
  EXPECT_EQ(directory_.of("bob"), nullptr);
}

TEST_F(Tenants, FollowTheStore) {
  put("t", R"({"Name":"t","Members":{"machines":["a"]},"Users":["ann"]})");
  EXPECT_EQ(name_of("ann"), "t");
  const store::KeySetPtr before = directory_.of("ann")->members("machines");
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
  EXPECT_FALSE(directory_.of("ann")->hides("leases", "C0A80102"));
  EXPECT_FALSE(directory_.of("ann")->hides("leases", "C0A80103"));
  EXPECT_TRUE(directory_.of("ann")->hides("leases", "C0A80104"));
}

TEST_F(Tenants, UsersAlwaysSeeThemselves) {
  put("t", R"({"Name":"t","Members":{"users":[]},"Users":["ann"]})");
  Principal ann;
  ann.user = "ann";
  ann.tenant = directory_.of("ann");
  EXPECT_TRUE(ann.sees("users", "ann"));
  EXPECT_FALSE(ann.sees("users", "bob"));
  EXPECT_THAT(ann.visible_keys("users")->keys(), ElementsAre("ann"));
  EXPECT_EQ(ann.visible_keys("machines"), nullptr);
}

TEST_F(Tenants, NewObjectsJoin) {
  put("t", R"({"Name":"t","Members":{"machines":["a"]},"Users":["ann"]})");
  const TenancyPtr tenancy = directory_.of("ann");
  const auto joining = join_tenant(*store_->snapshot(), *tenancy, "machines", "b");
  ASSERT_TRUE(joining && *joining);
  store::Batch batch;
  batch.changes.push_back(**joining);
  commit(std::move(batch));
  EXPECT_THAT(directory_.of("ann")->members("machines")->keys(), ElementsAre("a", "b"));
  EXPECT_FALSE(*join_tenant(*store_->snapshot(), *tenancy, "machines", "b")) << "it is there already";
  EXPECT_FALSE(*join_tenant(*store_->snapshot(), *tenancy, "stages", "s"))
      << "to list one stage would hide all others";
}

TEST_F(Tenants, NothingJoinsTheTenantOfAContentPack) {
  put("t", R"({"Name":"t","Members":{"machines":[]},"Users":["ann"]})", store::kLayered);
  const auto joining = join_tenant(*store_->snapshot(), *directory_.of("ann"), "machines", "b");
  ASSERT_FALSE(joining);
  EXPECT_EQ(joining.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(joining.error().messages.front(), testing::HasSubstr("Tenant t belongs to a content pack"));
}

TEST_F(Tenants, DeletedObjectsLeaveEveryTenant) {
  put("t", R"({"Name":"t","Members":{"machines":["a","b"]},"Users":["ann"]})");
  put("u", R"({"Name":"u","Members":{"machines":["b"],"profiles":["b"]},"Users":["bob"]})");
  leave("machines", "b");
  EXPECT_THAT(directory_.of("ann")->members("machines")->keys(), ElementsAre("a"));
  EXPECT_THAT(directory_.of("bob")->members("machines")->keys(), IsEmpty());
  EXPECT_THAT(directory_.of("bob")->members("profiles")->keys(), ElementsAre("b"));
  EXPECT_THAT(leave_tenants(*store_->snapshot(), directory_, "machines", "b"), IsEmpty());
}

TEST_F(Tenants, DeletedUsersLeaveTheirTenant) {
  put("t", R"({"Name":"t","Members":{"users":["ann"]},"Users":["ann","bob"]})");
  leave("users", "ann");
  EXPECT_EQ(name_of("ann"), "-");
  EXPECT_EQ(name_of("bob"), "t");
  EXPECT_THAT(directory_.of("bob")->members("users")->keys(), IsEmpty());
}

TEST_F(Tenants, UsersOfOtherTenantsAreNamed) {
  put("t", R"({"Name":"t","Users":["ann","bob"]})");
  put("far", R"({"Name":"far","Users":["cid"]})", "east");
  EXPECT_THAT(users_elsewhere(*store_->snapshot(), "u", {"bob", "cid", "dan"}),
              ElementsAre("User bob is already in tenant t"));
  EXPECT_THAT(users_elsewhere(*store_->snapshot(), "t", {"ann", "bob"}), IsEmpty());
}

}  // namespace
}  // namespace mullion::auth
