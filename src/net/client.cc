// Requests to one server over pooled connections.
#include <fmt/format.h>

#include <boost/asio/this_coro.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "base/error_object.h"
#include "net/internal/client_pool.h"
#include "net/internal/conversation.h"

namespace mullion::net {
namespace {

using internal::ClientConnection;
using internal::ClientConnectionPtr;
using internal::ClientPool;
using internal::Conversation;
using internal::Deadline;
using internal::deadline_after;
using internal::kBodyReadBytes;
using internal::kReadBytes;
using internal::MessageParser;
using internal::Origin;
using internal::Pace;
using internal::Stream;

constexpr size_t kMaxRefusal = 64 * 1024;
constexpr size_t kMaxInterim = 16;  // "100 Continue" and the like before an answer

bool has_line_break(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

bool has_blank_or_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c <= ' ' || c == 0x7f; });
}

/// What would let a value of a caller become a header or a second request.
Result<void> check_request(const ClientRequest& request) {
  bool clean = !request.method.empty() && !has_blank_or_control(request.method) &&
               request.target.starts_with('/') && !has_blank_or_control(request.target);
  for (const auto& [name, value] : request.headers.items()) {
    clean = clean && !name.empty() && !has_blank_or_control(name) && name.find(':') == std::string::npos &&
            !has_line_break(value);
  }
  if (clean) return {};
  return Error(ErrorCode::kInvalid, "request line or headers contain characters that are not allowed");
}

std::optional<uint64_t> request_size(const ClientRequest& request) {
  if (const auto* text = std::get_if<std::string>(&request.body)) return text->size();
  const BodySourcePtr& source = std::get<BodySourcePtr>(request.body);
  return source ? source->size() : 0;
}

std::string request_head(const ClientRequest& request, const ClientPool& pool) {
  const Origin& origin = pool.origin();
  const std::string whom = pool.asks_proxy() ? "http://" + origin.host_header : "";
  std::string head = fmt::format("{} {}{} HTTP/1.1\r\n", request.method, whom, request.target);
  Headers headers = request.headers;
  for (std::string_view name : {"Connection", "Transfer-Encoding", "Content-Length"}) headers.remove(name);
  if (!headers.get("Host")) head += fmt::format("Host: {}\r\n", origin.host_header);
  for (const auto& [name, value] : headers.items()) head += fmt::format("{}: {}\r\n", name, value);
  const std::optional<uint64_t> size = request_size(request);
  const bool bodiless = size == 0 && (request.method == "GET" || request.method == "HEAD");
  if (size && !bodiless) head += fmt::format("Content-Length: {}\r\n", *size);
  if (!size) head += "Transfer-Encoding: chunked\r\n";
  head += "\r\n";
  return head;
}

/// The rest of an answer; hands the connection back to the pool when it was read to its end.
class ResponseBody final : public BodySource {
 public:
  ResponseBody(std::shared_ptr<ClientPool> pool, ClientConnectionPtr connection, Deadline deadline)
      : pool_(std::move(pool)),
        connection_(std::move(connection)),
        deadline_(deadline),
        pace_(pool_->options().least_rate, pool_->options().rate_window) {
    if (connection_->parser.done()) {
      size_ = 0;
      finish();
    } else {
      size_ = connection_->parser.content_length();
    }
  }

  Task<Result<std::string_view>> next() override {
    if (failure_) co_return *failure_;
    while (connection_) {
      ClientConnection& connection = *connection_;
      connection.buffer.consume(std::exchange(used_, 0));
      if (connection.parser.done()) {
        finish();
        break;
      }
      if (!connection.buffer.empty()) {
        used_ = connection.parser.feed(connection.buffer.view());
        if (connection.parser.failure() != MessageParser::Failure::kNone) {
          co_return fail(
              Error(ErrorCode::kUnreachable, "broken answer: " + connection.parser.failure_text()));
        }
        const std::string_view piece = connection.parser.piece();
        if (!piece.empty()) co_return piece;
        if (used_ > 0 || connection.parser.done()) continue;
      }
      Result<void> more = co_await receive(connection);
      if (!more) co_return fail(std::move(more.error()));
    }
    co_return std::string_view();
  }

  std::optional<uint64_t> size() const override { return size_; }

 private:
  Error fail(Error error) {
    if (pool_->closed()) error = Error(ErrorCode::kCancelled, "the client is closed");
    failure_ = std::move(error);
    connection_.reset();
    return *failure_;
  }

  void finish() {
    if (connection_->parser.keep_alive()) {
      pool_->give_back(std::move(connection_));
    }
    connection_.reset();
  }

  Task<Result<void>> receive(ClientConnection& connection) {
    if (connection.buffer.size() > kBodyReadBytes)
      co_return Error(ErrorCode::kUnreachable, "chunk header is too long");
    const Deadline deadline = std::min(deadline_after(pool_->options().idle_timeout), deadline_);
    const Deadline asked = deadline_after(env::Duration::zero());
    Result<size_t> got = co_await connection.stream->read_into(connection.buffer, kBodyReadBytes, deadline);
    const env::Duration waited = deadline_after(env::Duration::zero()) - asked;
    if (!pace_.add(got ? *got : 0, waited)) got = internal::too_slow("sends", pace_.least_rate());
    if (!got) co_return got.error();
    if (*got > 0) co_return Result<void>();
    if (connection.parser.feed_end()) co_return Result<void>();
    co_return Error(ErrorCode::kUnreachable, "the server closed the connection inside the body");
  }

  std::shared_ptr<ClientPool> pool_;
  ClientConnectionPtr connection_;
  const Deadline deadline_;
  Pace pace_;
  std::optional<uint64_t> size_;
  std::optional<Error> failure_;
  size_t used_ = 0;
};

Task<Result<void>> write_body(Stream& stream, BodySource& body, env::Duration patience, Pace& pace) {
  const bool chunked = !body.size().has_value();
  const uint64_t promised = body.size().value_or(0);
  uint64_t sent = 0;
  while (true) {
    Result<std::string_view> piece = co_await body.next();
    if (!piece) co_return piece.error();
    const std::string_view bytes = *piece;
    if (bytes.empty()) break;
    sent += bytes.size();
    if (!chunked && sent > promised)
      co_return Error(ErrorCode::kInternal, "request body is longer than announced");
    Stream::Pieces pieces{std::string_view(), bytes, std::string_view()};
    std::string size_line;
    if (chunked) {
      size_line = fmt::format("{:x}\r\n", bytes.size());
      pieces[0] = size_line;
      pieces[2] = "\r\n";
    }
    Result<void> written = co_await stream.write(pieces, patience, &pace);
    if (!written) co_return written;
  }
  if (!chunked && sent != promised)
    co_return Error(ErrorCode::kInternal, "request body is shorter than announced");
  if (!chunked) co_return Result<void>();
  const Stream::Pieces last{"0\r\n\r\n", std::string_view(), std::string_view()};
  Result<void> written = co_await stream.write(last, patience, &pace);
  co_return written;
}

Task<Result<void>> write_request(Stream& stream, const ClientRequest& request, const std::string& head,
                                 const ClientOptions& options, bool& body_failed) {
  const env::Duration patience = options.idle_timeout;
  Pace pace(options.least_rate, options.rate_window);
  const auto* text = std::get_if<std::string>(&request.body);
  const std::string_view body = text == nullptr ? std::string_view() : std::string_view(*text);
  const Stream::Pieces pieces{head, body, std::string_view()};
  Result<void> written = co_await stream.write(pieces, patience, &pace);
  if (!written || text != nullptr) co_return written;
  BodySource* const source = std::get<BodySourcePtr>(request.body).get();
  if (source == nullptr) co_return written;
  Result<void> streamed = co_await write_body(stream, *source, patience, pace);
  // A cut or stalled connection may still hold the server's early answer; a broken body source cannot.
  body_failed = !streamed && streamed.error().code != ErrorCode::kUnreachable;
  co_return streamed;
}

/// Reads the headers of the final answer; `any_byte` tells whether the server said anything at all.
Task<Result<void>> read_header(ClientConnection& connection, bool head_only, Deadline deadline,
                               bool& any_byte) {
  for (size_t interim = 0; interim < kMaxInterim; ++interim) {
    connection.parser.restart();
    if (head_only) connection.parser.expect_no_body();
    while (!connection.parser.header_done()) {
      if (!connection.buffer.empty()) {
        connection.buffer.consume(connection.parser.feed(connection.buffer.view()));
        if (connection.parser.failure() != MessageParser::Failure::kNone) {
          co_return Error(ErrorCode::kUnreachable, "broken answer: " + connection.parser.failure_text());
        }
        if (connection.parser.header_done()) break;
      }
      Result<size_t> got = co_await connection.stream->read_into(connection.buffer, kReadBytes, deadline);
      if (!got) co_return got.error();
      if (*got == 0)
        co_return Error(ErrorCode::kUnreachable, "the server closed the connection without an answer");
      any_byte = true;
    }
    const int status = connection.parser.status();
    if (status >= 200 || status == 101) co_return Result<void>();
  }
  co_return Error(ErrorCode::kUnreachable, "too many interim answers");
}

struct Exchange {
  bool any_byte = false;
  bool body_failed = false;
};

Task<Result<void>> exchange(ClientConnection& connection, const ClientRequest& request,
                            const std::string& head, const ClientOptions& options, Exchange& seen) {
  if (request.begun != nullptr) *request.begun = true;
  Result<void> written = co_await write_request(*connection.stream, request, head, options, seen.body_failed);
  if (!written && seen.body_failed) co_return written;
  const Deadline deadline =
      std::min(deadline_after(request.timeout.value_or(options.idle_timeout)), options.deadline);
  Result<void> answered = co_await read_header(connection, request.method == "HEAD", deadline, seen.any_byte);
  if (!written && !answered) co_return written;
  co_return answered;
}

ErrorCode code_of_status(int status) {
  for (ErrorCode code :
       {ErrorCode::kBadRequest, ErrorCode::kUnauthorized, ErrorCode::kForbidden, ErrorCode::kNotFound,
        ErrorCode::kConflict, ErrorCode::kNotAcceptable, ErrorCode::kTooLarge, ErrorCode::kInvalid,
        ErrorCode::kLocked, ErrorCode::kTooManyRequests, ErrorCode::kUnavailable,
        ErrorCode::kInsufficientStorage, ErrorCode::kTimeout}) {
    if (http_status(code) == status) return code;
  }
  return status >= 500 ? ErrorCode::kInternal : ErrorCode::kUnreachable;
}

/// What a server said instead of opening a WebSocket.
Error refusal(int status, const std::string& body) {
  Error error(code_of_status(status),
              fmt::format("the server answered {} instead of opening a WebSocket", status));
  error.status_override = status >= 400 ? status : 0;
  std::optional<Error> told = read_error_object(body);
  if (!told || told->messages.empty()) return error;
  error.model = std::move(told->model);
  error.key = std::move(told->key);
  error.type = std::move(told->type);
  error.messages = std::move(told->messages);
  return error;
}

class ClientImplementation final : public Client {
 public:
  explicit ClientImplementation(std::shared_ptr<ClientPool> pool) : pool_(std::move(pool)) {}
  /// Outside of the runtime's threads it waits for the client's own tasks: a runtime that is stopped next
  /// leaves none of them behind. Inside, nobody may wait.
  ~ClientImplementation() override {
    pool_->close();
    if (!pool_->runs_here()) pool_->tasks()->stop();
  }

  Task<Result<ClientResponse>> send(ClientRequest request) override {
    const std::shared_ptr<ClientPool> pool = pool_;
    if (Result<void> clean = check_request(request); !clean) co_return clean.error();
    const std::string head = request_head(request, *pool);
    const bool repeatable = std::holds_alternative<std::string>(request.body) &&
                            (request.method == "GET" || request.method == "HEAD");
    for (bool first = true;; first = false) {
      if (pool->closed()) co_return Error(ErrorCode::kCancelled, "the client is closed");
      ClientConnectionPtr connection = first ? pool->take_idle() : nullptr;
      if (!connection) {
        Result<ClientConnectionPtr> opened = co_await pool->open();
        if (!opened) co_return opened.error();
        connection = std::move(opened.value());
      }
      Exchange seen;
      Result<void> done = co_await exchange(*connection, request, head, pool->options(), seen);
      if (done && connection->parser.status() == 101) {
        co_return Error(ErrorCode::kUnreachable, "the server switched protocols without being asked");
      }
      if (done) co_return make_response(pool, std::move(connection), request.body_time);
      if (pool->closed()) co_return Error(ErrorCode::kCancelled, "the client is closed");
      const bool lost = done.error().code == ErrorCode::kUnreachable && !seen.any_byte && !seen.body_failed;
      if (!lost || !repeatable || !connection->reused) co_return done.error();
    }
  }

  Task<Result<std::shared_ptr<WebSocket>>> connect_websocket(std::string target, Headers headers) override {
    const std::shared_ptr<ClientPool> pool = pool_;
    ClientRequest request;
    request.target = std::move(target);
    request.headers = std::move(headers);
    if (Result<void> clean = check_request(request); !clean) co_return clean.error();
    Result<ClientConnectionPtr> opened = co_await pool->open();
    if (!opened) co_return opened.error();
    ClientConnectionPtr connection = std::move(opened.value());
    const std::string key = internal::websocket_key();
    request.headers.set("Upgrade", "websocket");
    request.headers.set("Sec-WebSocket-Version", "13");
    request.headers.set("Sec-WebSocket-Key", key);
    std::string head = request_head(request, *pool);
    head.insert(head.size() - 2, "Connection: Upgrade\r\n");
    Exchange seen;
    Result<void> answered = co_await exchange(*connection, request, head, pool->options(), seen);
    if (!answered) co_return answered.error();
    if (connection->parser.status() != 101) {
      Error error = co_await read_refusal(pool, std::move(connection));
      co_return error;
    }
    const std::string accept(connection->parser.headers().get("Sec-WebSocket-Accept").value_or(""));
    if (accept != internal::websocket_accept(key)) {
      co_return Error(ErrorCode::kUnreachable, "the server's WebSocket handshake is not valid");
    }
    co_return make_conversation(*pool, *connection);
  }

  std::string peer_fingerprint() const override { return pool_->certificate().fingerprint; }
  void close() override { pool_->close(); }

 private:
  static ClientResponse make_response(const std::shared_ptr<ClientPool>& pool, ClientConnectionPtr connection,
                                      std::optional<env::Duration> body_time) {
    const Deadline deadline =
        std::min(body_time ? deadline_after(*body_time) : Deadline::max(), pool->options().deadline);
    ClientResponse response;
    response.status = connection->parser.status();
    response.headers = std::move(connection->parser.headers());
    response.body = std::make_unique<ResponseBody>(pool, std::move(connection), deadline);
    return response;
  }

  static Task<Error> read_refusal(std::shared_ptr<ClientPool> pool, ClientConnectionPtr connection) {
    const int status = connection->parser.status();
    const Deadline deadline =
        std::min(deadline_after(pool->options().idle_timeout), pool->options().deadline);
    ResponseBody body(pool, std::move(connection), deadline);
    Result<std::string> text = co_await read_all(body, kMaxRefusal);
    co_return refusal(status, text ? *text : std::string());
  }

  static std::shared_ptr<WebSocket> make_conversation(ClientPool& pool, ClientConnection& connection) {
    internal::ConversationOptions options;
    options.client = true;
    options.max_message = pool.options().max_websocket_message;
    options.max_queue = pool.options().max_websocket_queue;
    options.ping = pool.options().idle_timeout / 2;
    options.patience = pool.options().idle_timeout;
    options.least_rate = pool.options().least_rate;
    return std::make_shared<Conversation>(connection.stream, std::move(connection.buffer), options,
                                          pool.tasks());
  }

  const std::shared_ptr<ClientPool> pool_;
};

}  // namespace

Result<std::unique_ptr<Client>> make_client(env::Runtime& runtime, ClientOptions options) {
  Result<std::shared_ptr<ClientPool>> pool = ClientPool::make(runtime, std::move(options));
  if (!pool) return pool.error();
  return std::unique_ptr<Client>(std::make_unique<ClientImplementation>(std::move(*pool)));
}

}  // namespace mullion::net
