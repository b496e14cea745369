#include "api/internal/whoami_score.h"

#include <boost/json.hpp>
#include <set>
#include <string>
#include <string_view>

#include "base/letters.h"
#include "model/members.h"

namespace mullion::api {
namespace {

namespace json = boost::json;

struct Word {
  std::string_view field;
  int points;
};
constexpr Word kWords[] = {{"SSNHash", 25}, {"CSNHash", 25}, {"SystemUUID", 50}, {"CloudInstanceID", 500}};
constexpr int kShare = 100;  // points for a list that is present as a whole

/// Distinct texts of a list; how they are capitalised does not matter.
std::set<std::string> texts_of(const json::object& object, std::string_view field) {
  std::set<std::string> texts;
  const json::value* value = object.if_contains(field);
  if (value == nullptr || !value->is_array()) return texts;
  for (const json::value& item : value->get_array()) {
    if (item.is_string() && !item.get_string().empty()) texts.insert(lower_case(item.get_string()));
  }
  return texts;
}

const json::object& object_in(const json::object& object, std::string_view field) {
  static const json::object none;
  const json::value* value = object.if_contains(field);
  return value != nullptr && value->is_object() ? value->get_object() : none;
}

int share_present(const std::set<std::string>& wanted, const std::set<std::string>& given) {
  if (wanted.empty()) return 0;
  int present = 0;
  for (const std::string& text : wanted) present += given.contains(text) ? 1 : 0;
  return kShare * present / static_cast<int>(wanted.size());
}

int same_words(const json::object& known, const json::object& given) {
  int points = 0;
  for (const Word& word : kWords) {
    const std::string text = model::text_member(known, word.field);
    if (!text.empty() && text == model::text_member(given, word.field)) points += word.points;
  }
  return points;
}

}  // namespace

int whoami_score(const json::object& machine, const json::object& asked) {
  const json::object& known = object_in(machine, "Fingerprint");
  const json::object& given = object_in(asked, "Fingerprint");
  int score = same_words(known, given);
  score += share_present(texts_of(known, "MemoryIds"), texts_of(given, "MemoryIds"));
  score += share_present(texts_of(machine, "HardwareAddrs"), texts_of(asked, "MacAddrs"));
  const std::string uuid = lower_case(model::text_member(machine, "Uuid"));
  if (!uuid.empty() && uuid == lower_case(model::text_member(asked, "OnDiskUUID"))) score += kOnDiskMatch;
  return score < kLowestMatch ? 0 : score;
}

}  // namespace mullion::api
