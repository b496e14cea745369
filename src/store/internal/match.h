// Whether an object's values satisfy a filter: one meaning for index look-ups and for scans.
#pragma once

#include <boost/json/value.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/object_type.h"
#include "store/query.h"

namespace re2 {
class RE2;
}

namespace mullion::store::internal {

/// A filter with its arguments checked, encoded and compiled. Immutable, shareable.
class CompiledFilter {
 public:
  /// kNotAcceptable with the texts of filters.md.
  static Result<CompiledFilter> compile(const model::ObjectType& type, const Filter& filter);

  /// Position in type.indexes, or absent for a filter that needs the body: on a parameter, on addresses that
  /// the object contains, or on a text of which the index has the order only.
  std::optional<size_t> index_position() const { return index_; }
  bool is_parameter() const { return !index_ && of_body_ == nullptr; }
  bool is_endpoint() const { return endpoint_; }
  const std::string& name() const { return name_; }
  Operator op() const { return op_; }
  const std::vector<std::string>& arguments() const { return arguments_; }

  /// Eq and Ne of several arguments on a list: it holds all of them, or not all.
  bool wants_all() const { return wants_all_; }

  /// Whether one encoded value satisfies the positive form of the operator (Ne as Eq, Nin as In).
  bool matches_value(std::string_view value) const;
  /// Ne and Nin: an object matches when it does not match the positive form.
  bool negated() const { return op_ == Operator::kNe || op_ == Operator::kNin; }
  /// All values of the object's index.
  bool matches(const std::vector<std::string>& values) const;
  /// For a filter that is neither on an index nor on a parameter.
  bool matches_body(std::string_view body) const;
  /// JSON text of a parameter, absent when unset. Sealed values match nothing, not even Ne.
  bool matches_parameter(const std::optional<std::string>& json_text) const;

 private:
  bool matches_containment(std::string_view body) const;

  std::string name_;
  Operator op_ = Operator::kEq;
  std::optional<size_t> index_;
  bool endpoint_ = false;
  bool wants_all_ = false;
  std::vector<std::string> arguments_;
  std::vector<boost::json::value> scalars_;  // the arguments of a parameter filter
  const model::Index* of_body_ = nullptr;    // what it asks of the body
  std::shared_ptr<const re2::RE2> regex_;
};

/// All filters of a query, plus its sort index.
struct CompiledQuery {
  std::vector<CompiledFilter> filters;
  std::vector<CompiledFilter> bounds;  // each on an index
  std::optional<size_t> sort;          // position in type.indexes; absent = by key
};
Result<CompiledQuery> compile_query(const model::ObjectType& type, const Query& query);

/// Whether a remote or local owner passes an Endpoint filter. Own and layered objects are shown as "" or as
/// `own_id`.
bool owner_matches(const CompiledFilter& filter, std::string_view owner, std::string_view own_id);

}  // namespace mullion::store::internal
