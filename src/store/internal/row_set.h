// A set of row numbers: nothing for one row, a compressed bitmap for many.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

struct roaring_bitmap_s;

namespace mullion::store::internal {

/// A value. Most values of most indexes (names, addresses) have exactly one row; those cost no allocation.
class RowSet {
 public:
  RowSet() = default;
  RowSet(const RowSet& other);
  RowSet(RowSet&& other) noexcept;
  RowSet& operator=(RowSet other) noexcept;
  ~RowSet();

  void add(uint32_t row);
  /// In any order.
  void add_all(const std::vector<uint32_t>& rows);
  void remove(uint32_t row);
  bool contains(uint32_t row) const;
  uint64_t size() const;
  bool empty() const { return size() == 0; }
  /// The row, when it is the only one and always was.
  std::optional<uint32_t> single() const { return has_single_ ? std::optional(single_) : std::nullopt; }

  void unite(const RowSet& other);
  void intersect(const RowSet& other);
  void subtract(const RowSet& other);
  bool intersects(const RowSet& other) const;
  /// How many rows both have.
  uint64_t size_with(const RowSet& other) const;
  /// The lowest row number, absent when there is none.
  std::optional<uint32_t> first() const;
  /// In ascending row number.
  std::vector<uint32_t> rows() const;
  void for_each(const std::function<void(uint32_t)>& visit) const;

 private:
  void grow();

  bool has_single_ = false;
  uint32_t single_ = 0;
  roaring_bitmap_s* many_ = nullptr;
};

}  // namespace mullion::store::internal
