// Other descriptors of the process that come and go, for tests of who waits for one.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>
#include <vector>

#include "env/launch.h"

namespace mullion::env {

/// Until it is destroyed, coroutines of `runtime` close descriptors at the moment at which they become
/// readable (readiness.h). `runtime` has several threads and outlives it.
class DescriptorsThatComeAndGo {
 public:
  explicit DescriptorsThatComeAndGo(Runtime& runtime) {
    for (int i = 0; i < kCoroutines; ++i)
      running_.push_back(launch(runtime, [this] { return open_and_close(); }));
  }
  ~DescriptorsThatComeAndGo() {
    enough_ = true;
    for (std::future<void>& one : running_) one.wait();
  }
  DescriptorsThatComeAndGo(const DescriptorsThatComeAndGo&) = delete;
  DescriptorsThatComeAndGo& operator=(const DescriptorsThatComeAndGo&) = delete;

 private:
  static constexpr int kCoroutines = 4;

  Task<void> open_and_close() {
    const auto executor = co_await asio::this_coro::executor;
    while (!enough_) {
      int ends[2];
      if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
        const asio::posix::stream_descriptor reader(executor, ends[0]);
        (void)!::write(ends[1], "x", 1);
        ::close(ends[1]);
      }
      co_await asio::post(asio::use_awaitable);
    }
  }

  std::atomic<bool> enough_{false};
  std::vector<std::future<void>> running_;
};

}  // namespace mullion::env
