// How fast a copy of the database leaves a member, on a clock that nobody waits for.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "base/mutex.h"
#include "cluster/peer_link.h"
#include "env/random.h"
#include "env/runtime.h"
#include "env/scratch_directory.h"
#include "net/keyed_stream.h"
#include "store/store.h"

namespace mullion::cluster {
namespace {

using namespace std::chrono_literals;
constexpr uint64_t kMiB = 1 << 20;

/// The rests that were asked for, none of which is taken. Other threads note them.
class Rests {
 public:
  env::Task<bool> note(env::Duration rest) {
    const Lock lock(mutex_);
    all_.push_back(rest);
    co_return true;
  }
  std::vector<env::Duration> all() const {
    const Lock lock(mutex_);
    return all_;
  }

 private:
  mutable Mutex mutex_;
  std::vector<env::Duration> all_ GUARDED_BY(mutex_);
};

class CopyRate : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* folder : {"giver", "taker"}) ASSERT_TRUE(env::make_directories(root_.path() / folder));
  }

  std::unique_ptr<PeerLink> link(MemberId own, const net::PeerKey& key, uint64_t rate,
                                 PeerLink::Events events) {
    PeerLink::Options options;
    options.own = own;
    options.address = "127.0.0.1:0";
    options.scratch = root_.path() / fmt::format("scratch-{}", own);
    options.copy_rate = rate;
    options.rest = [this](env::Duration rest) { return rests_.note(rest); };
    EXPECT_TRUE(key.store(root_.path() / fmt::format("key-{}", own)));
    return std::move(PeerLink::open(options,
                                    net::PeerKey::load(root_.path() / fmt::format("key-{}", own)).value(),
                                    std::move(events))
                         .value());
  }
  PeerLink::Events events_of(uint64_t size) {
    PeerLink::Events events;
    events.frame = [](MemberId, const std::string&) {};
    events.broken = [](MemberId) {};
    events.facts = [](MemberId, const PeerFacts&) {};
    events.make_copy = [this, size](const env::Path& folder) -> Result<store::AgreedState> {
      store::Options options;
      options.directory = root_.path() / fmt::format("database-{}", env::random_uuid());
      options.map_size = uint64_t{1} << 28;
      Result<std::unique_ptr<store::Store>> database = store::open_store(options);
      if (!database) return database.error();
      std::mt19937_64 random(1);
      std::string noise;
      while (noise.size() < size) noise.push_back(static_cast<char>(random()));
      store::Batch batch;
      batch.secrets.push_back({"notes", "noise", std::move(noise)});
      if (const Result<store::Cursor> done = (*database)->commit_sync(std::move(batch)); !done)
        return done.error();
      const auto decide = []() -> Result<store::AgreedStep> {
        return store::AgreedStep{{7, 2}, "conf", "members"};
      };
      if (Result<void> stepped = (*database)->step(decide); !stepped) return stepped.error();
      return (*database)->copy(folder);
    };
    return events;
  }
  /// The rests while a copy of this size was given.
  std::vector<env::Duration> rests_of(uint64_t size, uint64_t rate) {
    const net::PeerKey giver_key = std::move(net::PeerKey::make().value());
    const net::PeerKey taker_key = std::move(net::PeerKey::make().value());
    const auto giver = link(1, giver_key, rate, events_of(size));
    const auto taker = link(2, taker_key, 0, events_of(0));
    giver->set_peers({{2, taker_key.public_key(), fmt::format("127.0.0.1:{}", taker->port())}});
    taker->set_peers({{1, giver_key.public_key(), fmt::format("127.0.0.1:{}", giver->port())}});
    const Result<FetchedCopy> copy = taker->fetch_copy(1, root_.path() / "taker");
    EXPECT_TRUE(copy.ok()) << (copy.ok() ? "" : copy.error().text());
    EXPECT_GE(std::filesystem::file_size(root_.path() / "taker" / "data.mdb"), size);
    return rests_.all();
  }

  env::ScratchDirectory root_{env::Path(::testing::TempDir()) / ("copies-" + env::random_uuid())};
  Rests rests_;
};

TEST_F(CopyRate, ACopyTakesAsLongAsItsRateSays) {
  const std::vector<env::Duration> rests = rests_of(4 * kMiB, kMiB);
  ASSERT_FALSE(rests.empty());
  // Nobody rests, so each one is longer than the one before: the last is the time of all that has left.
  EXPECT_GT(rests.back(), 2s);
  EXPECT_LT(rests.back(), 6s);
}

TEST_F(CopyRate, WithoutARateNobodyRests) { EXPECT_TRUE(rests_of(4 * kMiB, 0).empty()); }

TEST_F(CopyRate, ARateThatWouldLookLikeAStandstillIsRaised) {
  const std::vector<env::Duration> rests = rests_of(kMiB, 1);
  ASSERT_FALSE(rests.empty());
  EXPECT_LT(rests.back(), 60s) << "64 KiB a second";
}

}  // namespace
}  // namespace mullion::cluster
