#include "cluster/readmission.h"

#include <algorithm>
#include <boost/json.hpp>

#include "base/letters.h"
#include "model/members.h"

namespace mullion::cluster {
namespace {

namespace json = boost::json;

/// Spelled as a checksum is: 32 bytes.
bool is_key(std::string_view text) { return is_sha256(text); }

const RosterMember* find_former(const Roster& roster, MemberId number) {
  const auto found = std::ranges::find(roster.former, number, &RosterMember::number);
  return found == roster.former.end() ? nullptr : &*found;
}

/// In or off the list.
const RosterMember* find_ever(const Roster& roster, MemberId number) {
  const RosterMember* member = roster.find(number);
  return member != nullptr ? member : find_former(roster, number);
}

/// Errors that another member may make of what it was told.
ErrorCode told_code(int64_t code) {
  for (const ErrorCode known : {ErrorCode::kForbidden, ErrorCode::kConflict, ErrorCode::kTooManyRequests,
                                ErrorCode::kInvalid, ErrorCode::kCorrupt}) {
    if (code == static_cast<int64_t>(known)) return known;
  }
  return ErrorCode::kUnavailable;
}

}  // namespace

ReadmissionStep next_readmission_step(const ReadmissionFacts& facts) {
  if (!facts.key_fits || facts.key_taken || facts.is_serving) return ReadmissionStep::kRefuse;
  if (facts.is_back) return ReadmissionStep::kDone;
  if (facts.is_member) return facts.just_came ? ReadmissionStep::kLater : ReadmissionStep::kTakeOff;
  return facts.left_to_come ? ReadmissionStep::kAdd : ReadmissionStep::kRefuse;
}

ReadmissionFacts readmission_facts(const Roster& roster, MemberId own, MemberId asking,
                                   const ReadmissionRequest& request) {
  ReadmissionFacts out;
  out.key_fits = is_key(request.key);
  out.is_serving = own == asking;
  out.is_member = roster.find(asking) != nullptr;
  const RosterMember* former = find_former(roster, asking);
  out.left_to_come = former != nullptr && former->returns;
  const RosterMember* asks = find_ever(roster, asking);
  for (const RosterMember& member : roster.members) {
    if (member.key != request.key) continue;
    const bool same = asks != nullptr && member.id == asks->id && member.number != asking;
    (same ? out.is_back : out.key_taken) = true;
  }
  const bool was_used =
      std::ranges::find(roster.former, request.key, &RosterMember::key) != roster.former.end();
  out.key_taken = out.key_taken || was_used;
  return out;
}

std::optional<RosterMember> returning_member(const Roster& roster, MemberId asking,
                                             const ReadmissionRequest& request) {
  const RosterMember* asks = find_ever(roster, asking);
  if (asks == nullptr) return std::nullopt;
  const auto back = std::ranges::find(roster.members, request.key, &RosterMember::key);
  if (back != roster.members.end()) return *back;
  RosterMember out = *asks;
  out.number = roster.next;
  out.key = request.key;
  if (!request.api_url.empty()) out.api_url = request.api_url;
  out.voter = out.returns = false;
  return out;
}

std::string encode_readmission(const ReadmissionRequest& request) {
  return json::serialize(json::object{{"key", request.key}, {"api_url", request.api_url}});
}

Result<ReadmissionRequest> decode_readmission(std::string_view text) {
  const std::optional<json::object> object = model::read_object(text);
  if (!object) return Error(ErrorCode::kCorrupt, "what a member asks cannot be read");
  return ReadmissionRequest{model::text_member(*object, "key"), model::text_member(*object, "api_url")};
}

std::string encode_readmission_answer(const Result<Admission>& answer) {
  if (answer.ok()) {
    return json::serialize(
        json::object{{"number", answer->number}, {"ha_id", answer->ha_id}, {"roster", answer->roster}});
  }
  return json::serialize(
      json::object{{"code", static_cast<int>(answer.error().code)}, {"error", answer.error().text()}});
}

Result<Admission> decode_readmission_answer(std::string_view text) {
  const std::optional<json::object> object = model::read_object(text);
  if (!object) return Error(ErrorCode::kCorrupt, "the answer of a member cannot be read");
  const json::value* code = object->if_contains("code");
  if (code != nullptr)
    return Error(told_code(code->is_int64() ? code->get_int64() : 0), model::text_member(*object, "error"));
  const json::value* number = object->if_contains("number");
  if (number == nullptr || !number->is_int64() || number->get_int64() < 1)
    return Error(ErrorCode::kCorrupt, "the answer of a member names no number");
  Admission out{static_cast<MemberId>(number->get_int64()), model::text_member(*object, "ha_id"),
                model::text_member(*object, "roster")};
  if (const Result<Roster> roster = decode_roster(out.roster); !roster.ok()) return roster.error();
  return out;
}

}  // namespace mullion::cluster
