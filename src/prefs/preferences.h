// Preferences: named settings of an endpoint, which are data of it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "env/runtime.h"
#include "store/store.h"

namespace mullion::prefs {

using env::Task;

/// What secret preferences look like in answers; setting this text back changes nothing.
inline constexpr std::string_view kMaskedPreference = "********";

/// Preferences: table of names, defaults, checks; values in the store (type "preferences", own objects
/// {"Name","Val"}, not replicated; baseTokenSecret and systemGrantorSecret in secrets space "state").
class Preferences {
 public:
  virtual ~Preferences() = default;
  /// Every preference with its value, sorted by name. Secret ones are shown as kMaskedPreference.
  virtual std::vector<std::pair<std::string, std::string>> all() const = 0;
  /// "" for unknown names. Cheap: answered from memory.
  virtual std::string get(std::string_view name) const = 0;
  /// Checks all names and values, then changes all in one commit. kInvalid with the texts of errors.md.
  /// `gate` may refuse a value for reasons outside this room (licence).
  virtual Task<Result<void>> set(std::vector<std::pair<std::string, std::string>> values,
                                 std::string principal) = 0;
  using Gate = std::function<Result<void>(std::string_view name, std::string_view value)>;
  virtual void set_gate(Gate gate) = 0;
  /// Called on the runtime after a preference changed and before set() answers; be short. Of secret ones only
  /// the name is told, by the thread that set them.
  virtual void on_change(std::function<void(std::string_view name, std::string_view value)> listener) = 0;
};
std::unique_ptr<Preferences> make_preferences(store::Store& store, env::Runtime& runtime);

}  // namespace mullion::prefs
