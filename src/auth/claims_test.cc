#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "auth/auth.h"

namespace mullion::auth {
namespace {

struct CoversCase {
  const char* name;
  Claim held;
  Right wanted;
  bool covered;
};

class Covers : public ::testing::TestWithParam<CoversCase> {};

TEST_P(Covers, FollowsTheContract) {
  EXPECT_EQ(covers({GetParam().held}, GetParam().wanted), GetParam().covered);
}

INSTANTIATE_TEST_SUITE_P(
    Claims, Covers,
    ::testing::Values(
        CoversCase{"superuser", {"*", "*", "*"}, {"machines", "delete", Subject::here("x")}, true},
        CoversCase{"superuser_list", {"*", "*", "*"}, {"machines", "list", Subject::none()}, true},
        CoversCase{"useless_but_valid", {"*", "*", ""}, {"machines", "get", Subject::here("x")}, false},
        CoversCase{
            "empty_specific_matches_none", {"*", "*", ""}, {"machines", "list", Subject::none()}, true},
        CoversCase{"other_scope", {"jobs", "*", "*"}, {"machines", "get", Subject::here("x")}, false},
        CoversCase{
            "scope_list", {"jobs, machines", "get", "*"}, {"machines", "get", Subject::here("x")}, true},
        CoversCase{"action_list_trimmed",
                   {"machines", " list , get ", "*"},
                   {"machines", "get", Subject::here("x")},
                   true},
        CoversCase{
            "specific_list", {"machines", "get", "a,b"}, {"machines", "get", Subject::here("b")}, true},
        CoversCase{"specific_not_listed",
                   {"machines", "get", "a,b"},
                   {"machines", "get", Subject::here("c")},
                   false},
        CoversCase{"specific_does_not_cover_none",
                   {"machines", "list", "a"},
                   {"machines", "list", Subject::none()},
                   false},
        CoversCase{"star_wanted_needs_star",
                   {"machines", "get", "a,b"},
                   {"machines", "get", Subject::everything()},
                   false},
        CoversCase{"star_wanted_has_star",
                   {"machines", "get", "*"},
                   {"machines", "get", Subject::everything()},
                   true},
        CoversCase{"plain_action",
                   {"machines", "action", "*"},
                   {"machines", "action:poweron", Subject::here("x")},
                   true},
        CoversCase{"same_action",
                   {"machines", "action:poweron", "*"},
                   {"machines", "action:poweron", Subject::here("x")},
                   true},
        CoversCase{"other_action",
                   {"machines", "action:poweron", "*"},
                   {"machines", "action:poweroff", Subject::here("x")},
                   false},
        CoversCase{"action_prefix",
                   {"machines", "action:power", "*"},
                   {"machines", "action:poweron", Subject::here("x")},
                   false},
        CoversCase{"actions_is_not_action",
                   {"machines", "actions", "*"},
                   {"machines", "action:x", Subject::here("x")},
                   false},
        CoversCase{"one_does_not_cover_plain",
                   {"machines", "action:x", "*"},
                   {"machines", "action", Subject::here("x")},
                   false},
        CoversCase{"plain_update",
                   {"machines", "update", "*"},
                   {"machines", "update:/OS/Name", Subject::here("x")},
                   true},
        CoversCase{"ancestor",
                   {"machines", "update:/OS", "*"},
                   {"machines", "update:/OS/Name", Subject::here("x")},
                   true},
        CoversCase{"far_ancestor",
                   {"machines", "update:/A", "*"},
                   {"machines", "update:/A/B/C", Subject::here("x")},
                   true},
        CoversCase{"same_pointer",
                   {"machines", "update:/OS/Name", "*"},
                   {"machines", "update:/OS/Name", Subject::here("x")},
                   true},
        CoversCase{"descendant",
                   {"machines", "update:/OS/Name", "*"},
                   {"machines", "update:/OS", Subject::here("x")},
                   false},
        CoversCase{"text_prefix",
                   {"machines", "update:/Pa", "*"},
                   {"machines", "update:/Params", Subject::here("x")},
                   false},
        CoversCase{"sibling",
                   {"machines", "update:/Meta", "*"},
                   {"machines", "update:/Params/a", Subject::here("x")},
                   false},
        CoversCase{"pointer_not_whole",
                   {"machines", "update:/Params", "*"},
                   {"machines", "update", Subject::here("x")},
                   false},
        CoversCase{"action_is_no_tree",
                   {"machines", "action:a", "*"},
                   {"machines", "action:a/b", Subject::here("x")},
                   false}),
    [](const auto& info) { return info.param.name; });

TEST(CoversClaim, OneClaimMustCoverTheWhole) {
  const std::vector<Claim> split{{"machines", "get", "*"}, {"machines", "list", "*"}};
  EXPECT_TRUE(covers_claim(split, {"machines", "get", "a,b"}));
  EXPECT_FALSE(covers_claim(split, {"machines", "get,list", "a"}));
  EXPECT_TRUE(covers_claim({{"machines,jobs", "get,list", "*"}}, {"jobs", "list,get", "a"}));
  EXPECT_FALSE(covers_claim({{"machines", "get", "a,b"}}, {"machines", "get", "*"}));
  EXPECT_TRUE(
      covers_claim({{"machines", "update:/A,action", "*"}}, {"machines", "update:/A/B,action:x", "*"}));
}

TEST(Intersect, KeepsTheNarrowerSide) {
  const auto both = intersect({"*", "get,update", "*"}, {"machines", "update:/A,delete", "x,y"});
  ASSERT_TRUE(both);
  EXPECT_EQ(both->scope, "machines");
  EXPECT_EQ(both->action, "update:/A");
  EXPECT_EQ(both->specific, "x,y");
  EXPECT_FALSE(intersect({"jobs", "*", "*"}, {"machines", "*", "*"}));
  EXPECT_FALSE(intersect({"*", "*", ""}, {"*", "*", "x"}));
  const auto same = intersect({"*", "*", "*"}, {"*", "*", "*"});
  ASSERT_TRUE(same);
  EXPECT_EQ(same->specific, "*");
}

TEST(AllowedObjects, AreThoseOfEveryClaimAboutTheAction) {
  const std::vector<Claim> claims{{"machines,jobs", "list, get", "b,a"},
                                  {"machines", "get", "a,/east/c"},
                                  {"machines", "delete", "d"},
                                  {"stages", "*", "*"}};
  using Objects = std::vector<store::ObjectRef>;
  EXPECT_EQ(allowed_objects(claims, "machines", "get"), Objects({{"a", ""}, {"b", ""}, {"c", "east"}}));
  EXPECT_EQ(allowed_objects(claims, "jobs", "get"), Objects({{"a", ""}, {"b", ""}}));
  EXPECT_EQ(allowed_objects(claims, "profiles", "get"), Objects());
  EXPECT_EQ(allowed_objects(claims, "stages", "get"), std::nullopt) << "all of them";
}

/// A claim names the object of this server, or another owner's with the owner: never one for the other.
TEST(Subjects, NameOneOwnersObject) {
  const auto held = [](const char* specific) { return std::vector<Claim>{{"machines", "get", specific}}; };
  const auto may = [&](const char* specific, const Subject& subject) {
    return covers(held(specific), {"machines", "get", subject});
  };
  EXPECT_TRUE(may("a", Subject::here("a")));
  EXPECT_TRUE(may("a", Subject::of(store::kOwn, "a")));
  EXPECT_TRUE(may("a", Subject::of(store::kLayered, "a")));
  EXPECT_FALSE(may("a", Subject::of("east", "a")));
  EXPECT_TRUE(may("/east/a", Subject::of("east", "a")));
  EXPECT_FALSE(may("/east/a", Subject::of("west", "a")));
  EXPECT_FALSE(may("/east/a", Subject::here("a")));
  EXPECT_FALSE(may("/east/a", Subject::here("/east/a"))) << "a key that looks like another owner's object";
  EXPECT_FALSE(may("/a/b/c", Subject::of("a/b", "c")));
  EXPECT_FALSE(may("a", Subject::everything()));
  EXPECT_FALSE(may("", Subject::of("east", "")));
  for (const Subject& subject : {Subject::here("a"), Subject::of("east", "a"), Subject::everything(),
                                 Subject::none(), Subject::here("/east/a"), Subject::of("a/b", "c")}) {
    EXPECT_TRUE(may("*", subject)) << subject.text();
  }
}

TEST(Subjects, NamesThatClaimsWouldReadOtherwiseAreNoItems) {
  for (const char* name : {"", "*", "a,b", " a", "a ", "/east/a", ","})
    EXPECT_FALSE(is_claim_item(name)) << name;
  for (const char* name : {"a", "a b", "a/b", "bob@example.com", "**"})
    EXPECT_TRUE(is_claim_item(name)) << name;
}

TEST(CoversPartly, AnyPartOfTheActionIsEnough) {
  const std::vector<Claim> claims{{"machines", "get,update:/Meta", "a"}, {"subnets", "updateSecure", "*"}};
  EXPECT_TRUE(covers_partly(claims, {"machines", "update", Subject::here("a")}));
  EXPECT_FALSE(covers_partly(claims, {"machines", "update", Subject::here("b")}));
  EXPECT_FALSE(covers_partly(claims, {"machine", "update", Subject::here("a")}));
  EXPECT_FALSE(covers_partly(claims, {"subnets", "update", Subject::here("a")}));
  EXPECT_FALSE(covers_partly(claims, {"machines", "delete", Subject::here("a")}));
}

TEST(Authorise, NamesWhatIsMissing) {
  Principal nobody;
  const auto refused = authorise(nobody, {"machines", "list", Subject::none()}, "/api/v3/machines?limit=1");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kForbidden);
  EXPECT_EQ(refused.error().type, "AUTH");
  EXPECT_THAT(refused.error().messages,
              ::testing::ElementsAre("Cannot access /api/v3/machines?limit=1", "Requires: machines list "));
}

struct TtlCase {
  const char* text;
  int64_t seconds;  // -1: refused
};
class Ttl : public ::testing::TestWithParam<TtlCase> {};
TEST_P(Ttl, Parses) {
  const auto parsed = parse_ttl(GetParam().text);
  ASSERT_EQ(parsed.ok(), GetParam().seconds >= 0);
  if (!parsed) return;
  EXPECT_EQ(*parsed, env::Duration(std::chrono::seconds(GetParam().seconds)));
}
INSTANTIATE_TEST_SUITE_P(Ttl, Ttl,
                         ::testing::Values(TtlCase{"600", 600}, TtlCase{"0", 0}, TtlCase{"1h", 3600},
                                           TtlCase{"1h30m", 5400}, TtlCase{"3y", 3 * 365 * 86400},
                                           TtlCase{"2d", 172800}, TtlCase{"1w", 604800}, TtlCase{"cow", -1},
                                           TtlCase{"", -1}, TtlCase{"-5", -1}, TtlCase{"1h30", -1},
                                           TtlCase{"5x", -1}, TtlCase{"h", -1},
                                           TtlCase{"99999999999999999999", -1}, TtlCase{"9999999999y", -1},
                                           TtlCase{" 5", -1}, TtlCase{"5 ", -1}));

TEST(Ttl, SaysWhatItCouldNotRead) {
  EXPECT_EQ(parse_ttl("cow").error().messages.front(), "strconv.ParseInt: parsing \"cow\": invalid syntax");
  EXPECT_EQ(parse_ttl("cow").error().code, ErrorCode::kBadRequest);
  EXPECT_EQ(*parse_ttl("never"), kForever);
}

}  // namespace
}  // namespace mullion::auth
