// Logins: authorisation headers, tokens, lifetimes and secure data. Password hashing is left out: it is slow
// on purpose.
#include "auth/internal/token.h"

#include <memory>

#include "auth/auth.h"
#include "auth/internal/credentials.h"
#include "fuzz/fuzz.h"
#include "store/store.h"

using namespace mullion;

namespace {

const std::string kKey(32, 'k');

void read_token(std::string_view text) {
  const auto content = auth::verify_token(text, kKey);
  if (content) fuzz::require(auth::sign_token(*content, kKey) == text, "only signed tokens verify");
}

/// A payload that is signed: what an old server could have written.
void read_signed(std::string_view text) {
  auth::TokenContent content;
  content.user = text.substr(0, text.size() / 2);
  content.grantor = text.substr(text.size() / 2);
  content.roles = std::vector<std::string>{content.user};
  const auto read = auth::verify_token(auth::sign_token(content, kKey), kKey);
  if (read) fuzz::require(read->user == content.user, "a token says what was signed");
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auth::KeyPair pair = auth::make_key_pair();
  static const std::unique_ptr<store::Store> store = store::open_memory_store();
  static const auto authenticator = auth::make_authenticator(*store, env::system_clock());
  const std::string_view text = fuzz::text_of(data, size);
  auth::Credentials credentials;
  credentials.authorization = text;
  const auth::Presented presented = auth::parse_credentials(credentials);
  read_token(presented.token);
  read_token(text);
  read_signed(text);
  if (!authenticator->needs_hashing(credentials)) {
    fuzz::require(!authenticator->authenticate(credentials).ok(), "nobody gets in by chance");
  }
  (void)auth::parse_ttl(text);
  if (auth::is_secure_data(text)) (void)auth::open_sealed(pair, text);
  return 0;
}
