// Lifetimes as clients write them.
#include <charconv>

#include "auth/auth.h"

namespace mullion::auth {

namespace {

constexpr int64_t kMaxSeconds = int64_t{100} * 365 * 24 * 3600;

Error bad_ttl(std::string_view text) {
  return Error(ErrorCode::kBadRequest,
               "strconv.ParseInt: parsing \"" + std::string(text) + "\": invalid syntax");
}

/// Seconds of one unit, 0 when unknown.
int64_t unit_seconds(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 24 * 3600;
    case 'w':
      return 7 * 24 * 3600;
    case 'y':
      return 365 * 24 * 3600;
    default:
      return 0;
  }
}

}  // namespace

Result<env::Duration> parse_ttl(std::string_view text) {
  if (text == "never") return kForever;
  if (text.empty() || text.size() > 64) return bad_ttl(text.substr(0, 64));
  int64_t total = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    int64_t number = 0;
    const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (problem != std::errc() || number < 0 || rest.front() == '-') return bad_ttl(text);
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    const bool bare = rest.empty();
    if (bare && total != 0) return bad_ttl(text);  // "1h30" names no unit for the 30
    const int64_t unit = bare ? 1 : unit_seconds(rest.front());
    if (unit == 0) return bad_ttl(text);
    if (!bare) rest.remove_prefix(1);
    if (number > (kMaxSeconds - total) / unit) {
      return Error(ErrorCode::kBadRequest, "ttl \"" + std::string(text) + "\" is longer than 100 years");
    }
    total += number * unit;
  }
  return env::Duration(std::chrono::seconds(total));
}

}  // namespace mullion::auth
