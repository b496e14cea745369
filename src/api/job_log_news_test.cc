#include "api/internal/job_log_news.h"

#include <gtest/gtest.h>

#include "api/api_testing.h"
#include "api/internal/event_reader.h"
#include "env/time_testing.h"
#include "env/waiting_testing.h"

namespace mullion::api {
namespace {

using namespace std::chrono_literals;

constexpr const char* kGrowing = "aaaaaaaa-0000-4000-8000-000000000007";

TEST(JobLogNews, TellsAtMostTwiceASecondAndOfTheNewestSize) {
  env::Runtime runtime{2};
  env::ManualTime time;
  const std::unique_ptr<store::Store> store = store::open_memory_store();
  events::EventBus bus{*store, runtime, [](std::string_view) { return std::string("M1"); },
                       env::system_clock()};
  const testing::ScratchFolder folder;
  const std::unique_ptr<joblogs::JobLogs> logs = joblogs::make_job_logs(folder.path() / "logs", 1000);
  env::TaskGroup tasks(runtime.executor(), "test");
  JobLogNews news(bus, *logs, tasks, time);
  news.grown(kGrowing, "m");
  EXPECT_EQ(time.waits(), 0U) << "nobody wants to know";
  const std::shared_ptr<events::EventQueue> queue = bus.open({});
  queue->register_pattern("job_logs.*.*");
  EXPECT_EQ(env::run(runtime, queue->take()).size(), 1U);
  for (const char* text : {"one ", "two ", "three "}) {
    ASSERT_TRUE(logs->append(kGrowing, text));
    news.grown(kGrowing, "m");
  }
  EXPECT_TRUE(env::eventually([&] { return time.waits() == 1; }));
  time.advance(JobLogNews::kDelay);
  const std::vector<events::EventPtr> told = env::run(runtime, queue->take());
  ASSERT_EQ(told.size(), 1U);
  const boost::json::value event = boost::json::parse(*told.front()->json());
  EXPECT_EQ(event.at("Key"), kGrowing);
  EXPECT_EQ(event.at("Object").at("Size"), 14);
  EXPECT_EQ(event.at("Object").at("Machine"), "m");
  env::run(runtime, tasks.async_stop());
}

}  // namespace
}  // namespace mullion::api
