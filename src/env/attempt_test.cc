#include "env/attempt.h"

#include <gtest/gtest.h>

#include <boost/system/system_error.hpp>
#include <stdexcept>

#include "env/launch.h"

namespace mullion::env {
namespace {

constexpr Logger kTestLog("env");

Task<void> throwing(std::exception_ptr failure) {
  if (failure) std::rethrow_exception(failure);
  co_return;
}

bool attempt_with(const std::exception_ptr& failure) {
  Runtime runtime(1);
  return run(runtime, attempt(kTestLog, "the test", throwing(failure)));
}

TEST(Attempt, SaysWhetherTheWorkWentThrough) {
  EXPECT_TRUE(attempt_with(nullptr));
  EXPECT_FALSE(attempt_with(std::make_exception_ptr(std::runtime_error("no luck"))));
  const boost::system::system_error broken(asio::error::broken_pipe);
  EXPECT_FALSE(attempt_with(std::make_exception_ptr(broken)));
}

TEST(Attempt, CancellationEndsTheTask) {
  const boost::system::system_error cancelled(asio::error::operation_aborted);
  EXPECT_THROW(attempt_with(std::make_exception_ptr(cancelled)), boost::system::system_error);
}

}  // namespace
}  // namespace mullion::env
