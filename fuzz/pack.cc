// Content packs, JSON or YAML: read, sealed, put into a stack, judged against it.

#include "packs/internal/pack.h"

#include <boost/json/serialize.hpp>

#include "base/json.h"
#include "fuzz/fuzz.h"
#include "model/object.h"
#include "packs/internal/effective.h"
#include "packs/internal/sealing.h"
#include "yaml/yaml.h"

using namespace mullion;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::unique_ptr<store::Store> store = store::open_memory_store();
  static const auto snapshot = store->snapshot();
  auto document = yaml::read(fuzz::text_of(data, size));
  if (!document || !document->is_object()) return 0;
  const packs::Layers::Sealer sealer = [](const auto& values) -> Result<std::vector<std::string>> {
    return std::vector<std::string>(values.size(), R"({"Key":"","Nonce":"","Payload":""})");
  };
  boost::json::object& pack = document->get_object();
  if (!packs::seal_secure_values(pack, {}, *snapshot, sealer)) return 0;
  auto layer = packs::read_layer(pack);
  if (!layer) return 0;
  const auto shared = std::make_shared<const packs::Layer>(std::move(*layer));
  const packs::Stack stack = packs::with_layer({}, shared);
  (void)packs::check_conflicts(stack, *shared, [](const auto&) { return false; });
  (void)packs::check_requirements({}, stack, shared->name, {"api-v3"});
  const packs::Effective effective = packs::make_effective(stack, *snapshot);
  for (const auto& [name, body] : effective.bodies) {
    fuzz::require(parse_json(body).ok(), "an effective object is JSON");
  }
  return 0;
}
