#include "auth/internal/login_memory.h"

#include <sodium.h>

#include <algorithm>
#include <vector>

#include "auth/internal/codec.h"

namespace mullion::auth {

namespace {

constexpr env::Duration kRemembered = std::chrono::minutes(1);
constexpr size_t kMaxRemembered = 4096;
constexpr size_t kMaxTokens = 4096;
constexpr size_t kMaxFailures = 16384;
constexpr uint32_t kFreeTries = 5;
constexpr uint32_t kFreeTriesPerAddress = 50;
constexpr env::Duration kFirstDelay = std::chrono::milliseconds(500);
constexpr env::Duration kLongestDelay = std::chrono::minutes(5);
constexpr env::Duration kForgotten = std::chrono::minutes(15);  // since the last failure

std::string pair_name(std::string_view user, std::string_view address) {
  return std::string(user) + '\0' + std::string(address);
}
std::string address_name(std::string_view address) { return '\0' + std::string(address); }

env::Duration delay_after(uint32_t failures) {
  const uint32_t doublings = std::min(failures, 20U);
  return std::min<env::Duration>(kFirstDelay * (int64_t{1} << doublings), kLongestDelay);
}

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
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(print);
  return found != entries_.end() && clock_.steady() < found->second.until;
}

void VerifiedLogins::remember(std::string_view user, std::string_view password,
                              std::string_view stored_hash) {
  std::string print = fingerprint(user, password, stored_hash);
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= kMaxRemembered) drop_expired();
  if (entries_.size() >= kMaxRemembered) entries_.clear();
  entries_[std::move(print)] = Entry{std::string(user), clock_.steady() + kRemembered};
}

void VerifiedLogins::forget(std::string_view user) {
  const std::lock_guard lock(mutex_);
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
    const std::lock_guard lock(mutex_);
    const auto at = slots_.find(slot);
    if (at == slots_.end()) return nullptr;
    found = at->second;
  }
  const bool same = found->peer_is_loopback == peer_is_loopback && equal_constant_time(found->token, token);
  return same && found->principal.generation == generation ? found : nullptr;
}

void VerifiedTokens::remember(VerifiedTokenPtr token) {
  const uint64_t slot = slot_of(token->token);
  const std::lock_guard lock(mutex_);
  if (slots_.size() >= kMaxTokens) slots_.clear();
  slots_[slot] = std::move(token);
}

std::optional<env::Duration> FailedLogins::wait(std::string_view user, std::string_view address) const {
  const std::lock_guard lock(mutex_);
  const auto of_pair = wait_of(pair_name(user, address));
  const auto of_address = wait_of(address_name(address));
  return std::max(of_pair, of_address);
}

std::optional<env::Duration> FailedLogins::wait_of(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return std::nullopt;
  const auto now = clock_.steady();
  if (now >= found->second.not_before) return std::nullopt;
  return found->second.not_before - now;
}

void FailedLogins::failed(std::string_view user, std::string_view address) {
  const std::lock_guard lock(mutex_);
  make_room();
  count(pair_name(user, address), kFreeTries);
  count(address_name(address), kFreeTriesPerAddress);
}

void FailedLogins::count(const std::string& name, uint32_t free_tries) {
  const auto now = clock_.steady();
  Entry& entry = entries_[name];
  if (entry.failures > 0 && now - entry.last > kForgotten) entry.failures = 0;
  entry.last = now;
  entry.not_before = now;
  if (++entry.failures >= free_tries) entry.not_before = now + delay_after(entry.failures - free_tries);
}

void FailedLogins::succeeded(std::string_view user, std::string_view address) {
  const std::lock_guard lock(mutex_);
  entries_.erase(pair_name(user, address));
}

void FailedLogins::make_room() {
  if (entries_.size() < kMaxFailures) return;
  const auto now = clock_.steady();
  std::erase_if(entries_, [now](const auto& item) { return now - item.second.last > kForgotten; });
  if (entries_.size() < kMaxFailures) return;
  // Still full: let go of those that are not being slowed down, they have lost least.
  std::erase_if(entries_, [now](const auto& item) { return item.second.not_before <= now; });
  if (entries_.size() >= kMaxFailures) entries_.clear();
}

}  // namespace mullion::auth
