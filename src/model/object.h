// Objects: from what a client sends to canonical bytes, and back.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/budget.h"
#include "model/object_type.h"

namespace mullion::model {

namespace json = boost::json;

/// Canonical text: members in descriptor order, unknown members of replicas kept by nobody but the bytes
/// themselves, omit-when-empty honoured, integers without fraction; `Endpoint` left out, secret fields empty.
std::string canonical_body(const ObjectType& type, const json::object& object);

/// Secret fields (Field::secret) taken out of `object`: name -> JSON value. They live in the store's secrets.
json::object take_secrets(const ObjectType& type, json::object& object);

/// Fills defaults, drops unknown fields, resets read-only fields to those of `before` (or to defaults),
/// checks kinds. Field names match case-insensitively on input. Errors: kBadRequest for wrong JSON kinds
/// ("Field X: expected string, got number").
Result<json::object> normalise(const ObjectType& type, json::value input, const json::object* before);

/// The same for what is no object of a collection: the nested type `name` of schema/types.yaml.
Result<json::object> normalise_nested(std::string_view name, json::value input);

/// Writes into a new, normalised object what the schema says about its creation (ObjectType::creation).
void fill_new(const ObjectType& type, json::object& object);

/// Answers questions about other objects during validation; implemented by the API over a snapshot.
class Lookup {
 public:
  virtual ~Lookup() = default;
  /// The local (own or layered) object, or absent.
  virtual std::optional<json::object> find(std::string_view type, std::string_view key) const = 0;
  virtual bool exists(std::string_view type, std::string_view key) const = 0;
  /// Whether there is a collection that the schema does not know: a plugin declares it, or a newer peer
  /// brought it.
  virtual bool collection_exists(std::string_view /*prefix*/) const { return false; }
  /// Every local object of a collection that is small by nature (subnets).
  virtual std::vector<json::object> all(std::string_view type) const = 0;
  /// Local objects whose index `index` has `value`, a few dozen at most.
  virtual std::vector<json::object> where(std::string_view type, std::string_view index,
                                          std::string_view value) const = 0;
};

/// For objects that are judged by themselves.
class NoLookup final : public Lookup {
 public:
  std::optional<json::object> find(std::string_view, std::string_view) const override { return std::nullopt; }
  bool exists(std::string_view, std::string_view) const override { return false; }
  std::vector<json::object> all(std::string_view) const override { return {}; }
  std::vector<json::object> where(std::string_view, std::string_view, std::string_view) const override {
    return {};
  }
};

/// Every problem that forbids storing `object` (ValidationError messages of errors.md section 3), and
/// problems that make it stored but not Available. Sets Validated, Available, Errors of `object`.
struct Verdict {
  std::vector<std::string> invalid;      // not stored
  std::vector<std::string> unavailable;  // stored with Available=false and these Errors
};
Verdict validate(const ObjectType& type, json::object& object, const json::object* before,
                 const Lookup& lookup, bool force);
/// The same with a budget for what grows faster than the object: JSON Schemas, claims, orders of tasks. Once
/// it has ended the verdict is of no use beyond saying so. Without one they may take kSchemaSteps.
Verdict validate(const ObjectType& type, json::object& object, const json::object* before,
                 const Lookup& lookup, bool force, Budget& budget);

/// The primary key of a normalised object; leases and reservations give upper-case hex of the address.
std::string object_key(const ObjectType& type, const json::object& object);
/// What a client wrote as key in a URL -> stored key (hex/dotted addresses, UUID case).
std::string canonical_key(const ObjectType& type, std::string_view requested);

/// Steps that a patch may take: a value made, compared or measured, or 64 bytes moved within a list.
inline constexpr uint64_t kPatchSteps = 20'000'000;
/// So many may be taken on threads that serve others too.
inline constexpr uint64_t kInlinePatchSteps = 50'000;

/// What a patched document may be; a document that is larger already may become smaller.
struct PatchLimits {
  size_t bytes = size_t{64} << 20;  // of its text, about
  size_t depth = 128;
};

/// RFC 6902; all six operations. Errors: kConflict with the messages of errors.md section 2
/// ("Patch error at line N: Test op failed." and "Patch: [...]", cut when it is long), kNotAcceptable when
/// the patch is undecodable, kTooLarge naming the operation and the limit when the result, while it is made,
/// is larger than `limits` or `budget` ends.
Result<json::value> apply_patch(json::value document, const json::value& patch, Budget& budget,
                                const PatchLimits& limits = {});
/// The same with kPatchSteps.
Result<json::value> apply_patch(json::value document, const json::value& patch);

/// Splices `"Endpoint":"id",` behind the opening brace of a canonical body.
void append_with_endpoint(std::string& out, std::string_view body, std::string_view endpoint);

/// Appends the text of `value`; like json::serialize, but numbers as people write them (1.5, not 1.5E0).
void append_json(std::string& out, const json::value& value);

}  // namespace mullion::model
