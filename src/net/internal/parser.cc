#include "net/internal/parser.h"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "base/letters.h"
#include "base/text.h"

namespace mullion::net::internal {
namespace {

namespace http = boost::beast::http;
using BeastError = boost::beast::error_code;
using BeastText = boost::beast::string_view;

constexpr std::string_view kLastChunkLine = "0\r\n";
constexpr size_t kShortestLastChunk = 5;

std::string_view to_std(BeastText text) { return {text.data(), text.size()}; }

struct Message {
  std::string method;
  std::string target;
  Headers headers;
  int status = 0;
  int version = 11;
  std::string_view piece;
  uint64_t header_bytes = 0;
  uint64_t chunk_left = 0;                     // of the body of the chunk that is being read
  uint64_t body_bytes = 0, framing_bytes = 0;  // of the body, and of what is around its chunks
  std::string unknown_coding;                  // why the failure is Failure::kUnknownCoding
};

/// Chunks are all that this side can take apart: codings below them would be read as the body (RFC 9112,
/// section 6.1). Asked when chunks are the last coding.
void check_codings(Message& message, BeastError& failure) {
  size_t chunked = 0;
  for (const std::string_view list : message.headers.get_all("Transfer-Encoding")) {
    for (const std::string& coding : trimmed_list(list)) {
      const bool known = equal_ignoring_case(coding, "chunked");
      chunked += known ? 1 : 0;
      if (!known && message.unknown_coding.empty()) message.unknown_coding = coding;
    }
  }
  if (chunked != 1 || !message.unknown_coding.empty()) failure = http::error::bad_transfer_encoding;
}

/// Receives the events of Beast's parser, which runs over our own buffer.
template <bool kIsRequest>
class EventParser final : public http::basic_parser<kIsRequest> {
 public:
  explicit EventParser(Message& message) : message_(message) {}

 private:
  void on_request_impl(http::verb, BeastText method, BeastText target, int version, BeastError&) override {
    message_.method = to_std(method);
    message_.target = to_std(target);
    message_.version = version;
  }
  void on_response_impl(int code, BeastText, int version, BeastError&) override {
    message_.status = code;
    message_.version = version;
  }
  void on_field_impl(http::field, BeastText name, BeastText value, BeastError&) override {
    if (this->is_header_done()) return;  // trailers of a chunked body are not headers
    message_.headers.add(std::string(to_std(name)), std::string(to_std(value)));
  }
  void on_header_impl(BeastError& failure) override {
    // Beast takes a request with an unknown transfer coding as one without a body, which would let a second
    // request hide in the body.
    if (kIsRequest && !this->chunked() && message_.headers.get("Transfer-Encoding")) {
      failure = http::error::bad_transfer_encoding;
    }
    if (kIsRequest && this->chunked()) check_codings(message_, failure);
  }
  void on_body_init_impl(const boost::optional<uint64_t>&, BeastError&) override {}
  size_t on_body_impl(BeastText body, BeastError&) override {
    message_.piece = to_std(body);
    return body.size();
  }
  void on_chunk_header_impl(uint64_t size, BeastText, BeastError&) override { message_.chunk_left = size; }
  size_t on_chunk_body_impl(uint64_t, BeastText body, BeastError&) override {
    message_.piece = to_std(body);
    message_.chunk_left -= body.size();
    return body.size();
  }
  void on_finish_impl(BeastError&) override {}

  Message& message_;
};

}  // namespace

struct MessageParser::State {
  State(Kind which, uint64_t limit) : kind(which), header_limit(limit) {}

  Kind kind;
  uint64_t header_limit;
  Message message;
  std::optional<EventParser<true>> request;
  std::optional<EventParser<false>> response;
  Failure failure = Failure::kNone;
  std::string failure_text;

  template <typename Parser>
  void prepare(std::optional<Parser>& parser) {
    parser.emplace(message);
    parser->header_limit(static_cast<uint32_t>(std::min<uint64_t>(header_limit, UINT32_MAX)));
    parser->body_limit(boost::none);
    parser->eager(false);
  }

  template <typename Function>
  auto with(Function function) const {
    return kind == Kind::kRequest ? function(*request) : function(*response);
  }
  template <typename Function>
  auto with(Function function) {
    return kind == Kind::kRequest ? function(*request) : function(*response);
  }

  /// A body of a few bytes is not wrapped into megabytes of extensions and trailers.
  void count_framing(size_t used) {
    constexpr uint64_t kFramingOfAByte = 16;
    message.body_bytes += message.piece.size();
    message.framing_bytes += used - std::min(used, message.piece.size());
    if (message.framing_bytes > header_limit + kFramingOfAByte * message.body_bytes)
      fail(http::error::bad_chunk_extension);
  }

  void fail(const BeastError& error) {
    failure = error == http::error::header_limit ? Failure::kHeaderTooLarge : Failure::kMalformed;
    failure_text = error.message();
    if (message.unknown_coding.empty()) return;
    failure = Failure::kUnknownCoding;
    failure_text =
        fmt::format("Transfer-Encoding: {:.100} is not known, chunked alone is", message.unknown_coding);
  }
};

MessageParser::MessageParser(Kind kind, uint64_t header_limit)
    : state_(std::make_unique<State>(kind, header_limit)) {
  restart();
}

MessageParser::~MessageParser() = default;

void MessageParser::restart() {
  state_->message = Message{};
  state_->failure = Failure::kNone;
  state_->failure_text.clear();
  if (state_->kind == Kind::kRequest) {
    state_->prepare(state_->request);
  } else {
    state_->prepare(state_->response);
  }
}

void MessageParser::expect_no_body() {
  state_->with([](auto& parser) { parser.skip(true); });
}

size_t MessageParser::feed(std::string_view bytes) {
  State& state = *state_;
  state.message.piece = {};
  // Having seen the line of a last chunk, Beast asserts that the next call brings all that such a chunk has.
  const bool maybe_last = bytes.starts_with(kLastChunkLine) && bytes.size() < kShortestLastChunk;
  if (maybe_last && header_done() && between_chunks()) return 0;
  BeastError error;
  const bool in_header = !header_done();
  const size_t used = state.with(
      [&](auto& parser) { return parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error); });
  if (error && error != http::error::need_more) {
    state.fail(error);
    return used;
  }
  if (!in_header) {
    state.count_framing(used);
    return used;
  }
  state.message.header_bytes += used;
  if (state.message.header_bytes > state.header_limit) state.fail(http::error::header_limit);
  return used;
}

bool MessageParser::between_chunks() const {
  return state_->message.chunk_left == 0 && state_->with([](auto& parser) { return parser.chunked(); });
}

bool MessageParser::feed_end() {
  if (!started() || done()) return done();
  state_->message.piece = {};
  BeastError error;
  state_->with([&](auto& parser) { parser.put_eof(error); });
  if (error) state_->fail(error);
  return !error;
}

bool MessageParser::started() const {
  return state_->with([](auto& parser) { return parser.got_some(); });
}
bool MessageParser::header_done() const {
  return state_->with([](auto& parser) { return parser.is_header_done(); });
}
bool MessageParser::done() const {
  return state_->with([](auto& parser) { return parser.is_done(); });
}
MessageParser::Failure MessageParser::failure() const { return state_->failure; }
const std::string& MessageParser::failure_text() const { return state_->failure_text; }
std::string_view MessageParser::piece() const { return state_->message.piece; }
std::string& MessageParser::method() { return state_->message.method; }
std::string& MessageParser::target() { return state_->message.target; }
Headers& MessageParser::headers() { return state_->message.headers; }
int MessageParser::status() const { return state_->message.status; }
int MessageParser::version() const { return state_->message.version; }
bool MessageParser::keep_alive() const {
  return state_->with([](auto& parser) { return parser.keep_alive(); });
}
std::optional<uint64_t> MessageParser::content_length() const {
  const auto length = state_->with([](auto& parser) { return parser.content_length(); });
  return length ? std::optional<uint64_t>(*length) : std::nullopt;
}

}  // namespace mullion::net::internal
