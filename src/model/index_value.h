// Order-preserving encodings of index values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/object_type.h"

namespace mullion::model {

/// What is looked up, copied or left out for each member of an object of a type, worked out once: reads the
/// values of objects for the indexes of the type. Thread-safe.
class IndexReader {
 public:
  /// One encoded list for each of the type's indexes, in their order.
  using Values = std::vector<std::vector<std::string>>;

  /// `type` must outlive it.
  explicit IndexReader(const ObjectType& type);

  /// The encoded values that `body` (canonical JSON) has for each index. Lists have any number of them; every
  /// other index has exactly one: absent members count as "", false, 0 or the zero time. "@endpoint" (the
  /// store knows owners) is left empty, and a containment index of an object without a range. Encodings
  /// compare byte-wise in the index's order; an unset address sorts first. No DOM is built. Content that is
  /// not JSON gives the values of an empty object.
  Values values(std::string_view key, std::string_view body) const;

 private:
  /// A top-level member and the indexes that it has values for.
  struct Member {
    std::string_view name;
    std::vector<size_t> indexes;
  };
  class Collector;

  const ObjectType& type_;
  std::vector<Member> members_;           // sorted by name
  std::vector<size_t> of_key_;            // indexes of the object's key
  std::vector<size_t> flags_;             // "@elevated"
  std::vector<size_t> unset_;             // those that have a value although the member is absent
  std::vector<std::string> unset_value_;  // of each of them
  std::vector<size_t> containments_;
};
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
