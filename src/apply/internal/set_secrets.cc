#include "apply/internal/set_secrets.h"

#include <fmt/format.h>

#include "auth/auth.h"
#include "manager/endpoint_calls.h"
#include "model/secure_params.h"

namespace mullion::apply {

Result<std::string> opened_secret(store::Store& store, const std::string& set, const json::value& wanted) {
  const std::string text = json::serialize(wanted);
  if (!model::is_sealed(wanted)) return text;
  const Result<auth::KeyPair> pair = auth::object_key_pair(store, "version_sets", set);
  if (!pair)
    return Error(ErrorCode::kInvalid,
                 fmt::format("a sealed value of {} cannot be opened: its key is not here", set));
  Result<std::string> clear = auth::open_sealed(*pair, text);
  if (!clear)
    return Error(ErrorCode::kInvalid,
                 fmt::format("a sealed value of {}: {}", set, client::reason_of(clear.error())));
  return clear;
}

}  // namespace mullion::apply
