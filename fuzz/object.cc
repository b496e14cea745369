// Objects of the types that carry templates, parameters and references, as a client sends them: filled in,
// judged, written. The first byte chooses the type.
#include "model/object.h"

#include "base/json.h"
#include "fuzz/fuzz.h"

using namespace mullion;

namespace {

constexpr std::string_view kTypes[] = {"templates", "bootenvs", "tasks",     "stages",
                                       "machines",  "params",   "workflows", "profiles",
                                       "subnets",   "roles",    "leases",    "reservations"};

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest = fuzz::text_of(data, size);
  const std::string_view prefix = kTypes[fuzz::next_byte(rest) % std::size(kTypes)];
  const model::ObjectType& type = *model::find_object_type(prefix);
  auto value = parse_json(rest);
  if (!value) return 0;
  auto object = model::normalise(type, std::move(*value), nullptr);
  if (!object) return 0;
  (void)model::object_key(type, *object);
  (void)model::take_secrets(type, *object);
  (void)model::validate(type, *object, nullptr, model::NoLookup(), false);
  const std::string body = model::canonical_body(type, *object);
  auto again = parse_json(body);
  fuzz::require(again.ok(), "a canonical body is JSON");
  auto object_again = model::normalise(type, std::move(*again), &*object);
  fuzz::require(object_again.ok(), "a canonical body is an object of its type");
  fuzz::require(model::canonical_body(type, *object_again) == body, "canonical bodies are stable");
  return 0;
}
