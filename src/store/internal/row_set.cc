#include "store/internal/row_set.h"

#include <roaring/roaring.h>

#include <utility>

namespace mullion::store::internal {

RowSet::RowSet(const RowSet& other)
    : has_single_(other.has_single_),
      single_(other.single_),
      many_(other.many_ == nullptr ? nullptr : roaring_bitmap_copy(other.many_)) {}

RowSet::RowSet(RowSet&& other) noexcept
    : has_single_(std::exchange(other.has_single_, false)),
      single_(other.single_),
      many_(std::exchange(other.many_, nullptr)) {}

RowSet& RowSet::operator=(RowSet other) noexcept {
  std::swap(has_single_, other.has_single_);
  std::swap(single_, other.single_);
  std::swap(many_, other.many_);
  return *this;
}

RowSet::~RowSet() {
  if (many_ != nullptr) roaring_bitmap_free(many_);
}

void RowSet::grow() {
  if (many_ != nullptr) return;
  many_ = roaring_bitmap_create();
  if (has_single_) roaring_bitmap_add(many_, single_);
  has_single_ = false;
}

void RowSet::add(uint32_t row) {
  if (many_ == nullptr && !has_single_) {
    has_single_ = true;
    single_ = row;
    return;
  }
  grow();
  roaring_bitmap_add(many_, row);
}

void RowSet::add_all(const std::vector<uint32_t>& rows) {
  if (rows.size() == 1) return add(rows.front());
  if (rows.empty()) return;
  grow();
  roaring_bitmap_add_many(many_, rows.size(), rows.data());
}

void RowSet::remove(uint32_t row) {
  if (many_ != nullptr) {
    roaring_bitmap_remove(many_, row);
  } else if (has_single_ && single_ == row) {
    has_single_ = false;
  }
}

bool RowSet::contains(uint32_t row) const {
  if (many_ != nullptr) return roaring_bitmap_contains(many_, row);
  return has_single_ && single_ == row;
}

uint64_t RowSet::size() const {
  if (many_ != nullptr) return roaring_bitmap_get_cardinality(many_);
  return has_single_ ? 1 : 0;
}

void RowSet::unite(const RowSet& other) {
  if (other.many_ == nullptr) {
    if (other.has_single_) add(other.single_);
    return;
  }
  grow();
  roaring_bitmap_or_inplace(many_, other.many_);
}

void RowSet::intersect(const RowSet& other) {
  if (many_ == nullptr) {
    if (has_single_ && !other.contains(single_)) has_single_ = false;
    return;
  }
  if (other.many_ != nullptr) {
    roaring_bitmap_and_inplace(many_, other.many_);
    return;
  }
  const bool kept = other.has_single_ && contains(other.single_);
  const uint32_t row = other.single_;
  *this = RowSet();
  if (kept) add(row);
}

void RowSet::subtract(const RowSet& other) {
  if (many_ == nullptr) {
    if (has_single_ && other.contains(single_)) has_single_ = false;
    return;
  }
  if (other.many_ != nullptr) {
    roaring_bitmap_andnot_inplace(many_, other.many_);
  } else if (other.has_single_) {
    roaring_bitmap_remove(many_, other.single_);
  }
}

bool RowSet::intersects(const RowSet& other) const {
  if (many_ == nullptr) return has_single_ && other.contains(single_);
  if (other.many_ == nullptr) return other.has_single_ && contains(other.single_);
  return roaring_bitmap_intersect(many_, other.many_);
}

uint64_t RowSet::size_with(const RowSet& other) const {
  if (many_ != nullptr && other.many_ != nullptr) return roaring_bitmap_and_cardinality(many_, other.many_);
  return intersects(other) ? 1 : 0;
}

std::optional<uint32_t> RowSet::first() const {
  if (empty()) return std::nullopt;
  return many_ != nullptr ? roaring_bitmap_minimum(many_) : single_;
}

std::vector<uint32_t> RowSet::rows() const {
  std::vector<uint32_t> out(size());
  if (many_ != nullptr) {
    roaring_bitmap_to_uint32_array(many_, out.data());
  } else if (has_single_) {
    out.front() = single_;
  }
  return out;
}

void RowSet::for_each(const std::function<void(uint32_t)>& visit) const {
  if (many_ == nullptr) {
    if (has_single_) visit(single_);
    return;
  }
  roaring_uint32_iterator_t iterator;
  roaring_init_iterator(many_, &iterator);
  while (iterator.has_value) {
    visit(iterator.current_value);
    roaring_advance_uint32_iterator(&iterator);
  }
}

}  // namespace mullion::store::internal
