// Bodies that stream: from the server, to it, and from elsewhere.
#include <fmt/format.h>

#include <boost/url.hpp>

#include "cli/internal/session_state.h"
#include "model/object.h"

namespace mullion::cli {
namespace {

constexpr int kMaxRedirects = 5;
constexpr uint64_t kLargestRefusal = 1024 * 1024;

/// A body together with the client whose connection it comes from.
class ForeignBody final : public net::BodySource {
 public:
  ForeignBody(std::unique_ptr<net::Client> client, net::BodySourcePtr body)
      : client_(std::move(client)), body_(std::move(body)) {}
  net::Task<Result<std::string_view>> next() override { return body_->next(); }
  std::optional<uint64_t> size() const override { return body_->size(); }

 private:
  std::unique_ptr<net::Client> client_;
  net::BodySourcePtr body_;
};

struct Place {
  std::string origin;  // "https://host:port"
  std::string target;  // path and query
};

Result<Place> split_url(const std::string& url) {
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed || parsed->host().empty()) return Error(ErrorCode::kBadRequest, "this is no URL: " + url);
  Place place;
  place.origin =
      fmt::format("{}://{}", std::string(parsed->scheme()), std::string(parsed->encoded_host_and_port()));
  place.target = parsed->encoded_path().empty() ? "/" : std::string(parsed->encoded_path());
  if (parsed->has_query()) place.target += "?" + std::string(parsed->encoded_query());
  return place;
}

std::string resolve_redirect(const std::string& from, const std::string& location) {
  const auto base = boost::urls::parse_uri(from);
  const auto reference = boost::urls::parse_uri_reference(location);
  boost::urls::url joined;
  if (!base || !reference || !boost::urls::resolve(*base, *reference, joined)) return location;
  return std::string(joined.buffer());
}

Error url_error(const std::string& url, Error error) {
  if (error.messages.empty()) error.messages.emplace_back();
  error.messages[0] = fmt::format("{}: {}", url, error.messages[0]);
  return error;
}

bool is_redirect(int status) { return status >= 301 && status <= 308 && status != 304; }

}  // namespace

Result<bool> Session::download(Call call, const Begin& begin, const Sink& sink) {
  Result<void> ready = start();
  if (!ready) return ready.error();
  net::ClientRequest request = state_->request_of(call, true);
  request.headers.add("Accept", "application/octet-stream");
  return wait_for(state_->runtime, [&]() -> net::Task<Result<bool>> {
    Result<net::ClientResponse> answer = co_await state_->client->send(std::move(request));
    if (!answer) co_return answer.error();
    state_->report(call, std::to_string(answer->status));
    if (answer->status >= 400) {
      Result<std::string> text = co_await net::read_all(*answer->body, kLargestRefusal);
      co_return error_from_answer(answer->status, text ? *text : std::string());
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

Result<json::value> Session::upload(std::string method, std::string target, net::BodySourcePtr body) {
  Result<void> ready = start();
  if (!ready) return ready.error();
  Call call{std::move(method), std::move(target), "", {{"Content-Type", "application/octet-stream"}}, {}};
  net::ClientRequest request = state_->request_of(call, true);
  request.body = std::move(body);
  request.timeout = env::Duration(std::chrono::hours(24));  // the answer comes behind the last byte
  Result<net::TextResponse> answer = wait_for(
      state_->runtime, [&]() { return net::fetch(*state_->client, std::move(request), kLargestAnswer); });
  if (!answer) return answer.error();
  state_->report(call, std::to_string(answer->status));
  if (answer->status >= 400) return error_from_answer(answer->status, answer->body);
  if (answer->body.empty()) return json::value(nullptr);
  return model::parse_json(answer->body);
}

Result<net::BodySourcePtr> Session::open_url(const std::string& url) {
  std::string current = url;
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    Result<Place> place = split_url(current);
    if (!place) return place.error();
    net::ClientOptions client_options;
    client_options.base_url = place->origin;
    client_options.idle_timeout = kPatience;
    Result<std::unique_ptr<net::Client>> client = net::make_client(state_->runtime, client_options);
    if (!client) return url_error(current, client.error());
    net::ClientRequest request;
    request.target = place->target;
    Result<net::ClientResponse> answer =
        wait_for(state_->runtime, [&]() { return (*client)->send(std::move(request)); });
    if (!answer) return url_error(current, answer.error());
    const auto location = answer->headers.get("Location");
    if (is_redirect(answer->status) && location) {
      current = resolve_redirect(current, std::string(*location));
      continue;
    }
    if (answer->status >= 300) {
      const ErrorCode code = answer->status == 404 ? ErrorCode::kNotFound : ErrorCode::kUnreachable;
      return url_error(current, Error(code, fmt::format("HTTP status {}", answer->status)));
    }
    return net::BodySourcePtr(std::make_unique<ForeignBody>(std::move(*client), std::move(answer->body)));
  }
  return Error(ErrorCode::kUnreachable, url + ": too many redirects");
}

Result<std::string> Session::read_body(net::BodySource& body, uint64_t limit) {
  return wait_for(state_->runtime, [&]() { return net::read_all(body, limit); });
}

Result<std::string_view> Session::next_piece(net::BodySource& body) {
  return wait_for(state_->runtime, [&]() { return body.next(); });
}

const std::string& Session::url() const { return state_->url; }

}  // namespace mullion::cli
