// One WebSocket conversation over a Stream, at either side.
#pragma once

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "net/http.h"
#include "net/internal/buffer.h"
#include "net/internal/frames.h"
#include "net/internal/stream.h"

namespace mullion::net::internal {

struct ConversationOptions {
  bool client = false;  // a client masks what it sends
  uint64_t max_message = 0;
  size_t max_queue = 0;
  env::Duration ping{};      // silence after which the peer is asked for a sign of life; twice that ends it
  env::Duration patience{};  // how long a write may stall
  uint64_t least_rate = 0;   // bytes per second, over each `patience`; 0: any
};

/// There is no task per conversation: whoever writes first drains the queue for all, read() sends pings, and
/// only answers to control frames borrow a short task from `tasks`.
class Conversation final : public WebSocket, public std::enable_shared_from_this<Conversation> {
 public:
  Conversation(std::shared_ptr<Stream> stream, Buffer received, ConversationOptions options,
               std::shared_ptr<env::TaskGroup> tasks);
  ~Conversation() override;

  Task<Result<Message>> read() override;
  Task<Result<void>> write(std::string data, bool binary) override;
  Task<void> close(uint16_t code, std::string reason) override;
  void abort() override;
  size_t queued_bytes() const override;
  void limit_messages(uint64_t bytes) override { max_message_ = std::min<uint64_t>(max_message_, bytes); }

 private:
  struct Frame {
    std::string header;
    std::string payload;
    size_t size() const { return header.size() + payload.size(); }
  };
  class ReaderMark;
  class WriterMark;

  Task<Result<Message>> read_message();
  Task<Result<FrameHeader>> read_header();
  Task<Result<void>> read_payload(const FrameHeader header, std::string& out);
  Task<Result<void>> handle_control(const FrameHeader header);
  Task<Result<void>> handle_close(std::string payload);
  Task<Result<void>> fill_buffer();
  Result<void> on_silence();
  Task<Error> break_off(uint16_t code, ErrorCode error, std::string text);
  Deadline read_deadline() const;
  Pace new_pace() const { return Pace(options_.least_rate, options_.patience); }

  Frame make_frame(Opcode opcode, std::string payload) const;
  void send_control(Opcode opcode, std::string payload);
  void send_close(uint16_t code, std::string_view reason);
  Task<Result<void>> drain();
  bool next_batch(Frame& batch);
  Task<void> wait_for_flush();
  void end();
  bool ended() const;

  const std::shared_ptr<Stream> stream_;
  const ConversationOptions options_;
  std::atomic<uint64_t> max_message_{options_.max_message};
  const std::shared_ptr<env::TaskGroup> tasks_;
  Buffer buffer_;                 // the reader's
  bool ping_unanswered_ = false;  // the reader's
  env::Signal changed_;

  Pace writing_pace_ = new_pace();  // whoever drains the queue

  mutable Mutex mutex_;  // guards everything below
  std::deque<Frame> queue_ GUARDED_BY(mutex_);
  size_t queued_ GUARDED_BY(mutex_) = 0;
  size_t queued_pongs_ GUARDED_BY(mutex_) = 0;
  bool reading_ GUARDED_BY(mutex_) = false;
  bool writing_ GUARDED_BY(mutex_) = false;
  bool close_sent_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;
  Deadline close_deadline_ GUARDED_BY(mutex_) = Deadline::max();
};

}  // namespace mullion::net::internal
