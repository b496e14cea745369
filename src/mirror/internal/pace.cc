#include "mirror/internal/pace.h"

#include <algorithm>

namespace mullion::mirror {

void Pace::answered(int status, std::optional<env::Duration> retry_after, env::SteadyTime now) {
  const bool busy = status == 429 || status == 503;
  if (!busy) {
    failures_ = 0;
    return;
  }
  failed(now);
  if (retry_after) not_before_ = now + std::clamp(*retry_after, env::Duration(0), kLongest);
}

void Pace::failed(env::SteadyTime now) {
  constexpr int kMostDoublings = 6;
  const env::Duration pause = std::min(kLongest, kFirst * (1 << std::min(failures_, kMostDoublings)));
  ++failures_;
  not_before_ = std::max(not_before_, now + pause);
}

}  // namespace mullion::mirror
