#include "packs/internal/pack_names.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <set>

#include "base/json.h"
#include "model/object.h"

namespace mullion::packs {

namespace {

constexpr std::string_view kName = "content-packs";

}  // namespace

std::vector<std::string> stored_pack_names(const store::Snapshot& snapshot) {
  std::vector<std::string> names;
  const auto stored = snapshot.secret("state", kName);
  if (!stored) return names;
  const auto parsed = parse_json(*stored);
  if (!parsed || !parsed->is_array()) return names;
  for (const auto& item : parsed->get_array()) {
    if (item.is_string()) names.emplace_back(std::string_view(item.get_string()));
  }
  return names;
}

void remember_pack_name(const store::Snapshot& snapshot, store::Batch& batch, const std::string& name,
                        bool present) {
  const auto before = stored_pack_names(snapshot);
  std::set<std::string> names(before.begin(), before.end());
  present ? void(names.insert(name)) : void(names.erase(name));
  boost::json::array list;
  for (const std::string& item : names) list.emplace_back(item);
  batch.secrets.push_back({"state", std::string(kName), boost::json::serialize(list)});
}

}  // namespace mullion::packs
