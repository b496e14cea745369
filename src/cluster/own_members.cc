#include "cluster/internal/own_members.h"

#include <boost/json.hpp>

namespace mullion::cluster {

std::string encode_members(const OwnMembers& own) {
  boost::json::object out;
  out["own"] = own.number;
  out["roster"] = encode_roster(own.roster);
  return boost::json::serialize(out);
}

Result<void> write_members(const Places& places, const OwnMembers& own) {
  return env::write_file_atomic(places.members(), encode_members(own), 0600);
}

Result<OwnMembers> read_members(const Places& places) {
  const Result<std::string> text = env::read_file(places.members());
  if (!text.ok()) return text.error();
  try {
    const boost::json::value value = boost::json::parse(*text);
    OwnMembers out;
    out.number = value.as_object().at("own").to_number<MemberId>();
    Result<Roster> roster = decode_roster(std::string_view(value.as_object().at("roster").as_string()));
    if (!roster.ok()) return roster.error();
    out.roster = std::move(*roster);
    return out;
  } catch (const std::exception& failure) {
    return Error(ErrorCode::kCorrupt, places.members().string() + ": " + failure.what());
  }
}

}  // namespace mullion::cluster
