#include "net/internal/conversation.h"

#include <fmt/format.h>

#include "base/mutex.h"
#include "base/text.h"
#include "env/random.h"

namespace mullion::net::internal {
namespace {

constexpr size_t kDirectReadBytes = 256 * 1024;
constexpr size_t kBatchBytes = 64 * 1024;
constexpr size_t kMaxReason = 123;
constexpr auto kLinger = std::chrono::milliseconds(500);
constexpr auto kCloseTime = std::chrono::seconds(3);

uint32_t random_mask() {
  // A mask keeps proxies from being tricked by chosen bytes; one system call serves many frames.
  static thread_local std::array<uint32_t, 64> masks{};
  static thread_local size_t left = 0;
  if (left == 0) {
    env::secure_random({reinterpret_cast<unsigned char*>(masks.data()), sizeof(masks)});
    left = masks.size();
  }
  return masks[--left];
}

Error ended_error() { return Error(ErrorCode::kCancelled, "the WebSocket conversation is over"); }

}  // namespace

class Conversation::ReaderMark {
 public:
  explicit ReaderMark(Conversation& owner) : owner_(owner) {
    Lock lock(owner_.mutex_);
    taken_ = !std::exchange(owner_.reading_, true);
  }
  ~ReaderMark() {
    if (!taken_) return;
    Lock lock(owner_.mutex_);
    owner_.reading_ = false;
  }
  ReaderMark(const ReaderMark&) = delete;
  ReaderMark& operator=(const ReaderMark&) = delete;
  bool taken() const { return taken_; }

 private:
  Conversation& owner_;
  bool taken_ = false;
};

/// A writer that is cancelled half-way leaves half a frame on the wire: nothing can follow it.
class Conversation::WriterMark {
 public:
  explicit WriterMark(Conversation& owner) : owner_(owner) {}
  ~WriterMark() {
    if (!done_) owner_.end();
  }
  WriterMark(const WriterMark&) = delete;
  WriterMark& operator=(const WriterMark&) = delete;
  void done() { done_ = true; }

 private:
  Conversation& owner_;
  bool done_ = false;
};

Conversation::Conversation(std::shared_ptr<Stream> stream, Buffer received, ConversationOptions options,
                           std::shared_ptr<env::TaskGroup> tasks)
    : stream_(std::move(stream)), options_(options), tasks_(std::move(tasks)), buffer_(std::move(received)) {}

Conversation::~Conversation() { stream_->abort(); }

Task<Result<WebSocket::Message>> Conversation::read() {
  ReaderMark mark(*this);
  if (!mark.taken()) co_return Error(ErrorCode::kConflict, "another task reads from this WebSocket");
  if (ended()) co_return ended_error();
  Result<Message> message = co_await read_message();
  if (!message) end();
  co_return message;
}

Task<Result<WebSocket::Message>> Conversation::read_message() {
  Message message;
  bool begun = false;
  while (true) {
    Result<FrameHeader> header = co_await read_header();
    if (!header) co_return header.error();
    const FrameHeader frame = *header;
    if (static_cast<unsigned>(frame.opcode) >= 8) {
      Result<void> handled = co_await handle_control(frame);
      if (!handled) co_return handled.error();
      continue;
    }
    if ((frame.opcode == Opcode::kContinuation) != begun) {
      Error error =
          co_await break_off(1002, ErrorCode::kUnreachable, "the peer broke the order of message fragments");
      co_return error;
    }
    if (!begun) message.binary = frame.opcode == Opcode::kBinary;
    begun = true;
    const uint64_t most = max_message_;
    if (frame.payload > most - message.data.size()) {
      const std::string text = fmt::format("message is larger than {} bytes", most);
      Error error = co_await break_off(1009, ErrorCode::kTooLarge, text);
      co_return error;
    }
    Result<void> received = co_await read_payload(frame, message.data);
    if (!received) co_return received.error();
    if (frame.final) break;
  }
  if (!message.binary && !is_valid_utf8(message.data)) {
    Error error =
        co_await break_off(1007, ErrorCode::kUnreachable, "the peer sent a text message that is not UTF-8");
    co_return error;
  }
  co_return message;
}

Task<Result<FrameHeader>> Conversation::read_header() {
  while (true) {
    bool broken = false;
    const std::optional<FrameHeader> header = parse_frame_header(buffer_.view(), broken);
    const bool wrong_mask = header && header->masked == options_.client;
    if (broken || wrong_mask) {
      Error error =
          co_await break_off(1002, ErrorCode::kUnreachable, "the peer sent a broken WebSocket frame");
      co_return error;
    }
    if (header) {
      buffer_.consume(header->size);
      co_return *header;
    }
    Result<void> filled = co_await fill_buffer();
    if (!filled) co_return filled.error();
  }
}

Task<Result<void>> Conversation::fill_buffer() {
  while (true) {
    Result<size_t> got = co_await stream_->read_into(buffer_, kReadBytes, read_deadline());
    if (got && *got == 0) co_return Error(ErrorCode::kUnreachable, "the peer closed the connection");
    if (got) {
      ping_unanswered_ = false;
      co_return Result<void>();
    }
    if (got.error().code != ErrorCode::kTimeout) co_return got.error();
    Result<void> alive = on_silence();
    if (!alive) co_return alive;
  }
}

Task<Result<void>> Conversation::read_payload(const FrameHeader header, std::string& out) {
  const size_t begin = out.size();
  const auto total = static_cast<size_t>(header.payload);
  const size_t buffered = std::min(total, buffer_.size());
  out.append(buffer_.view().substr(0, buffered));
  buffer_.consume(buffered);
  size_t have = buffered;
  Pace pace = new_pace();
  while (have < total) {
    // Grows with what arrives, not with what was announced.
    const size_t step = std::min(total - have, std::max(kReadBytes, std::min(have, kDirectReadBytes)));
    out.resize(begin + have + step);
    const Deadline deadline = read_deadline();
    const Deadline asked = deadline_after(env::Duration::zero());
    Result<size_t> got = co_await stream_->read_some(out.data() + begin + have, step, deadline);
    const env::Duration waited = deadline_after(env::Duration::zero()) - asked;
    if (!pace.add(got ? *got : 0, waited)) co_return too_slow("sends", pace.least_rate());
    if (!got && got.error().code == ErrorCode::kTimeout) {
      Result<void> alive = on_silence();
      if (!alive) co_return alive;
      continue;
    }
    if (!got) co_return got.error();
    if (*got == 0) co_return Error(ErrorCode::kUnreachable, "the peer closed the connection");
    ping_unanswered_ = false;
    have += *got;
  }
  out.resize(begin + total);
  if (header.masked) apply_mask(out.data() + begin, total, header.mask, 0);
  co_return Result<void>();
}

Task<Result<void>> Conversation::handle_control(const FrameHeader header) {
  std::string payload;
  Result<void> received = co_await read_payload(header, payload);
  if (!received) co_return received;
  if (header.opcode == Opcode::kPing) send_control(Opcode::kPong, std::move(payload));
  if (header.opcode != Opcode::kClose) co_return Result<void>();
  Result<void> closed = co_await handle_close(std::move(payload));
  co_return closed;
}

Task<Result<void>> Conversation::handle_close(std::string payload) {
  uint16_t code = 1005;  // "no code given"
  std::string reason;
  bool valid = payload.size() != 1;
  if (payload.size() >= 2) {
    code = static_cast<uint16_t>(static_cast<unsigned char>(payload[0]) << 8 |
                                 static_cast<unsigned char>(payload[1]));
    reason = payload.substr(2);
    valid = is_valid_close_code(code) && is_valid_utf8(reason);
  }
  if (!valid) {
    send_close(1002, "");
  } else {
    send_close(code == 1005 ? 1000 : code, "");
  }
  co_await wait_for_flush();
  if (!valid) co_return Error(ErrorCode::kUnreachable, "the peer sent a broken close frame");
  const std::string text = reason.empty()
                               ? fmt::format("the peer closed the conversation (code {})", code)
                               : fmt::format("the peer closed the conversation (code {}: {})", code, reason);
  co_return Error(ErrorCode::kCancelled, text);
}

Deadline Conversation::read_deadline() const {
  const Deadline next_ping =
      options_.ping > env::Duration::zero() ? deadline_after(options_.ping) : Deadline::max();
  Lock lock(mutex_);
  return std::min(next_ping, close_deadline_);
}

Result<void> Conversation::on_silence() {
  {
    Lock lock(mutex_);
    if (close_deadline_ != Deadline::max() && close_deadline_ <= deadline_after(env::Duration::zero())) {
      return Error(ErrorCode::kCancelled, "the peer did not answer the close frame in time");
    }
  }
  if (ping_unanswered_) return Error(ErrorCode::kUnreachable, "the peer does not answer pings");
  ping_unanswered_ = true;
  send_control(Opcode::kPing, "");
  return {};
}

Task<Error> Conversation::break_off(uint16_t code, ErrorCode error, std::string text) {
  send_close(code, text);
  co_await wait_for_flush();
  co_await stream_->close_politely(kLinger);
  co_return Error(error, std::move(text));
}

Conversation::Frame Conversation::make_frame(Opcode opcode, std::string payload) const {
  std::optional<uint32_t> mask;
  if (options_.client) mask = random_mask();
  Frame frame;
  frame.header = frame_header(opcode, payload.size(), mask);
  if (mask) apply_mask(payload.data(), payload.size(), *mask, 0);
  frame.payload = std::move(payload);
  return frame;
}

Task<Result<void>> Conversation::write(std::string data, bool binary) {
  Frame frame = make_frame(binary ? Opcode::kBinary : Opcode::kText, std::move(data));
  {
    Lock lock(mutex_);
    if (ended_ || close_sent_) co_return ended_error();
    if (queued_ > 0 && queued_ + frame.size() > options_.max_queue) {
      co_return Error(ErrorCode::kUnavailable,
                      fmt::format("the peer reads too slowly: {} bytes are waiting", queued_));
    }
    queued_ += frame.size();
    queue_.push_back(std::move(frame));
    if (std::exchange(writing_, true)) co_return Result<void>();
  }
  Result<void> drained = co_await drain();
  co_return drained;
}

Task<Result<void>> Conversation::drain() {
  WriterMark mark(*this);
  Frame batch;
  while (next_batch(batch)) {
    const Stream::Pieces pieces{batch.header, batch.payload, std::string_view()};
    Result<void> written = co_await stream_->write(pieces, options_.patience, &writing_pace_);
    if (!written) co_return written;
    Lock lock(mutex_);
    queued_ -= std::min(queued_, batch.size());
  }
  mark.done();
  changed_.notify_all();
  co_return Result<void>();
}

bool Conversation::next_batch(Frame& batch) {
  Lock lock(mutex_);
  if (queue_.empty() || ended_) {
    writing_ = false;
    return false;
  }
  batch = std::move(queue_.front());
  queue_.pop_front();
  queued_pongs_ = 0;
  if (batch.size() > kBatchBytes) return true;
  // Many small frames leave in one system call.
  while (!queue_.empty() && batch.size() + queue_.front().size() <= kBatchBytes) {
    batch.payload += queue_.front().header;
    batch.payload += queue_.front().payload;
    queue_.pop_front();
  }
  return true;
}

void Conversation::send_control(Opcode opcode, std::string payload) {
  Frame frame = make_frame(opcode, std::move(payload));
  {
    Lock lock(mutex_);
    if (ended_ || (close_sent_ && opcode != Opcode::kClose)) return;
    // A flood of pings earns one answer at a time.
    if (opcode == Opcode::kPong && queued_pongs_ > 0) return;
    if (opcode == Opcode::kPong) ++queued_pongs_;
    queued_ += frame.size();
    if (opcode == Opcode::kClose) {
      queue_.push_back(std::move(frame));
    } else {
      queue_.push_front(std::move(frame));
    }
    if (std::exchange(writing_, true)) return;
  }
  tasks_->spawn("websocket control frame", [self = shared_from_this()]() -> Task<void> {
    Result<void> ignored = co_await self->drain();
    (void)ignored;
  });
}

void Conversation::send_close(uint16_t code, std::string_view reason) {
  {
    Lock lock(mutex_);
    if (std::exchange(close_sent_, true)) return;
    close_deadline_ = deadline_after(kCloseTime);
  }
  size_t length = std::min(reason.size(), kMaxReason);
  while (length > 0 && !is_valid_utf8(reason.substr(0, length))) --length;
  std::string payload;
  payload += static_cast<char>(code >> 8);
  payload += static_cast<char>(code & 0xff);
  payload += reason.substr(0, length);
  send_control(Opcode::kClose, std::move(payload));
}

Task<void> Conversation::wait_for_flush() {
  const Deadline deadline = deadline_after(kCloseTime);
  while (true) {
    const uint64_t seen = changed_.version();
    {
      Lock lock(mutex_);
      if (ended_ || !writing_) co_return;
    }
    const Deadline now = deadline_after(env::Duration::zero());
    if (now >= deadline) co_return;
    co_await changed_.wait(seen, deadline - now);
  }
}

Task<void> Conversation::close(uint16_t code, std::string reason) {
  if (ended()) co_return;
  const std::shared_ptr<Conversation> self = shared_from_this();
  send_close(code, reason);
  const Deadline deadline = deadline_after(kCloseTime);
  while (!ended()) {
    const uint64_t seen = changed_.version();
    const Deadline now = deadline_after(env::Duration::zero());
    if (now >= deadline) break;
    // Somebody has to see the peer's close frame: the reader if there is one, else this task.
    Result<Message> message = co_await read();
    if (message || message.error().code != ErrorCode::kConflict) continue;
    if (ended()) break;
    co_await changed_.wait(seen, std::min<env::Duration>(deadline - now, std::chrono::milliseconds(200)));
  }
  end();
}

void Conversation::end() {
  {
    Lock lock(mutex_);
    ended_ = true;
    queue_.clear();
    queued_ = 0;
  }
  stream_->abort();
  changed_.notify_all();
}

bool Conversation::ended() const {
  Lock lock(mutex_);
  return ended_;
}

void Conversation::abort() { end(); }

size_t Conversation::queued_bytes() const {
  Lock lock(mutex_);
  return queued_;
}

}  // namespace mullion::net::internal
