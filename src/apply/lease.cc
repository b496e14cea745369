#include "apply/lease.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/json.h"
#include "base/mutex.h"
#include "env/attempt.h"
#include "model/object.h"
#include "store/commit_async.h"

namespace mullion::apply {
namespace {

namespace json = boost::json;

constexpr std::string_view kLeaseSpace = "configuration";
constexpr std::string_view kKey = "lease";
constexpr std::string_view kModel = "configuration_lease";
constexpr auto kQuiet = std::chrono::hours(1);
constexpr int kLeaseAttempts = 16;
/// Clocks that differ by less were not set: `until` stays as it was granted.
constexpr auto kClocksAgree = std::chrono::seconds(1);

Error refused(ErrorCode code, std::string_view key, std::string message) {
  return Error(code, "", std::string(kModel), std::string(key), {std::move(message)});
}

Error held_by(const Lease& lease) {
  return refused(ErrorCode::kConflict, lease.holder,
                 fmt::format("configured by {} until {}", lease.holder, env::format_rfc3339(lease.until)));
}

Result<void> check_holder(std::string_view holder) {
  if (holder.empty()) return refused(ErrorCode::kInvalid, "", "holder: expected the id of a manager");
  if (holder.size() > kLongestHolder)
    return refused(ErrorCode::kInvalid, "", fmt::format("holder: longer than {} bytes", kLongestHolder));
  const bool printable = std::ranges::all_of(holder, [](char c) { return c > ' ' && c < 0x7f; });
  if (!printable)
    return refused(ErrorCode::kInvalid, "", "holder: blanks and control characters are not allowed");
  return {};
}

std::optional<std::string> stored_text(const store::Store& store) {
  return store.snapshot()->secret(kLeaseSpace, kKey);
}

}  // namespace

std::string lease_text(const Lease& lease) {
  return json::serialize(json::object{{"holder", lease.holder}, {"until", env::format_rfc3339(lease.until)}});
}

std::optional<Lease> parse_lease(std::string_view text) {
  const Result<json::value> parsed = parse_json(text, 4);
  if (!parsed || !parsed->is_object()) return std::nullopt;
  const json::value* holder = parsed->get_object().if_contains("holder");
  const json::value* until = parsed->get_object().if_contains("until");
  if (holder == nullptr || !holder->is_string() || until == nullptr || !until->is_string())
    return std::nullopt;
  Lease lease{std::string(holder->get_string()), {}};
  if (!env::parse_rfc3339(until->get_string(), lease.until)) return std::nullopt;
  return lease;
}

std::optional<Lease> lease_at(std::optional<Lease> stored, env::WallTime now) {
  if (!stored || stored->until <= now || stored->until > now + kLongestLease) return std::nullopt;
  return stored;
}

Result<Lease> grant_lease(const std::optional<Lease>& current, std::string_view holder, int64_t seconds,
                          env::WallTime now) {
  if (Result<void> good = check_holder(holder); !good) return good.error();
  const int64_t longest = std::chrono::seconds(kLongestLease).count();
  if (seconds < 1 || seconds > longest)
    return refused(ErrorCode::kInvalid, "", fmt::format("seconds: expected 1 to {}", longest));
  if (const std::optional<Lease> held = lease_at(current, now); held && held->holder != holder)
    return held_by(*held);
  return Lease{std::string(holder), now + std::chrono::seconds(seconds)};
}

/// What was granted ends then, unless something else was granted meanwhile.
void LeaseKeeper::remember(const std::string& text, env::SteadyTime until) {
  Lock lock(mutex_);
  if (stored_text(store_) == text) known_ = {text, until};
}

LeaseKeeper::LeaseKeeper(store::Store& store, const env::Clock& clock, const env::Timers& timers)
    : store_(store), clock_(clock), timers_(timers) {
  (void)current();  // what an earlier process left counts from now on by the steady clock
}

std::optional<Lease> LeaseKeeper::current() const { return counting(stored_text(store_)); }

/// The lease in `text` while it counts.
std::optional<Lease> LeaseKeeper::counting(const std::optional<std::string>& text) const {
  if (!text) return std::nullopt;
  std::optional<Lease> lease = parse_lease(*text);
  const env::Duration left = end_of(*text, lease) - clock_.steady();
  if (!lease || left <= env::Duration::zero()) return std::nullopt;
  const env::WallTime until = clock_.wall() + left;
  if (std::chrono::abs(until - lease->until) > kClocksAgree) lease->until = until;
  return lease;
}

/// When the lease in `text` ends. The wall clock says so of one that is seen for the first time.
env::SteadyTime LeaseKeeper::end_of(const std::string& text, const std::optional<Lease>& lease) const {
  Lock lock(mutex_);
  if (known_ && known_->text == text) return known_->until;
  const env::WallTime now = clock_.wall();
  const bool counts = lease_at(lease, now).has_value();
  known_ = {text, clock_.steady() + (counts ? lease->until - now : env::Duration::zero())};
  return known_->until;
}

std::string LeaseKeeper::holder() const {
  const std::optional<Lease> lease = current();
  return lease ? lease->holder : std::string();
}

env::Task<void> LeaseKeeper::watch(std::function<void()> changed) {
  std::string told;
  while (true) {
    const uint64_t seen = changed_.version();
    const Result<std::optional<Lease>> read = store::as_result([&] { return current(); });
    if (!read) {
      co_await timers_.wait(changed_, seen, env::kTryAgain);
      continue;
    }
    const std::optional<Lease>& lease = *read;
    const std::string holder = lease ? lease->holder : std::string();
    if (holder != told) {
      told = holder;
      changed();
    }
    const env::Duration left = lease ? lease->until - clock_.wall() : env::Duration(kQuiet);
    co_await timers_.wait(changed_, seen, std::max<env::Duration>(left, std::chrono::milliseconds(1)));
  }
}

env::Task<Result<store::Cursor>> LeaseKeeper::exchange(const std::optional<std::string>& before,
                                                       std::optional<std::string> after) {
  store::Batch batch;
  batch.secret_guards.push_back({std::string(kLeaseSpace), std::string(kKey), before});
  batch.secrets.push_back({std::string(kLeaseSpace), std::string(kKey), std::move(after)});
  batch.principal = "system";
  Result<store::Cursor> done = co_await store::commit_async(store_, std::move(batch));
  if (done) changed_.notify_all();
  co_return done;
}

env::Task<Result<Lease>> LeaseKeeper::take(std::string holder, int64_t seconds) {
  Error last;
  for (int attempt = 0; attempt < kLeaseAttempts; ++attempt) {
    const std::optional<std::string> before = stored_text(store_);
    const env::SteadyTime now = clock_.steady();
    Result<Lease> lease = grant_lease(counting(before), holder, seconds, clock_.wall());
    if (!lease) co_return lease;
    const std::string text = lease_text(*lease);
    Result<store::Cursor> done = co_await exchange(before, text);
    if (done) {
      remember(text, now + std::chrono::seconds(seconds));
      co_return lease;
    }
    last = done.error();
    if (last.code != ErrorCode::kConflict) break;
  }
  co_return last;
}

env::Task<Result<void>> LeaseKeeper::release(std::string holder) {
  Error last;
  for (int attempt = 0; attempt < kLeaseAttempts; ++attempt) {
    const std::optional<std::string> before = stored_text(store_);
    if (!before) co_return Result<void>{};
    const std::optional<Lease> lease = counting(before);
    if (lease && lease->holder != holder) co_return held_by(*lease);
    Result<store::Cursor> done = co_await exchange(before, std::nullopt);
    if (done) co_return Result<void>{};
    last = done.error();
    if (last.code != ErrorCode::kConflict) break;
  }
  co_return last;
}

}  // namespace mullion::apply
