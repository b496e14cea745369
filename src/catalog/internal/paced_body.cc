#include "catalog/internal/paced_body.h"

#include <fmt/format.h>

namespace mullion::catalog {

env::Task<Result<std::string_view>> PacedBody::next() {
  Result<std::string_view> piece = co_await body_.next();
  if (!piece || piece->empty()) co_return piece;
  bytes_ += piece->size();
  const env::SteadyTime now = clock_.steady();
  const env::Duration passed = now - begun_;
  if (passed < pace_.window) co_return piece;
  const double seconds = std::chrono::duration<double>(passed).count();
  if (static_cast<double>(bytes_) < static_cast<double>(pace_.least) * seconds) {
    co_return Error(ErrorCode::kTimeout,
                    fmt::format("slower than {} bytes a second for {:.0f} s", pace_.least, seconds));
  }
  begun_ = now;
  bytes_ = 0;
  co_return piece;
}

}  // namespace mullion::catalog
