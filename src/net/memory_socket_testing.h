// A WebSocket conversation without a network, for tests of what is said in it.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "net/http.h"

namespace mullion::net::testing {

/// One end of a conversation in memory. Whoever writes waits while the other end has not read `capacity`
/// messages. What was written before an end was cut can still be read.
class MemorySocket final : public WebSocket {
 public:
  /// Both ends.
  static std::pair<std::shared_ptr<MemorySocket>, std::shared_ptr<MemorySocket>> pair(
      size_t capacity = size_t{1} << 20) {
    const auto shared = std::make_shared<Shared>(capacity);
    return {std::make_shared<MemorySocket>(shared, 0), std::make_shared<MemorySocket>(shared, 1)};
  }

  Task<Result<Message>> read() override {
    while (true) {
      const uint64_t seen = shared_->changed.version();
      {
        Lock lock(shared_->mutex);
        std::deque<Message>& incoming = shared_->to[side_];
        if (!incoming.empty()) {
          Message message = std::move(incoming.front());
          incoming.pop_front();
          shared_->changed.notify_all();
          co_return message;
        }
        if (shared_->over) co_return ended();
      }
      co_await shared_->changed.wait(seen, kForEver);
    }
  }
  Task<Result<void>> write(std::string data, bool binary) override {
    while (true) {
      const uint64_t seen = shared_->changed.version();
      {
        Lock lock(shared_->mutex);
        if (shared_->over) co_return ended();
        std::deque<Message>& outgoing = shared_->to[1 - side_];
        if (outgoing.size() < shared_->capacity) {
          Message& message = outgoing.emplace_back();
          message.data = std::move(data);
          message.binary = binary;
          shared_->changed.notify_all();
          co_return Result<void>{};
        }
      }
      co_await shared_->changed.wait(seen, kForEver);
    }
  }
  Task<void> close(uint16_t code, std::string reason) override {
    {
      Lock lock(shared_->mutex);
      if (!shared_->over) shared_->farewell = std::pair(code, std::move(reason));
    }
    abort();
    co_return;
  }
  void abort() override {
    Lock lock(shared_->mutex);
    shared_->over = true;
    shared_->changed.notify_all();
  }
  size_t queued_bytes() const override { return 0; }

  bool over() const {
    Lock lock(shared_->mutex);
    return shared_->over;
  }
  /// Code and reason with which an end was closed; (0, "") when it was cut, or is open.
  std::pair<uint16_t, std::string> farewell() const {
    Lock lock(shared_->mutex);
    return shared_->farewell;
  }
  /// Messages that the other end has not read.
  size_t unread() const {
    Lock lock(shared_->mutex);
    return shared_->to[1 - side_].size();
  }

 private:
  static constexpr env::Duration kForEver = std::chrono::hours(24);
  struct Shared {
    explicit Shared(size_t most) : capacity(most) {}
    const size_t capacity;
    mutable Mutex mutex;
    std::deque<Message> to[2] GUARDED_BY(mutex);
    bool over GUARDED_BY(mutex) = false;
    std::pair<uint16_t, std::string> farewell GUARDED_BY(mutex);
    env::Signal changed;
  };
  static Error ended() { return Error(ErrorCode::kUnreachable, "the conversation is over"); }

 public:
  MemorySocket(std::shared_ptr<Shared> shared, int side) : shared_(std::move(shared)), side_(side) {}

 private:
  const std::shared_ptr<Shared> shared_;
  const int side_;
};

}  // namespace mullion::net::testing
