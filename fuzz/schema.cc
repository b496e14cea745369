// Schemas of parameters, and values judged by them: two JSON texts, divided by a zero byte.
#include "fuzz/fuzz.h"
#include "model/object.h"

using namespace mullion;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest = fuzz::text_of(data, size);
  const auto schema = model::parse_json(fuzz::next_part(rest));
  if (!schema || !model::compile_schema(*schema)) return 0;
  const auto value = model::parse_json(rest);
  if (value) (void)model::check_schema(*schema, *value);
  return 0;
}
