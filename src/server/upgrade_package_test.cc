#include "server/upgrade_package.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mullion::server {
namespace {

using ::testing::HasSubstr;

const RunningProgram kHere{"v1.4.0", "amd64", "linux"};

PackageManifest manifest(std::string version, std::string arch = "amd64", std::string name = "mullion") {
  return {std::move(name), std::move(version), std::move(arch), "linux", "00"};
}

struct Order {
  std::string_view a, b;
  int expected;
};
class Versions : public ::testing::TestWithParam<Order> {};

TEST_P(Versions, AreOrderedBothWays) {
  const auto& [a, b, expected] = GetParam();
  const auto sign = [](int value) { return value < 0 ? -1 : static_cast<int>(value > 0); };
  EXPECT_EQ(sign(*compare_versions(a, b)), expected) << a << " " << b;
  EXPECT_EQ(sign(*compare_versions(b, a)), -expected) << b << " " << a;
}

INSTANTIATE_TEST_SUITE_P(
    Table, Versions,
    ::testing::Values(Order{"v1.2.3", "1.2.3", 0}, Order{"v1.2.3", "v1.2.4", -1}, Order{"v1.2", "v1.2.0", 0},
                      Order{"v1.10.0", "v1.9.9", 1}, Order{"v2.0.0-alpha", "v2.0.0", -1},
                      Order{"v2.0.0-alpha.2", "v2.0.0-alpha.10", -1},
                      Order{"v2.0.0-alpha", "v2.0.0-beta", -1}, Order{"v2.0.0-alpha", "v2.0.0-alpha.1", -1},
                      Order{"v2.0.0-1", "v2.0.0-alpha", -1}, Order{"v2.0.0+build1", "v2.0.0+build2", 0}));

TEST(Versions, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"", "v", "tip", "1.2.3.4", "1..2", "1.x", "-1.0.0", " v1.0.0", "1.0.0 ", "vv1", "V1.0.0"})
    EXPECT_FALSE(compare_versions(text, "v1.0.0")) << text;
}

struct Judgement {
  PackageManifest manifest;
  bool force;
  std::string_view problem;  // "": taken
};
class Manifests : public ::testing::TestWithParam<Judgement> {};

TEST_P(Manifests, AreTakenOrRefused) {
  const Judgement& wanted = GetParam();
  const Result<void> verdict = check_manifest(wanted.manifest, kHere, wanted.force);
  EXPECT_EQ(verdict.ok(), wanted.problem.empty());
  if (!verdict) {
    EXPECT_THAT(verdict.error().text(), HasSubstr(std::string(wanted.problem)));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, Manifests,
    ::testing::Values(
        Judgement{manifest("v1.5.0"), false, ""},
        Judgement{manifest("v1.4.0"), false, "v1.4.0 is not newer than the running v1.4.0"},
        Judgement{manifest("v1.4.0"), true, ""}, Judgement{manifest("v1.3.9"), false, "not newer"},
        Judgement{manifest("v1.3.9"), true, ""}, Judgement{manifest("v1.4.0-tip.1"), false, "not newer"},
        Judgement{manifest("v1.5.0", "arm64"), false, "for arm64/linux, this server runs on amd64/linux"},
        Judgement{manifest("v1.5.0", "arm64"), true, "for arm64/linux"},
        Judgement{manifest("v1.5.0", "amd64", "dr-provision"), true, "holds dr-provision, not mullion"},
        Judgement{manifest("newest"), true, "no version"}));

TEST(Manifest, IsReadWhole) {
  const Result<PackageManifest> read = parse_manifest(
      R"({"name":"mullion","version":"v2.0.0","arch":"arm64","os":"linux","sha256":"ab","more":1})");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->version, "v2.0.0");
  EXPECT_EQ(program_path(*read), "bin/linux/arm64/mullion");
}

TEST(Manifest, NamesWhatIsMissing) {
  EXPECT_THAT(parse_manifest("[]").error().text(), HasSubstr("no JSON object"));
  EXPECT_THAT(parse_manifest(R"({"name":"mullion","version":3})").error().text(), HasSubstr("version"));
  EXPECT_THAT(
      parse_manifest(R"({"name":"mullion","version":"v1.0.0","arch":"","os":"linux"})").error().text(),
      HasSubstr("arch"));
}

TEST(SelfReport, MustBeWhatTheManifestPromised) {
  const std::string report = self_report({"v1.5.0", "amd64", "linux"});
  EXPECT_TRUE(check_self_report(report, manifest("v1.5.0")));
  EXPECT_EQ(*check_self_report(report, manifest("1.5.0")), "v1.5.0") << "as the program spells it";
  EXPECT_THAT(check_self_report(report, manifest("v1.6.0")).error().text(),
              HasSubstr("its version is v1.5.0, the manifest v1.6.0"));
  const auto writing = [](std::string_view store) {
    return fmt::format(R"({{"name":"mullion","version":"v1.5.0","arch":"amd64","os":"linux","store":{}}})",
                       store);
  };
  EXPECT_TRUE(check_self_report(writing(R"({"format":9,"oldest_readable":1})"), manifest("v1.5.0")));
  EXPECT_TRUE(check_self_report(writing("null"), manifest("v1.5.0"))) << "older than the question";
  for (const char* store : {R"({"format":9,"oldest_readable":2})", R"({"oldest_readable":"x"})"}) {
    EXPECT_THAT(check_self_report(writing(store), manifest("v1.5.0")).error().text(),
                HasSubstr("could not read back"))
        << store;
  }
  EXPECT_THAT(check_self_report("usage: ...", manifest("v1.5.0")).error().text(), HasSubstr("does not say"));
}

// RFC 8032, section 7.1, test 2: the message "r".
constexpr const char* kKey = "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";
constexpr const char* kSignature =
    "kqAJqfDUyrhyDoILX2QlQKKye1QWUD+Ps3YiI+vbadoI"
    "WsHkPhWZbkWPNhPQ8R2MOHsurrQwKu6wDSkWErsMAA==";

std::string verdict(const PackageHead& head, const PackageTrust& trust) {
  const Result<void> checked = check_signature(head, trust);
  return checked ? "" : checked.error().messages.front();
}

TEST(UpgradePackage, OnlyTrustedKeysSign) {
  EXPECT_EQ(verdict({"r", kSignature}, {.keys = {"no key", kKey}}), "");
  EXPECT_EQ(verdict({"r", std::string(kSignature) + "\n"}, {.keys = {kKey}}), "") << "as a file holds it";
  EXPECT_EQ(verdict({"s", kSignature}, {.keys = {kKey}}), "The package is not signed by a trusted key");
  EXPECT_EQ(verdict({"r", "AAAA"}, {.keys = {kKey}}), "The package is not signed by a trusted key");
  EXPECT_EQ(verdict({"r", ""}, {.keys = {kKey}}), "The package is not signed");
  EXPECT_EQ(verdict({"r", kSignature}, {}), "No key is trusted to sign packages (--trusted-package-keys)");
  EXPECT_EQ(verdict({"r", ""}, {.unsigned_too = true}), "");
}

TEST(UpgradePackage, ItsHeadIsWhatItsFirstEntriesSay) {
  using Entries = std::vector<std::pair<std::string, std::string>>;
  const auto head = package_head(Entries{{"manifest.json.sig", "s"}, {"manifest.json", "m"}});
  ASSERT_TRUE(head);
  EXPECT_EQ(head->manifest + head->signature, "ms");
  EXPECT_FALSE(package_head(Entries{{"manifest.json.sig", "s"}, {"bin/linux/amd64/mullion", "m"}}));
  EXPECT_FALSE(package_head(Entries()));
}

TEST(UpgradePackage, HoldsNothingItsManifestDoesNotName) {
  const PackageManifest here = manifest("v1.5.0");
  EXPECT_TRUE(check_files({"manifest.json", "manifest.json.sig", "bin/linux/amd64/mullion"}, here));
  EXPECT_FALSE(check_files({"manifest.json", "bin/linux/arm64/mullion"}, here));
}

}  // namespace
}  // namespace mullion::server
