// Password hashes: Argon2id for ours, scrypt text for those that content packs and older databases carry.
#pragma once

#include <string>
#include <string_view>

namespace mullion::auth {

/// Argon2id, 32 MiB and 2 passes. Slow on purpose.
std::string argon2id(std::string_view password);
/// `stored`: Argon2id text, scrypt text "N$r$p$hexsalt$hexkey", or base64 of either.
bool verify_password(std::string_view stored, std::string_view password);
/// Spends the time of a verification, so that unknown users cannot be told from wrong passwords.
void waste_verification(std::string_view password);

}  // namespace mullion::auth
