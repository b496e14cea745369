// How the frozen selection and the outcomes of a bulk are kept: in pieces of 1024 objects, among the private
// values of the store (docs/bulk.md). Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bulk/board.h"
#include "bulk/outcome.h"
#include "store/query.h"

namespace mullion::bulk {

/// The space of private values that all of it is in.
inline constexpr std::string_view kSpace = "bulks";
inline constexpr uint64_t kPieceSize = 1024;         // objects in a piece
inline constexpr uint64_t kMostObjects = 1'000'000;  // of one bulk

inline uint64_t pieces_of(uint64_t objects) { return (objects + kPieceSize - 1) / kPieceSize; }
inline uint64_t piece_of(uint64_t number) { return number / kPieceSize; }

/// Keys of the private values of a run.
std::string keys_place(std::string_view run, uint64_t piece);
std::string outcomes_place(std::string_view run, uint64_t piece);
std::string login_place(std::string_view run);
/// Where it is written down which runs keep something.
inline constexpr std::string_view kRunsPlace = "runs";

/// One piece of the frozen selection; never changes. kCorrupt when it is unreadable.
std::string encode_keys(const std::vector<store::ObjectRef>& objects);
Result<std::vector<store::ObjectRef>> decode_keys(std::string_view text);

/// The outcomes of one piece: a letter for each object, and the messages of those that have one.
struct OutcomePiece {
  std::vector<Outcome> outcomes;
  std::map<uint64_t, std::string> messages;  // by place in the piece
};
std::string encode_outcomes(const OutcomePiece& piece);
Result<OutcomePiece> decode_outcomes(std::string_view text);

/// The selection as it is frozen: each object once, sorted by owner, then key, without those that `except`
/// names ("KEY", or "/OWNER/KEY" for one owner's).
std::vector<store::ObjectRef> frozen(std::vector<store::ObjectRef> found,
                                     const std::vector<std::string>& except);
/// "KEY" or "/OWNER/KEY" -> owner (absent: any) and key.
struct NamedObject {
  std::optional<std::string> owner;
  std::string key;
};
NamedObject named_object(std::string_view text);
/// Appends the owners of a piece that begins with object `first`; neighbours are joined.
void add_ranges(const std::vector<store::ObjectRef>& piece, uint64_t first, std::vector<OwnerRange>& ranges);

/// Which runs keep something: run -> how many objects.
using Runs = std::map<std::string, uint64_t>;
std::string encode_runs(const Runs& runs);
Runs decode_runs(std::string_view text);

}  // namespace mullion::bulk
