#include "settings/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <optional>

#include "base/letters.h"

namespace mullion::settings {
namespace {

constexpr SettingInfo kTable[] = {
#include "settings/table.inc"
};

struct Unit {
  std::string_view suffix;
  uint64_t factor;
};

constexpr Unit kByteUnits[] = {
    {"", 1},
    {"B", 1},
    {"KiB", uint64_t{1} << 10},
    {"MiB", uint64_t{1} << 20},
    {"GiB", uint64_t{1} << 30},
    {"TiB", uint64_t{1} << 40},
    {"KB", 1000},
    {"MB", 1'000'000},
    {"GB", 1'000'000'000},
};

constexpr Unit kTimeUnits[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};

bool parse_with_unit(std::string_view text, std::span<const Unit> units, uint64_t& out) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return false;
  const std::string_view suffix = text.substr(static_cast<size_t>(end - text.data()));
  const auto unit = std::ranges::find(units, suffix, &Unit::suffix);
  if (unit == units.end() || number > UINT64_MAX / unit->factor) return false;
  out = number * unit->factor;
  return true;
}

bool parse_boolean(std::string_view text, bool& out) {
  if (text != "true" && text != "false") return false;
  out = text == "true";
  return true;
}

constexpr std::string_view kLogLevels[] = {"trace", "debug", "info", "warn", "error"};

std::string_view accepted(SettingKind kind) {
  switch (kind) {
    case SettingKind::kString:
      return "any text";
    case SettingKind::kPort:
      return "a port number from 0 to 65535";
    case SettingKind::kBytes:
      return "a size such as 1048576, 64MiB or 2GB";
    case SettingKind::kCount:
      return "a whole number";
    case SettingKind::kSeconds:
      return "a time such as 90s, 5m or 24h";
    case SettingKind::kBoolean:
      return "true or false";
    case SettingKind::kLogLevel:
      return "trace, debug, info, warn or error";
  }
  return "";
}

bool valid(SettingKind kind, std::string_view value) {
  uint64_t number = 0;
  bool flag = false;
  switch (kind) {
    case SettingKind::kString:
      return true;
    case SettingKind::kPort:
      return parse_with_unit(value, std::span(kByteUnits, 1), number) && number <= 65535;
    case SettingKind::kBytes:
      return parse_bytes(value, number);
    case SettingKind::kCount:
      return parse_with_unit(value, std::span(kByteUnits, 1), number);
    case SettingKind::kSeconds:
      return parse_seconds(value, number);
    case SettingKind::kBoolean:
      return parse_boolean(value, flag);
    case SettingKind::kLogLevel:
      return std::ranges::find(kLogLevels, value) != std::end(kLogLevels);
  }
  return false;
}

const SettingInfo* find_setting(std::string_view name) {
  const auto found = std::ranges::find(kTable, name, &SettingInfo::name);
  return found == std::end(kTable) ? nullptr : found;
}

size_t index_of(std::string_view name) {
  const SettingInfo* info = find_setting(name);
  assert(info != nullptr);
  return static_cast<size_t>(info - kTable);
}

std::string variable_name(std::string_view setting) {
  std::string out = "RS_";
  for (const char c : setting) out += c == '-' ? '_' : upper_case(c);
  return out;
}

const SettingInfo* find_by_variable(std::string_view variable) {
  for (const SettingInfo& info : kTable) {
    if (variable_name(info.name) == variable) return &info;
  }
  return nullptr;
}

Error unknown_flag(std::string_view argument) {
  return Error(ErrorCode::kInvalid,
               fmt::format("unknown flag {}; `mullion serve --help` lists them", argument));
}

}  // namespace

std::span<const SettingInfo> setting_table() { return kTable; }

bool parse_bytes(std::string_view text, uint64_t& out) { return parse_with_unit(text, kByteUnits, out); }
bool parse_seconds(std::string_view text, uint64_t& out) { return parse_with_unit(text, kTimeUnits, out); }

std::string help_text() {
  std::string out =
      "Usage: mullion serve [flags]\n\n"
      "Runs a server: an endpoint, and a manager once its preference `manager` is true.\n"
      "Each flag is also an environment variable: --api-port is RS_API_PORT. A flag wins.\n\n";
  for (const SettingInfo& info : kTable) {
    if (info.ignored) continue;
    out += fmt::format("  --{:<22} {}", info.name, info.meaning);
    if (!info.default_text.empty()) out += fmt::format(" Default: {}.", info.default_text);
    out += '\n';
  }
  out += "\nFlags of dr-provision for services that are not served here are accepted with a warning.\n";
  return out;
}

Settings::Settings() {
  for (const SettingInfo& info : kTable) values_.emplace_back(info.default_text);
}

Settings Settings::defaults() { return Settings(); }

Result<void> Settings::set(std::string_view name, std::string_view value, std::string_view shown_as) {
  const SettingInfo& info = kTable[index_of(name)];
  if (info.ignored) {
    if (std::ranges::find(ignored_used_, name) == ignored_used_.end()) ignored_used_.emplace_back(name);
    return {};
  }
  if (!valid(info.kind, value)) {
    return Error(ErrorCode::kInvalid,
                 fmt::format("{}: '{}' is not accepted; give {}", shown_as, value, accepted(info.kind)));
  }
  values_[index_of(name)] = value;
  return {};
}

Result<Settings> Settings::parse(const std::vector<std::string>& arguments,
                                 const std::vector<std::pair<std::string, std::string>>& environment) {
  Settings settings;
  for (const auto& [variable, value] : environment) {
    const SettingInfo* info = find_by_variable(variable);
    if (info == nullptr) continue;  // RS_ENDPOINT and its like belong to the command line client
    if (Result<void> done = settings.set(info->name, value, variable); !done) return done.error();
  }
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (!argument.starts_with("--")) return unknown_flag(argument);
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(2, equals == std::string::npos ? equals : equals - 2);
    const SettingInfo* info = find_setting(name);
    if (info == nullptr) return unknown_flag(argument);
    std::optional<std::string> value;
    const bool next_is_value = i + 1 < arguments.size() && !arguments[i + 1].starts_with("--");
    if (equals != std::string::npos) {
      value = argument.substr(equals + 1);
    } else if (info->kind == SettingKind::kBoolean) {
      value = "true";
    } else if (next_is_value) {
      value = arguments[++i];
    } else if (info->ignored) {
      value = "true";  // dr-provision's switches stand alone
    } else {
      return Error(ErrorCode::kInvalid, fmt::format("--{} needs a value: {}", name, accepted(info->kind)));
    }
    if (Result<void> done = settings.set(name, *value, "--" + name); !done) return done.error();
  }
  return settings;
}

std::string Settings::text(std::string_view name) const { return values_[index_of(name)]; }

uint64_t Settings::number(std::string_view name) const {
  const size_t index = index_of(name);
  uint64_t out = 0;
  const bool is_time = kTable[index].kind == SettingKind::kSeconds;
  [[maybe_unused]] const bool parsed =
      is_time ? parse_seconds(values_[index], out) : parse_bytes(values_[index], out);
  assert(parsed);
  return out;
}

bool Settings::boolean(std::string_view name) const { return text(name) == "true"; }

}  // namespace mullion::settings
