// Secrets on their way: base64, boxes for secure parameters, hashes of passwords.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mullion::cli {

/// SecureData (contract: auth.md section 5) that only the holder of the key behind `public_key` (base64 of 32
/// bytes) can open. kInvalid when that is no key.
Result<boost::json::value> seal(const std::string& public_key, const boost::json::value& clear);

/// A key pair as base64 texts.
struct SealingKeys {
  std::string public_key;
  std::string private_key;
};
SealingKeys make_sealing_keys();
/// The value inside SecureData that was sealed for `keys`. kInvalid when it was sealed for someone else.
Result<boost::json::value> open_sealed(const SealingKeys& keys, const boost::json::value& sealed);

/// "16384$8$1$SALT$KEY": scrypt, as user objects carry it.
Result<std::string> hash_password(const std::string& password);

}  // namespace mullion::cli
