// A server of another make that is followed by its public API, on simulated time, by seeds: docs/mirror.md
// says what is promised.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/log.h"
#include "simulation/foreign_testing.h"

namespace mullion::simulation {
namespace {

using Id = ForeignServer::Id;

constexpr uint64_t kFollowedSeedsOfPart = 8;

/// The stamp of a body.
uint64_t stamp_of(std::string_view body) {
  return static_cast<uint64_t>(model::parse_object(body).at("Stamp").to_number<int64_t>());
}

class FollowedServer {
 public:
  FollowedServer(uint64_t seed, bool misled, bool told)
      : dice_(seed),
        misled_(misled),
        world_(seed, told),
        network_(world_, dice_.next()),
        server_(world_, network_, dice_.next()),
        follower_(world_, network_, dice_.next()) {
    world_.after_step = [this](Host&) { check(); };
  }

  /// What was broken, "" when nothing was.
  std::string run() {
    for (int i = 0; i < 30; ++i) server_.put(some_object());
    world_.after(0s, nullptr, [this] { act(); });
    let_pass(3min);
    acts_ = false;
    recover();
    // A walk that began before, one after it, another one when much is gone, and the requests that failed
    // last.
    let_pass(5min);
    if (breach_.empty()) compare();
    return breach_;
  }
  uint64_t hash() const { return world_.hash(); }
  uint64_t shown() const { return shown_; }
  uint64_t written() const { return written_; }

 private:
  void let_pass(Duration time) {
    const Duration end = world_.now() + time;
    while (breach_.empty() && world_.step(end)) continue;
  }
  Id some_object() {
    return {dice_.chance(50) ? "alerts" : "profiles", fmt::format("k{:02}", dice_.below(40))};
  }

  void act() {
    if (!acts_) return;
    const Id id = some_object();
    switch (dice_.below(10)) {
      case 0:
      case 1:
      case 2:
        server_.put(id);
        break;
      case 3:
      case 4:
        server_.erase(id);
        break;
      case 5:
      case 6:
        ++written_;
        follower_.write("PUT", id,
                        [this, id](const std::string& answer) { expect_shown(id, stamp_of(answer)); });
        break;
      case 7:
        ++written_;
        follower_.write("DELETE", id, [](const std::string&) {});
        break;
      default:
        if (misled_ && dice_.chance(15)) mislead();
    }
    world_.after(dice_.between(5ms, 1500ms), nullptr, [this] { act(); });
  }

  void mislead() {
    Misleading& now = server_.misleading;
    switch (dice_.below(10)) {
      case 0:
        now.lost_events = dice_.below(60);
        break;
      case 1:
        now.late_events = dice_.below(60);
        now.repeated_events = dice_.below(30);
        break;
      case 2:
        now.failing_requests = dice_.below(40);
        break;
      case 3:
        now.largest_page = 1 + dice_.below(10);
        break;
      case 4:
        now.ignores_keys = dice_.chance(50);
        now.unsorted = dice_.chance(50);
        break;
      case 5:
        network_.cut(server_, follower_);
        break;
      case 6:
        network_.hold(server_, follower_);
        world_.after(dice_.between(100ms, 12s), nullptr, [this] { network_.release(server_, follower_); });
        break;
      case 7:
        network_.way(follower_, server_).lost_answers = dice_.below(30);
        break;
      case 8:
        purge();
        break;
      default:
        server_.kill(network_);
        server_.start();
    }
  }
  /// Most of what there is goes without a word.
  void purge() {
    const uint64_t lost = std::exchange(server_.misleading.lost_events, 100);
    const std::map<Id, uint64_t> objects = server_.objects();
    for (const auto& [id, stamp] : objects) {
      if (dice_.chance(80)) server_.erase(id);
    }
    server_.misleading.lost_events = lost;
  }
  void recover() {
    server_.misleading = {};
    network_.way(follower_, server_).lost_answers = 0;
    network_.release(server_, follower_);
    world_.tell("everything is well from now on");
  }

  // ---- what is promised

  void breach(std::string what) {
    world_.tell("BREACH: {}", what);
    if (breach_.empty()) breach_ = std::move(what);
  }

  /// Every object goes forward: nothing that was deleted or changed comes back, and nothing living goes.
  void check() {
    for (const store::AppliedChange& change : follower_.observed()) {
      if (change.id.owner != "F") continue;
      ++shown_;
      const Id id{change.id.type, change.id.key};
      uint64_t& last = last_[id];
      if (change.body) {
        const uint64_t stamp = stamp_of(*change.body);
        world_.tell("M: shows {}/{} stamp {}", id.first, id.second, stamp);
        if (stamp < last)
          breach(fmt::format("{}/{} went back from {} to {}", id.first, id.second, last, stamp));
        last = stamp;
        continue;
      }
      world_.tell("M: shows no {}/{}", id.first, id.second);
      const auto& history = server_.history(id);
      const auto gone = std::ranges::find_if(
          history, [&](const ForeignServer::Moment& moment) { return !moment.there && moment.stamp > last; });
      if (gone == history.end())
        return breach(fmt::format("{}/{} was removed and is there", id.first, id.second));
      last = gone->stamp;
    }
    if (!misled_) check_age();
  }

  /// Events come in order and none is lost: then the replica holds everything up to the moment that it names.
  void check_age() {
    stamps_[world_.now()] = server_.stamp();
    const std::optional<Duration> as_of = follower_.as_of();
    if (!as_of) return;
    const auto then = stamps_.upper_bound(*as_of);
    if (then == stamps_.begin()) return;
    const uint64_t promised = std::prev(then)->second;
    for (const auto& [id, stamp] : server_.objects()) {
      if (stamp > promised) continue;
      const std::optional<std::string> body = follower_.shows(id);
      if (!body || stamp_of(*body) < stamp) {
        return breach(fmt::format("{}/{} of stamp {} is not there, and the replica is as of {}", id.first,
                                  id.second, stamp, promised));
      }
    }
  }

  /// Read your writes: that version, or something newer, deleted perhaps.
  void expect_shown(const Id& id, uint64_t stamp) {
    check();
    if (last_[id] < stamp)
      breach(fmt::format("{}/{} {} was answered and is not shown", id.first, id.second, stamp));
  }

  void compare() {
    std::map<Id, std::string> wanted;
    for (const auto& [id, stamp] : server_.objects()) wanted[id] = ForeignServer::body_of(id, stamp);
    const std::map<Id, std::string> there = follower_.replica();
    if (there == wanted) return;
    for (const auto& [id, body] : wanted) {
      const auto found = there.find(id);
      if (found == there.end() || found->second != body)
        return breach(fmt::format("{}/{} is not as at its owner", id.first, id.second));
    }
    breach("the replica has more than its owner");
  }

  Dice dice_;
  const bool misled_;
  World world_;
  Network network_;
  ForeignServer server_;
  ForeignFollower follower_;
  bool acts_ = true;
  std::string breach_;
  std::map<Id, uint64_t> last_;
  std::map<Duration, uint64_t> stamps_;
  uint64_t shown_ = 0, written_ = 0;
};

uint64_t number_from_environment(const char* variable, uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::stoull(text);
}

class FollowedServers : public ::testing::TestWithParam<uint64_t> {
 protected:
  FollowedServers() { set_log_level(LogLevel::kAudit); }
  ~FollowedServers() override { set_log_level(LogLevel::kInfo); }
};

/// MULLION_SEEDS and MULLION_FIRST_SEED as in simulation_test.cc; every fourth server misleads nobody.
TEST_P(FollowedServers, ConvergeAndNeverGoBack) {
  const uint64_t count = number_from_environment("MULLION_SEEDS", kFollowedSeedsOfPart);
  const uint64_t first = number_from_environment("MULLION_FIRST_SEED", 1) + GetParam() * count;
  uint64_t shown = 0, written = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    FollowedServer followed(seed, seed % 4 != 0, number_from_environment("MULLION_SEED", 0) == seed);
    EXPECT_EQ(followed.run(), "") << "to see it again: MULLION_SEED=" << seed
                                  << " MULLION_FIRST_SEED=" << seed
                                  << " MULLION_SEEDS=1 build/debug/tests/test_simulation "
                                     "--gtest_filter='*ConvergeAndNeverGoBack/0'";
    shown += followed.shown();
    written += followed.written();
  }
  EXPECT_GT(shown, count * 50);
  EXPECT_GT(written, count * 5);
}

INSTANTIATE_TEST_SUITE_P(Parts, FollowedServers, ::testing::Range<uint64_t>(0, 4));

TEST(FollowedServer, TheSameSeedGivesTheSameRun) {
  set_log_level(LogLevel::kAudit);
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    FollowedServer one(seed, true, false), other(seed, true, false);
    EXPECT_EQ(one.run(), other.run());
    EXPECT_EQ(one.hash(), other.hash());
  }
  set_log_level(LogLevel::kInfo);
}

}  // namespace
}  // namespace mullion::simulation
