#include "events/event_bus.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "env/launch.h"
#include "env/waiting_testing.h"

namespace mullion::events {
namespace {

constexpr size_t kPlenty = 1 << 20;

/// The next events, `count` of them at least.
std::vector<EventPtr> take(env::Runtime& runtime, EventQueue& queue, size_t count = 1) {
  std::vector<EventPtr> out;
  while (out.size() < count) {
    const std::vector<EventPtr> more = env::run(runtime, queue.take());
    if (more.empty()) return out;
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
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
  EventBus bus{*store, runtime,
               [](std::string_view owner) { return std::string(owner.empty() ? "M1" : owner); },
               env::system_clock()};
};

TEST_F(Events, PreferencesAreSaved) {
  const std::shared_ptr<EventQueue> queue = bus.open({100, kPlenty});
  queue->register_pattern("preferences.save.*");
  ASSERT_TRUE(store->commit_sync(change("preferences", "logLevel", R"({"Name":"logLevel"})")).ok());
  const std::vector<EventPtr> seen = take(runtime, *queue, 2);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen.back()->key(), "logLevel");
}

TEST_F(Events, AcknowledgesInOrderAndTellsChangesOnce) {
  const std::shared_ptr<EventQueue> queue = bus.open({100, kPlenty});
  queue->register_pattern("machines.*.*");
  queue->register_pattern("*.create.*");
  ASSERT_TRUE(store->commit_sync(change("machines", "k", R"({"Uuid":"k"})")).ok());
  ASSERT_TRUE(store->commit_sync(change("profiles", "p", R"({"Name":"p"})")).ok());
  queue->deregister_pattern("*.create.*");
  ASSERT_TRUE(store->commit_sync(change("profiles", "q", R"({"Name":"q"})")).ok());
  ASSERT_TRUE(store->commit_sync(change("machines", "k", std::nullopt)).ok());
  std::vector<std::string> seen;
  for (const EventPtr& event : take(runtime, *queue, 6))
    seen.push_back(event->type() + "." + event->action() + "." + event->key());
  EXPECT_EQ(seen, (std::vector<std::string>{
                      "websocket.register.machines.*.*", "websocket.register.*.create.*", "machines.create.k",
                      "profiles.create.p", "websocket.deregister.*.create.*", "machines.delete.k"}));
}

TEST_F(Events, TextHoldsObjectOriginalAndPrincipal) {
  ASSERT_TRUE(store->commit_sync(change("machines", "k", R"({"Uuid":"k","Name":"a"})")).ok());
  const std::shared_ptr<EventQueue> queue = bus.open({100, kPlenty});
  queue->register_pattern("machines.save.k");
  ASSERT_TRUE(store->commit_sync(change("machines", "k", R"({"Uuid":"k","Name":"b"})")).ok());
  const std::vector<EventPtr> events = take(runtime, *queue, 2);
  ASSERT_EQ(events.size(), 2U);
  const boost::json::value event = boost::json::parse(*events[1]->json());
  EXPECT_EQ(event.at("Principal"), "user:bob");
  EXPECT_EQ(event.at("Object").at("Name"), "b");
  EXPECT_EQ(event.at("Object").at("Endpoint"), "M1");
  EXPECT_EQ(event.at("Original").at("Name"), "a");
}

TEST_F(Events, BadRegistrationIsAnsweredNotDropped) {
  const std::shared_ptr<EventQueue> queue = bus.open({100, kPlenty, 2, 40});
  queue->register_pattern("nonsense");
  queue->register_pattern("a.b.c");
  queue->register_pattern("a.b." + std::string(40, 'x'));
  queue->register_pattern("d.e.f");
  queue->register_pattern("g.h.i");
  std::vector<std::string> actions;
  for (const EventPtr& event : take(runtime, *queue, 5)) actions.push_back(event->action());
  EXPECT_EQ(actions, (std::vector<std::string>{"error", "register", "error", "register", "error"}));
  EXPECT_FALSE(bus.wanted("g", "i"));
}

TEST_F(Events, RefusalsDoNotRepeatWhateverLengthWasSent) {
  const std::shared_ptr<EventQueue> queue = bus.open({100, kPlenty});
  queue->register_pattern(std::string(1 << 20, 'x'));
  EXPECT_LT(take(runtime, *queue).front()->json()->size(), 5000U);
}

TEST_F(Events, ARegistrationMadeTwiceEndsWithItsSecondDeregistration) {
  const std::shared_ptr<EventQueue> queue = bus.open({100, kPlenty});
  for (int i = 0; i < 2; ++i) queue->register_pattern("a.b.c");
  bus.publish_text("a", "b", "c", "once");
  queue->deregister_pattern("a.b.c");
  bus.publish_text("a", "b", "c", "still");
  queue->deregister_pattern("a.b.c");
  bus.publish_text("a", "b", "c", "no more");
  queue->deregister_pattern("a.b.c");
  std::vector<std::string> texts;
  for (const EventPtr& event : take(runtime, *queue, 7)) {
    if (event->type() == "a") texts.push_back(*event->json());
  }
  EXPECT_EQ(texts, (std::vector<std::string>{"once", "still"}));
}

TEST_F(Events, ReadersThatAreGoneWantNothing) {
  std::shared_ptr<EventQueue> left = bus.open({100, kPlenty});
  std::shared_ptr<EventQueue> closed = bus.open({100, kPlenty});
  for (const auto& queue : {left, closed}) queue->register_pattern("machines,jobs.*.a,b");
  EXPECT_TRUE(env::eventually([&] { return bus.wanted("jobs", "b"); }));
  take(runtime, *left);
  take(runtime, *closed);
  closed->close();
  left.reset();
  EXPECT_FALSE(bus.wanted("jobs", "b"));
}

TEST_F(Events, InterestsCoverWhateverThePatternMatches) {
  std::string types = "t0", keys = "k0";
  for (int i = 1; i < 70; ++i) types += fmt::format(",t{}", i), keys += fmt::format(",k{}", i);
  for (const std::string& pattern : {types + ".x." + keys, "t9.x." + keys, types + ".x.k9",
                                     std::string("*.x.k9"), std::string("t9.x.*"), std::string("*.x.*")}) {
    const std::shared_ptr<EventQueue> queue = bus.open({100, kPlenty});
    queue->register_pattern(pattern);
    bus.publish_text("t9", "x", "k9", "yes");
    bus.publish_text("t9", "y", "k9", "no");
    bus.publish_text("other", "y", "other", "no");
    const std::vector<EventPtr> seen = take(runtime, *queue, 2);
    ASSERT_EQ(seen.size(), 2U) << pattern;
    EXPECT_EQ(*seen[1]->json(), "yes") << pattern;
    queue->close();
    EXPECT_FALSE(bus.wanted("t9", "k9")) << pattern;
  }
}

/// The replicas stay in the store when the server is no manager any more.
TEST_F(Events, OfReplicasAreToldWhileReplicasAreShown) {
  const std::shared_ptr<EventQueue> queue = bus.open({100, kPlenty});
  queue->register_pattern("machines.*.*");
  uint64_t sequence = 0;
  const auto commit_of = [&](const std::string& owner, const std::string& key) {
    store::Batch batch = change("machines", key, R"({"Uuid":"k"})");
    batch.changes[0].id.owner = owner;
    if (!owner.empty()) batch.origin = store::Origin{owner, {1, ++sequence}};
    ASSERT_TRUE(store->commit_sync(std::move(batch)).ok());
  };
  std::vector<std::string> seen;
  const auto hear = [&](size_t count) {
    for (const EventPtr& event : take(runtime, *queue, count)) seen.push_back(event->key());
  };
  store->show_replicas(false);
  commit_of("A", "hidden");
  commit_of("", "own");
  hear(2);
  store->show_replicas(true);
  commit_of("A", "shown");
  hear(1);
  EXPECT_EQ(seen, (std::vector<std::string>{"machines.*.*", "own", "shown"}));
}

TEST_F(Events, SlowReaderIsDropped) {
  const std::shared_ptr<EventQueue> queue = bus.open({3, kPlenty});
  std::atomic<bool> told{false};
  queue->on_overflow([&told] { told = true; });
  queue->register_pattern("*.*.*");
  for (int i = 0; i < 5; ++i) bus.publish("beeblebrox", "created", std::to_string(i), "system", "null");
  EXPECT_TRUE(env::eventually([&] { return told.load(); }));
  EXPECT_TRUE(queue->overflowed());
  EXPECT_TRUE(take(runtime, *queue).empty());
}

TEST_F(Events, WatchWakesOnTheObjectOnly) {
  const std::shared_ptr<env::Signal> signal = bus.watch("machines", "k");
  const uint64_t before = signal->version();
  ASSERT_TRUE(store->commit_sync(change("machines", "other", R"({"Uuid":"other"})")).ok());
  ASSERT_TRUE(store->commit_sync(change("machines", "k", R"({"Uuid":"k"})")).ok());
  EXPECT_TRUE(env::eventually([&] { return signal->version() != before; }));
  EXPECT_EQ(signal->version(), before + 1) << "the other object is nobody's business";
}

TEST(EventQueue, LargeEventsOverflowByTheirSize) {
  std::atomic<bool> overflowed{false};
  env::Runtime runtime(2);
  const auto store = store::open_memory_store();
  EventBus bus(
      *store, runtime, [](std::string_view) { return ""; }, env::system_clock());
  const std::shared_ptr<EventQueue> reader = bus.open({100, 10000});
  reader->on_overflow([&] { overflowed = true; });
  reader->register_pattern("*.*.*");
  for (int i = 0; i < 3; ++i) bus.publish_text("x", "y", "z", std::string(4000, ' '));
  EXPECT_TRUE(env::eventually([&] { return overflowed.load(); }));
  EXPECT_TRUE(env::eventually([&] { return bus.dropped() == 1U; }));
  bus.stop();
}

}  // namespace
}  // namespace mullion::events
