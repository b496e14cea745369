#include "bulk/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "base/json.h"
#include "model/members.h"
#include "model/object.h"
#include "store/types.h"

namespace mullion::bulk {
namespace {

namespace json = boost::json;

Error unreadable(std::string_view what) {
  return Error(ErrorCode::kCorrupt, fmt::format("the {} of a bulk are unreadable", what));
}

/// Objects of layers are this server's.
std::string owner_of(const store::ObjectRef& ref) {
  return store::is_remote(ref.owner) ? ref.owner : std::string(store::kOwn);
}

}  // namespace

std::string keys_place(std::string_view run, uint64_t piece) { return fmt::format("{}/keys/{}", run, piece); }

std::string outcomes_place(std::string_view run, uint64_t piece) {
  return fmt::format("{}/outcomes/{}", run, piece);
}

std::string login_place(std::string_view run) { return fmt::format("{}/login", run); }

std::string encode_keys(const std::vector<store::ObjectRef>& objects) {
  json::array groups;
  const std::string* owner = nullptr;
  for (const store::ObjectRef& object : objects) {
    if (owner == nullptr || *owner != object.owner) groups.emplace_back(json::array{object.owner});
    owner = &object.owner;
    groups.back().as_array().emplace_back(object.key);
  }
  return json::serialize(groups);
}

Result<std::vector<store::ObjectRef>> decode_keys(std::string_view text) {
  const Result<json::value> value = parse_json(text);
  if (!value || !value->is_array()) return unreadable("keys");
  std::vector<store::ObjectRef> out;
  for (const json::value& group : value->get_array()) {
    const json::array* items = group.if_array();
    if (items == nullptr || items->empty() || !items->front().is_string()) return unreadable("keys");
    for (size_t i = 1; i < items->size(); ++i) {
      if (!(*items)[i].is_string()) return unreadable("keys");
      out.push_back({std::string((*items)[i].get_string()), std::string(items->front().get_string())});
    }
  }
  return out;
}

std::string encode_outcomes(const OutcomePiece& piece) {
  std::string letters;
  letters.reserve(piece.outcomes.size());
  for (const Outcome outcome : piece.outcomes) letters += entry_of(outcome).letter;
  json::object messages;
  for (const auto& [place, message] : piece.messages) messages[std::to_string(place)] = message;
  return json::serialize(json::object{{"Outcomes", letters}, {"Messages", std::move(messages)}});
}

Result<OutcomePiece> decode_outcomes(std::string_view text) {
  const json::object object = model::parse_object(text);
  OutcomePiece piece;
  for (const char letter : model::text_member(object, "Outcomes")) {
    const std::optional<Outcome> outcome = outcome_of_letter(letter);
    if (!outcome) return unreadable("outcomes");
    piece.outcomes.push_back(*outcome);
  }
  if (piece.outcomes.empty()) return unreadable("outcomes");
  for (const auto& [place, message] : model::object_member(object, "Messages")) {
    const uint64_t number = std::strtoull(std::string(place).c_str(), nullptr, 10);
    if (message.is_string()) piece.messages[number] = message.get_string();
  }
  return piece;
}

NamedObject named_object(std::string_view text) {
  const size_t slash = text.starts_with('/') ? text.find('/', 1) : std::string_view::npos;
  if (slash == std::string_view::npos) return {std::nullopt, std::string(text)};
  return {std::string(text.substr(1, slash - 1)), std::string(text.substr(slash + 1))};
}

std::vector<store::ObjectRef> frozen(std::vector<store::ObjectRef> found,
                                     const std::vector<std::string>& except) {
  std::set<std::string> everywhere;
  std::set<std::pair<std::string, std::string>> at_owner;
  for (const std::string& text : except) {
    NamedObject named = named_object(text);
    if (named.owner) {
      at_owner.emplace(std::move(*named.owner), std::move(named.key));
    } else {
      everywhere.insert(std::move(named.key));
    }
  }
  for (store::ObjectRef& object : found) object.owner = owner_of(object);
  std::erase_if(found, [&](const store::ObjectRef& object) {
    return everywhere.contains(object.key) || at_owner.contains({object.owner, object.key});
  });
  const auto place = [](const store::ObjectRef& object) { return std::tie(object.owner, object.key); };
  std::ranges::sort(found, {}, place);
  const auto repeated = std::ranges::unique(found, {}, place);
  found.erase(repeated.begin(), repeated.end());
  return found;
}

void add_ranges(const std::vector<store::ObjectRef>& piece, uint64_t first, std::vector<OwnerRange>& ranges) {
  for (const store::ObjectRef& object : piece) {
    if (ranges.empty() || ranges.back().owner != object.owner) ranges.push_back({object.owner, first, first});
    ranges.back().end = ++first;
  }
}

std::string encode_runs(const Runs& runs) {
  json::object out;
  for (const auto& [run, objects] : runs) out[run] = objects;
  return json::serialize(out);
}

Runs decode_runs(std::string_view text) {
  Runs out;
  for (const auto& [run, objects] : model::parse_object(text)) {
    if (const auto count = model::count_of(objects)) out[run] = *count;
  }
  return out;
}

}  // namespace mullion::bulk
