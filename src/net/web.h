// GET of http(s) URLs of anybody, with redirects.
#pragma once

#include <memory>
#include <string>

#include "net/http.h"

namespace mullion::net {

struct UrlOptions {
  Headers headers;
  TrustPolicy trust;
  std::string proxy;  // as in ClientOptions
  env::Duration idle_timeout = std::chrono::seconds(60);
  uint64_t least_rate = 1024;  // as in ClientOptions
  env::Duration rate_window = std::chrono::seconds(60);
  env::Duration total = env::Duration::max();  // until the end of the body, redirects included
};

struct UrlAnswer {
  int status = 0;  // 2xx, 304 or 416
  Headers headers;
  BodySourcePtr body;  // keeps its connection; must not outlive the runtime
};

/// Follows up to five redirects. kBadRequest (no URL), kNotFound, kUnreachable, kTimeout; each names the URL.
/// A redirect from https to http is refused.
env::Task<Result<UrlAnswer>> open_url(env::Runtime& runtime, std::string url, UrlOptions options);

}  // namespace mullion::net
