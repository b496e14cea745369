#include "cluster/internal/take_over.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/digest.h"
#include "cluster/internal/texts.h"
#include "model/members.h"

namespace mullion::cluster {
namespace {

constexpr std::string_view kNoteSpace = "cluster";
constexpr std::string_view kNoteKey = "take-over";

std::optional<TakeOverNote> read_note(std::string_view text) {
  const auto object = model::read_object(text);
  if (!object) return std::nullopt;
  const auto term = number_member(*object, "term");
  const auto seq = number_member(*object, "seq");
  if (!term || !seq) return std::nullopt;
  return TakeOverNote{*term, *seq, model::text_member(*object, "digest")};
}

}  // namespace

std::string digest_of_all(const store::Snapshot& snapshot) {
  std::vector<std::string> lines;
  for (const store::TypeDigest& one : snapshot.digests()) {
    if (one.count != 0)
      lines.push_back(fmt::format("{}\n{}\n{}\n{}\n", one.owner, one.type, one.count, one.digest.hex()));
  }
  std::ranges::sort(lines);
  std::string all;
  for (const std::string& line : lines) all += line;
  return hash128(all).hex();
}

store::SecretChange note_change(const TakeOverNote& note) {
  return {std::string(kNoteSpace), std::string(kNoteKey),
          boost::json::serialize(
              boost::json::object{{"term", note.term}, {"seq", note.seq}, {"digest", note.digest}})};
}

std::optional<TakeOverNote> note_in(const store::Command& command) {
  for (const store::SecretChange& one : command.secrets) {
    if (one.space != kNoteSpace || one.key != kNoteKey || !one.value) continue;
    std::optional<TakeOverNote> note = read_note(*one.value);
    if (note && note->seq + 1 != command.seq) return std::nullopt;  // something came between
    return note;
  }
  return std::nullopt;
}

std::optional<TakeOverNote> note_in(const store::Snapshot& snapshot) {
  const std::optional<std::string> kept = snapshot.secret(kNoteSpace, kNoteKey);
  return kept ? read_note(*kept) : std::nullopt;
}

Comparison compare_with(const TakeOverNote& note, uint64_t newest_seq, const store::Snapshot& snapshot) {
  if (newest_seq != note.seq) return Comparison::kCannot;
  return digest_of_all(snapshot) == note.digest ? Comparison::kEqual : Comparison::kDiffers;
}

}  // namespace mullion::cluster
