#include "auth/internal/failed_logins.h"

#include <sodium.h>

#include <algorithm>
#include <string>

#include "auth/internal/codec.h"
#include "base/mutex.h"

namespace mullion::auth {
namespace {

constexpr uint32_t kFreeTries = 5;
constexpr uint32_t kFreeTriesOfNetwork = 50;
constexpr size_t kSharesOfTable = 8;  // no network holds more than one of them
constexpr size_t kOverflowCounters = 4096;
constexpr size_t kMostTrusted = 4096;
constexpr env::Duration kFirstDelay = std::chrono::milliseconds(500);
constexpr env::Duration kLongestDelay = std::chrono::minutes(5);
constexpr env::Duration kForgotten = std::chrono::minutes(15);  // since the last failure

env::Duration delay_after(uint32_t failures) {
  const uint32_t doublings = std::min(failures, 20U);
  return std::min<env::Duration>(kFirstDelay * (int64_t{1} << doublings), kLongestDelay);
}

}  // namespace

FailedLogins::FailedLogins(const env::Clock& clock, size_t most)
    : clock_(clock), most_(most), overflow_(kOverflowCounters) {
  ensure_sodium();
  static_assert(sizeof secret_ == crypto_shorthash_KEYBYTES);
  crypto_shorthash_keygen(secret_.data());
}

FailedLogins::Key FailedLogins::hash(std::string_view user, std::string_view address) const {
  const std::string text = std::string(user) + '\0' + std::string(address);
  Key key = 0;
  static_assert(sizeof key == crypto_shorthash_BYTES);
  crypto_shorthash(reinterpret_cast<unsigned char*>(&key),
                   reinterpret_cast<const unsigned char*>(text.data()), text.size(), secret_.data());
  return key;
}

size_t FailedLogins::slot_of(const env::Network& from) const {
  return from.loopback ? 0 : 1 + hash("", from.site) % (overflow_.size() - 1);
}

std::optional<env::Duration> FailedLogins::wait(std::string_view user, const env::Network& from) const {
  const Key key = hash(user, from.host);
  const Lock lock(mutex_);
  const auto found = entries_.find(key);
  if (found != entries_.end()) return wait_of(found->second.counter);
  if (trusted_.contains(key)) return std::nullopt;
  return wait_of(overflow_[slot_of(from)]);
}

std::optional<env::Duration> FailedLogins::wait_of(const Counter& counter) const {
  const auto now = clock_.steady();
  if (counter.failures == 0 || now >= counter.not_before) return std::nullopt;
  return counter.not_before - now;
}

void FailedLogins::failed(std::string_view user, const env::Network& from) {
  const Key key = hash(user, from.host);
  const Key site = hash("", from.site);
  const Lock lock(mutex_);
  drop_forgotten();
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    const bool room = trusted_.contains(key) || make_room(site, from.loopback);
    return room ? insert(key, site) : count(overflow_[slot_of(from)], kFreeTriesOfNetwork);
  }
  Entry& entry = found->second;
  by_failures_.erase(rank_of(key, entry));
  count(entry.counter, kFreeTries);
  by_failures_.insert(rank_of(key, entry));
  by_age_.splice(by_age_.end(), by_age_, entry.age);
}

void FailedLogins::succeeded(std::string_view user, const env::Network& from) {
  const Key key = hash(user, from.host);
  const Lock lock(mutex_);
  const auto found = entries_.find(key);
  if (found != entries_.end()) erase(found);
  trust(key);
}

size_t FailedLogins::size() const {
  const Lock lock(mutex_);
  return entries_.size();
}

void FailedLogins::count(Counter& counter, uint32_t free_tries) {
  const auto now = clock_.steady();
  if (counter.failures > 0 && now - counter.last > kForgotten) counter.failures = 0;
  counter.last = now;
  counter.not_before = now;
  if (++counter.failures >= free_tries) counter.not_before = now + delay_after(counter.failures - free_tries);
}

FailedLogins::Rank FailedLogins::rank_of(Key key, const Entry& entry) const {
  return {entry.counter.failures, entry.counter.last, key};
}

void FailedLogins::insert(Key key, Key site) {
  Entry& entry = entries_[key];
  entry.site = site;
  entry.age = by_age_.insert(by_age_.end(), key);
  count(entry.counter, kFreeTries);
  by_failures_.insert(rank_of(key, entry));
  ++of_site_[site];
}

void FailedLogins::erase(Entries::iterator entry) {
  by_failures_.erase(rank_of(entry->first, entry->second));
  by_age_.erase(entry->second.age);
  const auto site = of_site_.find(entry->second.site);
  if (--site->second == 0) of_site_.erase(site);
  entries_.erase(entry);
}

void FailedLogins::drop_forgotten() {
  const auto now = clock_.steady();
  while (!by_age_.empty()) {
    const auto oldest = entries_.find(by_age_.front());
    if (now - oldest->second.counter.last <= kForgotten) return;
    erase(oldest);
  }
}

bool FailedLogins::make_room(Key site, bool loopback) {
  const auto held = of_site_.find(site);
  const size_t share = std::max<size_t>(most_ / kSharesOfTable, 1);
  if (!loopback && held != of_site_.end() && held->second >= share) return false;
  if (entries_.size() < most_) return true;
  const auto& [failures, last, key] = *by_failures_.begin();
  if (failures > 1) return false;
  erase(entries_.find(key));
  return true;
}

void FailedLogins::trust(Key key) {
  const auto known = trusted_.find(key);
  if (known != trusted_.end()) trusted_order_.erase(known->second);
  trusted_order_.push_front(key);
  trusted_[key] = trusted_order_.begin();
  if (trusted_.size() <= kMostTrusted) return;
  trusted_.erase(trusted_order_.back());
  trusted_order_.pop_back();
}

}  // namespace mullion::auth
