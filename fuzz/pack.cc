// Content packs, JSON or YAML: read, sealed, put into a stack, judged against it.
#include "content/internal/pack.h"

#include <boost/json/serialize.hpp>

#include "content/internal/effective.h"
#include "content/internal/sealing.h"
#include "fuzz/fuzz.h"
#include "model/object.h"
#include "yaml/yaml.h"

using namespace mullion;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::unique_ptr<store::Store> store = store::open_memory_store();
  static const auto snapshot = store->snapshot();
  auto document = yaml::read(fuzz::text_of(data, size));
  if (!document || !document->is_object()) return 0;
  const content::Layers::Sealer sealer = [](const auto& values) -> Result<std::vector<std::string>> {
    return std::vector<std::string>(values.size(), R"({"Key":"","Nonce":"","Payload":""})");
  };
  boost::json::object& pack = document->get_object();
  if (!content::seal_secure_values(pack, {}, *snapshot, sealer)) return 0;
  auto layer = content::read_layer(pack);
  if (!layer) return 0;
  const auto shared = std::make_shared<const content::Layer>(std::move(*layer));
  const content::Stack stack = content::with_layer({}, shared);
  (void)content::check_conflicts(stack, *shared, [](const auto&) { return false; });
  (void)content::check_requirements({}, stack, shared->name, {"api-v3"});
  const content::Effective effective = content::make_effective(stack, *snapshot);
  for (const auto& [name, body] : effective.bodies) {
    fuzz::require(model::parse_json(body).ok(), "an effective object is JSON");
  }
  return 0;
}
