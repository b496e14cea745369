// Makes a replica equal to a copy that arrives in order, writing only what differs.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace mullion::replication {

/// What a change takes in a batch besides its texts.
inline constexpr size_t kChangeOverhead = 128;

/// Keys of one type with from <= key < to; empty `to`: no end.
struct KeySpan {
  std::string type, from, to;
};

/// One copy. Holds one batch in memory, except when the owner was replaced by another under the same id: such
/// a copy becomes visible in one step, as long as it is not larger than kMaxGathered.
class Copy {
 public:
  static constexpr size_t kMaxGathered = size_t{64} << 20;

  /// Of everything `owner` has; `epoch` tells whether it is the owner that we know.
  Copy(store::Store& store, std::string owner, uint64_t epoch);
  /// Of a range of keys.
  Copy(store::Store& store, std::string owner, KeySpan span);

  const std::string& owner() const { return owner_; }
  /// The next object. Answers a batch that is ready to be committed before the next call. kCorrupt: out of
  /// order, or out of the range.
  Result<std::optional<store::Batch>> add(std::string_view type, std::string_view key, std::string_view body);
  /// Changes of objects that were added before, or that lie before the last one added; they carry its owner.
  /// Answers as add() does.
  Result<std::optional<store::Batch>> change(std::vector<store::Change> changes);
  /// The rest, with the deletions of everything that did not arrive.
  Result<store::Batch> finish();

 private:
  struct Row {
    std::string key, body;
  };
  Result<void> check_order(std::string_view type, std::string_view key) const;
  Result<void> begin_type(std::string_view type);
  Result<void> settle(bool to_end);
  Result<void> erase_types(std::string_view after, std::string_view before);
  void upsert(Row& row);
  void erase(std::string_view type, std::string_view key);
  bool came_before(const store::ObjectId& id) const;
  std::optional<store::Batch> take_when_large();
  store::Batch take_batch();

  store::Store& store_;
  std::string owner_;
  std::optional<KeySpan> span_;
  bool fresh_;  // there is nothing to compare with
  bool gather_;
  std::string type_;       // whose objects arrive
  std::string next_from_;  // smallest key of it that is not settled
  std::vector<Row> rows_;  // arrived, not settled
  size_t row_bytes_ = 0;
  store::Batch batch_;
  size_t batch_bytes_ = 0;
};

}  // namespace mullion::replication
