// Commands that wait: through broken connections, to an end that is told.
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "cli/cli_testing.h"
#include "env/waiting_testing.h"

namespace mullion::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using Watches = testing::CommandTest;

/// How often the event socket was registered for `patterns`.
size_t registrations(testing::FakeServer& server, const std::string& patterns) {
  const std::vector<testing::Seen> seen = server.seen();
  return static_cast<size_t>(std::ranges::count(seen, "register " + patterns, &testing::Seen::line));
}

TEST_F(Watches, WatchesEventsThroughBrokenConnectionsUntilItIsInterrupted) {
  server_.set_events({R"({"Type":"machines","Action":"create","Key":"k"})", "not json"});
  server_.close_after_events(2);
  std::thread closer([this] {
    EXPECT_TRUE(env::eventually([&] { return registrations(server_, "machines.*.*") == 3; }));
    ::kill(::getpid(), SIGINT);
  });
  EXPECT_EQ(run({"events", "watch", "machines.*.*"}), 0);
  closer.join();
  const std::string event = "{\n  \"Action\": \"create\",\n  \"Key\": \"k\",\n  \"Type\": \"machines\"\n}\n";
  EXPECT_THAT(out(), StartsWith(event + event));
  const std::string told = err();
  EXPECT_THAT(told, HasSubstr("lost touch with " + server_.url()));
  EXPECT_THAT(told,
              HasSubstr("in touch with " + server_.url() + " again\nwhat happened in between is not shown"));
}

TEST_F(Watches, WaitsThroughBrokenConnectionsForWhatHappensMeanwhile) {
  answer("GET /api/v3/machines/m1", R"({"Uuid":"u1","Stage":"none"})");
  const std::string pattern = "machines.save.u1";
  std::thread closer([&] {
    EXPECT_TRUE(env::eventually([&] { return registrations(server_, pattern) == 1; }));
    answer("GET /api/v3/machines/m1", R"({"Uuid":"u1","Stage":"complete"})");
    server_.close_sockets();
  });
  EXPECT_EQ(run({"machines", "wait", "m1", "Stage", "complete", "60"}), 0) << err();
  closer.join();
  EXPECT_EQ(out(), "complete\n");
}

TEST_F(Watches, AWaitThatCannotGoOnHasItsWordToo) {
  answer("GET /api/v3/machines/m1", R"({"Uuid":"u1","Stage":"none"})");
  std::thread closer([&] {
    EXPECT_TRUE(env::eventually([&] { return registrations(server_, "machines.save.u1") == 1; }));
    answer("GET /api/v3/machines/m1", R"({"Type":"GET","Messages":["Not Found"]})", 404);
    server_.close_sockets();
  });
  EXPECT_EQ(run({"machines", "wait", "m1", "Stage", "complete", "60"}), 1);
  closer.join();
  EXPECT_EQ(out(), "interrupt\n");
  EXPECT_THAT(err(), HasSubstr("Not Found"));
}

// Tokens end while a command waits for days: it logs in again, once for each refusal.
TEST_F(Watches, LogsInAgainWhenItsTokenHasEnded) {
  answer("GET /api/v3/info", R"({"Type":"AUTH","Messages":["Invalid token: expired"]})", 401);
  EXPECT_EQ(run({"info", "get"}), 1);
  EXPECT_THAT(err(), HasSubstr("Invalid token: expired"));
  const std::vector<testing::Seen> seen = server_.all_seen();
  ASSERT_GE(seen.size(), 3u);
  EXPECT_EQ(seen[seen.size() - 1].line, "GET /api/v3/info");
  EXPECT_THAT(seen[seen.size() - 2].line, HasSubstr("/token"));
  EXPECT_THAT(seen[seen.size() - 2].authorization, StartsWith("Basic "));
  EXPECT_EQ(seen[seen.size() - 3].line, "GET /api/v3/info");
  const size_t before = seen.size();
  EXPECT_EQ(run({"-T", "given", "info", "get"}), 1);
  EXPECT_EQ(server_.all_seen().size(), before + 1) << "a token that was given is used as it is";
}

}  // namespace
}  // namespace mullion::cli
