// Schemas of parameters, and values judged by them: two JSON texts, divided by a zero byte. Neither takes
// more than its budget.
#include "base/json.h"
#include "fuzz/fuzz.h"
#include "model/json_schema.h"
#include "model/object.h"

using namespace mullion;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest = fuzz::text_of(data, size);
  const auto schema = parse_json(fuzz::next_part(rest));
  if (!schema) return 0;
  model::Budget compiling(model::kInlineSchemaSteps);
  const auto compiled = model::JsonSchema::compile(*schema, compiling);
  if (!compiled) return 0;
  const auto value = parse_json(rest);
  model::Budget judging(model::kInlineSchemaSteps);
  if (value) (void)(*compiled)->check(*value, judging);
  return 0;
}
