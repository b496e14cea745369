#include "cluster/internal/own_members.h"

#include <boost/json.hpp>

#include "base/json.h"

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
  return read_json(*text, places.members().string(),
                   [](const boost::json::object& object) -> Result<OwnMembers> {
                     OwnMembers out;
                     out.number = object.at("own").to_number<MemberId>();
                     Result<Roster> roster = decode_roster(std::string_view(object.at("roster").as_string()));
                     if (!roster.ok()) return roster.error();
                     out.roster = std::move(*roster);
                     return out;
                   });
}

}  // namespace mullion::cluster
