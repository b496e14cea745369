// Logs of jobs in files, and in a store: the same promises.

#include "joblogs/job_logs.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "env/launch.h"
#include "env/random.h"
#include "joblogs/shared_job_logs.h"

namespace mullion::joblogs {
namespace {

constexpr const char* kJob = "11111111-2222-4333-8444-555555555555";

env::Task<std::string> all_of(net::BodySource& body) {
  Result<std::string> text = co_await net::read_all(body, 1 << 20);
  co_return text ? std::move(*text) : "error: " + text.error().text();
}

enum class Kept { kInFiles, kInTheStore };

class JobLogsTest : public ::testing::TestWithParam<Kept> {
 protected:
  ~JobLogsTest() override { (void)env::remove_tree(directory_); }

  std::unique_ptr<JobLogs> make(uint64_t most) {
    if (GetParam() == Kept::kInFiles) return make_job_logs(directory_, most);
    return make_shared_job_logs(*store_, directory_, most);
  }
  static std::string text_of(const Result<net::BodySourcePtr>& body) {
    if (!body) return "error: " + body.error().text();
    env::Runtime runtime(1);
    return env::run(runtime, all_of(**body));
  }
  std::string read(std::string_view job) { return text_of(logs_->open(job)); }

  env::Path directory_ = env::Path(::testing::TempDir()) / fmt::format("job-logs-{:016x}", env::random_id());
  std::unique_ptr<store::Store> store_ = store::open_memory_store();
  std::unique_ptr<JobLogs> logs_ = make(10);
};

TEST_P(JobLogsTest, GrowsAndGoes) {
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

TEST_P(JobLogsTest, HasALimitAndAppendsAllOrNothing) {
  ASSERT_TRUE(logs_->append(kJob, "123456789").ok());
  const Result<void> refused = logs_->append(kJob, "ab");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(refused.error().messages.front(), "The log of a job holds at most 10 bytes");
  EXPECT_EQ(read(kJob), "123456789");
  EXPECT_TRUE(logs_->append(kJob, "0").ok());
}

TEST_P(JobLogsTest, KeysAreNoPaths) {
  for (const std::string& key : {std::string("../../../../../../../../etc/passwd...."), std::string("x"),
                                 std::string(36, '/'), std::string(36, '.')}) {
    EXPECT_FALSE(logs_->append(key, "x").ok()) << key;
    EXPECT_EQ(read(key), "") << key;
    logs_->remove(key);
  }
}

TEST_P(JobLogsTest, ReadersSeeWhatWasThereWhenTheyBegan) {
  ASSERT_TRUE(logs_->append(kJob, "abc").ok());
  Result<net::BodySourcePtr> body = logs_->open(kJob);
  ASSERT_TRUE(body.ok());
  ASSERT_TRUE(logs_->append(kJob, "def").ok());
  EXPECT_EQ((*body)->size(), 3U);
}

TEST_P(JobLogsTest, APartIsWhatStandsThere) {
  logs_ = make(1 << 20);
  std::string whole;
  for (int i = 0; i < 40; ++i) {
    const std::string line =
        fmt::format("line {} ", i) + std::string(static_cast<size_t>(i * 97), 'x') + "\n";
    ASSERT_TRUE(logs_->append(kJob, line).ok());
    whole += line;
  }
  const std::string long_line = std::string(600'000, 'y') + "end";
  ASSERT_TRUE(logs_->append(kJob, long_line).ok());
  whole += long_line;
  EXPECT_EQ(logs_->size(kJob).value(), whole.size());
  EXPECT_EQ(read(kJob), whole);
  for (const size_t first :
       {size_t{0}, size_t{1}, size_t{4095}, size_t{4096}, size_t{70'000}, whole.size() - 3}) {
    const size_t length = std::min<size_t>(300'000, whole.size() - first);
    EXPECT_EQ(text_of(logs_->open_part(kJob, first, length)), whole.substr(first, length)) << first;
  }
  EXPECT_FALSE(logs_->open_part(kJob, 1, whole.size()).ok());
}

INSTANTIATE_TEST_SUITE_P(Everywhere, JobLogsTest, ::testing::Values(Kept::kInFiles, Kept::kInTheStore),
                         [](const auto& row) { return row.param == Kept::kInFiles ? "Files" : "Store"; });

TEST(SharedJobLogs, ALogFromBeforeMovesIntoTheStore) {
  const env::Path directory =
      env::Path(::testing::TempDir()) / fmt::format("job-logs-{:016x}", env::random_id());
  env::Runtime runtime(1);
  const auto store = store::open_memory_store();
  const auto before = make_job_logs(directory, 100);
  ASSERT_TRUE(before->append(kJob, "old ").ok());
  const auto logs = make_shared_job_logs(*store, directory, 100);
  EXPECT_THAT(logs->jobs(), ::testing::ElementsAre(kJob));
  ASSERT_TRUE(logs->append(kJob, "new").ok());
  EXPECT_THAT(before->jobs(), ::testing::IsEmpty());
  EXPECT_EQ(env::run(runtime, all_of(**logs->open(kJob))), "old new");
  logs->remove(kJob);
  EXPECT_EQ(logs->size(kJob).value(), 0U);
  EXPECT_THAT(logs->jobs(), ::testing::IsEmpty());
  (void)env::remove_tree(directory);
}

}  // namespace
}  // namespace mullion::joblogs
