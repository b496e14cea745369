// What a plan was made for, as a word.
#include "versionset/fingerprint.h"

#include <gmock/gmock.h>

namespace mullion::versionset {
namespace {

Wanted wanted_of(const std::string& members) {
  Result<VersionSet> set = VersionSet::parse(R"({"Id":"s",)" + members + "}");
  if (!set) throw std::runtime_error(set.error().text());
  return merge({&*set});
}

std::string word(const std::string& members) {
  const Wanted wanted = wanted_of(members);
  return plan_fingerprint({"s"}, &wanted);
}

TEST(PlanFingerprint, TellsSetsApart) {
  const std::vector<std::string> all{
      R"("Apply":true)",
      R"("Apply":false)",
      R"("Apply":true,"DRPVersion":"v1.0.0")",
      R"("Apply":true,"DRPUXVersion":"v1.0.0")",
      R"("Apply":true,"Prefs":{"p":"1"})",
      R"("Apply":true,"Prefs":{"p":"2"})",
      R"("Apply":true,"Global":{"g":1})",
      R"("Apply":true,"Global":{"g":"1"})",
      R"("Apply":true,"Components":[{"Name":"a","Type":"CP","Version":"v1.0.0"}])",
      R"("Apply":true,"Components":[{"Name":"a","Type":"PP","Version":"v1.0.0"}])",
      R"("Apply":true,"Components":[{"Name":"a","Type":"CP","Version":"v2.0.0"}])",
      R"("Apply":true,"Files":[{"Path":"files/a","Source":"self://files/b"}])",
      R"("Apply":true,"Files":[{"Path":"files/a","Source":"self://files/b","Explode":true}])",
      R"("Apply":true,"Plugins":[{"Name":"a","Provider":"b"}])"};
  std::set<std::string> words;
  for (const std::string& members : all) {
    EXPECT_TRUE(words.insert(word(members)).second) << members;
    EXPECT_TRUE(is_fingerprint_of_names(word(members), {"s"})) << members;
  }
  EXPECT_EQ(word(R"("Apply":true,"Description":"x")"), word(all[0]));
}

TEST(PlanFingerprint, NamesCountInTheirOrder) {
  const Wanted wanted = wanted_of(R"("Apply":true)");
  const std::string ab = plan_fingerprint({"a", "b"}, &wanted);
  EXPECT_EQ(ab.size(), 33u);
  EXPECT_NE(ab, plan_fingerprint({"b", "a"}, &wanted));
  EXPECT_NE(plan_fingerprint({"a,b"}, &wanted), ab);
  EXPECT_NE(plan_fingerprint({"a", "b"}, nullptr), ab);
  EXPECT_TRUE(is_fingerprint_of_names(plan_fingerprint({"a", "b"}, nullptr), {"a", "b"}));
  EXPECT_FALSE(is_fingerprint_of_names(ab, {"b", "a"}));
  EXPECT_FALSE(is_fingerprint_of_names("", {"a"}));
}

TEST(PlanFingerprint, NothingWithoutSets) {
  EXPECT_EQ(plan_fingerprint({}, nullptr), "");
  EXPECT_TRUE(is_fingerprint_of_names("", {}));
  EXPECT_FALSE(is_fingerprint_of_names("x-y", {}));
}

}  // namespace
}  // namespace mullion::versionset
