#include "api/events.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json.hpp>

namespace mullion::api {
namespace {

constexpr size_t kPlenty = 1 << 20;

std::vector<EventPtr> take(env::Runtime& runtime, EventQueue& queue) {
  return boost::asio::co_spawn(runtime.executor(), queue.take(), boost::asio::use_future).get();
}

store::Batch change(std::string type, std::string key, std::optional<std::string> body) {
  store::Batch batch;
  store::Change wanted;
  wanted.id = {std::move(type), std::string(store::kOwn), std::move(key)};
  wanted.body = std::move(body);
  batch.changes.push_back(std::move(wanted));
  batch.principal = "user:bob";
  return batch;
}

TEST(EventPattern, Grammar) {
  const auto matches = [](std::string_view pattern, std::string_view type, std::string_view action,
                          std::string_view key) {
    const Result<EventPattern> parsed = EventPattern::parse(pattern);
    return parsed && parsed->matches(type, action, key);
  };
  EXPECT_TRUE(matches("*.*.*", "machines", "save", "x"));
  EXPECT_TRUE(matches("machines,jobs.create, save.*", "jobs", "save", "x"));
  EXPECT_FALSE(matches("machines.save.x", "machines", "save", "X"));
  EXPECT_TRUE(matches("templates.save.a.b.tmpl", "templates", "save", "a.b.tmpl"));
  EXPECT_TRUE(matches("a\\1b.save.x\\2y\\3", "a.b", "save", "x,y*"));
  EXPECT_FALSE(matches("machines.save.\\3", "machines", "save", "x"));
  EXPECT_FALSE(EventPattern::parse("machines.save").ok());
  EXPECT_FALSE(EventPattern::parse("").ok());
}

class Events : public ::testing::Test {
 protected:
  env::Runtime runtime{2};
  std::unique_ptr<store::Store> store = store::open_memory_store();
  EventBus bus{*store, [](std::string_view owner) { return std::string(owner.empty() ? "M1" : owner); },
               env::system_clock()};
};

TEST_F(Events, PreferencesAreSaved) {
  const std::shared_ptr<EventQueue> queue = bus.open({100, kPlenty});
  queue->register_pattern("preferences.save.*", 10);
  ASSERT_TRUE(store->commit_sync(change("preferences", "logLevel", R"({"Name":"logLevel"})")).ok());
  const std::vector<EventPtr> seen = take(runtime, *queue);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen.back()->key(), "logLevel");
}

TEST_F(Events, AcknowledgesInOrderAndTellsChangesOnce) {
  const std::shared_ptr<EventQueue> queue = bus.open({100, kPlenty});
  queue->register_pattern("machines.*.*", 10);
  queue->register_pattern("*.create.*", 10);
  ASSERT_TRUE(store->commit_sync(change("machines", "k", R"({"Uuid":"k"})")).ok());
  ASSERT_TRUE(store->commit_sync(change("profiles", "p", R"({"Name":"p"})")).ok());
  queue->deregister_pattern("*.create.*");
  ASSERT_TRUE(store->commit_sync(change("profiles", "q", R"({"Name":"q"})")).ok());
  ASSERT_TRUE(store->commit_sync(change("machines", "k", std::nullopt)).ok());
  std::vector<std::string> seen;
  for (const EventPtr& event : take(runtime, *queue))
    seen.push_back(event->type() + "." + event->action() + "." + event->key());
  EXPECT_EQ(seen, (std::vector<std::string>{
                      "websocket.register.machines.*.*", "websocket.register.*.create.*", "machines.create.k",
                      "profiles.create.p", "websocket.deregister.*.create.*", "machines.delete.k"}));
}

TEST_F(Events, TextHoldsObjectOriginalAndPrincipal) {
  ASSERT_TRUE(store->commit_sync(change("machines", "k", R"({"Uuid":"k","Name":"a"})")).ok());
  const std::shared_ptr<EventQueue> queue = bus.open({100, kPlenty});
  queue->register_pattern("machines.save.k", 10);
  ASSERT_TRUE(store->commit_sync(change("machines", "k", R"({"Uuid":"k","Name":"b"})")).ok());
  const std::vector<EventPtr> events = take(runtime, *queue);
  ASSERT_EQ(events.size(), 2U);
  const boost::json::value event = boost::json::parse(*events[1]->json());
  EXPECT_EQ(event.at("Principal"), "user:bob");
  EXPECT_EQ(event.at("Object").at("Name"), "b");
  EXPECT_EQ(event.at("Object").at("Endpoint"), "M1");
  EXPECT_EQ(event.at("Original").at("Name"), "a");
}

TEST_F(Events, BadRegistrationIsAnsweredNotDropped) {
  const std::shared_ptr<EventQueue> queue = bus.open({100, kPlenty});
  queue->register_pattern("nonsense", 10);
  queue->register_pattern("a.b.c", 0);
  const std::vector<EventPtr> events = take(runtime, *queue);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0]->action(), "error");
  EXPECT_EQ(events[1]->action(), "error");
}

TEST_F(Events, SlowReaderIsDropped) {
  const std::shared_ptr<EventQueue> queue = bus.open({3, kPlenty});
  bool told = false;
  queue->on_overflow([&told] { told = true; });
  queue->register_pattern("*.*.*", 10);
  for (int i = 0; i < 5; ++i) bus.publish("beeblebrox", "created", std::to_string(i), "system", "null");
  EXPECT_TRUE(told);
  EXPECT_TRUE(queue->overflowed());
  EXPECT_TRUE(take(runtime, *queue).empty());
}

TEST_F(Events, WatchWakesOnTheObjectOnly) {
  const std::shared_ptr<env::Signal> signal = bus.watch("machines", "k");
  const uint64_t before = signal->version();
  ASSERT_TRUE(store->commit_sync(change("machines", "other", R"({"Uuid":"other"})")).ok());
  EXPECT_EQ(signal->version(), before);
  ASSERT_TRUE(store->commit_sync(change("machines", "k", R"({"Uuid":"k"})")).ok());
  EXPECT_NE(signal->version(), before);
}

TEST(EventQueue, LargeEventsOverflowByTheirSize) {
  bool overflowed = false;
  const auto store = store::open_memory_store();
  EventBus bus(
      *store, [](std::string_view) { return ""; }, env::system_clock());
  const std::shared_ptr<EventQueue> reader = bus.open({100, 10000});
  reader->on_overflow([&] { overflowed = true; });
  reader->register_pattern("*.*.*", 10);
  for (int i = 0; i < 3; ++i) bus.publish_text("x", "y", "z", std::string(4000, ' '));
  EXPECT_TRUE(overflowed);
  EXPECT_EQ(bus.dropped(), 1U);
  bus.stop();
}

}  // namespace
}  // namespace mullion::api
