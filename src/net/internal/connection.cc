#include "net/internal/connection.h"

#include <fmt/format.h>

#include <boost/asio/this_coro.hpp>
#include <boost/json/serialize.hpp>

#include "base/error_object.h"
#include "base/letters.h"
#include "base/text.h"
#include "env/random.h"
#include "net/internal/log.h"
#include "net/range.h"

namespace mullion::net::internal {
namespace {

constexpr uint16_t kNormalClosure = 1000;
constexpr uint16_t kInternalClosure = 1011;
constexpr auto kShortLinger = std::chrono::milliseconds(300);
constexpr auto kLongLinger = std::chrono::seconds(2);
constexpr uint64_t kDrainBytes = 256 * 1024;
constexpr size_t kMaxRequestId = 64;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view kLastChunk = "0\r\n\r\n";

std::string_view reason_phrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 422:
      return "Unprocessable Entity";
    case 423:
      return "Locked";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 507:
      return "Insufficient Storage";
    default:
      return "Status";
  }
}

bool has_token(const Headers& headers, std::string_view name, std::string_view token) {
  for (std::string_view list : headers.get_all(name)) {
    for (const std::string& item : trimmed_list(list)) {
      if (equal_ignoring_case(item, token)) return true;
    }
  }
  return false;
}

/// Headers that describe the connection or the framing: those are this file's business, not the handler's.
bool is_framing_header(std::string_view name) {
  return equal_ignoring_case(name, "Connection") || equal_ignoring_case(name, "Transfer-Encoding") ||
         equal_ignoring_case(name, "Content-Length") || equal_ignoring_case(name, "Upgrade") ||
         equal_ignoring_case(name, "Sec-WebSocket-Accept") || equal_ignoring_case(name, "Keep-Alive");
}

/// RFC 9110, section 6.6.1. Many answers are given in one second.
const std::string& date_now() {
  static thread_local std::chrono::sys_seconds second{};
  static thread_local std::string text;
  const auto now = std::chrono::floor<std::chrono::seconds>(env::system_clock().wall());
  if (text.empty() || now != second) {
    second = now;
    text = format_http_date(env::WallTime(now));
  }
  return text;
}

/// A line break inside a header would let its author add headers or whole answers.
void append_header_text(std::string& out, std::string_view text) {
  for (char c : text) out += (c == '\r' || c == '\n' || c == '\0') ? ' ' : c;
}

bool is_sane_request_id(std::string_view id) {
  constexpr std::string_view kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !id.empty() && id.size() <= kMaxRequestId &&
         id.find_first_not_of(kAllowed) == std::string_view::npos;
}

/// Nothing when it is not known beforehand.
std::optional<uint64_t> response_size(const Response& response) {
  if (const auto* text = std::get_if<std::string>(&response.body)) return text->size();
  const BodySourcePtr& source = std::get<BodySourcePtr>(response.body);
  return source ? source->size() : 0;
}

bool is_bodiless(int status) { return status == 204 || status == 304; }

Response error_response(std::string_view method, std::string_view path, int status,
                        std::string_view message) {
  Response response;
  response.status = status;
  response.headers.add("Content-Type", "application/json");
  response.body = error_body(method, path, status, message);
  return response;
}

/// RFC 9112, section 3.2: servers that a request passes must not differ in whom they take it to be for.
Result<void> check_host(const Headers& headers, int version) {
  const size_t count = headers.get_all("Host").size();
  if (count == 1 || (count == 0 && version < 11)) return {};
  return Error(ErrorCode::kBadRequest, count == 0 ? "Host: the header is missing, which HTTP/1.1 requires"
                                                  : "Host: expected one header of that name");
}

/// Why `request` cannot become a WebSocket; empty when it can.
std::string upgrade_obstacle(const Request& request, int version) {
  if (request.method != "GET" || version < 11) return "a WebSocket needs an HTTP/1.1 GET";
  if (!has_token(request.headers, "Connection", "upgrade") ||
      !has_token(request.headers, "Upgrade", "websocket")) {
    return "this address speaks WebSocket only: Connection: upgrade and Upgrade: websocket are missing";
  }
  if (request.headers.get("Sec-WebSocket-Version").value_or("") != "13") {
    return "Sec-WebSocket-Version must be 13";
  }
  if (request.headers.get("Sec-WebSocket-Key").value_or("").size() != 24)
    return "Sec-WebSocket-Key is not valid";
  return "";
}

}  // namespace

std::string error_body(std::string_view method, std::string_view path, int status, std::string_view message) {
  Error error(ErrorCode::kInternal, std::string(message));
  error.status_override = status;
  error.model = path;
  error.type = method;
  return boost::json::serialize(error_object(error));
}

/// The request's body, straight out of the connection's buffer.
class Connection::RequestBody final : public BodySource {
 public:
  RequestBody(Connection& connection, bool expects_continue)
      : connection_(connection), continue_pending_(expects_continue) {}

  Task<Result<std::string_view>> next() override {
    release();
    MessageParser& parser = connection_.parser_;
    while (!parser.done()) {
      if (failure_) co_return *failure_;
      const size_t used = connection_.buffer_.empty() ? 0 : parser.feed(connection_.buffer_.view());
      if (parser.failure() != MessageParser::Failure::kNone) {
        co_return fail(Error(ErrorCode::kBadRequest, "broken request body: " + parser.failure_text()));
      }
      if (used > 0) {
        used_ = used;
        const std::string_view piece = parser.piece();
        received_ += piece.size();
        if (!piece.empty()) co_return piece;
        release();
        continue;
      }
      if (parser.done()) break;
      Result<void> more = co_await receive();
      if (!more) co_return fail(std::move(more.error()));
    }
    co_return std::string_view();
  }

  std::optional<uint64_t> size() const override { return size_; }
  void set_size(std::optional<uint64_t> size) { size_ = size; }

  /// Gives the last piece back to the buffer.
  void release() {
    if (used_ > 0) connection_.buffer_.consume(used_);
    used_ = 0;
  }
  bool continue_pending() const { return continue_pending_; }
  /// Bytes that were not asked for yet; absent when the client did not say how many there will be.
  std::optional<uint64_t> left() const {
    return size_ ? std::optional<uint64_t>(*size_ - std::min(*size_, received_)) : std::nullopt;
  }

 private:
  Error fail(Error error) {
    failure_ = std::move(error);
    return *failure_;
  }

  Task<Result<void>> receive() {
    Connection& owner = connection_;
    if (std::exchange(continue_pending_, false) && owner.buffer_.empty()) {
      const Stream::Pieces pieces{kContinue, std::string_view(), std::string_view()};
      const bool written = co_await owner.write_all(pieces);
      if (!written) co_return Error(ErrorCode::kUnreachable, "the client does not take 100 Continue");
    }
    // What does not become a body piece (a chunk header) must fit here.
    if (owner.buffer_.size() > kReadBytes)
      co_return Error(ErrorCode::kBadRequest, "chunk header is too long");
    const Deadline deadline = deadline_after(owner.limits_.body_timeout);
    const Deadline asked = deadline_after(env::Duration::zero());
    Result<size_t> got = co_await owner.stream_->read_into(owner.buffer_, kBodyReadBytes, deadline);
    const env::Duration waited = deadline_after(env::Duration::zero()) - asked;
    if (!pace_.add(got ? *got : 0, waited)) got = too_slow("sends", pace_.least_rate());
    if (!got && got.error().code == ErrorCode::kTimeout) owner.server_->admission->note_cut();
    if (!got) co_return got.error();
    if (*got == 0)
      co_return Error(ErrorCode::kUnreachable, "the client closed the connection inside the body");
    co_return Result<void>();
  }

  Connection& connection_;
  Pace pace_{connection_.server_->peers.least_rate, connection_.limits_.body_timeout};
  bool continue_pending_;
  std::optional<uint64_t> size_;
  std::optional<Error> failure_;
  size_t used_ = 0;
  uint64_t received_ = 0;
};

Connection::Connection(std::shared_ptr<ServerState> server, std::shared_ptr<Stream> stream,
                       Admission::PlacePtr place)
    : server_(std::move(server)),
      stream_(std::move(stream)),
      limits_(server_->options.limits),
      place_(std::move(place)),
      parser_(MessageParser::Kind::kRequest, limits_.max_header_bytes),
      writing_pace_(server_->peers.least_rate, limits_.body_timeout) {
  const asio::ip::address address = stream_->peer_address();
  peer_address_ = address.to_string();
  peer_is_loopback_ = address.is_loopback();
  server_->add(this, stream_);
}

Connection::~Connection() {
  stream_->abort();
  server_->remove(this);
}

Task<void> Connection::run() {
  if (const std::shared_ptr<TlsContext> tls = server_->tls()) {
    const bool ready = co_await shake_hands(*tls);
    place_->end_handshake();
    if (!ready) co_return;
  }
  Next next = Next::kAnotherRequest;
  while (next == Next::kAnotherRequest) next = co_await serve_one();
  if (next == Next::kCloseAfterAnswer) co_await stream_->close_politely(kShortLinger);
  if (next == Next::kCloseAfterUnreadRequest) co_await stream_->close_politely(kLongLinger);
}

Task<bool> Connection::shake_hands(TlsContext& tls) {
  ssl_st* const side = tls.new_server_side();
  if (side == nullptr) co_return false;
  stream_->use_tls(side);
  const Deadline deadline = deadline_after(limits_.header_timeout);
  Result<void> ready = co_await stream_->handshake(deadline);
  if (!ready) kLog.debug("handshake failed peer={} reason={}", peer_address_, ready.error().text());
  co_return ready.ok();
}

Task<Result<Response>> Connection::answer(Request& request, const Result<void>& understood) {
  if (place_->refusal().empty()) {
    if (understood) co_return co_await call_handler(request);
    co_return error_response(request.method, "", 400, understood.error().messages.front());
  }
  Response response = error_response(request.method, request.path, 503, place_->refusal());
  response.headers.add("Retry-After", "1");
  co_return response;
}

Task<Connection::Next> Connection::serve_one() {
  parser_.restart();
  const bool arrived = co_await wait_for_request();
  if (!arrived) co_return Next::kClose;
  const bool complete = co_await read_header();
  if (!complete) {
    if (parser_.failure() == MessageParser::Failure::kNone) co_return Next::kClose;
    co_await answer_broken_request();
    co_return Next::kCloseAfterUnreadRequest;
  }
  const int version = parser_.version();
  bool keep = parser_.keep_alive();
  Request request;
  const Result<void> understood = fill_request(request);
  RequestBody body(*this, version >= 11 && has_token(request.headers, "Expect", "100-continue"));
  body.set_size(parser_.done() ? std::optional<uint64_t>(0) : parser_.content_length());
  request.body = &body;
  Result<Response> made = co_await answer(request, understood);
  if (!made) co_return Next::kClose;
  Response response = std::move(made.value());
  if (response.upgrade) {
    const Next next = co_await upgrade(request, response);
    co_return next;
  }
  keep = keep && place_->refusal().empty() && !server_->stopping() && may_drain(body);
  // RFC 9112, section 6.1: where such a message ends may be read in more than one way.
  if (version < 11 && request.headers.get("Transfer-Encoding")) keep = false;
  // A client that still waits for "100 Continue" may or may not send the body: nothing can follow.
  if (!parser_.done() && body.continue_pending()) keep = false;
  // Without chunks the end of the connection is the end of a body of unknown size.
  if (version < 11 && !response_size(response)) keep = false;
  const bool written = co_await write_response(request, response, keep);
  if (!written) co_return Next::kClose;
  if (!parser_.done() && keep) {
    keep = co_await drain_body(body);
  }
  body.release();
  if (!keep) co_return parser_.done() ? Next::kCloseAfterAnswer : Next::kCloseAfterUnreadRequest;
  if (!server_->set_idle(this, true)) co_return Next::kCloseAfterAnswer;
  co_return Next::kAnotherRequest;
}

Task<bool> Connection::wait_for_request() {
  while (buffer_.empty()) {
    buffer_.release_unused();
    const Deadline idle = deadline_after(limits_.idle_timeout);
    Result<void> ready = co_await stream_->wait_readable(idle);
    if (!ready) co_return false;
    const Deadline deadline = deadline_after(limits_.header_timeout);
    Result<size_t> got = co_await stream_->read_into(buffer_, kReadBytes, deadline);
    if (!got || *got == 0) co_return false;
  }
  server_->set_idle(this, false);
  co_return true;
}

Task<bool> Connection::read_header() {
  const Deadline deadline = deadline_after(limits_.header_timeout);
  while (true) {
    const size_t used = buffer_.empty() ? 0 : parser_.feed(buffer_.view());
    buffer_.consume(used);
    if (parser_.failure() != MessageParser::Failure::kNone) co_return false;
    if (parser_.header_done()) co_return true;
    Result<size_t> got = co_await stream_->read_into(buffer_, kReadBytes, deadline);
    if (!got || *got == 0) co_return false;
  }
}

Task<void> Connection::answer_broken_request() {
  int status = 400;
  std::string text = "malformed HTTP request: " + parser_.failure_text();
  if (parser_.failure() == MessageParser::Failure::kHeaderTooLarge) {
    status = 431;
    text = fmt::format("request headers are larger than {} bytes", limits_.max_header_bytes);
  } else if (parser_.failure() == MessageParser::Failure::kUnknownCoding) {
    status = 501;
    text = parser_.failure_text();
  }
  Request request;
  request.method = "GET";
  Response response = error_response("GET", "", status, text);
  const bool ignored = co_await write_response(request, response, false);
  (void)ignored;
}

Result<void> Connection::fill_request(Request& request) {
  request.method = upper_case(parser_.method());
  request.headers = std::move(parser_.headers());
  request.peer_address = peer_address_;
  request.peer_is_loopback = peer_is_loopback_;
  request.tls = server_->options.tls.has_value();
  const std::string_view given = request.headers.get("X-Request-Id").value_or("");
  request.id = is_sane_request_id(given) ? std::string(given) : fmt::format("{:016x}", env::random_id());
  Result<void> clear = request.set_target(std::move(parser_.target()));
  return clear ? check_host(request.headers, parser_.version()) : clear;
}

Task<Result<Response>> Connection::call_handler(Request& request) {
  std::string text;
  try {
    Response response = co_await server_->handler(request);
    co_return response;
  } catch (const std::exception& error) {
    text = error.what();
  } catch (...) {
    text = "unknown exception";
  }
  const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) {
    co_return Error(ErrorCode::kCancelled, "the server is stopping");
  }
  kLog.error("handler failed method={} path={} request={} what={}", request.method, request.path, request.id,
             text);
  co_return error_response(request.method, request.path, 500, "internal error, request " + request.id);
}

void Connection::begin_head(int status, const Headers& headers) {
  head_.clear();
  fmt::format_to(std::back_inserter(head_), "HTTP/1.1 {} {}\r\nDate: {}\r\n", status, reason_phrase(status),
                 date_now());
  for (const auto& [name, value] : headers.items()) {
    if (is_framing_header(name)) continue;
    append_header_text(head_, name);
    head_ += ": ";
    append_header_text(head_, value);
    head_ += "\r\n";
  }
}

Task<bool> Connection::write_response(Request& request, Response& response, bool keep) {
  const bool head_only = request.method == "HEAD";
  const bool old_client = parser_.header_done() && parser_.version() < 11;
  std::string* const text = std::get_if<std::string>(&response.body);
  BodySource* const source = text == nullptr ? std::get<BodySourcePtr>(response.body).get() : nullptr;
  const std::optional<uint64_t> size = response_size(response);
  const bool no_body = head_only || is_bodiless(response.status);
  bool chunked = false;
  begin_head(response.status, response.headers);
  if (head_only && response.headers.get("Content-Length")) {
    head_ += "Content-Length: ";
    append_header_text(head_, *response.headers.get("Content-Length"));
    head_ += "\r\n";
  } else if (response.status == 204) {
    head_ += "Content-Length: 0\r\n";  // clients of this API wait for it whatever the status says
  } else if (size && !is_bodiless(response.status)) {
    fmt::format_to(std::back_inserter(head_), "Content-Length: {}\r\n", *size);
  } else if (!no_body && !old_client) {
    chunked = true;
    head_ += "Transfer-Encoding: chunked\r\n";
  }
  if (!keep) head_ += "Connection: close\r\n";
  if (keep && old_client) head_ += "Connection: keep-alive\r\n";
  head_ += "\r\n";
  if (no_body || text != nullptr || source == nullptr) {
    const std::string_view body = no_body || text == nullptr ? std::string_view() : std::string_view(*text);
    const Stream::Pieces pieces{head_, body, std::string_view()};
    const bool written = co_await write_all(pieces);
    co_return written;
  }
  const Stream::Pieces pieces{head_, std::string_view(), std::string_view()};
  const bool begun = co_await write_all(pieces);
  if (!begun) co_return false;
  const bool written = co_await write_stream(*source, chunked);
  co_return written;
}

Task<bool> Connection::write_stream(BodySource& body, bool chunked) {
  const std::optional<uint64_t> promised = chunked ? std::nullopt : body.size();
  uint64_t sent = 0;
  while (true) {
    Result<std::string_view> piece = co_await body.next();
    if (!piece) {
      // The head is gone: cutting the connection is the only way left to say that the body is not complete.
      kLog.warn("response body failed peer={} reason={}", peer_address_, piece.error().text());
      co_return false;
    }
    const std::string_view bytes = *piece;
    if (bytes.empty()) break;
    sent += bytes.size();
    if (promised && sent > *promised) {
      kLog.error("response body is longer than announced announced={}", *promised);
      co_return false;
    }
    Stream::Pieces pieces{std::string_view(), bytes, std::string_view()};
    std::string size_line;
    if (chunked) {
      size_line = fmt::format("{:x}\r\n", bytes.size());
      pieces[0] = size_line;
      pieces[2] = "\r\n";
    }
    const bool written = co_await write_all(pieces);
    if (!written) co_return false;
  }
  if (promised && sent != *promised) {
    kLog.error("response body is shorter than announced announced={} sent={}", *promised, sent);
    co_return false;
  }
  if (!chunked) co_return true;
  const Stream::Pieces last{kLastChunk, std::string_view(), std::string_view()};
  const bool written = co_await write_all(last);
  co_return written;
}

Task<bool> Connection::write_all(Stream::Pieces pieces) {
  Result<void> written = co_await stream_->write(pieces, limits_.body_timeout, &writing_pace_);
  if (!written && written.error().code == ErrorCode::kTimeout) server_->admission->note_cut();
  co_return written.ok();
}

/// Whether the next request may come after what is left of this one's body.
bool Connection::may_drain(const RequestBody& body) const {
  if (parser_.done()) return true;
  const std::optional<uint64_t> left = body.left();
  return left && *left <= kDrainBytes;
}

Task<bool> Connection::drain_body(RequestBody& body) {
  uint64_t drained = 0;
  while (true) {
    Result<std::string_view> piece = co_await body.next();
    if (!piece) co_return false;
    if (piece->empty()) co_return true;
    drained += piece->size();
    if (drained > kDrainBytes) co_return false;
  }
}

Task<Connection::Next> Connection::upgrade(Request& request, Response& response) {
  const std::string obstacle = upgrade_obstacle(request, parser_.version());
  if (!obstacle.empty() || !parser_.done()) {
    const std::string text = obstacle.empty() ? "a WebSocket request has no body" : obstacle;
    Response refusal = error_response(request.method, request.path, 400, text);
    refusal.headers.add("Sec-WebSocket-Version", "13");
    const bool written = co_await write_response(request, refusal, false);
    co_return written ? Next::kCloseAfterAnswer : Next::kClose;
  }
  begin_head(101, response.headers);
  fmt::format_to(std::back_inserter(head_),
                 "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
                 websocket_accept(*request.headers.get("Sec-WebSocket-Key")));
  const Stream::Pieces pieces{head_, std::string_view(), std::string_view()};
  const bool written = co_await write_all(pieces);
  if (!written) co_return Next::kClose;
  ConversationOptions options;
  options.max_message = limits_.max_websocket_message;
  options.max_queue = limits_.max_websocket_queue;
  options.ping = limits_.websocket_ping;
  options.patience = limits_.body_timeout;
  options.least_rate = server_->peers.least_rate;
  auto conversation = std::make_shared<Conversation>(stream_, std::move(buffer_), options, server_->tasks);
  server_->set_conversation(this, conversation);
  if (server_->stopping()) co_return Next::kClose;
  std::string().swap(head_);
  auto converse = std::move(response.upgrade);
  std::string failure;
  try {
    co_await converse(conversation);
  } catch (const std::exception& error) {
    failure = error.what();
  } catch (...) {
    failure = "unknown exception";
  }
  const asio::cancellation_state state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none) co_return Next::kClose;
  if (!failure.empty()) {
    kLog.error("websocket task failed path={} request={} what={}", request.path, request.id, failure);
  }
  co_await conversation->close(failure.empty() ? kNormalClosure : kInternalClosure, "");
  co_return Next::kClose;
}

}  // namespace mullion::net::internal
