#include "auth/internal/credentials.h"

#include <strings.h>

#include "auth/internal/codec.h"
#include "base/base64.h"
#include "base/text.h"

namespace mullion::auth {

namespace {

bool is_word(std::string_view text, std::string_view word) {
  return text.size() == word.size() && strncasecmp(text.data(), word.data(), word.size()) == 0;
}

Presented password_of(std::string_view pair, size_t colon) {
  return {Presented::Kind::kPassword, std::string(pair.substr(0, colon)), std::string(pair.substr(colon + 1)),
          ""};
}

Presented token_of(std::string_view token) { return {Presented::Kind::kToken, "", "", std::string(token)}; }

Presented from_basic(std::string_view value) {
  const auto decoded = base64_decode(value);
  const size_t colon = decoded ? decoded->find(':') : std::string::npos;
  return colon == std::string::npos ? token_of(value) : password_of(*decoded, colon);
}

Presented from_header(std::string_view header) {
  const size_t blank = header.find(' ');
  const std::string_view scheme = header.substr(0, blank);
  const std::string_view value =
      blank == std::string_view::npos ? std::string_view() : trimmed(header.substr(blank + 1));
  if (is_word(scheme, "Basic")) return from_basic(value);
  if (is_word(scheme, "Bearer")) return token_of(value);
  return {Presented::Kind::kUnknownScheme, "", "", ""};
}

}  // namespace

Presented parse_credentials(const Credentials& credentials) {
  if (!credentials.authorization.empty()) return from_header(credentials.authorization);
  const std::string& query = credentials.query_token;
  if (query.empty()) return {};
  const size_t colon = query.find(':');  // never part of a token
  return colon == std::string::npos ? token_of(query) : password_of(query, colon);
}

}  // namespace mullion::auth
