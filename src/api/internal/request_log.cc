#include "api/internal/request_log.h"

namespace mullion::api {
namespace {

constexpr size_t kLongestToken = 200;

struct LevelWord {
  std::string_view word;
  LogLevel level;
};
constexpr LevelWord kLevels[] = {{"trace", LogLevel::kTrace}, {"debug", LogLevel::kDebug},
                                 {"info", LogLevel::kInfo},   {"warn", LogLevel::kWarn},
                                 {"error", LogLevel::kError}, {"fatal", LogLevel::kError},
                                 {"panic", LogLevel::kError}, {"audit", LogLevel::kAudit}};

/// One word: what would break the line or pass for another field becomes '_'.
std::string safe_token(std::string_view text) {
  std::string out(text.substr(0, kLongestToken));
  for (char& c : out) {
    const auto code = static_cast<unsigned char>(c);
    if (code <= ' ' || code == 0x7f) c = '_';
  }
  return out;
}

}  // namespace

std::optional<WantedLog> wanted_log(const net::Request& request) {
  const auto wanted = request.headers.get("X-Log-Request");
  if (!wanted) return std::nullopt;
  for (const LevelWord& known : kLevels) {
    if (known.word == *wanted)
      return WantedLog{known.level, safe_token(request.headers.get("X-Log-Token").value_or(""))};
  }
  return std::nullopt;
}

}  // namespace mullion::api
