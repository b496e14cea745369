#include "net/web.h"

#include <fmt/format.h>

#include <boost/url.hpp>

#include "net/internal/stream.h"
#include "net/user_url.h"

namespace mullion::net {
namespace {

constexpr int kMaxRedirects = 5;

std::string resolve_redirect(const std::string& from, const std::string& location) {
  const auto base = boost::urls::parse_uri(from);
  const auto reference = boost::urls::parse_uri_reference(location);
  boost::urls::url joined;
  if (!base || !reference || !boost::urls::resolve(*base, *reference, joined)) return location;
  return std::string(joined.buffer());
}

bool is_redirect(int status) { return status >= 301 && status <= 308 && status != 304; }

bool is_useful(int status) { return (status >= 200 && status < 300) || status == 304 || status == 416; }

Error named(const std::string& url, Error error) {
  if (error.messages.empty()) error.messages.emplace_back();
  error.messages.front() = fmt::format("{}: {}", url, error.messages.front());
  return error;
}

/// A body together with the client whose connection it comes from.
class ForeignBody final : public BodySource {
 public:
  ForeignBody(std::unique_ptr<Client> client, BodySourcePtr body)
      : client_(std::move(client)), body_(std::move(body)) {}
  env::Task<Result<std::string_view>> next() override { return body_->next(); }
  std::optional<uint64_t> size() const override { return body_->size(); }

 private:
  std::unique_ptr<Client> client_;
  BodySourcePtr body_;
};

}  // namespace

env::Task<Result<UrlAnswer>> open_url(env::Runtime& runtime, std::string url, UrlOptions options) {
  const env::SteadyTime deadline = internal::deadline_after(options.total);
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    const Result<UserUrl> place = parse_user_url(url);
    if (!place) co_return place.error();
    ClientOptions client_options;
    client_options.base_url = place->origin;
    client_options.trust = options.trust;
    client_options.proxy = options.proxy;
    client_options.idle_timeout = options.idle_timeout;
    client_options.least_rate = options.least_rate;
    client_options.rate_window = options.rate_window;
    client_options.deadline = deadline;
    Result<std::unique_ptr<Client>> client = make_client(runtime, std::move(client_options));
    if (!client) co_return named(url, client.error());
    ClientRequest request;
    request.target = place->target;
    request.headers = options.headers;
    Result<ClientResponse> answer = co_await (*client)->send(std::move(request));
    if (!answer) co_return named(url, answer.error());
    const auto location = answer->headers.get("Location");
    if (is_redirect(answer->status) && location) {
      std::string next = resolve_redirect(url, std::string(*location));
      if (url.starts_with("https:") && !next.starts_with("https:"))
        co_return named(url, Error(ErrorCode::kUnreachable, "it leads from https to another scheme"));
      url = std::move(next);
      continue;
    }
    if (!is_useful(answer->status)) {
      const ErrorCode code = answer->status == 404 ? ErrorCode::kNotFound : ErrorCode::kUnreachable;
      co_return named(url, Error(code, fmt::format("HTTP status {}", answer->status)));
    }
    UrlAnswer out{answer->status, std::move(answer->headers), nullptr};
    out.body = std::make_unique<ForeignBody>(std::move(*client), std::move(answer->body));
    co_return out;
  }
  co_return Error(ErrorCode::kUnreachable, url + ": too many redirects");
}

}  // namespace mullion::net
