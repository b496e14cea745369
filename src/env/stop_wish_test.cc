#include "env/stop_wish.h"

#include <gtest/gtest.h>

#include <thread>

#include "env/launch.h"
#include "env/unless.h"

namespace mullion::env {
namespace {

using namespace std::chrono_literals;

TEST(StopWish, APauseLastsAsLongAsItIsToOrEndsAtOnce) {
  std::stop_source source;
  EXPECT_TRUE(pause(source.get_token(), 1ms));
  EXPECT_TRUE(pause({}, 1ms)) << "nobody can wish anything";
  std::thread wishes([&] { source.request_stop(); });
  EXPECT_FALSE(pause(source.get_token(), 1h));
  wishes.join();
  EXPECT_FALSE(pause(source.get_token(), 1h)) << "it was wished before";
}

TEST(StopWish, WorkIsGivenUp) {
  Runtime runtime(1);
  std::stop_source source;
  const auto work = [&]() -> Task<bool> {
    const auto slept = co_await unless(sleep_for(1h), until_wished(source.get_token()));
    co_return slept.has_value();
  };
  std::future<bool> done = launch(runtime, work);
  source.request_stop();
  EXPECT_FALSE(done.get());
}

}  // namespace
}  // namespace mullion::env
