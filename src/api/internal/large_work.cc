#include "api/internal/large_work.h"

namespace mullion::api {

env::Task<Result<env::Turns::Turn>> LargeWork::turn_of(std::string caller) {
  std::vector<std::string> names{std::move(caller)};
  Result<env::Turns::Turn> turn = co_await turns_.take(std::move(names));
  co_return turn;
}

env::Runtime& LargeWork::runtime() {
  constexpr size_t kThreads = 2;
  const Lock lock(mutex_);
  if (runtime_ == nullptr) runtime_ = std::make_unique<env::Runtime>(kThreads);
  return *runtime_;
}

}  // namespace mullion::api
