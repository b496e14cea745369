// What `search` looks through: one short text for each row, all in one stretch of memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/internal/row_set.h"

namespace mullion::store::internal {

/// A search reads the whole stretch: there is no index of parts of words to be kept in step
/// (docs/decisions/0136-search.md). Readers may share it; a change needs it alone.
class SearchText {
 public:
  /// Texts hold no NUL. Replaces what the row had; an empty text is found by nothing.
  void set(uint32_t row, std::string_view text);
  /// The rows whose text contains each of `words`, which are neither empty nor hold a NUL. All rows that have
  /// a text when there are none.
  RowSet find(const std::vector<std::string>& words) const;
  /// Memory it takes, about.
  size_t bytes() const;

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Entry {
    uint64_t begin;
    uint32_t row;  // kNone: replaced since
  };

  std::string_view text_of(size_t entry) const;
  /// The entry that `position` lies in; not before `from`.
  size_t entry_at(uint64_t position, size_t from) const;
  void append(uint32_t row, std::string_view text);
  void forget(uint32_t row);
  void close_gaps();

  std::string text_;              // each entry ends with NUL
  std::vector<Entry> entries_;    // in the order of the text
  std::vector<uint32_t> places_;  // of each row among the entries, or kNone
  uint64_t dead_ = 0;             // bytes of entries that were replaced
};

}  // namespace mullion::store::internal
