// Order-preserving encodings of index values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/object_type.h"

namespace mullion::model {

/// The encoded values that `body` (canonical JSON) has for each index of `type`, in the order of
/// type.indexes. Lists have any number of them; every other index has exactly one: absent members count as
/// "", false, 0 or the zero time. "@endpoint" (the store knows owners) and containment indexes are left
/// empty. Encodings compare byte-wise in the index's order; an unset address sorts first. No DOM is
/// built. Content that is not JSON gives the values of an empty object.
std::vector<std::vector<std::string>> index_values(const ObjectType& type, std::string_view key,
                                                   std::string_view body);
/// Same for an argument a client wrote in a filter; kNotAcceptable with the text of filters.md section 2.
Result<std::string> encode_index_argument(const Index& index, std::string_view prefix, std::string_view text);
/// The value as a filter on the index would name it. Absent for versions, of which only the order is kept:
/// index_text() of an object that has it tells the text.
std::optional<std::string> index_argument_text(const Index& index, std::string_view encoded);
/// Whether `search=` looks into the values of an index: names, addresses, descriptions. It looks into keys
/// too.
bool is_searched(const Index& index);
/// The text that an index of one text orders by, as the object has it; "" when it has none.
std::string index_text(const Index& index, std::string_view body);
/// Whether an index asks if the object's range of addresses contains an address ("@within:FIELD" of a CIDR
/// field, "@between:FIRST,LAST" of two address fields).
bool is_containment(const Index& index);
/// Both ends, encoded like arguments of that index.
struct AddressRange {
  std::string first, last;
};
/// Absent when the object has no range.
std::optional<AddressRange> address_range(const Index& index, std::string_view body);
/// JSON text of `Params[name]` inside `body`, or empty view when unset.
std::string_view raw_param(std::string_view body, std::string_view name);
/// JSON text of a top-level member, or empty view.
std::string_view raw_member(std::string_view body, std::string_view name);

}  // namespace mullion::model
