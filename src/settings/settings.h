// The typed table of process settings: schema/settings.yaml generates it; flags, RS_* variables and defaults fill it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mullion::settings {

enum class SettingKind { kString, kPort, kBytes, kCount, kSeconds, kBoolean };

/// One entry of the table.
struct SettingInfo {
  std::string_view name;         // "api-port": flag --api-port, variable RS_API_PORT
  SettingKind kind;
  std::string_view default_text;
  std::string_view unit;
  std::string_view meaning;
  bool secret;
  bool ignored;                  // a dr-provision flag for a service Mullion does not run
};

std::span<const SettingInfo> setting_table();

/// Values of one process. Immutable after parse.
class Settings {
 public:
  /// Order: defaults, then environment `RS_*`, then flags. Unknown flags and bad values: kInvalid naming the flag and
  /// what is accepted. Flags of ignored services are collected in ignored_used().
  static Result<Settings> parse(const std::vector<std::string>& arguments,
                                const std::vector<std::pair<std::string, std::string>>& environment);
  static Settings defaults();

  std::string text(std::string_view name) const;
  uint64_t number(std::string_view name) const;  // bytes, counts, seconds, ports
  bool boolean(std::string_view name) const;
  const std::vector<std::string>& ignored_used() const { return ignored_used_; }

 private:
  std::vector<std::string> values_;
  std::vector<std::string> ignored_used_;
};

}  // namespace mullion::settings
