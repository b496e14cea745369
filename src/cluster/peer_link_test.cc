// Two members' lines over loopback, one of which starts anew.
#include "cluster/peer_link.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/mutex.h"
#include "env/random.h"
#include "env/scratch_directory.h"
#include "env/waiting_testing.h"

namespace mullion::cluster {
namespace {

class PeerLinks : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const MemberId own : {MemberId{1}, MemberId{2}}) {
      ASSERT_TRUE(env::make_directories(scratch_of(own)).ok());
      const net::PeerKey key = std::move(net::PeerKey::make().value());
      ASSERT_TRUE(key.store(key_of(own)).ok());
    }
    first_ = start(1, "127.0.0.1:0");
    second_ = start(2, "127.0.0.1:0");
    address_of_first_ = fmt::format("127.0.0.1:{}", first_->port());
    address_of_second_ = fmt::format("127.0.0.1:{}", second_->port());
    introduce(*first_, 2, address_of_second_);
    introduce(*second_, 1, address_of_first_);
  }

  env::Path scratch_of(MemberId own) const { return root_.path() / fmt::format("scratch-{}", own); }
  env::Path key_of(MemberId own) const { return root_.path() / fmt::format("key-{}", own); }

  std::unique_ptr<PeerLink> start(MemberId own, const std::string& address) {
    PeerLink::Options options;
    options.own = own;
    options.address = address;
    options.scratch = scratch_of(own);
    PeerLink::Events events;
    events.frame = [this, own](MemberId, std::string frame) {
      const Lock lock(mutex_);
      frames_[own].push_back(std::move(frame));
    };
    events.broken = [](MemberId) {};
    events.facts = [](MemberId, const PeerFacts&) {};
    events.make_copy = [](const env::Path&) -> Result<store::AgreedState> {
      return Error(ErrorCode::kUnavailable, "there is no database here");
    };
    auto made = PeerLink::open(options, net::PeerKey::load(key_of(own)).value(), std::move(events));
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().text());
    return std::move(*made);
  }
  void introduce(PeerLink& link, MemberId other, const std::string& address) const {
    link.set_peers({{other, net::PeerKey::load(key_of(other)).value().public_key(), address}});
  }
  void restart_second() {
    second_.reset();
    EXPECT_TRUE(env::eventually([&] { return !first_->connected(2); }));
    second_ = start(2, address_of_second_);
    introduce(*second_, 1, address_of_first_);
  }
  std::vector<std::string> frames_at(MemberId own) {
    const Lock lock(mutex_);
    return frames_[own];
  }

  env::ScratchDirectory root_{env::Path(::testing::TempDir()) / ("links-" + env::random_uuid())};
  Mutex mutex_;
  std::map<MemberId, std::vector<std::string>> frames_ GUARDED_BY(mutex_);
  std::unique_ptr<PeerLink> first_, second_;
  std::string address_of_first_, address_of_second_;
};

/// Nothing is written for a while to who is gone, so that no write tells of it.
TEST_F(PeerLinks, AMemberThatStartedAnewIsConnectedOnceFramesReachIt) {
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(env::eventually([&] { return first_->connected(2); }));
    const std::string frame = fmt::format("frame {}", round);
    first_->send(2, false, frame);
    ASSERT_TRUE(env::eventually([&] {
      const std::vector<std::string> seen = frames_at(2);
      return !seen.empty() && seen.back() == frame;
    })) << "in round "
        << round;
    restart_second();
  }
}

TEST_F(PeerLinks, WhoIsGoneIsNotConnected) {
  ASSERT_TRUE(env::eventually([&] { return first_->connected(2) && second_->connected(1); }));
  second_.reset();
  EXPECT_TRUE(env::eventually([&] { return !first_->connected(2); }));
}

}  // namespace
}  // namespace mullion::cluster
