#include "replication/position.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/json.h"
#include "replication/internal/log.h"

namespace mullion::replication {
namespace {

namespace json = boost::json;

constexpr const char* kSpace = "replication";
constexpr const char* kKeepers = "replicas";

std::string owners_key(std::string_view endpoint) { return std::string(endpoint) + "/owners"; }

struct SavedHeldUp {
  std::string collection, reason;
  int64_t as_of = 0;  // ns since 1970
};
SavedHeldUp tag_invoke(json::value_to_tag<SavedHeldUp>, const json::value& value) {
  return {json::value_to<std::string>(value.at("collection")),
          json::value_to<std::string>(value.at("reason")), value.at("as_of").to_number<int64_t>()};
}

struct SavedOwner {
  std::string owner;
  std::vector<std::string> via;
  bool follows = false;
  int64_t stale_since = 0;  // ns since 1970; 0: followed and in touch, so as of the position's `contact`
  std::string certificate;
  std::string untold_by;
  std::vector<SavedHeldUp> held_up;
};
std::string text_or_none(const json::value& value, std::string_view member) {
  const json::value* found = value.as_object().if_contains(member);
  return found == nullptr ? std::string() : json::value_to<std::string>(*found);
}
std::vector<SavedHeldUp> held_up_or_none(const json::value& value) {
  const json::value* found = value.as_object().if_contains("held_up");
  return found == nullptr ? std::vector<SavedHeldUp>() : json::value_to<std::vector<SavedHeldUp>>(*found);
}
SavedOwner tag_invoke(json::value_to_tag<SavedOwner>, const json::value& value) {
  return {json::value_to<std::string>(value.at("owner")),
          json::value_to<std::vector<std::string>>(value.at("via")),
          value.at("follows").as_bool(),
          value.at("stale_since").to_number<int64_t>(),
          text_or_none(value, "certificate"),  // since 0.2.0
          text_or_none(value, "age_untold_by"),
          held_up_or_none(value)};
}

constexpr int64_t kNever = 1;  // ns since 1970, as 0 says something else

/// Whether the replica of an owner is as new as the stream: it is covered by common_as_of().
bool is_live(const SavedPosition& position, const Announcement& announced) {
  return announced.in_touch && position.follows.contains(announced.owner) &&
         position.as_of.contains(announced.owner);
}

/// The wall clock's count now, less how long ago `moment` was: clocks may have been set since.
int64_t wall_count(std::optional<env::SteadyTime> moment, const env::Clock& clock) {
  if (!moment) return kNever;
  return (clock.wall() - (clock.steady() - *moment)).time_since_epoch().count();
}

/// Absent when the moment is yet to come by the wall clock of now: it was set back while nothing here ran, so
/// nobody knows how long ago the moment was.
std::optional<env::SteadyTime> steady_moment(int64_t count, const env::Clock& clock) {
  const env::Duration age = clock.wall() - env::WallTime(env::Duration(count));
  if (age < env::Duration::zero()) return std::nullopt;
  return clock.steady() - age;
}

std::optional<env::SteadyTime> as_of(const SavedPosition& position, const std::string& owner) {
  const auto found = position.as_of.find(owner);
  return found == position.as_of.end() ? std::nullopt : std::optional(found->second);
}

json::array held_up_value(const SavedPosition& position, const std::string& owner, const env::Clock& clock) {
  json::array out;
  const auto found = position.held_up.find(owner);
  if (found == position.held_up.end()) return out;
  for (const auto& [collection, held_up] : found->second) {
    out.push_back(json::object{
        {"collection", collection}, {"as_of", wall_count(held_up.as_of, clock)}, {"reason", held_up.reason}});
  }
  return out;
}

json::value owners_value(const SavedPosition& position, const env::Clock& clock) {
  json::array out;
  for (const Announcement& announced : position.announced) {
    const int64_t stale =
        is_live(position, announced) ? 0 : wall_count(as_of(position, announced.owner), clock);
    out.push_back(json::object{{"owner", announced.owner},
                               {"via", json::value_from(announced.via)},
                               {"follows", position.follows.contains(announced.owner)},
                               {"stale_since", stale},
                               {"certificate", announced.certificate},
                               {"age_untold_by", announced.untold_by}});
    json::array held_up = held_up_value(position, announced.owner, clock);
    if (!held_up.empty()) out.back().get_object()["held_up"] = std::move(held_up);
  }
  return out;
}

/// The rest is `contact`.
int64_t read_cursor(const std::string& text, SavedPosition& out) {
  const json::value value = own_json(text);
  out.cursor = {value.at("epoch").to_number<uint64_t>(), value.at("seq").to_number<uint64_t>()};
  return value.at("contact").to_number<int64_t>();
}

void read_saved_owners(const std::string& text, int64_t contact, const env::Clock& clock,
                       SavedPosition& out) {
  for (SavedOwner& saved : json::value_to<std::vector<SavedOwner>>(own_json(text))) {
    if (saved.follows) out.follows.insert(saved.owner);
    const int64_t stale = saved.stale_since == 0 ? contact : saved.stale_since;
    const auto moment = stale > kNever ? steady_moment(stale, clock) : std::nullopt;
    if (moment) out.as_of.emplace(saved.owner, *moment);
    for (SavedHeldUp& one : saved.held_up) {
      const auto as_of = one.as_of > kNever ? steady_moment(one.as_of, clock) : std::nullopt;
      out.held_up[saved.owner][std::move(one.collection)] = {as_of, std::move(one.reason)};
    }
    Announcement& announced = out.announced.emplace_back();
    announced.owner = std::move(saved.owner);
    announced.via = std::move(saved.via);
    announced.in_touch = saved.stale_since == 0;
    announced.certificate = std::move(saved.certificate);
    announced.untold_by = std::move(saved.untold_by);
  }
}

}  // namespace

std::optional<env::SteadyTime> common_as_of(const SavedPosition& position) {
  std::optional<env::SteadyTime> oldest;
  for (const Announcement& announced : position.announced) {
    if (!is_live(position, announced)) continue;
    const env::SteadyTime own = position.as_of.find(announced.owner)->second;
    oldest = oldest ? std::min(*oldest, own) : own;
  }
  return oldest;
}

SavedPosition load_position(const store::Snapshot& view, std::string_view endpoint, const env::Clock& clock) {
  SavedPosition out;
  const std::optional<std::string> cursor = view.secret(kSpace, endpoint);
  const std::optional<std::string> owners = view.secret(kSpace, owners_key(endpoint));
  if (!cursor || !owners) return out;
  try {
    const int64_t contact = read_cursor(*cursor, out);
    read_saved_owners(*owners, contact, clock, out);
  } catch (const std::exception& failure) {
    kLog.error("saved position is unreadable; copies follow endpoint={} what={}", endpoint, failure.what());
    return SavedPosition{};
  }
  // Of a replica that another stream wrote since, that one knows.
  const auto is_others = [&](const auto& item) { return !is_keeper(view, item.first, endpoint); };
  std::erase_if(out.as_of, is_others);
  std::erase_if(out.held_up, is_others);
  return out;
}

void append_position(std::string_view endpoint, const SavedPosition& position,
                     std::optional<env::SteadyTime> common, bool with_owners, const env::Clock& clock,
                     std::vector<store::SecretChange>& out) {
  out.push_back({kSpace, std::string(endpoint),
                 json::serialize(json::object{{"epoch", position.cursor.epoch},
                                              {"seq", position.cursor.seq},
                                              {"contact", wall_count(common, clock)}})});
  if (with_owners)
    out.push_back({kSpace, owners_key(endpoint), json::serialize(owners_value(position, clock))});
}

store::SecretChange keeper_change(std::string_view owner, std::string_view endpoint) {
  return {kKeepers, std::string(owner), std::string(endpoint)};
}

bool is_keeper(const store::Snapshot& view, std::string_view owner, std::string_view endpoint) {
  return view.origin_cursor(owner) && view.secret(kKeepers, owner) == endpoint;
}

std::vector<store::SecretChange> save_position(std::string_view endpoint, const SavedPosition& position,
                                               const env::Clock& clock) {
  std::vector<store::SecretChange> out;
  append_position(endpoint, position, common_as_of(position), true, clock, out);
  return out;
}

std::vector<store::SecretChange> forget_position(std::string_view endpoint) {
  return {{kSpace, std::string(endpoint), std::nullopt}, {kSpace, owners_key(endpoint), std::nullopt}};
}

}  // namespace mullion::replication
