// JSON from outside: what parses is written and parses again to the same value.
#include "base/json.h"

#include <cmath>

#include "fuzz/fuzz.h"
#include "model/object.h"

using namespace mullion;
using model::json::value;

namespace {

/// Numbers that Boost cannot read exactly are kept to 15 digits.
bool same_number(double a, double b) { return a == b || std::abs(a - b) <= 1e-14 * std::abs(a); }

bool same(const value& a, const value& b) {
  if (a.is_double() || b.is_double()) {
    return a.is_number() && b.is_number() && same_number(a.to_number<double>(), b.to_number<double>());
  }
  if (a.is_array() && b.is_array()) {
    return std::ranges::equal(a.get_array(), b.get_array(), same);
  }
  if (a.is_object() && b.is_object()) {
    return std::ranges::equal(a.get_object(), b.get_object(), [](const auto& x, const auto& y) {
      return x.key() == y.key() && same(x.value(), y.value());
    });
  }
  return a == b;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto read = parse_json(fuzz::text_of(data, size));
  if (!read) return 0;
  std::string text;
  model::append_json(text, *read);
  const auto again = parse_json(text);
  fuzz::require(again.ok(), "written JSON can be read");
  fuzz::require(same(*read, *again), "it means the same");
  return 0;
}
