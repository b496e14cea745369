#include "store/internal/view_register.h"

#include <algorithm>
#include <limits>

#include "base/mutex.h"

namespace mullion::store::internal {
namespace {

/// Of a view that has not said what it shows: it may show nothing older than what is newest now.
constexpr uint64_t kNotSaid = std::numeric_limits<uint64_t>::max();

}  // namespace

Result<ViewRegister::Ticket> ViewRegister::enter() {
  const env::SteadyTime now = clock_.steady();
  Lock lock(mutex_);
  if (views_.size() >= most_)
    return Error(ErrorCode::kUnavailable, "the database is read by as many as it can serve; try again");
  return Ticket(*this, views_.insert(views_.end(), View{now, kNotSaid}));
}

void ViewRegister::Ticket::shows(uint64_t transaction) {
  Lock lock(register_->mutex_);
  view_->transaction = transaction;
}

void ViewRegister::leave(std::list<View>::iterator view) {
  Lock lock(mutex_);
  views_.erase(view);
}

size_t ViewRegister::open() const {
  Lock lock(mutex_);
  return views_.size();
}

env::Duration ViewRegister::oldest_age() const {
  const env::SteadyTime now = clock_.steady();
  Lock lock(mutex_);
  return views_.empty() ? env::Duration::zero() : std::max(now - views_.front().since, env::Duration::zero());
}

std::optional<uint64_t> ViewRegister::oldest_transaction() const {
  Lock lock(mutex_);
  const auto oldest = std::ranges::min_element(views_, {}, &View::transaction);
  if (oldest == views_.end() || oldest->transaction == kNotSaid) return std::nullopt;
  return oldest->transaction;
}

}  // namespace mullion::store::internal
