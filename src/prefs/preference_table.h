// Names, defaults and rules of preferences (contract content.md section 4).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/store.h"

namespace mullion::prefs {

enum class PreferenceKind {
  kReference,
  kSeconds,
  kLogLevel,
  kBoolean,
  kCount,
  kAge,
  kTokenSecret,
  kFreeSecret
};

struct PreferenceRule {
  std::string_view name;
  PreferenceKind kind;
  std::string_view default_value;
  std::string_view object_type;  // of references: the collection
  bool secret() const { return kind == PreferenceKind::kTokenSecret || kind == PreferenceKind::kFreeSecret; }
};

/// Sorted by name.
std::span<const PreferenceRule> preference_table();
const PreferenceRule* find_preference(std::string_view name);

/// The value to store for what somebody wrote, or kInvalid with "NAME: why". References are looked up in
/// `snapshot`.
Result<std::string> check_preference(const PreferenceRule& rule, std::string_view value,
                                     const store::Snapshot& snapshot);
/// A preference as an object: {"Name", "Val", "Meta"}.
std::string preference_body(std::string_view name, std::string_view value);
/// The same with its current value; a secret one is masked.
std::string preference_body(const store::Snapshot& snapshot, const PreferenceRule& rule);
/// The current value of a preference that is not secret.
std::string stored_preference(const store::Snapshot& snapshot, const PreferenceRule& rule);

}  // namespace mullion::prefs
