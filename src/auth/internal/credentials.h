// What a request presents, taken apart.
#pragma once

#include <string>

#include "auth/auth.h"

namespace mullion::auth {

struct Presented {
  enum class Kind { kNothing, kPassword, kToken, kUnknownScheme };
  Kind kind = Kind::kNothing;
  std::string user, password;
  std::string token;
};

/// Header first, then ?token=. A Basic value that is not base64 of "x:y" is taken for a token.
Presented parse_credentials(const Credentials& credentials);

}  // namespace mullion::auth
