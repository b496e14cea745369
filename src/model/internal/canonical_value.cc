#include "model/internal/canonical_value.h"

#include <algorithm>
#include <cmath>

namespace mullion::model::internal {
namespace {

void append_number(std::string& out, const json::value& value) {
  constexpr double kWhole = 9.2e18;  // what an int64 can hold
  const double* number = value.if_double();
  if (number == nullptr) {
    out.append(json::serialize(value));
  } else if (std::trunc(*number) == *number && std::abs(*number) < kWhole) {
    fmt::format_to(std::back_inserter(out), "{}", static_cast<int64_t>(*number));
  } else {
    fmt::format_to(std::back_inserter(out), "{}", *number);
  }
}

bool append_text(std::string& out, std::string_view text, Budget& budget) {
  if (!budget.spend(text.size() / kBytesPerStep)) return false;
  out.append(json::serialize(json::string_view(text)));
  return true;
}

bool append_canonical_array(std::string& out, const json::array& array, Budget& budget, size_t depth) {
  out.push_back('[');
  for (const json::value& item : array) {
    if (!append_canonical(out, item, budget, depth + 1)) return false;
    out.push_back(',');
  }
  out.push_back(']');
  return true;
}

bool append_canonical_object(std::string& out, const json::object& object, Budget& budget, size_t depth) {
  if (!budget.spend(object.size())) return false;
  std::vector<const json::key_value_pair*> members;
  members.reserve(object.size());
  for (const json::key_value_pair& member : object) members.push_back(&member);
  std::ranges::sort(members, {},
                    [](const json::key_value_pair* member) { return std::string_view(member->key()); });
  out.push_back('{');
  for (const json::key_value_pair* member : members) {
    if (!append_text(out, member->key(), budget)) return false;
    out.push_back(':');
    if (!append_canonical(out, member->value(), budget, depth + 1)) return false;
    out.push_back(',');
  }
  out.push_back('}');
  return true;
}

}  // namespace

bool append_canonical(std::string& out, const json::value& value, Budget& budget, size_t depth) {
  if (!budget.spend() || depth > kDeepestJudged) return false;
  if (const json::array* array = value.if_array()) return append_canonical_array(out, *array, budget, depth);
  if (const json::object* object = value.if_object())
    return append_canonical_object(out, *object, budget, depth);
  if (const json::string* text = value.if_string()) return append_text(out, *text, budget);
  if (value.is_number()) {
    append_number(out, value);
  } else {
    out.append(json::serialize(value));
  }
  return true;
}

}  // namespace mullion::model::internal
