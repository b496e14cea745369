// Filters of lists: "NAME=VALUE" parameters divided by zero bytes, run against a small collection.
#include <memory>

#include "fuzz/fuzz.h"
#include "store/store.h"

using namespace mullion;

namespace {

std::unique_ptr<store::Store> small_store() {
  std::unique_ptr<store::Store> store = store::open_memory_store();
  store::Batch batch;
  for (const std::string name : {"a", "b", "c"}) {
    const std::string key = "00000000-0000-4000-8000-00000000000" + name;
    batch.changes.push_back({{"machines", std::string(store::kOwn), key},
                             R"({"Uuid":")" + key + R"(","Name":")" + name +
                                 R"(","Address":"10.0.0.1","Runnable":true,"Params":{"p":[1,{"x":"y"}]}})"});
  }
  fuzz::require(store->commit_sync(std::move(batch)).ok(), "the collection can be made");
  return store;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::unique_ptr<store::Store> store = small_store();
  static const auto snapshot = store->snapshot();
  std::string_view rest = fuzz::text_of(data, size);
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!rest.empty() && parameters.size() < 16) {
    const std::string_view pair = fuzz::next_part(rest);
    const size_t equals = std::min(pair.find('='), pair.size());
    parameters.emplace_back(pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size())));
  }
  const auto query = store::parse_query("machines", parameters);
  if (!query) return 0;
  const auto found = snapshot->query(*query);
  if (!found) return 0;
  fuzz::require(found->matching <= found->total, "no more objects match than there are");
  fuzz::require(found->refs.size() <= found->matching, "a page is no longer than what matches");
  return 0;
}
