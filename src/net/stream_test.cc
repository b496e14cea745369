#include "net/internal/stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <utility>
#include <vector>

#include "env/descriptors_testing.h"
#include "net/net_testing.h"

namespace mullion::net::internal {
namespace {

using namespace mullion::net::testing;

// Who waits without reading or writing may be woken before there is a reason (env/readiness.h). Only the
// first wait for a descriptor may: each has one of its own here.
class WaitsBesideOtherDescriptors : public ::testing::Test {
 protected:
  /// How `wait`, which makes a stream and waits for it, ends the first time when that is not kTimeout.
  template <typename Wait>
  Result<void> ends_early(Wait wait) {
    return run(runtime_, repeat(std::move(wait)));
  }
  template <typename Wait>
  static Task<Result<void>> repeat(Wait wait) {
    Result<void> end;
    for (int i = 0; i < kWaits; ++i) {
      end = co_await wait();
      if (end || end.error().code != ErrorCode::kTimeout) break;
    }
    co_return end;
  }
  static Deadline soon() { return deadline_after(std::chrono::microseconds(50)); }

  static constexpr int kWaits = 3'000;
  env::Runtime runtime_{4};
  const env::DescriptorsThatComeAndGo others_{runtime_};
};

TEST_F(WaitsBesideOtherDescriptors, NothingIsReadableThatWasNotSent) {
  const auto executor = runtime_.executor();
  const Result<void> end = ends_early([executor]() -> Task<Result<void>> {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
      co_return Error(ErrorCode::kInternal, "socketpair");
    const auto stream =
        std::make_shared<Stream>(Socket(executor, Endpoint::protocol_type(AF_UNIX, 0), ends[0]));
    Result<void> readable = co_await stream->wait_readable(soon());
    ::close(ends[1]);
    co_return readable;
  });
  ASSERT_FALSE(end) << "something was readable";
  EXPECT_EQ(end.error().code, ErrorCode::kTimeout) << end.error().text();
}

TEST_F(WaitsBesideOtherDescriptors, NothingIsConnectedThatWasNotAccepted) {
  asio::io_context context;
  tcp::acceptor full(context, tcp::v4());
  full.bind({asio::ip::address_v4::loopback(), 0});
  full.listen(0);
  const Endpoint endpoint = full.local_endpoint();
  const auto executor = runtime_.executor();
  std::vector<std::shared_ptr<Stream>> queued;
  do {
    auto stream = Stream::begin_connect(executor, endpoint);
    ASSERT_TRUE(stream) << stream.error().text();
    queued.push_back(*stream);
  } while (run(runtime_, queued.back()->finish_connect(deadline_after(200ms))));
  const Result<void> end = ends_early([executor, endpoint]() -> Task<Result<void>> {
    auto stream = Stream::begin_connect(executor, endpoint);
    if (!stream) co_return stream.error();
    Result<void> connected = co_await (*stream)->finish_connect(soon());
    co_return connected;
  });
  ASSERT_FALSE(end) << "something was connected";
  EXPECT_EQ(end.error().code, ErrorCode::kTimeout) << end.error().text();
}

}  // namespace
}  // namespace mullion::net::internal
