// Bodies that stream: from the server, to it, and from elsewhere.
#include <fmt/format.h>

#include "base/json.h"
#include "cli/connection/session_state.h"
#include "client/api.h"
#include "model/object.h"

namespace mullion::cli {
namespace {

constexpr uint64_t kLargestRefusal = 1024 * 1024;

}  // namespace

Result<bool> Session::download(Call call, const Begin& begin, const Sink& sink) {
  Result<void> ready = start();
  if (!ready) return ready.error();
  net::ClientRequest request = state_->request_of(call, true);
  request.headers.add("Accept", "application/octet-stream");
  return env::run(state_->runtime, [&]() -> net::Task<Result<bool>> {
    Result<net::ClientResponse> answer = co_await state_->server.client->send(std::move(request));
    if (!answer) co_return answer.error();
    state_->report(call, std::to_string(answer->status));
    if (answer->status >= 400) {
      Result<std::string> text = co_await net::read_all(*answer->body, kLargestRefusal);
      co_return client::error_of(answer->status, text ? *text : std::string(), answer->headers);
    }
    if (answer->status == 304) co_return false;
    Result<void> taken = begin({answer->status, answer->headers, answer->body->size().value_or(0)});
    while (taken) {
      Result<std::string_view> piece = co_await answer->body->next();
      if (!piece) co_return piece.error();
      if (piece->empty()) co_return true;
      taken = sink(*piece);
    }
    co_return taken.error();
  });
}

Result<json::value> Session::upload(client::Request asked, net::BodySourcePtr body) {
  Result<void> ready = start();
  if (!ready) return ready.error();
  const Call call{std::move(asked), "", {{"Content-Type", "application/octet-stream"}}};
  net::ClientRequest request = state_->request_of(call, true);
  request.body = std::move(body);
  request.timeout = env::Duration(std::chrono::hours(24));  // the answer comes behind the last byte
  Result<net::TextResponse> answer = env::run(state_->runtime, [&]() {
    return net::fetch(*state_->server.client, std::move(request), kLargestAnswer);
  });
  if (!answer) return answer.error();
  state_->report(call, std::to_string(answer->status));
  if (answer->status >= 400) return client::error_of(answer->status, answer->body, answer->headers);
  if (answer->body.empty()) return json::value(nullptr);
  return parse_json(answer->body);
}

Result<net::BodySourcePtr> Session::open(Call call) {
  Result<void> ready = start();
  if (!ready) return ready.error();
  net::ClientRequest request = state_->request_of(call, true);
  request.headers.add("Accept", "application/octet-stream");
  return env::run(state_->runtime, [&]() -> net::Task<Result<net::BodySourcePtr>> {
    Result<net::ClientResponse> answer = co_await state_->server.client->send(std::move(request));
    if (!answer) co_return answer.error();
    state_->report(call, std::to_string(answer->status));
    if (answer->status < 400) co_return std::move(answer->body);
    Result<std::string> text = co_await net::read_all(*answer->body, kLargestRefusal);
    co_return client::error_of(answer->status, text ? *text : std::string(), answer->headers);
  });
}

Result<net::BodySourcePtr> Session::open_url(const std::string& url,
                                             const std::optional<net::TrustPolicy>& demanded) {
  return state_->trust.open_url(url, state_->options.download_proxy, demanded);
}

Result<net::BodySourcePtr> Session::open_static(const std::string& url) {
  return state_->trust.open_url(url, "", std::nullopt);
}

Result<std::string> Session::read_body(net::BodySource& body, uint64_t limit) {
  return env::run(state_->runtime, [&]() { return net::read_all(body, limit); });
}

Result<std::string_view> Session::next_piece(net::BodySource& body) {
  return env::run(state_->runtime, [&]() { return body.next(); });
}

const std::string& Session::url() const { return state_->server.url; }

}  // namespace mullion::cli
