// JSON from outside: what parses is written and parses again to the same value.
#include <boost/json/serialize.hpp>

#include "fuzz/fuzz.h"
#include "model/object.h"

using namespace mullion;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto value = model::parse_json(fuzz::text_of(data, size));
  if (!value) return 0;
  std::string text;
  model::append_json(text, *value);
  const auto again = model::parse_json(text);
  fuzz::require(again.ok(), "written JSON can be read");
  std::string text_again;
  model::append_json(text_again, *again);
  fuzz::require(text == text_again, "writing and reading is stable");
  return 0;
}
