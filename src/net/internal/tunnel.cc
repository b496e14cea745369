#include "net/internal/tunnel.h"

#include <fmt/format.h>

namespace mullion::net::internal {

namespace {

constexpr size_t kLargestAnswer = 16 * 1024;
constexpr size_t kTunnelReadBytes = 4096;

/// With the port, which a proxy needs even when it is the usual one.
std::string authority(const Origin& origin) {
  const std::string port = fmt::format(":{}", origin.port);
  return origin.host_header.ends_with(port) ? origin.host_header : origin.host_header + port;
}

Task<Result<void>> read_answer(Stream& stream, MessageParser& parser, Buffer& buffer, Deadline deadline) {
  while (true) {
    if (!buffer.empty()) buffer.consume(parser.feed(buffer.view()));
    if (parser.failure() != MessageParser::Failure::kNone)
      co_return Error(ErrorCode::kUnreachable, "broken answer: " + parser.failure_text());
    if (parser.header_done()) co_return Result<void>();
    Result<size_t> got = co_await stream.read_into(buffer, kTunnelReadBytes, deadline);
    if (!got) co_return got.error();
    if (*got == 0) co_return Error(ErrorCode::kUnreachable, "it closed the connection");
  }
}

Error no_way_through(const Origin& to, std::string_view reason) {
  return Error(ErrorCode::kUnreachable, fmt::format("the proxy leads to no {}: {}", authority(to), reason));
}

}  // namespace

Task<Result<void>> open_tunnel(Stream& stream, const Origin& to, Deadline deadline) {
  const std::string head = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\n", authority(to));
  const Stream::Pieces pieces{head, std::string_view(), std::string_view()};
  Result<void> written = co_await stream.write(pieces, deadline - deadline_after(env::Duration::zero()));
  if (!written) co_return no_way_through(to, written.error().messages.front());
  MessageParser parser(MessageParser::Kind::kResponse, kLargestAnswer);
  parser.restart();
  parser.expect_no_body();
  Buffer buffer;
  Result<void> answered = co_await read_answer(stream, parser, buffer, deadline);
  if (!answered && answered.error().code == ErrorCode::kTimeout) co_return answered;
  if (!answered) co_return no_way_through(to, answered.error().messages.front());
  if (parser.status() / 100 != 2)
    co_return no_way_through(to, fmt::format("HTTP status {}", parser.status()));
  if (!buffer.empty()) co_return no_way_through(to, "it talks on behind its answer");
  co_return Result<void>();
}

}  // namespace mullion::net::internal
