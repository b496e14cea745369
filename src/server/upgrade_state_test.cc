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
  ASSERT_TRUE(folder_.finish({false, "v1.0.0", "v2.0.0", "it hung", "now"}));
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

TEST_F(UpgradeState, TheReadyNoteIsForgotten) {
  ASSERT_TRUE(folder_.announce({"v2.0.0", "https://127.0.0.1:1"}));
  EXPECT_EQ(folder_.ready()->url, "https://127.0.0.1:1");
  folder_.forget_ready();
  EXPECT_FALSE(folder_.ready());
}

TEST(Recovery, TheCandidateTellsWhetherTheRenameHappened) {
  EXPECT_EQ(recovered(kPending, false, "now").text(), "upgraded v1.0.0 -> v2.0.0");
  EXPECT_THAT(recovered(kPending, true, "now").text(),
              HasSubstr("rolled back from v2.0.0 to v1.0.0: the server was stopped"));
}

}  // namespace
}  // namespace mullion::server
