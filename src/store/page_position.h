// Where a page of a list ended, so that the next one goes on there, whatever came and went meanwhile.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mullion::store {

/// The place of an object in an order: by value, then by key, then by owner.
struct PagePosition {
  std::optional<std::string>
      value;          // encoded, in the index that the list is sorted by; absent: none, or by key
  std::string owner;  // kOwn, kLayered or an endpoint id
  std::string key;
  bool operator==(const PagePosition&) const = default;
};

/// A text of hexadecimal digits for clients, which know nothing of what it holds. It is for the order that it
/// was made in alone.
std::string encode_cursor(std::string_view sort, bool reverse, const PagePosition& position);
/// kNotAcceptable when `text` is not what encode_cursor() made for this order.
Result<PagePosition> decode_cursor(std::string_view text, std::string_view sort, bool reverse);

}  // namespace mullion::store
