#include "prefs/preference_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/json.h"
#include "model/index_value.h"
#include "model/object.h"
#include "prefs/preferences.h"

namespace mullion::prefs {

namespace {

using Kind = PreferenceKind;

constexpr PreferenceRule kTable[] = {
    {"baseTokenSecret", Kind::kTokenSecret, "", ""},
    {"completeJobsPurgedAfter", Kind::kAge, "never", ""},
    {"debugBootEnv", Kind::kLogLevel, "warn", ""},
    {"debugDhcp", Kind::kLogLevel, "warn", ""},
    {"debugFrontend", Kind::kLogLevel, "warn", ""},
    {"debugPlugins", Kind::kLogLevel, "warn", ""},
    {"debugRenderer", Kind::kLogLevel, "warn", ""},
    {"defaultBootEnv", Kind::kReference, "local", "bootenvs"},
    {"defaultStage", Kind::kReference, "none", "stages"},
    {"defaultWorkflow", Kind::kReference, "", "workflows"},
    {"failedJobsPurgedAfter", Kind::kAge, "never", ""},
    {"jobsToKeep", Kind::kCount, "0", ""},
    {"knownTokenTimeout", Kind::kSeconds, "3600", ""},
    {"logLevel", Kind::kLogLevel, "warn", ""},
    {"manager", Kind::kBoolean, "false", ""},
    {"systemGrantorSecret", Kind::kFreeSecret, "", ""},
    {"unknownBootEnv", Kind::kReference, "ignore", "bootenvs"},
    {"unknownTokenTimeout", Kind::kSeconds, "600", ""},
};
static_assert(std::is_sorted(std::begin(kTable), std::end(kTable),
                             [](const auto& a, const auto& b) { return a.name < b.name; }));

constexpr std::string_view kLogLevels[] = {"trace", "debug", "info",  "warn",
                                           "error", "fatal", "panic", "audit"};
constexpr size_t kMaxValue = 4096;

Error bad_value(const PreferenceRule& rule, std::string_view why) {
  return Error(ErrorCode::kInvalid, fmt::format("{}: {}", rule.name, why));
}

bool parse_whole(std::string_view text, int64_t& out) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out);
  return problem == std::errc() && end == text.data() + text.size();
}

Result<std::string> check_number(const PreferenceRule& rule, std::string_view value) {
  int64_t number = 0;
  if (!parse_whole(value, number)) {
    return bad_value(rule, fmt::format("strconv.Atoi: parsing \"{}\": invalid syntax", value));
  }
  const int64_t lowest = rule.kind == Kind::kSeconds ? 1 : 0;
  if (number < lowest || number > INT32_MAX) {
    return bad_value(rule, fmt::format("must be between {} and {}", lowest, INT32_MAX));
  }
  return std::string(value);
}

/// The kind of object as error texts of preferences call it.
std::string_view kind_word(std::string_view object_type) {
  if (object_type == "bootenvs") return "Bootenv";
  return model::find_object_type(object_type)->type;
}

Result<std::string> check_reference(const PreferenceRule& rule, std::string_view value,
                                    const store::Snapshot& snapshot) {
  const bool may_be_empty = rule.default_value.empty();
  if (value.empty() && may_be_empty) return std::string();
  const auto found = snapshot.get_local(rule.object_type, value);
  if (!found) return bad_value(rule, fmt::format("{} {} does not exist", kind_word(rule.object_type), value));
  const bool only_unknown =
      rule.object_type == "bootenvs" && model::raw_member(found->body, "OnlyUnknown") == "true";
  if (rule.name == "unknownBootEnv" && !only_unknown) {
    return bad_value(rule, fmt::format("Bootenv {} does not have the OnlyUnknown flag", value));
  }
  if (rule.name == "defaultBootEnv" && only_unknown) {
    return bad_value(rule, fmt::format("Bootenv {} has the OnlyUnknown flag", value));
  }
  return std::string(value);
}

Result<std::string> check_log_level(const PreferenceRule& rule, std::string_view value) {
  if (value == "0") return std::string("warn");
  if (value == "1") return std::string("info");
  if (value == "2") return std::string("debug");
  if (std::find(std::begin(kLogLevels), std::end(kLogLevels), value) == std::end(kLogLevels)) {
    return bad_value(rule, fmt::format("Invalid log level '{}'", value));
  }
  return std::string(value);
}

/// "never", "0", or numbers each followed by a unit: "30d", "1h30m".
bool is_age(std::string_view text) {
  if (text == "never" || text == "0") return true;
  while (!text.empty()) {
    const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0 || digits > 9 || digits == text.size()) return false;
    if (std::string_view("smhdwy").find(text[digits]) == std::string_view::npos) return false;
    text.remove_prefix(digits + 1);
    if (text.empty()) return true;
  }
  return false;
}

}  // namespace

std::span<const PreferenceRule> preference_table() { return kTable; }

const PreferenceRule* find_preference(std::string_view name) {
  const auto found =
      std::find_if(std::begin(kTable), std::end(kTable), [name](const auto& r) { return r.name == name; });
  return found == std::end(kTable) ? nullptr : found;
}

Result<std::string> check_preference(const PreferenceRule& rule, std::string_view value,
                                     const store::Snapshot& snapshot) {
  if (value.size() > kMaxValue) return bad_value(rule, "longer than 4096 bytes");
  switch (rule.kind) {
    case Kind::kReference:
      return check_reference(rule, value, snapshot);
    case Kind::kSeconds:
    case Kind::kCount:
      return check_number(rule, value);
    case Kind::kLogLevel:
      return check_log_level(rule, value);
    case Kind::kBoolean:
      if (value != "true" && value != "false") return bad_value(rule, "must be true or false");
      break;
    case Kind::kAge:
      if (!is_age(value)) return bad_value(rule, fmt::format("time: invalid duration \"{}\"", value));
      break;
    case Kind::kTokenSecret:
      if (value.size() != 32) return bad_value(rule, "Must be 32 bytes long");
      break;
    case Kind::kFreeSecret:
      break;
  }
  return std::string(value);
}

std::string preference_body(std::string_view name, std::string_view value) {
  const model::ObjectType& type = *model::find_object_type("preferences");
  auto normalised = model::normalise(type, model::json::object{{"Name", name}, {"Val", value}}, nullptr);
  return model::canonical_body(type, normalised ? *normalised : model::json::object());
}

std::string preference_body(const store::Snapshot& snapshot, const PreferenceRule& rule) {
  return preference_body(rule.name,
                         rule.secret() ? std::string(kMaskedPreference) : stored_preference(snapshot, rule));
}

std::string stored_preference(const store::Snapshot& snapshot, const PreferenceRule& rule) {
  const auto body = snapshot.get({"preferences", std::string(store::kOwn), std::string(rule.name)});
  if (!body) return std::string(rule.default_value);
  const auto parsed = parse_json(*body);
  const auto* object = parsed ? parsed->if_object() : nullptr;
  const auto* value = object != nullptr ? object->if_contains("Val") : nullptr;
  return value != nullptr && value->is_string() ? std::string(std::string_view(value->get_string()))
                                                : std::string(rule.default_value);
}

}  // namespace mullion::prefs
