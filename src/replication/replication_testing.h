// What the tests of this room share: the other side of a stream, said by hand, in a time that tests move.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "base/mutex.h"
#include "env/time_testing.h"
#include "net/memory_socket_testing.h"
#include "replication/wire.h"
#include "store/store.h"

namespace mullion::replication::testing {

using namespace std::chrono_literals;

inline store::TypeDigest digest_of(const std::string& type, const std::string& owner,
                                   const std::vector<std::pair<std::string, std::string>>& objects) {
  store::TypeDigest out{type, owner, {}, objects.size()};
  for (const auto& [key, body] : objects) out.digest += object_digest(type, key, body);
  return out;
}

/// One end of a conversation: says what it is told to, and keeps what it hears. Bodies in what it heard point
/// into frames that it keeps, too.
class Peer {
 public:
  Peer(env::Runtime& runtime, std::shared_ptr<net::testing::MemorySocket> socket)
      : runtime_(runtime), socket_(std::move(socket)), tasks_(runtime.executor(), "peer") {}
  ~Peer() {
    socket_->abort();
    tasks_.stop();
  }

  /// From now on what is said to it is read.
  void listen() {
    tasks_.spawn("peer", [this]() -> env::Task<void> {
      while (true) {
        Result<net::WebSocket::Message> message = co_await socket_->read();
        if (!message) co_return;
        take(message->data);
      }
    });
  }
  void say(const std::vector<Record>& records) {
    FrameWriter frame;
    for (const Record& record : records) frame.add(record);
    (void)env::run(runtime_, socket_->write(frame.take(), true));
  }
  net::testing::MemorySocket& socket() { return *socket_; }

  template <typename T>
  std::vector<T> heard() const {
    Lock lock(mutex_);
    std::vector<T> out;
    for (const Record& record : heard_) {
      if (const auto* found = std::get_if<T>(&record)) out.push_back(*found);
    }
    return out;
  }
  template <typename T>
  size_t count() const {
    return heard<T>().size();
  }
  /// The kinds of records in the order in which they came, but pings and acknowledgements: h hello, w owners,
  /// s subscribe, r resume, (o) a copy, c change, ! commit, @ at, t state, = compare, # ranges, f fetch,
  /// [o] a range.
  std::string kinds() const {
    Lock lock(mutex_);
    std::string out;
    for (const Record& record : heard_) out += "hwsr(o)c!@t..=#f[]?"[record.index()];
    std::erase(out, '.');
    return out;
  }
  void forget() {
    Lock lock(mutex_);
    heard_.clear();
  }

 private:
  void take(std::string_view data) {
    Result<FrameReader> frame = FrameReader::open(data);
    ASSERT_TRUE(frame);
    Lock lock(mutex_);
    while (true) {
      Result<std::optional<Record>> record = frame->next();
      ASSERT_TRUE(record) << record.error().text();
      if (!*record) break;
      heard_.push_back(std::move(**record));
    }
    frames_.push_back(std::move(*frame));
  }

  env::Runtime& runtime_;
  const std::shared_ptr<net::testing::MemorySocket> socket_;
  mutable Mutex mutex_;
  std::vector<Record> heard_ GUARDED_BY(mutex_);
  std::vector<FrameReader> frames_ GUARDED_BY(mutex_);
  env::TaskGroup tasks_;
};

/// A stream whose time tests move by hand.
class StreamTest : public ::testing::Test {
 protected:
  template <typename Condition>
  bool soon(Condition condition) {
    return env::passes_until(time_, runtime_, std::move(condition), std::chrono::seconds(60));
  }
  void pass(env::Duration duration) {
    (void)env::passes_until(
        time_, runtime_, [] { return false; }, duration);
  }

  env::Runtime runtime_{2};
  env::ManualTime time_;
};

}  // namespace mullion::replication::testing
