#include "client/login.h"

#include <fmt/format.h>

#include "base/base64.h"
#include "model/members.h"

namespace mullion::client {

std::string bearer(std::string_view token) { return fmt::format("Bearer {}", token); }

std::string basic(std::string_view user, std::string_view password) {
  return "Basic " + base64_encode(fmt::format("{}:{}", user, password));
}

std::string token_in(std::string_view body) { return model::text_member(model::parse_object(body), "Token"); }

std::string Login::authorization() const {
  Lock lock(mutex_);
  return authorization_;
}

void Login::show(std::string authorization) {
  Lock lock(mutex_);
  authorization_ = std::move(authorization);
}

env::Task<bool> Login::renew(std::string stale) {
  if (authorization() != stale) co_return true;
  const Result<std::string> token = co_await fetch_();
  if (!token) co_return false;
  show(bearer(*token));
  co_return true;
}

}  // namespace mullion::client
