// A connection over TCP or a unix socket, plain or TLS, with deadlines. OpenSSL works directly on the socket:
// a TLS connection at rest costs a third of what Asio's TLS stream costs, and nothing above this file is a
// template over the transport.
#pragma once

#include <array>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/result.h"
#include "env/clock.h"
#include "env/runtime.h"
#include "net/internal/buffer.h"
#include "net/internal/pace.h"

struct ssl_st;

namespace mullion::net::internal {

namespace asio = boost::asio;
using asio::ip::tcp;
/// A connection over TCP or a unix socket, and where it leads.
using Socket = asio::generic::stream_protocol::socket;
using Endpoint = asio::generic::stream_protocol::endpoint;
using env::Task;
using Deadline = env::SteadyTime;

/// Now plus `duration`, without overflow.
Deadline deadline_after(env::Duration duration);

/// kTimeout for a peer that "takes" or "sends" less than `least_rate` bytes per second.
Error too_slow(std::string_view does, uint64_t least_rate);

/// Thread-safe: one reader, one writer and any number of abort() at the same time, on any executor.
/// Errors: kTimeout (the connection stays as it is), kUnreachable (reset, TLS alert), kCancelled (cut here).
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  /// Written in order as if they were one text.
  using Pieces = std::array<std::string_view, 3>;

  explicit Stream(Socket socket);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Starts to connect; the result is ready when `finish_connect()` says so.
  static Result<std::shared_ptr<Stream>> begin_connect(asio::any_io_executor executor, Endpoint endpoint);
  Task<Result<void>> finish_connect(Deadline deadline);

  /// Everything from now on goes through `session`, which this object owns afterwards.
  void use_tls(ssl_st* session);
  Task<Result<void>> handshake(Deadline deadline);
  ssl_st* tls() const {
    const Lock lock(mutex_);
    return tls_;
  }
  /// Unspecified when the peer is gone already; processes at a unix socket are on this machine: 127.0.0.1.
  asio::ip::address peer_address() const;

  /// Returns when bytes or the end are there; bytes of TLS may hold nothing for who reads.
  Task<Result<void>> wait_readable(Deadline deadline);
  /// At least one byte, or 0 at the end of the stream.
  Task<Result<size_t>> read_some(char* data, size_t size, Deadline deadline);
  /// The same into `buffer`, which has room for `size` bytes only while there is something to be read: for as
  /// long as a peer is waited for, nothing is held but what it sent. 0 at the end of the stream.
  Task<Result<size_t>> read_into(Buffer& buffer, size_t size, Deadline deadline);
  /// Writes everything; kTimeout when the peer takes nothing for `patience`, or is slower than `pace` allows.
  /// What the peer takes is what its machine acknowledged, not what fitted into the buffers of this one.
  Task<Result<void>> write(Pieces pieces, env::Duration patience, Pace* pace = nullptr);
  /// Tells the peer that nothing more follows and discards what it still sends, for a short while: closing
  /// with unread bytes would destroy the answer on its way.
  Task<void> close_politely(env::Duration patience);
  /// True while the peer neither closed nor sent anything: fit to be used again.
  bool is_quiet();
  /// Cuts the connection; pending operations end with kCancelled.
  void abort();
  bool aborted() const;

 private:
  friend struct StreamBio;
  enum Direction { kRead = 0, kWrite = 1 };
  class Waiting;

  Task<Result<void>> wait(Direction direction, Deadline deadline);
  /// Like wait, which may return early: for who does not read or write then.
  Task<Result<void>> wait_until_ready(Direction direction, Deadline deadline);
  bool is_ready(Direction direction) const;
  Result<std::optional<size_t>> try_read(char* data, size_t size);
  Result<std::optional<size_t>> try_read_tls(char* data, size_t size) REQUIRES(mutex_);
  enum class Written { kAll, kUntilFull, kUntilTurnIsOver };
  Result<Written> try_write(Pieces& pieces);
  Result<Written> try_write_plain(Pieces& pieces) REQUIRES(mutex_);
  bool turn_is_over(Direction direction);
  Result<void> encrypt(Pieces& pieces) REQUIRES(mutex_);
  Result<bool> flush() REQUIRES(mutex_);
  uint64_t taken() const;
  Result<std::optional<Direction>> try_handshake();
  Error tls_error(int result, std::string_view doing) REQUIRES(mutex_);
  void arm_timer() REQUIRES(mutex_);
  void on_timer();

  /// Bytes that were moved in this turn; each belongs to the one who moves in its direction.
  std::array<size_t, 2> unyielded_{0, 0};
  mutable Mutex mutex_;  // guards everything below
  Socket socket_ GUARDED_BY(mutex_);
  const int descriptor_;
  asio::steady_timer timer_ GUARDED_BY(mutex_);
  Deadline armed_ GUARDED_BY(mutex_) = Deadline::max();
  std::array<Deadline, 2> deadlines_ GUARDED_BY(mutex_){Deadline::max(), Deadline::max()};
  std::array<bool, 2> expired_ GUARDED_BY(mutex_){false, false};
  bool aborted_ GUARDED_BY(mutex_) = false;
  bool end_seen_ GUARDED_BY(mutex_) = false;
  ssl_st* tls_ GUARDED_BY(mutex_) = nullptr;
  std::string encrypted_ GUARDED_BY(mutex_);  // TLS records not yet taken by the socket
  size_t encrypted_sent_ GUARDED_BY(mutex_) = 0;
  uint64_t handed_ GUARDED_BY(mutex_) = 0;  // bytes that the socket took
};

}  // namespace mullion::net::internal
