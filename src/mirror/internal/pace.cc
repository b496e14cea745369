#include "mirror/internal/pace.h"

#include <algorithm>
#include <charconv>

#include "net/range.h"

namespace mullion::mirror {

std::optional<uint64_t> number_in(const net::Headers& headers, std::string_view name) {
  const auto text = headers.get(name);
  uint64_t out = 0;
  if (!text || text->empty()) return std::nullopt;
  const auto [end, failure] = std::from_chars(text->data(), text->data() + text->size(), out);
  return failure == std::errc() && end == text->data() + text->size() ? std::optional(out) : std::nullopt;
}

std::optional<env::Duration> asked_pause(const net::Headers& headers) {
  constexpr uint64_t kMostSeconds = 86'400;
  constexpr std::string_view kName = "Retry-After";
  if (const auto seconds = number_in(headers, kName))
    return std::chrono::seconds(std::min(*seconds, kMostSeconds));
  env::WallTime until, told;
  const auto date = headers.get(kName), now = headers.get("Date");
  if (!date || !now || !net::parse_http_date(*date, until) || !net::parse_http_date(*now, told))
    return std::nullopt;
  return std::max(until - told, env::Duration(0));
}

void Pace::answered(int status, std::optional<env::Duration> retry_after, env::SteadyTime now) {
  const bool busy = status == 429 || status == 503;
  if (!busy) {
    failures_ = 0;
    return;
  }
  if (!retry_after) return failed(now);
  ++failures_;
  // What another answer asked for holds as well.
  not_before_ = std::max(not_before_, now + std::clamp(*retry_after, env::Duration(0), kLongestAskedFor));
}

void Pace::failed(env::SteadyTime now) {
  constexpr int kMostDoublings = 6;
  const env::Duration pause = std::min(kLongest, kFirst * (1 << std::min(failures_, kMostDoublings)));
  ++failures_;
  not_before_ = std::max(not_before_, now + pause);
}

}  // namespace mullion::mirror
