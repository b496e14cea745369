// Answers of servers of another make: one object, or a list of them. The first byte chooses the collection.
#include "mirror/internal/shown.h"

#include "base/json.h"
#include "fuzz/fuzz.h"
#include "mirror/shown_answer.h"
#include "model/object.h"

using namespace mullion;

namespace {

/// It goes into replicas and from there to other managers, which refuse a stream that brings anything else.
void check(const mirror::Shown& shown) {
  fuzz::require(!shown.key.empty() && !shown.owner.empty(), "an object has a key and an owner");
  if (!shown.writable) return;
  fuzz::require(shown.body.starts_with('{'), "a body begins with a brace");
  const auto value = parse_json(shown.body);
  fuzz::require(value && value->is_object(), "a body is an object");
  for (const char* name : {"Endpoint", "Password", "PasswordHash"}) {
    const auto* member = value->get_object().if_contains(name);
    const bool empty =
        member == nullptr || member->is_null() || (member->is_string() && member->get_string().empty());
    fuzz::require(empty, "a body names no owner and holds no secret");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const char* prefixes[] = {"machines", "users", "endpoints", "leases", "alerts"};
  const std::string prefix = prefixes[data[0] % std::size(prefixes)];
  const mirror::Collection collection{prefix, model::find_object_type(prefix)};
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (const auto one = mirror::read_shown(collection, "F", text)) check(*one);
  if (const auto list = mirror::read_list(collection, "F", text)) {
    for (const mirror::Shown& shown : *list) check(shown);
  }
  if (const auto answer = mirror::shown_answer(prefix, collection.type, "F", text))
    fuzz::require(parse_json(*answer).ok(), "what clients see is JSON");
  return 0;
}
