// RFC 6902 patches on a document: two JSON texts, divided by a zero byte.
#include "base/json.h"
#include "fuzz/fuzz.h"
#include "model/object.h"

using namespace mullion;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest = fuzz::text_of(data, size);
  const auto document = parse_json(fuzz::next_part(rest));
  const auto patch = parse_json(rest);
  if (!document || !patch) return 0;
  const model::json::value before = *document;
  model::Budget budget(model::kInlinePatchSteps);
  constexpr model::PatchLimits kLimits{.bytes = 64 * 1024, .depth = 128};
  const auto patched = model::apply_patch(*document, *patch, budget, kLimits);
  fuzz::require(*document == before, "a patch leaves the original alone");
  if (!patched) {
    fuzz::require(!patched.error().messages.empty(), "a refusal says why");
    return 0;
  }
  std::string text;
  model::append_json(text, *patched);
  // Numbers may be written longer than they are counted, and control characters take six bytes.
  fuzz::require(text.size() <= 6 * std::max(4 * size, kLimits.bytes), "a patch makes no more than it may");
  return 0;
}
