// What is shown to a server to be let in.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/result.h"
#include "env/runtime.h"

namespace mullion::client {

/// Value of `Authorization` with a token.
std::string bearer(std::string_view token);
/// Value of `Authorization` with name and password of a user.
std::string basic(std::string_view user, std::string_view password);
/// The token in the answer to get_users_token(); "" when there is none.
std::string token_in(std::string_view body);

/// A login at one server, which outlives the tokens that it gives. Thread-safe.
class Login {
 public:
  /// Asks the server for a token by name and password.
  using Fetch = std::function<env::Task<Result<std::string>>()>;
  /// `authorization` is what is shown at first.
  Login(std::string authorization, Fetch fetch)
      : fetch_(std::move(fetch)), authorization_(std::move(authorization)) {}

  /// What is to be shown now.
  std::string authorization() const;
  void show(std::string authorization);
  /// The server does not take `stale` any more: asks for a token, unless somebody brought one meanwhile.
  /// Whether there is another one to be shown; then what was refused may be sent once more.
  env::Task<bool> renew(std::string stale);

 private:
  const Fetch fetch_;
  mutable Mutex mutex_;
  std::string authorization_ GUARDED_BY(mutex_);
};

}  // namespace mullion::client
