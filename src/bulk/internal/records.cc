#include "bulk/internal/records.h"

#include "base/digest.h"
#include "base/json.h"
#include "model/object.h"

namespace mullion::bulk::internal {
namespace {

store::ObjectId own_bulk(const std::string& id) {
  return {std::string(kBulks), std::string(store::kOwn), id};
}

Error unreadable_bulk() { return Error(ErrorCode::kCorrupt, "a stored object is unreadable"); }

}  // namespace

Result<Record> read_record(const store::Snapshot& snapshot, const std::string& id) {
  std::optional<std::string> body = snapshot.get(own_bulk(id));
  if (!body) return Error(ErrorCode::kNotFound, "INVOKE", std::string(kBulks), id, {"Not Found"});
  const Result<json::value> object = parse_json(*body, 256);
  if (!object || !object->is_object()) return unreadable_bulk();
  return Record{Bulk::parse(object->get_object()), std::move(*body)};
}

Result<store::Change> change_of(const Record& record, const Bulk& next) {
  Result<json::value> object = parse_json(record.body, 256);
  if (!object || !object->is_object()) return unreadable_bulk();
  next.write(object->get_object());
  store::Change change;
  change.id = own_bulk(next.id);
  change.body = model::canonical_body(*model::find_object_type(kBulks), object->get_object());
  change.expect = store::Expect::kSame;
  change.expected_hash = hash128(record.body);
  return change;
}

store::Guard unchanged(const Record& record) {
  return {own_bulk(record.bulk.id), store::Expect::kSame, hash128(record.body)};
}

std::vector<Bulk> all_bulks(const store::Snapshot& snapshot) {
  std::vector<Bulk> out;
  snapshot.scan_owner(kBulks, store::kOwn, "", [&out](std::string_view, std::string_view body) {
    const Result<json::value> object = parse_json(body, 256);
    if (object && object->is_object()) out.push_back(Bulk::parse(object->get_object()));
    return true;
  });
  return out;
}

Result<std::vector<store::ObjectRef>> read_keys(const store::Snapshot& snapshot, const std::string& run,
                                                uint64_t piece) {
  return decode_keys(snapshot.secret(kSpace, keys_place(run, piece)).value_or(""));
}

Result<OutcomePiece> read_outcomes(const store::Snapshot& snapshot, const std::string& run, uint64_t piece) {
  return decode_outcomes(snapshot.secret(kSpace, outcomes_place(run, piece)).value_or(""));
}

Result<std::vector<store::SecretChange>> changed_pieces(const store::Snapshot& snapshot,
                                                        const std::string& run,
                                                        const std::map<uint64_t, Verdict>& verdicts) {
  std::vector<store::SecretChange> out;
  for (auto at = verdicts.begin(); at != verdicts.end();) {
    const uint64_t number = piece_of(at->first);
    Result<OutcomePiece> piece = read_outcomes(snapshot, run, number);
    if (!piece) return piece.error();
    for (; at != verdicts.end() && piece_of(at->first) == number; ++at) {
      const uint64_t place = at->first % kPieceSize;
      if (place >= piece->outcomes.size()) return Error(ErrorCode::kCorrupt, "a bulk lost a part of itself");
      piece->outcomes[place] = at->second.outcome;
      piece->messages.erase(place);
      if (!at->second.message.empty()) piece->messages[place] = at->second.message;
    }
    out.push_back({std::string(kSpace), outcomes_place(run, number), encode_outcomes(*piece)});
  }
  return out;
}

std::vector<store::SecretChange> without_pieces(const std::string& run, uint64_t first, uint64_t end) {
  std::vector<store::SecretChange> out;
  for (uint64_t piece = first; piece < end; ++piece) {
    out.push_back({std::string(kSpace), keys_place(run, piece), std::nullopt});
    out.push_back({std::string(kSpace), outcomes_place(run, piece), std::nullopt});
  }
  return out;
}

}  // namespace mullion::bulk::internal
