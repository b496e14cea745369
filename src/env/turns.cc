#include "env/turns.h"

#include <algorithm>

#include "base/mutex.h"

namespace mullion::env {
namespace {

Error too_many() {
  Error error(ErrorCode::kTooManyRequests, "Too many others change this object at the same time");
  error.status_override = http_status(ErrorCode::kUnavailable);
  return error;
}

}  // namespace

/// Somebody in a row; leaves it when it ends, however that comes about.
class Turns::Place {
 public:
  Place(Turns& turns, std::map<std::string, Row>::iterator row) : turns_(turns), row_(row) {
    at_ = row_->second.insert(row_->second.end(), std::make_shared<Signal>());
    first_ = at_ == row_->second.begin();
  }
  ~Place() {
    Lock lock(turns_.mutex_);
    Row& row = row_->second;
    const bool had_turn = at_ == row.begin();
    row.erase(at_);
    if (row.empty()) {
      turns_.rows_.erase(row_);
    } else if (had_turn) {
      row.front()->notify_all();
    }
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  /// False when `patience` or the task ended first.
  Task<bool> has_turn(Duration patience) const {
    if (first_) co_return true;
    const std::shared_ptr<Signal> called = *at_;
    co_return co_await called->wait(0, patience);
  }

 private:
  Turns& turns_;
  std::map<std::string, Row>::iterator row_;
  Row::iterator at_;
  bool first_ = false;  // from the beginning: nobody calls it
};

Turns::Turn::Turn() = default;
Turns::Turn::~Turn() = default;
Turns::Turn::Turn(Turn&&) noexcept = default;
Turns::Turn& Turns::Turn::operator=(Turn&&) noexcept = default;

std::unique_ptr<Turns::Place> Turns::line_up(const std::string& name) {
  Lock lock(mutex_);
  const auto row = rows_.try_emplace(name).first;
  // Whoever has the turn does not wait.
  if (row->second.size() > waiting_) return nullptr;
  return std::make_unique<Place>(*this, row);
}

Task<Result<Turns::Turn>> Turns::take(std::vector<std::string> names) {
  // Everybody takes several names in the same order, so that nobody waits for somebody who waits for him.
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  const SteadyTime end = system_clock().steady() + patience_;
  Turn turn;
  for (const std::string& name : names) {
    std::unique_ptr<Place> place = line_up(name);
    if (place == nullptr) co_return too_many();
    const bool called = co_await place->has_turn(std::max(end - system_clock().steady(), Duration(0)));
    if (!called) co_return too_many();
    turn.places_.push_back(std::move(place));
  }
  co_return std::move(turn);
}

size_t Turns::in_row(const std::string& name) const {
  Lock lock(mutex_);
  const auto row = rows_.find(name);
  return row == rows_.end() ? 0 : row->second.size();
}

}  // namespace mullion::env
