#include "replication/internal/position.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/log.h"

namespace mullion::replication {
namespace {

namespace json = boost::json;

constexpr Logger kLog("replication");
constexpr const char* kSpace = "replication";
constexpr const char* kKeepers = "replicas";

std::string owners_key(std::string_view endpoint) { return std::string(endpoint) + "/owners"; }

struct SavedOwner {
  std::string owner;
  std::vector<std::string> via;
  bool follows = false;
  int64_t stale_since = 0;  // ns since 1970; 0: the endpoint was in touch with it
};
SavedOwner tag_invoke(json::value_to_tag<SavedOwner>, const json::value& value) {
  return {json::value_to<std::string>(value.at("owner")),
          json::value_to<std::vector<std::string>>(value.at("via")), value.at("follows").as_bool(),
          value.at("stale_since").to_number<int64_t>()};
}

json::value owners_value(const SavedPosition& position) {
  json::array out;
  for (const Announcement& announced : position.announced) {
    const auto age = std::chrono::duration<double>(announced.age_seconds);
    const env::WallTime stale = position.heard - std::chrono::duration_cast<env::Duration>(age);
    out.push_back(json::object{{"owner", announced.owner},
                               {"via", json::value_from(announced.via)},
                               {"follows", position.follows.contains(announced.owner)},
                               {"stale_since", announced.in_touch ? 0 : stale.time_since_epoch().count()}});
  }
  return out;
}

void read_cursor(const std::string& text, SavedPosition& out) {
  const json::value value = json::parse(text);
  out.cursor = {value.at("epoch").to_number<uint64_t>(), value.at("seq").to_number<uint64_t>()};
  out.contact = env::WallTime(env::Duration(value.at("contact").to_number<int64_t>()));
}

void read_owners(const std::string& text, SavedPosition& out) {
  out.heard = env::system_clock().wall();  // ages are as of now
  for (SavedOwner& saved : json::value_to<std::vector<SavedOwner>>(json::parse(text))) {
    if (saved.follows) out.follows.insert(saved.owner);
    Announcement& announced = out.announced.emplace_back();
    announced.owner = std::move(saved.owner);
    announced.via = std::move(saved.via);
    announced.in_touch = saved.stale_since == 0;
    if (announced.in_touch) continue;
    const env::WallTime stale{env::Duration(saved.stale_since)};
    announced.age_seconds = std::max(0.0, std::chrono::duration<double>(out.heard - stale).count());
  }
}

}  // namespace

SavedPosition load_position(const store::Snapshot& view, std::string_view endpoint) {
  SavedPosition out;
  const std::optional<std::string> cursor = view.secret(kSpace, endpoint);
  const std::optional<std::string> owners = view.secret(kSpace, owners_key(endpoint));
  if (!cursor || !owners) return out;
  try {
    read_cursor(*cursor, out);
    read_owners(*owners, out);
  } catch (const std::exception& failure) {
    kLog.error("saved position is unreadable; copies follow endpoint={} what={}", endpoint, failure.what());
    return SavedPosition{};
  }
  return out;
}

void append_position(std::string_view endpoint, const SavedPosition& position, bool with_owners,
                     std::vector<store::SecretChange>& out) {
  out.push_back({kSpace, std::string(endpoint),
                 json::serialize(json::object{{"epoch", position.cursor.epoch},
                                              {"seq", position.cursor.seq},
                                              {"contact", position.contact.time_since_epoch().count()}})});
  if (with_owners) out.push_back({kSpace, owners_key(endpoint), json::serialize(owners_value(position))});
}

store::SecretChange keeper_change(std::string_view owner, std::string_view endpoint) {
  return {kKeepers, std::string(owner), std::string(endpoint)};
}

bool is_keeper(const store::Snapshot& view, std::string_view owner, std::string_view endpoint) {
  return view.origin_cursor(owner) && view.secret(kKeepers, owner) == endpoint;
}

std::vector<store::SecretChange> save_position(std::string_view endpoint, const SavedPosition& position) {
  std::vector<store::SecretChange> out;
  append_position(endpoint, position, true, out);
  return out;
}

std::vector<store::SecretChange> forget_position(std::string_view endpoint) {
  return {{kSpace, std::string(endpoint), std::nullopt}, {kSpace, owners_key(endpoint), std::nullopt}};
}

}  // namespace mullion::replication
