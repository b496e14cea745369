#include "catalog/items.h"

namespace mullion::catalog {

Items::Items(std::vector<Item> items) : items_(std::move(items)) {
  for (size_t i = 0; i < items_.size(); ++i) by_id_.emplace(items_[i].id, i);
}

const Item* Items::find(std::string_view id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &items_[found->second];
}

}  // namespace mullion::catalog
