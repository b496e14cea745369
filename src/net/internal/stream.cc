#include "net/internal/stream.h"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>

#include "base/mutex.h"
#include "env/readiness.h"

namespace mullion::net::internal {
namespace {

constexpr size_t kRecordBytes = 16 * 1024;
constexpr size_t kEncryptBytes = 64 * 1024;  // encrypted before the socket is asked to take them
constexpr size_t kKeptOutputBytes = 4 * 1024;
constexpr int kPartsOfPatience = 4;
/// Moved in one turn before the other connections of the thread have theirs, however much there is to move
/// and however fast the peer: a few tenths of a millisecond with TLS.
constexpr size_t kTurnBytes = 256 * 1024;
/// What is thrown away after the last answer: a peer that is still writing must not be reset before it reads
/// the answer.
constexpr size_t kLingerBytes = 64 * 1024 * 1024;
constexpr auto kReminder = std::chrono::milliseconds(20);

Error cut_error() { return Error(ErrorCode::kCancelled, "connection was cut"); }

Error system_error(int number, std::string_view doing) {
  return Error(ErrorCode::kUnreachable, fmt::format("{}: {}", doing, std::strerror(number)));
}

bool would_block(int number) { return number == EAGAIN || number == EWOULDBLOCK; }

bool all_empty(const Stream::Pieces& pieces) {
  return std::all_of(pieces.begin(), pieces.end(), [](std::string_view piece) { return piece.empty(); });
}

size_t total_size(const Stream::Pieces& pieces) {
  size_t total = 0;
  for (std::string_view piece : pieces) total += piece.size();
  return total;
}

/// What of `pieces` comes first, at most `most` bytes.
std::array<iovec, 3> first_bytes(const Stream::Pieces& pieces, size_t most) {
  std::array<iovec, 3> out{};
  for (size_t i = 0; i < pieces.size(); ++i) {
    const size_t size = std::min(most, pieces[i].size());
    out[i] = {const_cast<char*>(pieces[i].data()), size};
    most -= size;
  }
  return out;
}

void consume(Stream::Pieces& pieces, size_t count) {
  for (std::string_view& piece : pieces) {
    const size_t taken = std::min(count, piece.size());
    piece.remove_prefix(taken);
    count -= taken;
  }
}

}  // namespace

Error too_slow(std::string_view does, uint64_t least_rate) {
  return Error(ErrorCode::kTimeout,
               fmt::format("the peer {} less than {} bytes per second", does, least_rate));
}

Deadline deadline_after(env::Duration duration) {
  const Deadline now = std::chrono::steady_clock::now();
  return duration > Deadline::max() - now ? Deadline::max() : now + duration;
}

/// OpenSSL's view of the socket: reads come straight from it, writes collect in Stream::encrypted_ so that
/// many records leave in one call and a write inside OpenSSL never has to wait.
struct StreamBio {
  static int write(BIO* bio, const char* data, size_t size, size_t* written) {
    Stream* stream = self(bio);
    stream->mutex_.assume_held();  // by whoever called OpenSSL, which calls this
    stream->encrypted_.append(data, size);
    *written = size;
    return 1;
  }

  static int read(BIO* bio, char* data, size_t size, size_t* got) {
    BIO_clear_retry_flags(bio);
    Stream* stream = self(bio);
    stream->mutex_.assume_held();  // as in write()
    ssize_t count = -1;
    do {
      count = ::recv(stream->descriptor_, data, size, 0);
    } while (count < 0 && errno == EINTR);
    if (count > 0) {
      *got = static_cast<size_t>(count);
      return 1;
    }
    *got = 0;
    if (count == 0) {
      stream->end_seen_ = true;
      return 0;
    }
    if (would_block(errno)) BIO_set_retry_read(bio);
    return -1;
  }

  static long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command != BIO_CTRL_EOF) return 0;
    Stream* stream = self(bio);
    stream->mutex_.assume_held();  // as in write()
    return stream->end_seen_ ? 1 : 0;
  }

  static BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
      BIO_meth_set_write_ex(fresh, &StreamBio::write);
      BIO_meth_set_read_ex(fresh, &StreamBio::read);
      BIO_meth_set_ctrl(fresh, &StreamBio::control);
      return fresh;
    }();
    return made;
  }

  static Stream* self(BIO* bio) { return static_cast<Stream*>(BIO_get_data(bio)); }
};

/// Marks a direction as waiting until a deadline, and unmarks it however the wait ends.
class Stream::Waiting {
 public:
  Waiting(Stream& stream, Direction direction, Deadline deadline) : stream_(stream), direction_(direction) {
    Lock lock(stream_.mutex_);
    stream_.expired_[direction_] = false;
    stream_.deadlines_[direction_] = deadline;
    stream_.arm_timer();
  }
  ~Waiting() { end(); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  /// True when the deadline passed.
  bool end() {
    Lock lock(stream_.mutex_);
    stream_.deadlines_[direction_] = Deadline::max();
    return std::exchange(stream_.expired_[direction_], false);
  }

 private:
  Stream& stream_;
  Direction direction_;
};

Stream::Stream(Socket socket)
    : socket_(std::move(socket)), descriptor_(socket_.native_handle()), timer_(socket_.get_executor()) {
  boost::system::error_code ignored;
  socket_.native_non_blocking(true, ignored);
  socket_.set_option(tcp::no_delay(true), ignored);
}

Stream::~Stream() {
  if (tls_ != nullptr) SSL_free(tls_);
}

Result<std::shared_ptr<Stream>> Stream::begin_connect(asio::any_io_executor executor, Endpoint endpoint) {
  Socket socket(std::move(executor));
  boost::system::error_code failure;
  socket.open(endpoint.protocol(), failure);
  if (failure) return Error(ErrorCode::kUnreachable, "socket: " + failure.message());
  auto stream = std::make_shared<Stream>(std::move(socket));
  const int result = ::connect(stream->descriptor_, endpoint.data(), static_cast<socklen_t>(endpoint.size()));
  if (result != 0 && errno != EINPROGRESS && errno != EINTR) return system_error(errno, "connect");
  return stream;
}

Task<Result<void>> Stream::finish_connect(Deadline deadline) {
  Result<void> ready = co_await wait_until_ready(kWrite, deadline);
  if (!ready) co_return ready;
  int number = 0;
  socklen_t size = sizeof(number);
  ::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &number, &size);
  if (number != 0) co_return system_error(number, "connect");
  co_return Result<void>();
}

asio::ip::address Stream::peer_address() const {
  boost::system::error_code failure;
  const Endpoint endpoint = [&] {
    const Lock lock(mutex_);
    return socket_.remote_endpoint(failure);
  }();
  if (failure) return {};
  const int family = endpoint.protocol().family();
  if (family == AF_UNIX) return asio::ip::address_v4::loopback();
  tcp::endpoint peer(family == AF_INET6 ? tcp::v6() : tcp::v4(), 0);
  std::memcpy(peer.data(), endpoint.data(), std::min(endpoint.size(), peer.capacity()));
  const asio::ip::address address = peer.address();
  // An IPv4 peer of a dual-stack listener is shown, and judged, as what it is.
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  return address;
}

void Stream::use_tls(ssl_st* session) {
  BIO* bio = BIO_new(StreamBio::method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(session, bio, bio);
  Lock lock(mutex_);
  tls_ = session;
}

Task<Result<void>> Stream::handshake(Deadline deadline) {
  while (true) {
    Result<std::optional<Direction>> step = try_handshake();
    if (!step) co_return step.error();
    if (!step->has_value()) co_return Result<void>();
    const Direction direction = **step;
    Result<void> ready = co_await wait(direction, deadline);
    if (!ready) co_return ready;
  }
}

Result<std::optional<Stream::Direction>> Stream::try_handshake() {
  using Step = std::optional<Direction>;
  Lock lock(mutex_);
  if (aborted_) return cut_error();
  ERR_clear_error();
  const int result = SSL_do_handshake(tls_);
  Error failure;
  const bool needs_input = result <= 0 && SSL_get_error(tls_, result) == SSL_ERROR_WANT_READ;
  if (result <= 0 && !needs_input) failure = tls_error(result, "TLS handshake");
  const Result<bool> flushed = flush();  // also carries the alert of a failed handshake
  if (result <= 0 && !needs_input) return failure;
  if (!flushed) return flushed.error();
  if (!*flushed) return Step(kWrite);
  return needs_input ? Step(kRead) : Step();
}

Task<Result<void>> Stream::wait(Direction direction, Deadline deadline) {
  unyielded_[direction] = 0;
  if (aborted()) co_return cut_error();
  Waiting waiting(*this, direction, deadline);
  const auto condition = direction == kRead ? Socket::wait_read : Socket::wait_write;
  boost::system::error_code failure;
  // Under the lock: the other direction, and the timer that cancels, use the same socket from other threads.
  const auto begin = [this, condition](auto handler) {
    Lock lock(mutex_);
    socket_.async_wait(condition, std::move(handler));
  };
  auto token = asio::redirect_error(asio::use_awaitable, failure);
  co_await asio::async_initiate<decltype(token), void(boost::system::error_code)>(begin, token);
  const bool expired = waiting.end();
  if (aborted()) co_return cut_error();
  if (!failure) co_return Result<void>();
  if (expired) co_return Error(ErrorCode::kTimeout, "the peer made no progress in time");
  const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) co_return cut_error();
  // The other direction's deadline cancelled all waits of the socket: not ours, so the caller tries again.
  if (failure == asio::error::operation_aborted) co_return Result<void>();
  co_return Error(ErrorCode::kUnreachable, failure.message());
}

bool Stream::is_ready(Direction direction) const {
  const Lock lock(mutex_);
  if (aborted_) return true;
  return direction == kRead ? env::is_readable(descriptor_) : env::is_writable(descriptor_);
}

Task<Result<void>> Stream::wait_until_ready(Direction direction, Deadline deadline) {
  while (true) {
    Result<void> woken = co_await wait(direction, deadline);
    if (!woken || is_ready(direction)) co_return woken;
  }
}

Task<Result<void>> Stream::wait_readable(Deadline deadline) {
  {
    Lock lock(mutex_);
    if (tls_ != nullptr && SSL_has_pending(tls_) != 0) co_return Result<void>();
  }
  Result<void> ready = co_await wait_until_ready(kRead, deadline);
  co_return ready;
}

Task<Result<size_t>> Stream::read_some(char* data, size_t size, Deadline deadline) {
  while (true) {
    Result<std::optional<size_t>> got = try_read(data, size);
    if (!got) co_return got.error();
    if (got->has_value()) {
      unyielded_[kRead] += **got;
      if (turn_is_over(kRead)) co_await asio::post(asio::use_awaitable);
      co_return **got;
    }
    Result<void> ready = co_await wait(kRead, deadline);
    if (!ready) co_return ready.error();
  }
}

Task<Result<size_t>> Stream::read_into(Buffer& buffer, size_t size, Deadline deadline) {
  while (true) {
    Result<std::optional<size_t>> got = try_read(buffer.prepare(size), size);
    if (!got) co_return got.error();
    if (got->has_value()) {
      buffer.commit(**got);
      unyielded_[kRead] += **got;
      if (turn_is_over(kRead)) co_await asio::post(asio::use_awaitable);
      co_return **got;
    }
    buffer.release_unused();
    Result<void> ready = co_await wait(kRead, deadline);
    if (!ready) co_return ready.error();
  }
}

Result<std::optional<size_t>> Stream::try_read(char* data, size_t size) {
  Lock lock(mutex_);
  if (aborted_) return cut_error();
  if (tls_ != nullptr) return try_read_tls(data, size);
  ssize_t count = -1;
  do {
    count = ::recv(descriptor_, data, size, 0);
  } while (count < 0 && errno == EINTR);
  if (count >= 0) return std::optional<size_t>(static_cast<size_t>(count));
  if (would_block(errno)) return std::optional<size_t>();
  return system_error(errno, "read");
}

Result<std::optional<size_t>> Stream::try_read_tls(char* data, size_t size) {
  ERR_clear_error();
  size_t count = 0;
  const int result = SSL_read_ex(tls_, data, size, &count);
  const int reason = result == 1 ? SSL_ERROR_NONE : SSL_get_error(tls_, result);
  std::optional<Error> failure;
  if (reason != SSL_ERROR_NONE && reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_ZERO_RETURN) {
    failure = tls_error(result, "TLS read");
  }
  // Reading may have produced answers of the protocol itself; what does not fit now leaves with the next
  // write.
  const Result<bool> flushed = flush();
  if (failure) return *failure;
  if (reason == SSL_ERROR_WANT_READ)
    return flushed ? Result<std::optional<size_t>>(std::nullopt) : flushed.error();
  return std::optional<size_t>(count);
}

/// What has left for good: the rest of it waits here or is on its way.
uint64_t Stream::taken() const {
  Lock lock(mutex_);
  int waiting = 0;
  if (::ioctl(descriptor_, SIOCOUTQ, &waiting) != 0) waiting = 0;
  return handed_ - std::min(handed_, static_cast<uint64_t>(std::max(waiting, 0)));
}

Task<Result<void>> Stream::write(Pieces pieces, env::Duration patience, Pace* pace) {
  Pace any(0, env::Duration::max());
  Pace& measured = pace == nullptr ? any : *pace;
  std::optional<uint64_t> before;  // asked for when there is something to wait for
  Deadline patient_until = deadline_after(patience);
  while (true) {
    Result<Written> written = try_write(pieces);
    if (!written) co_return written.error();
    if (*written == Written::kAll) break;
    if (*written == Written::kUntilTurnIsOver) {
      co_await asio::post(asio::use_awaitable);
      continue;
    }
    if (!before) before = taken();
    const Deadline begin = deadline_after(env::Duration::zero());
    // In parts, to know better than by a whole patience when the peer took something last.
    const env::Duration part = std::min(patience / kPartsOfPatience, measured.left());
    const Deadline deadline = std::min(patient_until, deadline_after(part));
    Result<void> ready = co_await wait(kWrite, deadline);
    if (!ready && ready.error().code != ErrorCode::kTimeout) co_return ready;
    const Deadline now = deadline_after(env::Duration::zero());
    const uint64_t after = std::max(taken(), *before);  // of unix sockets the system tells roughly
    if (!measured.add(after - *before, now - begin)) co_return too_slow("takes", measured.least_rate());
    if (after > *before) patient_until = deadline_after(patience);
    if (now >= patient_until) co_return Error(ErrorCode::kTimeout, "the peer made no progress in time");
    before = after;
  }
  co_return Result<void>();
}

/// True once; then the next turn begins.
bool Stream::turn_is_over(Direction direction) {
  if (unyielded_[direction] < kTurnBytes) return false;
  unyielded_[direction] = 0;
  return true;
}

Result<Stream::Written> Stream::try_write(Pieces& pieces) {
  Lock lock(mutex_);
  if (aborted_) return cut_error();
  if (tls_ == nullptr) return try_write_plain(pieces);
  while (true) {
    Result<bool> flushed = flush();
    if (!flushed) return flushed.error();
    if (!*flushed) return Written::kUntilFull;
    if (all_empty(pieces)) break;
    if (turn_is_over(kWrite)) return Written::kUntilTurnIsOver;
    Result<void> encrypted = encrypt(pieces);
    if (!encrypted) return encrypted.error();
  }
  if (encrypted_.capacity() > kKeptOutputBytes) std::string().swap(encrypted_);
  return Written::kAll;
}

Result<Stream::Written> Stream::try_write_plain(Pieces& pieces) {
  while (!all_empty(pieces)) {
    if (turn_is_over(kWrite)) return Written::kUntilTurnIsOver;
    std::array<iovec, 3> vectors = first_bytes(pieces, kTurnBytes);
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = vectors.size();
    const ssize_t count = ::sendmsg(descriptor_, &message, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && would_block(errno)) return Written::kUntilFull;
    if (count < 0) return system_error(errno, "write");
    handed_ += static_cast<uint64_t>(count);
    unyielded_[kWrite] += static_cast<size_t>(count);
    consume(pieces, static_cast<size_t>(count));
  }
  return Written::kAll;
}

Result<void> Stream::encrypt(Pieces& pieces) {
  ERR_clear_error();
  const size_t total = total_size(pieces);
  if (total <= kRecordBytes) {
    // One record for header and small body.
    static thread_local std::array<char, kRecordBytes> joined;
    size_t size = 0;
    for (std::string_view piece : pieces) {
      std::copy(piece.begin(), piece.end(), joined.begin() + static_cast<ptrdiff_t>(size));
      size += piece.size();
    }
    const int result = SSL_write(tls_, joined.data(), static_cast<int>(size));
    if (result <= 0) return tls_error(result, "TLS write");
    unyielded_[kWrite] += size;
    consume(pieces, size);
    return {};
  }
  size_t room = kEncryptBytes;
  for (std::string_view& piece : pieces) {
    const size_t size = std::min(room, piece.size());
    if (size == 0) continue;
    const int result = SSL_write(tls_, piece.data(), static_cast<int>(size));
    if (result <= 0) return tls_error(result, "TLS write");
    piece.remove_prefix(size);
    room -= size;
    unyielded_[kWrite] += size;
  }
  return {};
}

Result<bool> Stream::flush() {
  while (encrypted_sent_ < encrypted_.size()) {
    const ssize_t count = ::send(descriptor_, encrypted_.data() + encrypted_sent_,
                                 encrypted_.size() - encrypted_sent_, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && would_block(errno)) return false;
    if (count < 0) return system_error(errno, "write");
    handed_ += static_cast<uint64_t>(count);
    encrypted_sent_ += static_cast<size_t>(count);
  }
  encrypted_.clear();
  encrypted_sent_ = 0;
  return true;
}

Error Stream::tls_error(int result, std::string_view doing) {
  const int number = errno;
  const int reason = SSL_get_error(tls_, result);
  const unsigned long code = ERR_peek_last_error();
  const long verification = SSL_get_verify_result(tls_);
  if (code != 0 && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED && verification != X509_V_OK) {
    return Error(ErrorCode::kUnreachable, fmt::format("certificate verification failed: {}",
                                                      X509_verify_cert_error_string(verification)));
  }
  if (reason == SSL_ERROR_SYSCALL && code == 0) {
    return end_seen_ ? Error(ErrorCode::kUnreachable, fmt::format("{}: connection closed by the peer", doing))
                     : system_error(number, doing);
  }
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return Error(ErrorCode::kUnreachable, fmt::format("{}: {}", doing, text == nullptr ? "failed" : text));
}

Task<void> Stream::close_politely(env::Duration patience) {
  {
    Lock lock(mutex_);
    if (aborted_) co_return;
    if (tls_ != nullptr && SSL_is_init_finished(tls_) != 0) {
      ERR_clear_error();
      SSL_shutdown(tls_);
      const Result<bool> flushed = flush();
      if (!flushed) co_return;
    }
    ::shutdown(descriptor_, SHUT_WR);
  }
  const Deadline deadline = deadline_after(patience);
  auto scratch = std::make_unique<std::array<char, 16384>>();
  size_t discarded = 0;
  while (discarded < kLingerBytes) {
    // Raw bytes: after our close_notify nobody decrypts them any more.
    ssize_t count = -1;
    {
      Lock lock(mutex_);
      if (aborted_) co_return;
      count = ::recv(descriptor_, scratch->data(), scratch->size(), 0);
    }
    if (count == 0 || (count < 0 && !would_block(errno) && errno != EINTR)) co_return;
    if (count > 0) {
      const bool yields = discarded / kTurnBytes != (discarded + static_cast<size_t>(count)) / kTurnBytes;
      discarded += static_cast<size_t>(count);
      if (yields) co_await asio::post(asio::use_awaitable);
      if (yields && deadline_after(env::Duration::zero()) > deadline) co_return;
      continue;
    }
    Result<void> ready = co_await wait(kRead, deadline);
    if (!ready) co_return;
  }
}

bool Stream::is_quiet() {
  Lock lock(mutex_);
  if (aborted_) return false;
  char byte = 0;
  if (tls_ == nullptr) {
    return ::recv(descriptor_, &byte, 1, MSG_PEEK) < 0 && would_block(errno);
  }
  ERR_clear_error();
  const int result = SSL_peek(tls_, &byte, 1);
  return result <= 0 && SSL_get_error(tls_, result) == SSL_ERROR_WANT_READ;
}

void Stream::abort() {
  Lock lock(mutex_);
  if (aborted_) return;
  aborted_ = true;
  ::shutdown(descriptor_, SHUT_RDWR);  // wakes pending waits, now or when they begin
}

bool Stream::aborted() const {
  Lock lock(mutex_);
  return aborted_;
}

void Stream::arm_timer() {
  const Deadline next = std::min(deadlines_[kRead], deadlines_[kWrite]);
  if (next >= armed_) return;  // an earlier wake-up looks again: most deadlines are never reached
  armed_ = next;
  timer_.expires_at(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(next));
  timer_.async_wait([weak = weak_from_this()](boost::system::error_code failure) {
    if (failure) return;
    if (const std::shared_ptr<Stream> self = weak.lock()) self->on_timer();
  });
}

void Stream::on_timer() {
  Lock lock(mutex_);
  armed_ = Deadline::max();
  const Deadline now = std::chrono::steady_clock::now();
  bool any = false;
  for (size_t direction = 0; direction < deadlines_.size(); ++direction) {
    if (deadlines_[direction] > now) continue;
    expired_[direction] = true;
    any = true;
    // The wait may not have reached the reactor yet, then cancel() misses it: look again soon.
    deadlines_[direction] = now + kReminder;
  }
  if (any) {
    boost::system::error_code ignored;
    socket_.cancel(ignored);
  }
  arm_timer();
}

}  // namespace mullion::net::internal
