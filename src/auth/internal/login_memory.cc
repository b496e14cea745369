#include "auth/internal/login_memory.h"

#include <sodium.h>

#include <algorithm>
#include <vector>

#include "auth/internal/codec.h"
#include "base/mutex.h"

namespace mullion::auth {

namespace {

constexpr env::Duration kRemembered = std::chrono::minutes(1);
constexpr size_t kMaxRemembered = 4096;
constexpr size_t kMaxTokens = 4096;

}  // namespace

VerifiedLogins::VerifiedLogins(const env::Clock& clock) : clock_(clock), key_(crypto_auth_KEYBYTES, '\0') {
  ensure_sodium();
  crypto_auth_keygen(reinterpret_cast<unsigned char*>(key_.data()));
}

std::string VerifiedLogins::fingerprint(std::string_view user, std::string_view password,
                                        std::string_view stored_hash) const {
  std::string text;
  for (const std::string_view part : {user, password, stored_hash}) {
    text += std::to_string(part.size());
    text += ':';
    text += part;
  }
  std::string out(crypto_auth_BYTES, '\0');
  crypto_auth(reinterpret_cast<unsigned char*>(out.data()),
              reinterpret_cast<const unsigned char*>(text.data()), text.size(),
              reinterpret_cast<const unsigned char*>(key_.data()));
  sodium_memzero(text.data(), text.size());
  return out;
}

bool VerifiedLogins::knows(std::string_view user, std::string_view password,
                           std::string_view stored_hash) const {
  const std::string print = fingerprint(user, password, stored_hash);
  const Lock lock(mutex_);
  const auto found = entries_.find(print);
  return found != entries_.end() && clock_.steady() < found->second.until;
}

void VerifiedLogins::remember(std::string_view user, std::string_view password,
                              std::string_view stored_hash) {
  std::string print = fingerprint(user, password, stored_hash);
  const Lock lock(mutex_);
  if (entries_.size() >= kMaxRemembered) drop_expired();
  if (entries_.size() >= kMaxRemembered) entries_.clear();
  entries_[std::move(print)] = Entry{std::string(user), clock_.steady() + kRemembered};
}

void VerifiedLogins::forget(std::string_view user) {
  const Lock lock(mutex_);
  std::erase_if(entries_, [user](const auto& item) { return item.second.user == user; });
}

void VerifiedLogins::drop_expired() {
  const auto now = clock_.steady();
  std::erase_if(entries_, [now](const auto& item) { return item.second.until <= now; });
}

VerifiedTokens::VerifiedTokens() {
  ensure_sodium();
  static_assert(sizeof key_ == crypto_shorthash_KEYBYTES);
  crypto_shorthash_keygen(key_.data());
}

uint64_t VerifiedTokens::slot_of(std::string_view token) const {
  uint64_t slot = 0;
  static_assert(sizeof slot == crypto_shorthash_BYTES);
  crypto_shorthash(reinterpret_cast<unsigned char*>(&slot),
                   reinterpret_cast<const unsigned char*>(token.data()), token.size(), key_.data());
  return slot;
}

VerifiedTokenPtr VerifiedTokens::find(std::string_view token, bool peer_is_loopback,
                                      uint64_t generation) const {
  const uint64_t slot = slot_of(token);
  VerifiedTokenPtr found;
  {
    const Lock lock(mutex_);
    const auto at = slots_.find(slot);
    if (at == slots_.end()) return nullptr;
    found = at->second;
  }
  const bool same = found->peer_is_loopback == peer_is_loopback && equal_constant_time(found->token, token);
  return same && found->principal.generation == generation ? found : nullptr;
}

void VerifiedTokens::remember(VerifiedTokenPtr token) {
  const uint64_t slot = slot_of(token->token);
  const Lock lock(mutex_);
  if (slots_.size() >= kMaxTokens) slots_.clear();
  slots_[slot] = std::move(token);
}

}  // namespace mullion::auth
