#include "catalog/internal/web.h"

#include <fmt/format.h>

#include <boost/url.hpp>

namespace mullion::catalog {

namespace {

constexpr int kMaxRedirects = 5;

struct UrlParts {
  std::string origin, target;
};

Result<UrlParts> split_url(const std::string& url) {
  const auto parsed = boost::urls::parse_uri(url);
  const bool web = parsed && (parsed->scheme() == "http" || parsed->scheme() == "https") && !parsed->host().empty();
  if (!web) return Error(ErrorCode::kBadRequest, "no http(s) URL: " + url);
  UrlParts parts;
  parts.origin = fmt::format("{}://{}", std::string(parsed->scheme()), std::string(parsed->encoded_host_and_port()));
  parts.target = parsed->encoded_path().empty() ? "/" : std::string(parsed->encoded_path());
  if (parsed->has_query()) parts.target += "?" + std::string(parsed->encoded_query());
  return parts;
}

std::string resolve_redirect(const std::string& from, const std::string& location) {
  const auto base = boost::urls::parse_uri(from);
  const auto reference = boost::urls::parse_uri_reference(location);
  boost::urls::url joined;
  if (!base || !reference || !boost::urls::resolve(*base, *reference, joined)) return location;
  return std::string(joined.buffer());
}

bool is_redirect(int status) { return status >= 301 && status <= 308 && status != 304; }

Error named(const std::string& url, Error error) {
  if (error.messages.empty()) error.messages.emplace_back();
  error.messages.front() = fmt::format("{}: {}", url, error.messages.front());
  return error;
}

}  // namespace

env::Task<Result<WebAnswer>> open_url(env::Runtime& runtime, std::string url, net::Headers headers) {
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    const Result<UrlParts> parts = split_url(url);
    if (!parts) co_return parts.error();
    net::ClientOptions options;
    options.base_url = parts->origin;
    Result<std::unique_ptr<net::Client>> client = net::make_client(runtime, std::move(options));
    if (!client) co_return named(url, client.error());
    net::ClientRequest request;
    request.target = parts->target;
    request.headers = headers;
    Result<net::ClientResponse> answer = co_await (*client)->send(std::move(request));
    if (!answer) co_return named(url, answer.error());
    const auto location = answer->headers.get("Location");
    if (is_redirect(answer->status) && location) {
      url = resolve_redirect(url, std::string(*location));
      continue;
    }
    const bool useful =
        answer->status == 200 || answer->status == 206 || answer->status == 304 || answer->status == 416;
    if (!useful) {
      const ErrorCode code = answer->status == 404 ? ErrorCode::kNotFound : ErrorCode::kUnreachable;
      co_return named(url, Error(code, fmt::format("HTTP status {}", answer->status)));
    }
    co_return WebAnswer{answer->status, std::move(answer->headers), std::move(*client), std::move(answer->body)};
  }
  co_return Error(ErrorCode::kUnreachable, url + ": too many redirects");
}

}  // namespace mullion::catalog
