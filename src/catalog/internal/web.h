// GET of http(s) URLs with redirects.
#pragma once

#include <memory>
#include <string>

#include "env/runtime.h"
#include "net/http.h"

namespace mullion::catalog {

/// Must not outlive the runtime.
struct WebAnswer {
  int status = 0;  // 200, 206, 304 or 416
  net::Headers headers;
  std::unique_ptr<net::Client> client;  // whose connection the body comes from
  net::BodySourcePtr body;
};

/// Follows up to five redirects. Certificates are not verified: what comes is checked by its SHA-256. kBadRequest (no URL),
/// kNotFound, kUnreachable, kTimeout; each names the URL.
env::Task<Result<WebAnswer>> open_url(env::Runtime& runtime, std::string url, net::Headers headers);

}  // namespace mullion::catalog
