// The key pairs that seal secure parameters: shown, and exchanged.
#include "api/internal/answers.h"
#include "api/internal/handlers.h"
#include "api/internal/write_support.h"
#include "base/base64.h"

namespace mullion::api {
namespace {

net::Response public_key_of(const auth::KeyPair& pair) {
  return json_response(200, quoted_json(base64_encode(pair.public_key)));
}

/// A read: nothing is stored. What is sealed for the key stores it.
Result<net::Response> show_key_of(const Call& call, std::string_view key) {
  Result<auth::KeyPair> pair = auth::told_key_pair(call.services.store, call.type->prefix, key);
  if (!pair) return pair.error();
  return public_key_of(*pair);
}

}  // namespace

namespace handlers {

env::Task<Result<net::Response>> show_public_key(Call& call) { co_return show_key_of(call, call.target.key); }

/// Sets that travel are sealed before they are there, so that none is ever seen without its secrets.
env::Task<Result<net::Response>> show_set_key(Call& call) {
  co_return show_key_of(call, call.argument("id"));
}

env::Task<Result<net::Response>> rotate_key_pair(Call& call) {
  const auth::KeyPair fresh = auth::make_key_pair();
  RequestedWrite asked(call);
  const Result<objects::Written> written = co_await asked.write.reseal(call.target.key, fresh);
  if (!written) co_return written.error();
  net::Response response = public_key_of(fresh);
  add_commit_header(call, written->cursor, response);
  co_return response;
}

}  // namespace handlers
}  // namespace mullion::api
