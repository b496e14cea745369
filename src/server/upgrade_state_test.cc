#include "server/upgrade_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "env/random.h"

namespace mullion::server {
namespace {

using ::testing::HasSubstr;

class UpgradeState : public ::testing::Test {
 protected:
  UpgradeState() : root_(std::filesystem::temp_directory_path() / ("mullion-upgrade-" + env::random_uuid())) {
    EXPECT_TRUE(folder_.make());
  }
  ~UpgradeState() override { (void)env::remove_tree(root_); }

  env::Path root_;
  UpgradeFolder folder_{root_};
};

const PendingUpgrade kPending{"v1.0.0", "v2.0.0", "/usr/bin/mullion",    "/usr/bin/.mullion.upgrade",
                              7,        "ab:cd",  "2026-01-01T00:00:00Z"};

TEST_F(UpgradeState, KeepsWhatIsPending) {
  EXPECT_FALSE(folder_.pending());
  ASSERT_TRUE(folder_.begin(kPending));
  const std::optional<PendingUpgrade> read = UpgradeFolder(root_).pending();
  ASSERT_TRUE(read);
  EXPECT_EQ(read->to, "v2.0.0");
  EXPECT_EQ(read->program, "/usr/bin/mullion");
  EXPECT_EQ(read->candidate, "/usr/bin/.mullion.upgrade");
  EXPECT_EQ(read->deadline, 7U);
  EXPECT_EQ(read->fingerprint, "ab:cd");
}

TEST_F(UpgradeState, AnOutcomeEndsWhatWasPending) {
  ASSERT_TRUE(folder_.begin(kPending));
  ASSERT_TRUE(folder_.finish(kPending, {false, "v1.0.0", "v2.0.0", "it hung", "now"}));
  EXPECT_FALSE(folder_.pending());
  ASSERT_TRUE(folder_.outcome());
  EXPECT_EQ(folder_.outcome()->text(), "rolled back from v2.0.0 to v1.0.0: it hung");
  folder_.forget_outcome();
  EXPECT_FALSE(folder_.outcome());
}

TEST_F(UpgradeState, NonsenseIsNothing) {
  ASSERT_TRUE(env::write_file_atomic(folder_.path() / "pending.json", "{\"From\":"));
  ASSERT_TRUE(env::write_file_atomic(folder_.path() / "ready.json", "[]"));
  EXPECT_FALSE(folder_.pending());
  EXPECT_FALSE(folder_.ready());
}

TEST_F(UpgradeState, OnePackageIsKept) {
  EXPECT_FALSE(folder_.has_staged());
  for (const char* content : {"one", "two"}) {
    const env::Path package = root_ / "package.zip";
    ASSERT_TRUE(env::write_file_atomic(package, content));
    ASSERT_TRUE(folder_.keep_staged(package));
    EXPECT_FALSE(std::filesystem::exists(package)) << "moved";
    EXPECT_TRUE(UpgradeFolder(root_).has_staged());
    EXPECT_EQ(*env::read_file(folder_.staged()), content);
  }
  EXPECT_FALSE(folder_.keep_staged(root_ / "absent"));
  EXPECT_EQ(*env::read_file(folder_.staged()), "two") << "the one before stays";
  folder_.forget_staged();
  EXPECT_FALSE(folder_.has_staged());
}

TEST_F(UpgradeState, TheReadyNoteIsForgotten) {
  ASSERT_TRUE(folder_.announce({"v2.0.0", "https://127.0.0.1:1"}));
  EXPECT_EQ(folder_.ready()->url, "https://127.0.0.1:1");
  folder_.forget_ready();
  EXPECT_FALSE(folder_.ready());
}

TEST_F(UpgradeState, TheCandidateGoesLast) {
  PendingUpgrade pending = kPending;
  pending.candidate = root_ / ".program.upgrade";
  const auto there = [&] { return std::filesystem::exists(pending.candidate); };
  ASSERT_TRUE(env::write_file_atomic(pending.candidate, "new"));
  ASSERT_TRUE(folder_.begin(pending));
  // What a full disk does, too: the outcome cannot be written.
  ASSERT_TRUE(env::make_directories(folder_.path() / "result.json" / "in the way"));
  EXPECT_FALSE(folder_.finish(pending, {false, "v1.0.0", "v2.0.0", "it hung", "now"}));
  EXPECT_TRUE(folder_.pending() && there()) << "the next start sees that it was not put in place";
  ASSERT_TRUE(env::remove_tree(folder_.path() / "result.json"));
  EXPECT_TRUE(folder_.finish(pending, {false, "v1.0.0", "v2.0.0", "it hung", "now"}));
  EXPECT_FALSE(folder_.pending() || there());
}

struct Recovering {
  bool candidate_there;
  std::string_view running;
  std::string_view text;
};
class Recovery : public ::testing::TestWithParam<Recovering> {};

TEST_P(Recovery, TellsHowItEnded) {
  const Recovering& wanted = GetParam();
  EXPECT_THAT(recovered(kPending, wanted.candidate_there, wanted.running, "now").text(),
              HasSubstr(std::string(wanted.text)));
}

INSTANTIATE_TEST_SUITE_P(
    Table, Recovery,
    ::testing::Values(Recovering{false, "v2.0.0", "upgraded v1.0.0 -> v2.0.0"},
                      Recovering{false, "v1.0.0", "to v1.0.0: v1.0.0 runs, and the new program is gone"},
                      Recovering{true, "v1.0.0", "rolled back from v2.0.0 to v1.0.0: the server was stopped"},
                      Recovering{true, "v2.0.0",
                                 "rolled back from v2.0.0 to v1.0.0: the server was stopped"}));

}  // namespace
}  // namespace mullion::server
