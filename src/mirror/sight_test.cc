#include "mirror/internal/sight.h"

#include <gtest/gtest.h>

namespace mullion::mirror {
namespace {

constexpr std::string_view kAll = R"({"Claims":[{"scope":"*","action":"*","specific":"*"}]})";
constexpr std::string_view kSome =
    R"({"Claims":[{"scope":"profiles, stages","action":"list, get","specific":"a, b"},
                  {"scope":"tenants","action":"get","specific":"*"},
                  {"scope":"machines","action":"update","specific":"*"},7]})";
constexpr std::string_view kNoTenants = R"([{"Name":"t","Users":["other"],"Members":{"profiles":[]}},7])";
constexpr std::string_view kTenant =
    R"([{"Name":"t","Users":["me"],"Members":{"profiles":["a"],"stages":null}}])";

struct SightCase {
  const char* name;
  std::vector<std::string_view> roles;
  std::string_view tenants;
  std::string_view prefix, key;
  Sight wanted;
};

class Seeing : public ::testing::TestWithParam<SightCase> {};

TEST_P(Seeing, FollowsTheTable) {
  Rights rights;
  for (const std::string_view role : GetParam().roles) rights.add_role(role);
  rights.take_tenant(GetParam().tenants, "me");
  EXPECT_EQ(rights.of(GetParam().prefix, GetParam().key), GetParam().wanted) << rights.unknown();
}

INSTANTIATE_TEST_SUITE_P(
    Table, Seeing,
    ::testing::Values(SightCase{"Everything", {kAll}, "[]", "profiles", "a", Sight::kMay},
                      SightCase{"TenantsOfOthers", {kAll}, kNoTenants, "profiles", "a", Sight::kMay},
                      SightCase{"NoRole", {}, "[]", "profiles", "a", Sight::kMayNot},
                      SightCase{"NamedByARole", {kSome}, "[]", "profiles", "b", Sight::kMay},
                      SightCase{"NamedByNoRole", {kSome}, "[]", "profiles", "c", Sight::kMayNot},
                      SightCase{"OtherActionsOnly", {kSome}, "[]", "machines", "a", Sight::kMayNot},
                      SightCase{"OtherCollections", {kSome}, "[]", "jobs", "a", Sight::kMayNot},
                      SightCase{"OneOfTwoRoles", {kSome, kAll}, "[]", "jobs", "a", Sight::kMay},
                      SightCase{"MemberOfItsTenant", {kAll}, kTenant, "profiles", "a", Sight::kMay},
                      SightCase{"HiddenByItsTenant", {kAll}, kTenant, "profiles", "b", Sight::kMayNot},
                      SightCase{"AllHiddenByItsTenant", {kAll}, kTenant, "stages", "a", Sight::kMayNot},
                      SightCase{"LeftAloneByItsTenant", {kAll}, kTenant, "machines", "a", Sight::kMay},
                      SightCase{"UnreadableTenants", {kAll}, "{}", "profiles", "a", Sight::kUnknown},
                      SightCase{"NoRoleWhateverTheTenant", {}, "{}", "profiles", "a", Sight::kMayNot}),
    [](const auto& one) { return one.param.name; });

TEST(Rights, OfWhichARoleIsNotToldAllowWhatTheOthersDo) {
  Rights rights;
  rights.add_role(kSome);
  rights.lack_roles("this account may not read its role x");
  rights.lack_roles("another reason");
  rights.take_tenant("[]", "me");
  EXPECT_EQ(rights.unknown(), "this account may not read its role x");
  EXPECT_EQ(rights.of("profiles", "a"), Sight::kMay);
  EXPECT_EQ(rights.of("profiles", "c"), Sight::kUnknown);
}

TEST(Rights, AnUnreadableRoleIsNotTold) {
  Rights rights;
  rights.add_role("[]");
  EXPECT_EQ(rights.unknown(), "a role cannot be read");
  EXPECT_EQ(rights.of("profiles", "a"), Sight::kUnknown);
}

TEST(Rights, AListOfTenantsTellsNothingToWhoMayNotReadThemAll) {
  Rights rights;
  rights.add_role(R"({"Claims":[{"scope":"profiles","action":"get","specific":"*"},
                                {"scope":"tenants","action":"get","specific":"t"}]})");
  rights.take_tenant("[]", "me");
  EXPECT_EQ(rights.unknown(), "this account may not read every tenant");
  EXPECT_EQ(rights.of("profiles", "a"), Sight::kUnknown);
  EXPECT_EQ(rights.of("stages", "a"), Sight::kMayNot);
}

TEST(Rights, OfAWholeCollection) {
  Rights rights;
  rights.add_role(kAll);
  rights.take_tenant(kTenant, "me");
  EXPECT_EQ(rights.of_all("machines"), Sight::kMay);
  EXPECT_EQ(rights.of_all("profiles"), Sight::kUnknown) << "its tenant has some of them";
  Rights few;
  few.add_role(kSome);
  few.take_tenant("[]", "me");
  EXPECT_EQ(few.of_all("profiles"), Sight::kUnknown);
  EXPECT_EQ(few.of_all("tenants"), Sight::kMay);
}

TEST(Roles, AreThoseThatTheUserNames) {
  EXPECT_EQ(roles_of(R"({"Roles":["a","b",1]})"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(roles_of(R"({"Roles":[]})"), std::vector<std::string>());
  for (const char* text : {"", "[]", "{}", R"({"Roles":null})", R"({"Roles":"a"})"})
    EXPECT_EQ(roles_of(text), std::nullopt) << text;
}

TEST(Events, TellOfRights) {
  EXPECT_TRUE(tells_of_rights("roles", "any", "me"));
  EXPECT_TRUE(tells_of_rights("tenants", "any", "me"));
  EXPECT_TRUE(tells_of_rights("users", "me", "me"));
  EXPECT_FALSE(tells_of_rights("users", "you", "me"));
  EXPECT_FALSE(tells_of_rights("machines", "me", "me"));
}

}  // namespace
}  // namespace mullion::mirror
