// The typed table of process settings: schema/settings.yaml makes it; defaults, RS_* variables and flags fill
// it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace mullion::settings {

enum class SettingKind { kString, kPort, kBytes, kCount, kSeconds, kBoolean, kLogLevel };

/// One entry of the table.
struct SettingInfo {
  std::string_view name;  // "api-port": flag --api-port, variable RS_API_PORT
  SettingKind kind;
  std::string_view default_text;
  std::string_view meaning;
  bool ignored;  // a dr-provision flag for a service Mullion does not run
};

std::span<const SettingInfo> setting_table();

/// The text of `mullion serve --help`.
std::string help_text();

/// Values of one process; immutable after parse(), so thread-safe.
class Settings {
 public:
  /// Later wins: defaults, `environment` (pairs of name and value; others than RS_* are skipped), `arguments`
  /// (--name value, --name=value, --name alone for booleans). kInvalid names the flag and what it accepts.
  static Result<Settings> parse(const std::vector<std::string>& arguments,
                                const std::vector<std::pair<std::string, std::string>>& environment);
  static Settings defaults();

  /// Precondition of the three: `name` stands in the table.
  std::string text(std::string_view name) const;
  /// Bytes, counts, seconds and ports.
  uint64_t number(std::string_view name) const;
  bool boolean(std::string_view name) const;
  /// Names of ignored flags and variables that were given, each once.
  const std::vector<std::string>& ignored_used() const { return ignored_used_; }

 private:
  Settings();
  Result<void> set(std::string_view name, std::string_view value, std::string_view shown_as);

  std::vector<std::string> values_;  // in table order
  std::vector<std::string> ignored_used_;
};

/// "64MiB", "1024", "2GB" -> bytes; "90", "15s", "2m", "24h", "7d" -> seconds. False: not such a text.
bool parse_bytes(std::string_view text, uint64_t& out);
bool parse_seconds(std::string_view text, uint64_t& out);

}  // namespace mullion::settings
