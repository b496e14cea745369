// Bulk objects and what is kept of their runs, as the store has them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bulk/bulk.h"
#include "bulk/ledger.h"
#include "store/store.h"

namespace mullion::bulk::internal {

inline constexpr std::string_view kBulks = "bulks";

/// A Bulk object of this server.
struct Record {
  Bulk bulk;
  std::string body;
};
/// kNotFound.
Result<Record> read_record(const store::Snapshot& snapshot, const std::string& id);
/// `record.body` becomes `next`; refused when somebody else changed it. kCorrupt.
Result<store::Change> change_of(const Record& record, const Bulk& next);
/// That nobody changed the object.
store::Guard unchanged(const Record& record);

/// Every own Bulk object.
std::vector<Bulk> all_bulks(const store::Snapshot& snapshot);

/// The objects of one piece of a frozen selection. kCorrupt.
Result<std::vector<store::ObjectRef>> read_keys(const store::Snapshot& snapshot, const std::string& run,
                                                uint64_t piece);
Result<OutcomePiece> read_outcomes(const store::Snapshot& snapshot, const std::string& run, uint64_t piece);
/// The pieces that `verdicts` change.
Result<std::vector<store::SecretChange>> changed_pieces(const store::Snapshot& snapshot,
                                                        const std::string& run,
                                                        const std::map<uint64_t, Verdict>& verdicts);
/// Everything that is kept of pieces `first` .. `end`-1 of a run becomes absent.
std::vector<store::SecretChange> without_pieces(const std::string& run, uint64_t first, uint64_t end);

}  // namespace mullion::bulk::internal
