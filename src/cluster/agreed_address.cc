#include "cluster/internal/agreed_address.h"

#include <algorithm>
#include <boost/json.hpp>

#include "model/members.h"

namespace mullion::cluster {
namespace {

constexpr std::string_view kAddressSpace = "cluster";
constexpr std::string_view kAddressKey = "address";

/// In place of what is there now.
Result<void> replace_kept(store::Store& store, const std::optional<std::string>& value) {
  return store::as_result([&]() -> Result<void> {
    const std::optional<std::string> kept = store.snapshot()->secret(kAddressSpace, kAddressKey);
    if (kept == value) return {};
    store::Batch batch;
    batch.principal = "system";
    batch.secret_guards.push_back({std::string(kAddressSpace), std::string(kAddressKey), kept});
    batch.secrets.push_back({std::string(kAddressSpace), std::string(kAddressKey), value});
    const Result<store::Cursor> done = store.commit_sync(std::move(batch));
    if (!done.ok()) return done.error();
    return {};
  });
}

}  // namespace

Result<void> agree_on_address(store::Store& store, const AgreedAddress& address) {
  return replace_kept(store, boost::json::serialize(boost::json::object{
                                 {"VirtAddr", address.address}, {"LoadBalanced", address.load_balanced}}));
}

bool changes_address(const store::Command& command) {
  return std::ranges::any_of(command.secrets, [](const store::SecretChange& one) {
    return one.space == kAddressSpace && one.key == kAddressKey;
  });
}

std::optional<AgreedAddress> agreed_address(const store::Snapshot& snapshot) {
  const auto object = model::read_object(snapshot.secret(kAddressSpace, kAddressKey).value_or(""));
  if (!object) return std::nullopt;
  const boost::json::value* balanced = object->if_contains("LoadBalanced");
  return AgreedAddress{model::text_member(*object, "VirtAddr"),
                       balanced != nullptr && balanced->is_bool() && balanced->get_bool()};
}

Result<void> forget_agreed_address(store::Store& store) { return replace_kept(store, std::nullopt); }

}  // namespace mullion::cluster
