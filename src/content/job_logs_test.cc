#include "content/job_logs.h"

#include <gmock/gmock.h>

#include "env/launch.h"
#include "env/random.h"

namespace mullion::content {
namespace {

constexpr const char* kJob = "11111111-2222-4333-8444-555555555555";

env::Task<std::string> all_of(net::BodySource& body) {
  Result<std::string> text = co_await net::read_all(body, 1 << 20);
  co_return text ? std::move(*text) : "error: " + text.error().text();
}

class JobLogsTest : public ::testing::Test {
 protected:
  ~JobLogsTest() override { (void)env::remove_tree(directory_); }

  std::string read(std::string_view job) {
    Result<net::BodySourcePtr> body = logs_->open(job);
    if (!body) return "error: " + body.error().text();
    env::Runtime runtime(1);
    return env::run(runtime, all_of(**body));
  }

  env::Path directory_ = env::Path(::testing::TempDir()) / fmt::format("job-logs-{:016x}", env::random_id());
  std::unique_ptr<JobLogs> logs_ = make_job_logs(directory_, 10);
};

TEST_F(JobLogsTest, GrowsAndGoes) {
  EXPECT_EQ(read(kJob), "");
  ASSERT_TRUE(logs_->append(kJob, "hello").ok());
  ASSERT_TRUE(logs_->append(kJob, " you").ok());
  EXPECT_EQ(read(kJob), "hello you");
  EXPECT_THAT(logs_->jobs(), ::testing::ElementsAre(kJob));
  logs_->remove(kJob);
  logs_->remove(kJob);
  EXPECT_EQ(read(kJob), "");
  EXPECT_THAT(logs_->jobs(), ::testing::IsEmpty());
}

TEST_F(JobLogsTest, HasALimitAndAppendsAllOrNothing) {
  ASSERT_TRUE(logs_->append(kJob, "123456789").ok());
  const Result<void> refused = logs_->append(kJob, "ab");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(refused.error().messages.front(), "The log of a job holds at most 10 bytes");
  EXPECT_EQ(read(kJob), "123456789");
  EXPECT_TRUE(logs_->append(kJob, "0").ok());
}

TEST_F(JobLogsTest, KeysAreNoPaths) {
  for (const std::string& key : {std::string("../../../../../../../../etc/passwd...."), std::string("x"),
                                 std::string(36, '/'), std::string(36, '.')}) {
    EXPECT_FALSE(logs_->append(key, "x").ok()) << key;
    EXPECT_EQ(read(key), "") << key;
    logs_->remove(key);
  }
}

TEST_F(JobLogsTest, ReadersSeeWhatWasThereWhenTheyBegan) {
  ASSERT_TRUE(logs_->append(kJob, "abc").ok());
  Result<net::BodySourcePtr> body = logs_->open(kJob);
  ASSERT_TRUE(body.ok());
  ASSERT_TRUE(logs_->append(kJob, "def").ok());
  EXPECT_EQ((*body)->size(), 3U);
}

}  // namespace
}  // namespace mullion::content
