// HTTP/1 messages out of bytes, without any I/O. The only door to Beast's parser.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/http.h"

namespace mullion::net::internal {

/// Parses one message after another. Body bytes are handed out as views into the bytes fed: no copy.
class MessageParser {
 public:
  enum class Kind { kRequest, kResponse };
  enum class Failure { kNone, kMalformed, kHeaderTooLarge, kUnknownCoding };

  MessageParser(Kind kind, uint64_t header_limit);
  ~MessageParser();
  MessageParser(const MessageParser&) = delete;
  MessageParser& operator=(const MessageParser&) = delete;

  /// Forgets everything and begins the next message.
  void restart();
  /// For answers to HEAD: there is no body whatever the headers say. To be called right after restart().
  void expect_no_body();

  /// Parses the next element (the headers, one piece of the body) and returns how many bytes were used up.
  /// Nothing used, not done and no failure: more bytes are needed. Precondition: !done() and `bytes` not
  /// empty.
  size_t feed(std::string_view bytes);
  /// The peer closed its side. True when that completes the message (a body without any length).
  bool feed_end();

  bool started() const;
  bool header_done() const;
  bool done() const;
  Failure failure() const;
  const std::string& failure_text() const;

  /// Body bytes found by the last feed(); may be empty.
  std::string_view piece() const;

  // Valid once header_done().
  std::string& method();
  std::string& target();
  Headers& headers();
  int status() const;
  /// 10 or 11.
  int version() const;
  bool keep_alive() const;
  std::optional<uint64_t> content_length() const;

 private:
  struct State;
  bool between_chunks() const;

  std::unique_ptr<State> state_;
};

}  // namespace mullion::net::internal
